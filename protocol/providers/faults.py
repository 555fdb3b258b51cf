"""Explains an HTTP response that isn't an answer: the provider's message, and whether and when to retry.

Error bodies as documented in November 2026: Anthropic (API reference, Errors), OpenAI (Guides, Error codes), Ollama
(docs.ollama.com, api/errors). Gateways and proxies send other JSON, web pages or plain text.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..messages import ErrorKind
from .error_words import is_transient, kind_of, one_line, words_of

__all__ = ["MAX_BODY_BYTES", "Fault", "fault_of", "retry_after"]

MAX_BODY_BYTES = 64 * 1024  # how much of an error's body is read

_REQUEST_IDS = ("request-id", "x-request-id")  # Anthropic's; OpenAI's and most others'
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# RFC 9110, section 5.6.7: IMF-fixdate and the obsolete RFC 850 form; then asctime's.
_DATE = re.compile(r"(?P<d>\d{1,2})[ -](?P<mon>[a-z]{3})[ -](?P<y>\d{4}|\d\d) (?P<t>\d\d:\d\d:\d\d)", re.IGNORECASE)
_ASCTIME = re.compile(r"(?P<mon>[a-z]{3}) +(?P<d>\d{1,2}) (?P<t>\d\d:\d\d:\d\d) (?P<y>\d{4})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """The reason why a request got no answer."""

    message: str  # for a person
    kind: ErrorKind
    status: int
    retry_after_s: float | None = None  # seconds to wait before a retry, from the provider


def fault_of(status: int, headers: Mapping[str, str], body: bytes, now_s: float) -> Fault:
    """Return the fault that a response with this status means. Never raises, whatever the provider sends.

    Args:
        headers: with names in lower case.
        body: the beginning is enough.
        now_s: seconds since the epoch.
    """
    words, codes = words_of(body)
    kind: ErrorKind = kind_of(codes) or ("transient" if is_transient(status) else "terminal")
    # This header overrides the status, as in Anthropic's and OpenAI's SDKs (2.12, 3.54).
    wish = headers.get("x-should-retry")
    if wish in ("true", "false"):
        kind = "transient" if wish == "true" else "terminal"
    name = next((code for code in codes if not code.isdigit()), "")
    named = f" ({name})" if name not in words else ""
    message = f"the provider answered {status}{named}: {words or 'nothing more was said'}"
    if 300 <= status < 400 and (target := headers.get("location")):
        message += f" (it points to {one_line(target)}; redirects are not followed, keys would go along)"
    wait_s = retry_after(headers, now_s)
    if wait_s is not None and wait_s >= 1:
        message += f" (it wants to be left alone for {math.ceil(wait_s):.10g} s)"
    if request_id := next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None):
        message += f" [request id {one_line(request_id)[:200]}]"
    return Fault(message, kind, status, wait_s)


def retry_after(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return the seconds to wait, from `retry-after-ms` or `Retry-After` in either form; None if neither is set."""
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
    """Parse an HTTP date into seconds since the epoch. The standard library's parsers depend on the machine."""
    found = _DATE.search(text) or _ASCTIME.search(text)
    if found is None or found["mon"].lower() not in _MONTHS:
        return None
    year, month, day = int(found["y"]), _MONTHS.index(found["mon"].lower()) + 1, int(found["d"])
    if len(found["y"]) == 2:
        year += 1900 if year >= 70 else 2000
    hours, minutes, seconds = map(int, found["t"].split(":"))
    return _days(year, month, day) * 86_400.0 + hours * 3600 + minutes * 60 + seconds


def _days(year: int, month: int, day: int) -> int:
    """Return the days since the epoch. Years begin in March here, so that the leap day comes last."""
    if month < 3:
        year -= 1
    months = (month + 9) % 12
    return year * 365 + year // 4 - year // 100 + year // 400 + (153 * months + 2) // 5 + day - 719_469
