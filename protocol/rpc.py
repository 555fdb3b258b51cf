"""JSON-RPC 2.0 frames, both halves: bytes to requests and replies to bytes, as JSON or MessagePack. No I/O.

Whatever a frame holds, `parse_frame` answers with what to do about each of its members; nothing raises.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from msgspec import UNSET, Raw, UnsetType

from . import codec
from .errors import AdjournError, InvalidParams, from_wire
from .events import Envelope
from .messages import Wire
from .methods import (
    METHODS,
    NOTIFICATIONS,
    RUN_ID_EXPECTED,
    RUN_ID_PATTERN,
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
    "PARSE_ERROR",
    "UNAUTHORIZED_CLOSE",
    "ErrorObject",
    "Format",
    "Frame",
    "Notice",
    "Rejected",
    "Reply",
    "Request",
    "RequestId",
    "batch",
    "error_object",
    "error_reply",
    "event_notification",
    "notification",
    "parse_frame",
    "parse_server_frame",
    "rejection",
    "reply",
    "request",
]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
# A frame may hold millions of either; each costs time in which nobody else is served, and a bad member an error back.
MAX_BATCH = 256  # requests
MAX_VALUES = 100_000  # in the params of a request, each item and member one
UNAUTHORIZED_CLOSE = 4401  # the close code after failed authentication
AUTH_SUBPROTOCOL = "adjourn.token."  # + base64url: how a browser says who it is; never echoed

RequestId: TypeAlias = str | int | None
Notice: TypeAlias = Envelope | RunSnapshot | RunUnsubscribed | RunSummary | RunsUnwatched  # params of NOTIFICATIONS


@dataclass(frozen=True, slots=True)
class Format:
    """One of the two wires."""

    subprotocol: str
    binary: bool  # its frames are binary ones
    encode: Callable[[object], bytes]
    decode: Callable[[Any, Any], Any]  # (data, type); raises CodecError
    event_head: bytes  # a run.event notification up to its params ...
    event_tail: bytes  # ... and after them


JSON = Format(
    "adjourn.v1+json",
    False,
    codec.to_json,
    codec.from_json,
    b'{"jsonrpc":"2.0","method":"run.event","params":',
    b"}",
)
MSGPACK = Format(
    "adjourn.v1+msgpack",
    True,
    codec.to_msgpack,
    codec.from_msgpack,
    b"\x83\xa7jsonrpc\xa32.0\xa6method\xa9run.event\xa6params",
    b"",
)
FORMATS = {JSON.subprotocol: JSON, MSGPACK.subprotocol: MSGPACK}


@dataclass(frozen=True, slots=True)
class Request:
    """A good request. Its id is UNSET where the caller wants no reply."""

    id: RequestId | UnsetType
    method: str
    params: Params  # of the type that METHODS names


@dataclass(frozen=True, slots=True)
class Rejected:
    """A bad one. Its id is UNSET where the caller gets no reply: then the error is for the log alone."""

    id: RequestId | UnsetType
    error: ErrorObject


@dataclass(frozen=True, slots=True)
class Frame:
    """What a client sent: one member, or the members of a batch, whose replies go back as one batch."""

    members: tuple[Request | Rejected, ...]
    batch: bool = False


class _Refusal(Exception):
    def __init__(self, code: int, kind: str, message: str) -> None:
        self.error = ErrorObject(code=code, message=message, data={"type": kind})


# The server's half.


def parse_frame(data: bytes | str, form: Format) -> Frame:
    """The requests in a frame, each judged on its own. Never raises."""
    try:
        value = form.decode(data, Any)
    except codec.CodecError as error:
        fault = ErrorObject(code=PARSE_ERROR, message=f"parse error: {error}", data={"type": "parseError"})
        return Frame((Rejected(None, fault),))
    if not isinstance(value, list):
        return Frame((_judge(value),))
    members = cast(list[Any], value)
    if not 1 <= len(members) <= MAX_BATCH:
        expected = f"expected 1 to {MAX_BATCH} requests in a batch, got {len(members)}"
        return Frame((Rejected(None, _invalid(expected).error),))
    return Frame(tuple(_judge(member) for member in members), batch=True)


def _judge(value: Any) -> Request | Rejected:
    request_id: RequestId | UnsetType = None
    try:
        if not isinstance(value, dict):
            raise _invalid("expected an object")
        members = cast(dict[Any, Any], value)
        given = _request_id(members)
        request_id = None if given is UNSET else given  # what is no request at all is no notification either
        method, params = _call(members)
        request_id = given
        if method not in METHODS:
            raise _Refusal(METHOD_NOT_FOUND, "methodNotFound", f"no method {method[:100]!r}")
        if request_id is UNSET and METHODS[method].changes:
            raise _invalid(f"{method} changes state: expected an id")
        return Request(request_id, method, _params(method, params))
    except _Refusal as refusal:
        return Rejected(request_id, refusal.error)
    except InvalidParams as error:
        return Rejected(request_id, error_object(error))


def _invalid(message: str) -> _Refusal:
    return _Refusal(INVALID_REQUEST, "invalidRequest", f"invalid request: {message}")


def _request_id(members: dict[Any, Any]) -> RequestId | UnsetType:
    request_id = members.get("id", UNSET)
    if request_id is UNSET or request_id is None or type(request_id) is str:
        return request_id
    if type(request_id) is int and abs(request_id) <= codec.MAX_INT:
        return request_id
    raise _invalid("expected an id that is a string, an integer within ±2^53 or null")


def _call(members: dict[Any, Any]) -> tuple[str, Any]:
    if members.get("jsonrpc") != "2.0":
        raise _invalid('expected "jsonrpc": "2.0"')
    method, params = members.get("method"), members.get("params", {})
    if type(method) is not str:
        raise _invalid("expected a method name")
    if type(params) not in (dict, list):
        raise _invalid("expected params to be an object")
    return method, params


def _params(method: str, params: Any) -> Params:
    try:
        if type(params) is list:
            raise codec.CodecError("", "expected params by name: an object, got a list")
        codec.check_value(params, max_values=MAX_VALUES)
        return codec.convert(params, METHODS[method].params)
    except codec.CodecError as error:
        if repr(RUN_ID_PATTERN) in error.message:  # for people, not for machines
            error = codec.CodecError(error.path, RUN_ID_EXPECTED)
        message = f"invalid params of {method}: {error}"
        raise InvalidParams(message, errors=[{"path": error.path, "message": error.message}]) from error


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
    """A reply with a result."""
    return form.encode(_Result(jsonrpc="2.0", id=request_id, result=result))


def error_reply(request_id: RequestId, error: AdjournError, form: Format) -> bytes:
    """A reply with an error of the tree."""
    return form.encode(_Error(jsonrpc="2.0", id=request_id, error=error_object(error)))


def rejection(rejected: Rejected, form: Format) -> bytes | None:
    """The reply to a bad request; None where it gets none."""
    if rejected.id is UNSET:
        return None
    return form.encode(_Error(jsonrpc="2.0", id=rejected.id, error=rejected.error))


def error_object(error: AdjournError) -> ErrorObject:
    """An error of the tree, as JSON-RPC's error member."""
    return ErrorObject(code=error.code, message=error.message, data=error.wire_data())


