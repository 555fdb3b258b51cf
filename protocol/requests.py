"""Parses a client's frames into requests, and checks each request on its own. No I/O.

Each limit is checked before the work that it bounds. A frame is split and its members are counted. For each member, the
envelope is decoded, the method checked, the size of the params checked, and their values counted. Only then are the
params decoded. Nothing raises, whatever a frame holds. If a request's id can be read, the answer has that id.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from . import codec
from .bounds import BOUNDED, Bounds
from .errors import AdjournError, InvalidParams, LimitExceeded
from .methods import METHODS, RUN_ID_EXPECTED, RUN_ID_PATTERN, Params
from .rpc import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    ErrorObject,
    Format,
    RequestId,
    error_object,
    error_reply,
)

__all__ = ["Frame", "Rejected", "Request", "expectation", "parse_frame", "parse_params", "rejection"]

PATH_LEVELS = 8  # how deep the search for a fault's path goes: each level costs one decoding
TOLD_CHARS = 300  # longest error text and path sent to a client: both may quote what the client sent

_ID = str | Annotated[int, Meta(ge=-codec.MAX_INT, le=codec.MAX_INT)] | None


@dataclass(frozen=True, slots=True)
class Request:
    """A valid request. Its id is UNSET if the caller wants no reply."""

    id: RequestId | UnsetType
    method: str
    params: Params  # of the type in METHODS


@dataclass(frozen=True, slots=True)
class Rejected:
    """An invalid request. Its id is UNSET if the caller gets no reply; then the error is only for the log."""

    id: RequestId | UnsetType
    error: ErrorObject


@dataclass(frozen=True, slots=True)
class Frame:
    """A client's frame: one member, or the members of a batch, whose replies are sent as one batch."""

    members: tuple[Request | Rejected, ...]
    batch: bool = False


def parse_frame(data: bytes | str, form: Format, *, max_batch: int, bounds: Bounds) -> Frame:
    """Parse the requests in a frame, and check each on its own. Never raises.

    An empty batch, or one of more than `max_batch` requests, is refused as a whole.
    """
    encoded = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    with codec.paused_collector():
        try:
            members, is_batch = _split_or_mend(encoded, form, max_batch)
        except (_Refusal, LimitExceeded) as error:
            return Frame((_rejected(None, error),))
        return Frame(tuple([_judge(member, form, bounds) for member in members]), is_batch)


def parse_params(method: str, given: bytes, form: Format, bounds: Bounds) -> Params:
    """Decode the params of a method in METHODS, encoded without an envelope. Raises: InvalidParams, LimitExceeded."""
    with codec.paused_collector():
        try:
            return _params(method, given, form, bounds)
        except _Refusal as refusal:
            raise InvalidParams(refusal.error.message) from None


def rejection(rejected: Rejected, form: Format) -> bytes | None:
    """Return the reply to an invalid request; None if it gets no reply."""
    return None if isinstance(rejected.id, UnsetType) else error_reply(rejected.id, rejected.error, form)


class _Refusal(Exception):
    def __init__(self, code: int, kind: str, message: str) -> None:
        self.error = ErrorObject(code=code, message=message, data={"type": kind})


def _invalid(message: str) -> _Refusal:
    return _Refusal(INVALID_REQUEST, "invalidRequest", f"invalid request: {message}")


def _unreadable(error: codec.CodecError) -> _Refusal:
    return _Refusal(PARSE_ERROR, "parseError", f"parse error: {_clipped(str(error))}")


def _rejected(request_id: RequestId | UnsetType, error: _Refusal | AdjournError) -> Rejected:
    return Rejected(request_id, error.error if isinstance(error, _Refusal) else error_object(error))


# Frames and envelopes.


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    """A request whose members are still encoded. A missing member is empty."""

    jsonrpc: Raw = Raw()
    id: Raw = Raw()
    method: Raw = Raw()
    params: Raw = Raw()


@lru_cache(16)
def _batch_of(size: int) -> type[msgspec.Struct]:
    """Return a type for a list's first `size` items, each still encoded. The decoder skips all later items."""
    fields = [(f"member{number}", Raw, Raw()) for number in range(size)]
    return msgspec.defstruct("Batch", fields, array_like=True, frozen=True, gc=False)


def _split_or_mend(data: bytes, form: Format, max_batch: int) -> tuple[list[bytes | _Envelope], bool]:
    try:
        return _split(data, form, max_batch)
    except codec.CodecError as error:
        mended = form.mended(data)
        if mended == data:
            raise _unreadable(error) from None
    try:
        return _split(mended, form, max_batch)
    except codec.CodecError as error:
        raise _unreadable(error) from None


def _split(data: bytes, form: Format, max_batch: int) -> tuple[list[bytes | _Envelope], bool]:
    """Split a frame into its members, as envelopes or still encoded, and tell whether it is a batch.

    Raises: CodecError for frames that can't be decoded; _Refusal for an empty batch; LimitExceeded for a large one.
    """
    kind = form.kind(data)
    if kind == "object":
        return [form.decode(data, _Envelope)], False
    if kind == "scalar":
        return [bytes(form.decode(data, Raw))], False
    batch = form.decode(data, _batch_of(max_batch + 1))
    members: list[bytes | _Envelope] = [bytes(member) for member in msgspec.structs.astuple(batch) if len(member)]
    if not members:
        raise _invalid(f"expected 1 to {max_batch} requests in a batch, got none")
    if len(members) > max_batch:
        text = f"expected at most {max_batch} requests in a batch: as many as may be in flight on a connection"
        raise LimitExceeded(text, limit="maxInFlight", maximum=max_batch)
    return members, True


