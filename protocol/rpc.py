"""JSON-RPC 2.0 frames, as JSON or MessagePack: encodes a server's and a client's frames, parses a server's. No I/O.

`requests` parses a client's frames.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from msgspec import UNSET, Raw, UnsetType

from . import codec, encoded
from .errors import AdjournError, from_wire
from .events import Envelope
from .messages import Wire
from .methods import (
    NOTIFICATIONS,
    ErrorObject,
    Params,
    RunSnapshot,
    RunSummary,
    RunsUnwatched,
    RunUnsubscribed,
)

__all__ = [
    "AUTH_SUBPROTOCOL",
    "FORMATS",
    "INVALID_REQUEST",
    "JSON",
    "METHOD_NOT_FOUND",
    "MSGPACK",
    "NODE_HEADER",
    "PARSE_ERROR",
    "PRINCIPAL_HEADER",
    "UNAUTHORIZED_CLOSE",
    "ErrorObject",
    "Format",
    "Notice",
    "Reply",
    "RequestId",
    "batch",
    "error_object",
    "error_reply",
    "event_notification",
    "notification",
    "parse_server_frame",
    "reply",
    "request",
]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
UNAUTHORIZED_CLOSE = 4401  # the close code after failed authentication
AUTH_SUBPROTOCOL = "adjourn.token."  # + base64url of the token: how a browser authenticates; never echoed
NODE_HEADER = (
    "adjourn-node"  # marks a request of another node of a shared store, which must not be passed on to a third
)
PRINCIPAL_HEADER = "adjourn-principal"  # in whose name a node asks another, percent-encoded; only with the nodes' token

RequestId: TypeAlias = str | int | None
Notice: TypeAlias = Envelope | RunSnapshot | RunUnsubscribed | RunSummary | RunsUnwatched  # params of NOTIFICATIONS


@dataclass(frozen=True, slots=True)
class Format:
    """One of the two encodings of frames."""

    subprotocol: str
    binary: bool  # frames are sent as binary WebSocket messages
    encode: Callable[[object], bytes]
    decode: Callable[[Any, Any], Any]  # (data, type); raises CodecError
    kind: Callable[[bytes], encoded.Kind]  # kind of the value in the data
    has_more: Callable[[bytes, int], bool]  # whether valid data has more values than a limit
    mended: Callable[[bytes], bytes]  # repairs undecodable data, if possible, so that its other parts can be decoded
    event_head: bytes  # a run.event notification, up to its params ...
    event_tail: bytes  # ... and after them


JSON = Format(
    "adjourn.v1+json",
    False,
    codec.to_json,
    codec.from_json,
    encoded.kind_json,
    encoded.has_more_json,
    encoded.mended_json,
    b'{"jsonrpc":"2.0","method":"run.event","params":',
    b"}",
)
MSGPACK = Format(
    "adjourn.v1+msgpack",
    True,
    codec.to_msgpack,
    codec.from_msgpack,
    encoded.kind_msgpack,
    encoded.has_more_msgpack,
    bytes,  # nothing to repair: the decoder can skip any value
    b"\x83\xa7jsonrpc\xa32.0\xa6method\xa9run.event\xa6params",
    b"",
)
FORMATS = {JSON.subprotocol: JSON, MSGPACK.subprotocol: MSGPACK}


# The server's half.


class _Result(Wire, frozen=True):
    jsonrpc: str
    id: RequestId
    result: Any


class _Error(Wire, frozen=True):
    jsonrpc: str
    id: RequestId
    error: ErrorObject


class _Call(Wire, frozen=True):
    jsonrpc: str
    method: str
    params: Any
    id: RequestId | UnsetType = UNSET


def reply(request_id: RequestId, result: Wire, form: Format) -> bytes:
    """Return a reply with a result."""
    return form.encode(_Result(jsonrpc="2.0", id=request_id, result=result))


def error_reply(request_id: RequestId, error: AdjournError | ErrorObject, form: Format) -> bytes:
    """Return a reply with an error."""
    told = error_object(error) if isinstance(error, AdjournError) else error
    return form.encode(_Error(jsonrpc="2.0", id=request_id, error=told))


def error_object(error: AdjournError) -> ErrorObject:
    """Return an error of the tree as a JSON-RPC error object."""
    return ErrorObject(code=error.code, message=error.message, data=error.wire_data())


def notification(method: str, params: Wire | Raw, form: Format) -> bytes:
    """Return one of NOTIFICATIONS. `params` may be encoded already."""
    return form.encode(_Call(jsonrpc="2.0", method=method, params=params))


def event_notification(envelope: bytes, form: Format) -> bytes:
    """Return a run.event with an encoded envelope, so that the envelope is encoded once for all watchers."""
    return form.event_head + envelope + form.event_tail


def batch(messages: Sequence[bytes], form: Format) -> bytes:
    """Join one or more encoded messages into a JSON-RPC batch."""
    if not form.binary:
        return b"[" + b",".join(messages) + b"]"
    count = len(messages)
    if count < 16:
        head = bytes((0x90 | count,))
    elif count < 1 << 16:
        head = b"\xdc" + count.to_bytes(2)
    else:
        head = b"\xdd" + count.to_bytes(4)
    return head + b"".join(messages)


# The client's half.


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a request: a result, still encoded (METHODS has its type), or an error."""

    id: RequestId
    result: Raw  # empty if there is an error
    error: AdjournError | None = None


class _ServerMessage(Wire, frozen=True):
    id: RequestId = None
    method: str | None = None
    params: Raw = Raw()
    result: Raw = Raw()
    error: ErrorObject | None = None


def request(request_id: RequestId | UnsetType, method: str, params: Params, form: Format) -> bytes:
    """Return a request. With the id UNSET, it gets no reply."""
    return form.encode(_Call(jsonrpc="2.0", method=method, params=params, id=request_id))


def parse_server_frame(data: bytes | str, form: Format) -> list[Reply | Notice]:
    """Parse a server's frame into replies and the params of notifications, in order. Unknown notifications are skipped.

    Raises: CodecError for a frame that no server would send.
    """
    decoded = form.decode(data, _ServerMessage | list[_ServerMessage])
    messages = cast(list[_ServerMessage], decoded if isinstance(decoded, list) else [decoded])
    found: list[Reply | Notice] = []
    for message in messages:
        if message.method in NOTIFICATIONS:
            found.append(form.decode(message.params, NOTIFICATIONS[message.method]))
        elif message.method is None:
            found.append(_reply(message))
    return found


def _reply(message: _ServerMessage) -> Reply:
    fault = message.error
    error = None if fault is None else from_wire(fault.code, fault.message, fault.data)
    return Reply(message.id, message.result, error)