def notification(method: str, params: Wire | Raw, form: Format) -> bytes:
    """One of NOTIFICATIONS. Params that are encoded already are taken as they are."""
    return form.encode(_Call(jsonrpc="2.0", method=method, params=params))


def event_notification(envelope: bytes, form: Format) -> bytes:
    """A run.event around an envelope that is encoded already: one encoding serves every watcher."""
    return form.event_head + envelope + form.event_tail


def batch(messages: Sequence[bytes], form: Format) -> bytes:
    """Encoded messages, at least one, as one JSON-RPC batch."""
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
    """What a request led to: a result, still encoded (its type is the method's), or an error."""

    id: RequestId
    result: Raw  # empty beside an error
    error: AdjournError | None = None


class _ServerMessage(Wire, frozen=True):
    id: RequestId = None
    method: str | None = None
    params: Raw = Raw()
    result: Raw = Raw()
    error: ErrorObject | None = None


def request(request_id: RequestId | UnsetType, method: str, params: Params, form: Format) -> bytes:
    """A request; with UNSET as its id, one that gets no reply."""
    return form.encode(_Call(jsonrpc="2.0", method=method, params=params, id=request_id))


def parse_server_frame(data: bytes | str, form: Format) -> list[Reply | Notice]:
    """What a server sent, in its order. A notification is its params; unknown ones, of a newer server, are left out.

    Raises: CodecError for what no server sends.
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