def _judge(member: bytes | _Envelope, form: Format, bounds: Bounds) -> Request | Rejected:
    request_id: RequestId | UnsetType = None
    try:
        envelope = _envelope(member, form) if isinstance(member, bytes) else member
        given = _request_id(envelope.id, form)
        request_id = None if given is UNSET else given  # an invalid request without an id still gets a reply
        method = _method(envelope, form)
        request_id = given
        if method not in METHODS:
            raise _Refusal(METHOD_NOT_FOUND, "methodNotFound", f"no method {method[:100]!r}")
        if request_id is UNSET and METHODS[method].changes:
            raise _invalid(f"{method} changes state: expected an id")
        return Request(request_id, method, _params(method, bytes(envelope.params), form, bounds))
    except (_Refusal, AdjournError) as error:
        return _rejected(request_id, error)


def _envelope(member: bytes, form: Format) -> _Envelope:
    if form.kind(member) != "object":
        raise _invalid("expected an object")
    try:
        return form.decode(member, _Envelope)
    except codec.CodecError as error:
        raise _unreadable(error) from None


def _request_id(given: Raw, form: Format) -> RequestId | UnsetType:
    if not len(given):
        return UNSET
    try:
        return form.decode(given, _ID)
    except codec.CodecError:
        raise _invalid("expected an id that is a string, an integer within ±2^53 or null") from None


def _method(envelope: _Envelope, form: Format) -> str:
    if _text(envelope.jsonrpc, form) != "2.0":
        raise _invalid('expected "jsonrpc": "2.0"')
    method = _text(envelope.method, form)
    if method is None:
        raise _invalid("expected a method name")
    return method


def _text(given: Raw, form: Format) -> str | None:
    try:
        return form.decode(given, str)
    except codec.CodecError:
        return None


# Params.


# The free-form values among params, still encoded. The decoder skips all other params.
_Bounded = msgspec.defstruct("_Bounded", [(name, Raw, Raw()) for name in BOUNDED], frozen=True, gc=False)


def _params(method: str, given: bytes, form: Format, bounds: Bounds) -> Params:
    given = given or form.encode({})
    kind = form.kind(given)
    if kind == "scalar":
        raise _invalid("expected params to be an object")
    try:
        if kind == "array":
            raise codec.CodecError("", "expected params by name: an object, got a list")
        _weigh(given, form, bounds)
        return _build(given, METHODS[method].params, form)
    except codec.CodecError as error:
        fault = codec.CodecError(_clipped(error.path), expectation(error))
        text = f"invalid params of {method}: {fault}"
        raise InvalidParams(text, errors=[{"path": fault.path, "message": fault.message}]) from error


def expectation(error: codec.CodecError) -> str:
    """Return what was expected of a param: in words for a run's id, where the error has its pattern."""
    return RUN_ID_EXPECTED if repr(RUN_ID_PATTERN) in error.message else _clipped(error.message)


def _weigh(params: bytes, form: Format, bounds: Bounds) -> None:
    """Check that params are within their bounds. Raises: LimitExceeded, CodecError."""
    if len(params) <= bounds.least:
        return
    bounded = form.decode(params, _Bounded)
    for name in BOUNDED:
        bounds.check(name, len(getattr(bounded, name)))
    if form.has_more(params, bounds.max_values):
        text = f"params hold more than {bounds.max_values} values"
        raise LimitExceeded(text, limit="maxValues", maximum=bounds.max_values)


def _build(given: bytes, kind: type[Params], form: Format) -> Params:
    """Decode params as `kind`. Raises: CodecError, with a path if it is known."""
    try:
        params = form.decode(given, kind)
    except codec.CodecError as error:
        if not error.message.endswith("got `float`"):
            raise codec.CodecError(error.path or _place_of_fault(given, form), error.message) from error
        params = codec.from_plain(form.decode(given, Any), kind)  # accepts a float without a fraction as an integer
    codec.check_struct(params)
    return params


def _place_of_fault(data: bytes, form: Format) -> str:
    """Return the path to a value that can't be decoded, such as invalid Unicode. msgspec's error has no path."""
    path: list[str | int] = []
    for _ in range(PATH_LEVELS):
        found = _faulty_child(data, form)
        if found is None:
            break
        path.append(found[0])
        data = found[1]
    return codec.pointer(*path)


def _faulty_child(data: bytes, form: Format) -> tuple[str | int, Raw] | None:
    try:
        children: dict[str, Raw] | list[Raw] = form.decode(data, dict[str, Raw] | list[Raw])
    except codec.CodecError:
        return None
    for key, child in children.items() if isinstance(children, dict) else enumerate(children):
        try:
            form.decode(child, Any)
        except codec.CodecError:
            return key, child
    return None


def _clipped(text: str) -> str:
    return text if len(text) <= TOLD_CHARS else f"{text[:TOLD_CHARS]}…"
