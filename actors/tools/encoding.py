"""Encodes values of foreign code as plain data. Pure; the bounds of a result are in `results.py`."""

import sys
from collections.abc import Collection
from typing import Any, cast

import msgspec

from ...protocol.codec import MAX_DEPTH, InvalidValue, check_value, paused_collector
from .pydantic_types import dump, is_pydantic

__all__ = ["checked", "copied", "is_large", "plain"]

LARGE = 2_000  # parts; a value with fewer is checked and encoded within a few ms


def plain(value: Any) -> Any:
    """Returns a private copy of `value` as plain data of the value domain, encoded by msgspec or pydantic.

    Raises: CodecError, with path, outside the domain; TypeError for a type that neither can encode; what serializers
    and properties of the value raise."""
    return checked(copied(value))


def copied(value: Any) -> Any:
    """Returns a private copy of `value` as plain data, not checked against the value domain. Raises: as `plain`.

    Takes a tenth of the time of `plain`.
    """
    if type(value) is str:
        return value
    try:
        value = _undressed(value) if "pydantic" in sys.modules else value
        with paused_collector():
            return msgspec.to_builtins(value, str_keys=True, enc_hook=_encode)
    except RecursionError as error:
        raise InvalidValue("", f"expected at most {MAX_DEPTH} levels of nesting") from error


def checked(data: Any) -> Any:
    """Checks data against the value domain, and returns it. Raises: InvalidValue, with path."""
    check_value(data)
    return data


def is_large(value: Any) -> bool:
    """Whether a value has `LARGE` parts or more. Looks at no more than `LARGE` of them."""
    if type(value) is str:  # encoding even a long text takes little time
        return False
    left, stack = LARGE, [value]
    while stack and left > 0:
        parts = _parts(stack.pop())
        left -= len(parts)
        if left > 0:
            stack += parts
    return left <= 0


def _parts(value: Any) -> Collection[Any]:
    kind = cast(Any, type(value))
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return ()
    if kind is dict:
        return value.values()
    if kind is list or kind is tuple:
        return value
    try:  # a type may have code of its own for this
        if issubclass(kind, msgspec.Struct):
            return msgspec.structs.astuple(value)
        return tuple(cast(Any, vars(value)).values())  # of dataclasses and models
    except BaseException:  # noqa: ASYNC103  # nothing is awaited
        return ()  # noqa: ASYNC104


def _undressed(value: Any) -> Any:
    """Returns the value with pydantic's types, also in containers, encoded by pydantic: msgspec would encode pydantic's
    dataclasses as plain ones, with the fields that they exclude."""
    kind = cast(Any, type(value))
    if kind is dict:
        return {key: _undressed(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [_undressed(item) for item in value]
    return dump(value) if is_pydantic(kind) else value


def _encode(value: Any) -> Any:
    """Encodes what msgspec can't: pydantic's types inside msgspec's, and subclasses of text and numbers."""
    if is_pydantic(cast(Any, type(value))):
        return dump(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    raise TypeError(f"values of type {type(value).__qualname__} can't be encoded")
