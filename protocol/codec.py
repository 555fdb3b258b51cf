"""Encodes and decodes values (JSON, MessagePack), and checks the value domain of both. No message types here.

The domain, checked once where data enters: None, booleans, finite floats, integers within ±2^53, strings that are
valid Unicode, lists, tuples, and dicts with string keys, nested at most `MAX_DEPTH` deep.
"""

import gc
import hashlib
import re
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import lru_cache
from math import isfinite
from typing import Any, TypeVar, cast, overload

import msgspec

from .choices import choices_at
from .errors import ProgramError

MAX_DEPTH = 100
MAX_INT = 2**53
SHORT_BYTES = 512  # digests of texts up to this length are cached
_MIN_INT = -MAX_INT
_MAX_FLOAT = float(MAX_INT)  # comparing floats with a float is faster than with an integer

# Encodes values that are known to be in the domain; for others, `to_json` translates the errors.
encode_json = msgspec.json.Encoder().encode
ENCODER_MSGPACK = msgspec.msgpack.Encoder()

_CANONICAL = msgspec.json.Encoder(order="deterministic")
_UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)  # all that msgspec raises when it can't encode

_NOT_UNICODE = "expected valid Unicode, got a lone surrogate or bytes that are no UTF-8"

_kind_of: Callable[[object], Any] = type  # the built-in `type`, but untyped

_S = TypeVar("_S", bound=msgspec.Struct)
_T = TypeVar("_T")
# The path of a value: (path of its parent, key or index); None is the root. This costs one tuple a container. The text
# is built only if there is a fault.
_Trail = tuple[Any, str | int] | None


class CodecError(ProgramError, ValueError):
    """Bytes or a value are not what was expected.

    `path` is a JSON pointer ("" is the root), and `message` says what was expected there. A `*` in the path stands for
    a dict key or item that the decoder did not name.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{message} (at {path})" if path else message)
        self.path = path
        self.message = message


class InvalidValue(CodecError):
    """A value, or encoded bytes, are outside the value domain, which this module's docstring defines."""


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) made of these keys and indexes; "" for none."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def to_json(obj: object) -> bytes:
    """Return `obj` (structs or plain data) as JSON. Check outside data with `check_value` first: NaN becomes null.

    Raises: CodecError for what JSON can't carry."""
    try:
        return encode_json(obj)
    except _UNENCODABLE as error:
        raise CodecError("", _reason(error)) from error


def to_msgpack(obj: object) -> bytes:
    """Return `obj` (structs or plain data) as MessagePack. Raises: CodecError for what MessagePack can't carry."""
    try:
        return ENCODER_MSGPACK.encode(obj)
    except _UNENCODABLE as error:
        raise CodecError("", _reason(error)) from error


@overload
def from_json(data: bytes | str, kind: type[_T]) -> _T: ...
@overload
def from_json(data: bytes | str, kind: Any) -> Any: ...
def from_json(data: bytes | str, kind: Any) -> Any:
    """Decode JSON as `kind` (any type that msgspec knows). If a key appears twice, the last value wins.

    Values typed `Any` are not checked against the value domain. Raises: CodecError, with path."""
    return _decode(_json_decoder(kind), data)


@overload
def from_msgpack(data: bytes, kind: type[_T]) -> _T: ...
@overload
def from_msgpack(data: bytes, kind: Any) -> Any: ...
def from_msgpack(data: bytes, kind: Any) -> Any:
    """Decode MessagePack as `kind`, like `from_json`. Raises: CodecError, with path."""
    return _decode(_msgpack_decoder(kind), data)


def from_text(values: Mapping[str, str], kind: type[_S]) -> _S:
    """Convert named texts, as of a query string, to `kind`: parse numbers and booleans, and check the value domain.

    Raises: CodecError, with path."""
    try:
        found = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _misfit(error, kind) from error
    check_struct(found)
    return found


def from_plain(value: object, kind: type[_T]) -> _T:
    """Convert plain data to `kind`. A float without a fraction may become an integer: in JSON, `1.0` is one.

    Values typed `Any` are not checked against the value domain. Raises: CodecError, with path."""
    try:
        return msgspec.convert(_normal(value), kind)
    except msgspec.ValidationError as error:
        raise _misfit(error, kind) from error
    except RecursionError as error:
        raise InvalidValue("", f"expected at most {MAX_DEPTH} levels of nesting") from error


