"""A response that isn't an answer, made readable: what went wrong in the provider's own words, and what to do about it.

Error bodies as documented in November 2026: Anthropic (API reference, Errors), OpenAI (Guides, Error codes), Ollama
(docs.ollama.com, api/errors); and what gateways and proxies send instead: other JSON, web pages, plain text.
"""

import html
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from ..messages import ErrorKind

__all__ = ["MAX_BODY_BYTES", "TRANSIENT", "Fault", "fault_of", "retry_after"]

MAX_BODY_BYTES = 64 * 1024  # of an error's body that are worth reading
MAX_WORDS = 1000  # characters of the provider's words that are shown
MAX_PAGE = 4096  # characters of a web page that are looked at

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 529})  # 529: Anthropic is overloaded
# OpenAI says 429 also where the account has no money left: that doesn't pass by itself.
FINAL_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})

_REQUEST_IDS = ("request-id", "x-request-id")  # Anthropic's; OpenAI's and most others'
_PAGE = re.compile(r"\s*(<!doctype|<html|<\?xml|<head|<body)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# RFC 9110, section 5.6.7: IMF-fixdate and the obsolete RFC 850 form; then asctime's.
_DATE = re.compile(r"(?P<d>\d{1,2})[ -](?P<mon>[a-z]{3})[ -](?P<y>\d{4}|\d\d) (?P<t>\d\d:\d\d:\d\d)", re.IGNORECASE)
_ASCTIME = re.compile(r"(?P<mon>[a-z]{3}) +(?P<d>\d{1,2}) (?P<t>\d\d:\d\d:\d\d) (?P<y>\d{4})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a request has no answer."""

    message: str  # for a person
    kind: ErrorKind
    status: int
    retry_after_s: float | None = None  # how long the provider wants to be left alone


def fault_of(status: int, headers: Mapping[str, str], body: bytes, now_s: float) -> Fault:
    """What a response with this status means. `headers` have names in lower case; of the body the beginning will do.
    `now_s`: seconds since the epoch. Whatever the provider sends, nothing raises."""
    words, codes = _words(body)
    kind: ErrorKind = "transient" if status in TRANSIENT and FINAL_CODES.isdisjoint(codes) else "terminal"
    # Anthropic's and OpenAI's SDKs (2.12, 3.54) let this header of their servers overrule the status.
    wish = headers.get("x-should-retry")
    if wish in ("true", "false"):
        kind = "transient" if wish == "true" else "terminal"
    named = f" ({codes[0]})" if codes and codes[0] not in words else ""
    message = f"the provider answered {status}{named}: {words or 'nothing more was said'}"
    if 300 <= status < 400 and (target := headers.get("location")):
        message += f" (it points to {_line(target)}; redirects are not followed, keys would go along)"
    wait_s = retry_after(headers, now_s)
    if wait_s is not None and wait_s >= 1:
        message += f" (it wants to be left alone for {math.ceil(wait_s):.10g} s)"
    if request_id := next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None):
        message += f" [request id {_line(request_id)[:200]}]"
    return Fault(message, kind, status, wait_s)


def retry_after(headers: Mapping[str, str], now_s: float) -> float | None:
    """How long to wait, in seconds, by `retry-after-ms` or `Retry-After` in either of its forms. None: not said."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, "")) * unit
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    when = _date(headers.get("retry-after", ""))
    return None if when is None else max(when - now_s, 0.0)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _date(text: str) -> float | None:
    """An HTTP date, in seconds since the epoch. (The standard library's parsers know too much of the machine.)"""
    found = _DATE.search(text) or _ASCTIME.search(text)
    if found is None or found["mon"].lower() not in _MONTHS:
        return None
    year, month, day = int(found["y"]), _MONTHS.index(found["mon"].lower()) + 1, int(found["d"])
    if len(found["y"]) == 2:
        year += 1900 if year >= 70 else 2000
    hours, minutes, seconds = map(int, found["t"].split(":"))
    return _days(year, month, day) * 86_400.0 + hours * 3600 + minutes * 60 + seconds


def _days(year: int, month: int, day: int) -> int:
    """Days since the epoch. Years begin in March here, so that the leap day is their last."""
    if month < 3:
        year -= 1
    months = (month + 9) % 12
    return year * 365 + year // 4 - year // 100 + year // 400 + (153 * months + 2) // 5 + day - 719_469


def _words(body: bytes) -> tuple[str, tuple[str, ...]]:
    """What an error's body says, in one line, and the codes that it gives."""
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return _plain(body), ()
    if isinstance(value, list) and value:
        value = cast(list[Any], value)[0]
    outer = _object(value)
    inner = _object(outer.get("error"))
    said = inner or outer
    candidates = (said.get("message"), outer.get("error"), outer.get("message"), outer.get("detail"))
    words = next((each for each in candidates if isinstance(each, str) and each.strip()), None)
    codes = tuple(each for each in (said.get("type"), said.get("code")) if isinstance(each, str) and each)
    return _line(words) if words is not None else _plain(body), tuple(_line(code)[:100] for code in codes)


def _object(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _plain(body: bytes) -> str:
    text = body[: 4 * MAX_PAGE].decode(errors="replace")
    if _PAGE.match(text):
        text = text[:MAX_PAGE]
        title = _TITLE.search(text)
        return "a web page: " + _line(html.unescape(title[1] if title and title[1].strip() else _TAG.sub(" ", text)))
    return _line(text)


def _line(text: str) -> str:
    """The text on one line, without what can't be printed, and not too long."""
    if len(text) > MAX_WORDS:
        text = text[:MAX_WORDS] + "…"
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
