"""Reads JSON that breaks its API's rules, as far as it makes sense. Pure.

It reads JSON that the strict reader refused. A field that no message needs may have any value (NaN, a list instead of
an object), and then counts as missing. An id or a count may have the wrong type. An object in place of a list is a list
with that object. Nulls in a list are left out. Message content is never guessed.
"""

import json
import math
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

__all__ = ["read", "read_as", "read_or_none"]

T = TypeVar("T")

# Fields with a message's content. If one of them has the wrong form, the event can't be read.
_SAID = frozenset(
    {"choices", "content", "content_block", "delta", "function", "item", "message", "output", "reasoning"}
    | {"reasoning_content", "refusal", "response", "text", "thinking", "tool_calls"}
)
_ARGUMENTS = frozenset({"arguments", "partial_json", "input"})  # JSON text; some servers send the value itself
_EXACT: dict[type, type[inspect.Type]] = {
    type(None): inspect.NoneType,
    str: inspect.StrType,
    int: inspect.IntType,
    float: inspect.FloatType,
}


class _MisfitError(ValueError):
    """The value doesn't fit its field."""


def read(text: bytes | str) -> Any:
    """Return the JSON value. Accepts NaN, infinities and lone surrogates, as Python does. Raises: ValueError."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    try:
        return json.loads(text, strict=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_or_none(text: bytes | str) -> Any:
    """Return the JSON value; None if the text isn't JSON, or is null."""
    try:
        return read(text)
    except ValueError:
        return None


def read_as(text: bytes | str, kind: type[T]) -> T:
    """Return the JSON value as this struct. Optional fields that don't fit count as missing. Raises: ValueError."""
    return cast(T, _fit(read(text), _info(kind), ""))


@lru_cache(maxsize=256)
def _info(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _fit(value: Any, kind: inspect.Type, field: str) -> Any:
    match kind:
        case inspect.UnionType():
            return _fit_one(value, kind, field)
        case inspect.StructType() if isinstance(value, dict):
            return _struct(cast("dict[str, Any]", value), kind)
        case inspect.ListType() | inspect.VarTupleType():
            return [_fit(each, kind.item_type, field) for each in _items(value, field) if each is not None]
        case inspect.RawType():
            return msgspec.Raw(json.dumps(value).encode())
        case inspect.AnyType():
            return value
        case inspect.DictType() if isinstance(value, dict):
            return cast(Any, value)
        case inspect.NoneType() if value is None:
            return None
        case inspect.BoolType() if isinstance(value, bool):
            return value
        case inspect.StrType():
            return _text(value, field)
        case inspect.IntType() | inspect.FloatType():
            return _number(value, whole=isinstance(kind, inspect.IntType))
        case _:
            raise _MisfitError


def _fit_one(value: Any, union: inspect.UnionType, field: str) -> Any:
    """Convert a value: to the first type that it has, else to the first type that it can be converted to."""
    exact = _EXACT.get(type(cast(object, value)))
    for kind in sorted(union.types, key=lambda kind: type(kind) is not exact):
        try:
            return _fit(value, kind, field)
        except _MisfitError:
            continue
    raise _MisfitError


def _struct(value: dict[str, Any], kind: inspect.StructType) -> Any:
    fields: dict[str, Any] = {}
    for each in kind.fields:
        if each.encode_name not in value:
            continue
        try:
            fields[each.name] = _fit(value[each.encode_name], each.type, each.name)
        except _MisfitError:
            if each.required or each.name in _SAID or each.name in _ARGUMENTS:
                raise
    try:
        return kind.cls(**fields)
    except TypeError as error:  # a required field is missing
        raise _MisfitError from error


def _items(value: Any, field: str) -> list[Any]:
    if isinstance(value, dict) and field != "content":  # content is text or a list, so an object is neither
        return [value]
    if not isinstance(value, list):
        raise _MisfitError
    return cast("list[Any]", value)


def _text(value: Any, field: str) -> str:
    if isinstance(value, str):
        return value
    if field in _ARGUMENTS and isinstance(value, dict | list):
        return json.dumps(value)
    if field not in _SAID and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise _MisfitError


def _number(value: Any, *, whole: bool) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise _MisfitError
    return int(number) if whole else number
