"""Values of other people's code as plain data. Pure; the bounds of a result are in `results.py`."""

import sys
from typing import Any, cast

import msgspec

from ...protocol.codec import MAX_DEPTH, InvalidValue, check_value
from .pydantic_types import dump, is_pydantic

__all__ = ["copied", "is_large", "plain"]

LARGE = 2_000  # values in a result, and KB of its texts: above it, checking takes more than a few ms


def plain(value: Any) -> Any:
    """`value` as data of the value domain, shared with nobody: what msgspec or pydantic can encode.

    Raises: CodecError, with path, outside the domain; TypeError for a type that nobody can encode; what serializers and
    properties of the value raise."""
    value = copied(value)
    check_value(value)
    return value


def copied(value: Any) -> Any:
    """`value` as plain data that is shared with nobody, not checked against the value domain yet. Raises: as `plain`.

    It takes a tenth of the time of `plain`, and calls the value's own code, which need not be safe in another thread.
    """
    if type(value) is str:
        return value
    try:
        value = _undressed(value) if "pydantic" in sys.modules else value
        return msgspec.to_builtins(value, str_keys=True, enc_hook=_encode)
    except RecursionError as error:
        raise InvalidValue("", f"expected at most {MAX_DEPTH} levels of nesting") from error


def is_large(data: Any) -> bool:
    """Whether plain data is too large to be checked on the loop's thread. Looks at `LARGE` values at most."""
    left, stack = LARGE, [data]
    while stack and left > 0:
        item = stack.pop()
        kind = cast(Any, type(item))
        if kind is str:
            left -= len(item) // 1_000
        elif kind is dict or kind is list or kind is tuple:
            left -= len(item)
            if left > 0:
                stack += item.values() if kind is dict else item
    return left <= 0


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
