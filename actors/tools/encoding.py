"""Values of other people's code as plain data. Pure; the bounds of a result are in `results.py`."""

import sys
from typing import Any, cast

import msgspec

from ...protocol.codec import MAX_DEPTH, InvalidValue, check_value
from .pydantic_types import dump, is_pydantic

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """`value` as data of the value domain, shared with nobody: what msgspec or pydantic can encode.

    Raises: CodecError, with path, outside the domain; TypeError for a type that nobody can encode; what serializers and
    properties of the value raise."""
    if type(value) is not str:
        try:
            value = _undressed(value) if "pydantic" in sys.modules else value
            value = msgspec.to_builtins(value, str_keys=True, enc_hook=_encode)
        except RecursionError as error:
            raise InvalidValue("", f"expected at most {MAX_DEPTH} levels of nesting") from error
    check_value(value)
    return value


def _undressed(value: Any) -> Any:
    """The value with pydantic's own encoding of what is pydantic's, also in containers: msgspec would take pydantic's
    dataclasses for plain ones, and what they exclude would be shown."""
    kind = cast(Any, type(value))
    if kind is dict:
        return {key: _undressed(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [_undressed(item) for item in value]
    return dump(value) if is_pydantic(kind) else value


def _encode(value: Any) -> Any:
    """What msgspec does not know: pydantic's types within its own, and subclasses of text and numbers."""
    if is_pydantic(cast(Any, type(value))):
        return dump(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    raise TypeError(f"values of type {type(value).__qualname__} can't be encoded")
