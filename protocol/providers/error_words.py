"""Reads errors in bodies and streams: the provider's message, its codes, and whether a retry may help.

Shapes as documented in November 2026 by Anthropic (Errors), OpenAI (Error codes), Google (Gemini API, Troubleshooting),
OpenRouter (Errors and debugging), MiniMax (Error codes), Ollama (api/errors), Baidu (`error_msg`), Apigee (`fault`) and
AWS (`Message`). Proxies send web pages and plain text.
"""

import html
import re
from collections.abc import Iterable
from typing import Any, cast

from ..messages import ErrorKind
from .loose import read
from .message_writer import WireError

__all__ = ["is_transient", "kind_of", "one_line", "reported", "tells_error", "words_of"]

MAX_WORDS = 1000  # longest provider message shown, in characters
MAX_PAGE = 4096  # characters of a web page that are parsed
MAX_DEPTH = 5  # of nested errors

_BROKEN_OFF = "the provider broke the answer off with an error"
_STATUS = re.compile(r"[1-9][0-9]{2}")  # a code of three digits is an HTTP status
# OpenAI also answers 429 if the account has no money left; a retry doesn't help then.
_FINAL = frozenset({"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance"})
_TRANSIENT = frozenset(
    {"api_error", "internal", "internal_error", "internal_server_error", "overloaded", "overloaded_error"}
    | {"rate_limit_error", "rate_limit_exceeded", "resource_exhausted", "server_error", "server_is_overloaded"}
    | {"service_unavailable", "slow_down", "timeout", "timeout_error", "unavailable", "vector_store_timeout"}
)
_TERMINAL = frozenset(
    {"authentication_error", "billing_error", "context_length_exceeded", "failed_precondition", "invalid_api_key"}
    | {"invalid_argument", "invalid_prompt", "invalid_request_error", "model_not_found", "not_found"}
    | {"not_found_error", "permission_denied", "permission_error", "request_too_large", "unauthenticated"}
)
_TERMINAL_WORDS = re.compile(
    r"invalid|bad_?request|quota|billing|auth|permission|denied|not_?found|unsupported|context_length|content|policy",
    re.IGNORECASE,
)
# MiniMax's, of `base_resp`: no login, no money, content of input or output, tokens, characters, parameters, key, plan.
_MINIMAX_TERMINAL = frozenset({1004, 1008, 1026, 1027, 1039, 1042, 2013, 2049, 2056})

_PAGE = re.compile(r"\s*(<!doctype|<html|<\?xml|<head|<body)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")

_Object = dict[str, Any]


def is_transient(status: int) -> bool:
    """Check whether a retry may help after this HTTP status. After 501 and 505 it doesn't."""
    return status in (408, 409, 425, 429) or (status >= 500 and status not in (501, 505))


def kind_of(codes: Iterable[str]) -> ErrorKind | None:
    """Return the kind of an error by its codes; None if no code is known."""
    names = {code.lower() for code in codes}
    if names & _FINAL:
        return "terminal"
    for status in filter(_STATUS.fullmatch, names):
        return "transient" if is_transient(int(status)) else "terminal"
    return "transient" if names & _TRANSIENT else "terminal" if names & _TERMINAL else None


def reported(error: Any) -> WireError:
    """Return the error that a provider sent in its stream.

    An unknown error is transient, because the provider had accepted the request.
    """
    words, codes = _said(error, MAX_DEPTH)
    unsaid = [code for code in codes if code not in words]
    guess: ErrorKind = "terminal" if any(_TERMINAL_WORDS.search(code) for code in codes) else "transient"
    message = words or _BROKEN_OFF
    return WireError(f"{message} ({', '.join(unsaid)})" if unsaid else message, kind_of(codes) or guess)


def tells_error(value: Any) -> bool:
    """Whether a JSON value that no API has in its place is an error: an object with an error's fields, or a list with
    one."""
    fields = _object(cast("list[Any]", value)[0] if isinstance(value, list) and value else value)
    return bool(
        fields.get("error")
        or fields.get("errors")
        or fields.get("object") == "error"
        or fields.keys() & {"base_resp", "detail", "error_code", "error_msg", "fault"}
        or any(isinstance(fields.get(name), str) for name in ("message", "Message", "msg"))
    )


def words_of(body: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the message in an error's body, on one line, and its codes."""
    try:
        words, codes = _said(read(body), MAX_DEPTH)
    except ValueError:
        return _plain(body), ()
    return words or _plain(body), codes


def _said(value: Any, depth: int) -> tuple[str, tuple[str, ...]]:
    """Return the message and codes of an error: a text, an object, a list with one error, or JSON in a text."""
    if depth <= 0 or not value:
        return "", ()
    if isinstance(value, list):
        return _said(cast("list[Any]", value)[0], depth - 1)
    if isinstance(value, str):
        try:
            inner = read(value) if value.lstrip()[:1] in ("{", "[") else None
        except ValueError:
            inner = None
        words, codes = _said(inner, depth - 1)
        return words or one_line(value), codes
    return _said_by(cast(_Object, value), depth - 1) if isinstance(value, dict) else ("", ())


def _said_by(outer: _Object, depth: int) -> tuple[str, tuple[str, ...]]:
    base = _object(outer.get("base_resp"))
    if base.get("status_code"):
        code = base["status_code"]
        known = ("invalid_request_error",) if code in _MINIMAX_TERMINAL else ()
        return one_line(f"{base.get('status_msg') or 'error'} ({code})"), known
    errors = outer.get("error") or outer.get("errors")
    inner = _object(cast(Any, errors)[0] if isinstance(errors, list) and errors else errors)
    said = inner or outer
    fields: tuple[Any, ...] = (
        *(said.get("message"), said.get("msg"), inner.get("error"), cast(Any, errors)),
        *(outer.get("message"), outer.get("detail"), outer.get("msg"), outer.get("Message"), outer.get("error_msg")),
        *(outer.get("fault"), outer.get("faultstring")),
    )
    words, codes = "", tuple(_codes(said, outer))
    for field in fields:
        if field is inner or (field is errors and inner):
            continue
        words, more = _said(field, depth)
        if words:
            codes += more
            break
    # A gateway's own message is always the same. The cause is in its provider's error.
    reason, more = _said(_object(said.get("metadata")).get("raw"), depth)
    if reason and reason not in words:
        words = f"{words}: {reason}" if words else reason
    return words, tuple(dict.fromkeys((*codes, *more)))


def _codes(said: _Object, outer: _Object) -> Iterable[str]:
    fields = (said.get("type"), said.get("code"), said.get("status"), outer.get("error_type"), outer.get("error_code"))
    for code in fields:
        if isinstance(code, str | int) and not isinstance(code, bool) and code not in ("", "error"):
            yield one_line(str(code))[:100]


def _object(value: Any) -> _Object:
    return cast(_Object, value) if isinstance(value, dict) else {}


def _plain(body: bytes) -> str:
    text = body[: 4 * MAX_PAGE].decode(errors="replace")
    if _PAGE.match(text):
        text = text[:MAX_PAGE]
        title = _TITLE.search(text)
        return "a web page: " + one_line(html.unescape(title[1] if title and title[1].strip() else _TAG.sub(" ", text)))
    return one_line(text)


def one_line(text: str) -> str:
    """Return the text on one line, without unprintable characters, cut to `MAX_WORDS`."""
    if len(text) > MAX_WORDS:
        text = text[:MAX_WORDS] + "…"
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
