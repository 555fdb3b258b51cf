"""Reads a request: its body, within limits, and its headers."""

import re
from contextlib import aclosing
from http import HTTPStatus

import trio
from starlette.requests import Request

from ...protocol.errors import InvalidParams, LimitExceeded
from .problems import HttpRefusal

__all__ = ["JSON_TYPE", "has_already", "last_event_id", "read_body", "wants_json"]

BODY_S = 30.0  # limit for receiving a request's body
JSON_TYPE = "application/json"
_EVENT_ID = re.compile(r"[0-9]{1,16}")


async def read_body(request: Request, maximum: int) -> bytes:
    """Returns the body, of at most `maximum` bytes. Raises: HttpRefusal, LimitExceeded."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    found = bytearray()
    with trio.move_on_after(BODY_S) as patience:
        async with aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                found += chunk
                if len(found) > maximum:
                    raise LimitExceeded(f"at most {maximum} bytes a body", limit="maxMessageBytes", maximum=maximum)
    if patience.cancelled_caught:
        raise HttpRefusal(HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {BODY_S:g} s")
    if found and media_type != JSON_TYPE:  # a page of another origin could send any other type without a CORS check
        raise HttpRefusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected {JSON_TYPE}, got {media_type or 'nothing'}")
    return bytes(found)


def wants_json(request: Request) -> bool:
    """Whether the client accepts JSON, but no events."""
    accepted = request.headers.get("accept", "*/*").lower()
    return JSON_TYPE in accepted and "text/event-stream" not in accepted


def has_already(request: Request, etag: str) -> bool:
    """Whether the client already has this version, by its If-None-Match."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return etag in known or "*" in known


def last_event_id(request: Request) -> int | None:
    """Returns the seq of the last event that the client has. Raises: InvalidParams."""
    given = request.headers.get("last-event-id")
    if given is None or given == "":  # an empty one resets it, by the standard of server-sent events
        return None
    if _EVENT_ID.fullmatch(given) is None:
        raise InvalidParams("Last-Event-ID: expected the number of an event")
    return int(given)