def parse_json(data: bytes | str) -> Any:
    """Decode an untrusted JSON text and check the value's domain. If a key appears twice, the last value wins.

    Raises: InvalidValue for values outside the domain, including deep nesting and bad UTF-8; CodecError for text that
    isn't JSON, including `NaN` and `Infinity`."""
    value = from_json(data, Any)
    check_value(value)
    return value


def check_value(value: object) -> None:
    """Check that `value` is in the domain. A scalar has depth 0, `[]` has depth 1; a cycle counts as too deep.

    Types must match exactly: a subclass (an IntEnum, a defaultdict) would come back from a store as another type.
    Raises: InvalidValue with the path of a fault. If there are several faults, it may be any of them."""
    if not (type(value) is str and value.isascii()):  # nearly all texts
        _check(value)


def is_text(value: object) -> bool:
    """Check whether `value` is a string of the domain."""
    return type(value) is str and (value.isascii() or _carries(value))


def copied(value: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a dict as a store gives it back: with lists for tuples. Raises: as `check_value`."""
    for key, item in value.items():
        if not (type(key) is str and key.isascii() and _is_plain(item)):
            check_value(value)
            return from_json(to_json(value), Any)
    return value.copy()  # of the usual arguments: they hold nothing that can change


def _is_plain(item: object) -> bool:
    """Check whether `item` is a scalar that a store gives back as it is. May say no for what is rare."""
    kind = _kind_of(item)
    if kind is str:
        return cast("str", item).isascii()
    if kind is int:
        return _MIN_INT <= cast("int", item) <= MAX_INT
    return item is None or kind is bool or (kind is float and isfinite(cast("float", item)))


def check_struct(struct: msgspec.Struct) -> None:
    """Check that all values in `struct` are in the domain. Nested structs count as objects.

    Raises: InvalidValue with the path of a fault, in wire names."""
    _check_containers(struct, True)


@contextmanager
def paused_collector() -> Generator[None]:
    """Pause the garbage collector inside the block.

    A decoder builds no cycles, but meanwhile the collector would walk again and again through all values built so far.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def canonical_json(value: object) -> bytes:
    """Return the canonical JSON of `value`: keys sorted by code point, no spaces, `1.0` written as `1`.

    Equal values give equal bytes; `True` and `1` differ. Raises: InvalidValue outside the domain.
    """
    has_floats = _check(value)
    return _CANONICAL.encode(_normal(value) if has_floats else value)


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, in hex. Raises: InvalidValue outside the domain."""
    _check(value)
    return digest_checked(value)


def digest_checked(value: object) -> str:
    """Return the `digest` of a value that is known to be in the domain."""
    text = _CANONICAL.encode(value)
    return _short_digest(text) if len(text) <= SHORT_BYTES else _digest(text)


@lru_cache(256)  # most digests are taken twice: when a value is shown or given, and before a call executes with it
def _short_digest(text: bytes) -> str:
    return _digest(text)


def _digest(text: bytes) -> str:
    """Return the digest of a value, from its JSON with sorted keys."""
    if text.find(b".0") >= 0:  # up to 2^53, msgspec writes `.0` after a float without a fraction
        text = _CANONICAL.encode(_normal(from_json(text, Any)))
    return hashlib.sha256(text).hexdigest()


def _check(value: object) -> bool:
    """Check `value` as `check_value` does. Return whether it contains floats."""
    kind = type(value)
    if kind is dict or kind is list or kind is tuple:
        return _check_containers(value)
    if fault := _scalar_fault(value):
        raise InvalidValue("", fault)
    return kind is float


def _check_containers(container: Any, takes_structs: bool = False) -> bool:
    # Iterative, because deep values would exceed Python's recursion limit. Depth first, so a cycle ends at MAX_DEPTH.
    has_floats = False
    depth = 1
    trail: _Trail = None
    stack: list[tuple[Any, int, _Trail]] = []  # the containers still to check
    while True:
        is_dict = _kind_of(container) is dict
        pairs: Iterable[tuple[Any, Any]] = container.items() if is_dict else _pairs(container)
        for key, item in pairs:
            if is_dict and (type(key) is not str or not (key.isascii() or _carries(key))):
                raise InvalidValue(_path(trail), f"expected keys of valid Unicode text, got {type(key).__name__}")
            kind = _kind_of(item)
            if (kind is str and item.isascii()) or kind is bool:
                continue  # nearly all items end here, or as finite numbers
            if kind is float and isfinite(item):
                has_floats = True
                continue
            if kind is int and _MIN_INT <= item <= MAX_INT:
                continue
            if kind is dict or kind is list or kind is tuple or (takes_structs and isinstance(item, msgspec.Struct)):
                if item or depth == MAX_DEPTH:  # at this depth even an empty container is too deep
                    stack.append((item, depth + 1, (trail, key)))
            elif fault := _scalar_fault(item):
                raise InvalidValue(_path((trail, key)), fault)
        if not stack:
            return has_floats
        container, depth, trail = stack.pop()
        if depth > MAX_DEPTH:
            raise InvalidValue(_path(trail), f"expected at most {MAX_DEPTH} levels of nesting")


def _pairs(container: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(container, msgspec.Struct):
        return zip(container.__struct_encode_fields__, msgspec.structs.astuple(container), strict=True)
    return enumerate(cast("Iterable[Any]", container))


def _scalar_fault(value: Any) -> str | None:
    kind = _kind_of(value)
    if kind is str:
        return None if value.isascii() or _carries(value) else "expected valid Unicode, got a lone surrogate"
    if kind is int:
        return None if _MIN_INT <= value <= MAX_INT else "expected an integer within ±2^53"
    if kind is float:
        return None if isfinite(value) else f"expected a finite number, got {value}"
    if value is None or kind is bool:
        return None
    return f"expected null, boolean, number, string, list or object, got {kind.__name__}"


def _carries(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _path(trail: _Trail) -> str:
    parts: list[str | int] = []
    while trail is not None:
        trail, part = trail
        parts.append(part)
    return pointer(*reversed(parts))


def _normal(value: Any) -> Any:
    # Recursive: callers bound the depth, or catch RecursionError. A float above 2^53 stays a float, because no integer
    # in the domain equals it.
    kind = _kind_of(value)
    if kind is dict:
        return {key: item if _kind_of(item) is str else _normal(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [item if _kind_of(item) is str else _normal(item) for item in value]
    if kind is float and value.is_integer() and -_MAX_FLOAT <= value <= _MAX_FLOAT:
        return int(value)
    return value


@lru_cache(256)
def _json_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@lru_cache(256)
def _msgpack_decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def _decode(decoder: Any, data: bytes | str) -> Any:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _misfit(error, decoder.type) from error
    except msgspec.DecodeError as error:
        if str(error).startswith("Invalid UTF-8"):  # from msgspec 0.23 on; before, a UnicodeError
            raise InvalidValue("", _NOT_UNICODE) from error
        raise CodecError("", str(error)) from error
    except UnicodeError as error:
        raise InvalidValue("", _NOT_UNICODE) from error
    except RecursionError as error:
        raise InvalidValue("", f"expected at most {MAX_DEPTH} levels of nesting") from error
    except (ValueError, ArithmeticError) as error:  # for example, a timestamp outside Python's range
        raise InvalidValue("", f"expected a value that JSON can carry: {error}") from error


def _misfit(error: msgspec.ValidationError, kind: Any) -> CodecError:
    message, _, where = str(error).partition(" - at `")
    names = _names_of(where)
    wrong = re.fullmatch(r"Invalid (?:enum )?value (.*)", message, re.DOTALL)
    if wrong is not None and (choices := choices_at(kind, names)):
        message = f"expected one of {', '.join(choices)}, got {wrong[1]}"
    return CodecError(pointer(*names), message)


def _names_of(where: str) -> tuple[str, ...]:
    # msgspec's form is `$.items[0].name` or `key in $.items`; `[...]` is a dict's value or a set's member.
    found: list[tuple[str, str]] = re.findall(r"\.([^.\[\]`]+)|\[(\d+|\.\.\.)\]", where)
    return tuple(name or ("*" if index == "..." else index) for name, index in found)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"expected at most {MAX_DEPTH} levels of nesting"
    if isinstance(error, UnicodeError):
        return "expected valid Unicode, got a lone surrogate"
    return str(error)
