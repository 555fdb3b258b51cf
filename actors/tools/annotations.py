"""Checks type annotations when a tool is declared: which library's types they have, and whether it supports them.

An annotation that a library ignores would be a bound that does not hold, or a result that is lost after its effect. So
it is refused here.
"""

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import inspect
import types
import typing
import uuid
from collections.abc import Iterator
from typing import Any, Literal, cast

import msgspec

from .errors import ToolDefinitionError
from .pydantic_types import is_field, is_known_metadata, is_pydantic

__all__ = ["check_result", "description_in", "engine_of"]

Engine = Literal["msgspec", "pydantic"]

_SCALARS = (
    type(None),
    bytes,
    bytearray,
    memoryview,
    float,
    int,
    str,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    enum.Enum,
    uuid.UUID,
)
_CONTAINERS = (dict, frozenset, list, set, tuple)
_NEVER_DATA = (collections.abc.AsyncIterator, cast(Any, collections.abc).Callable, collections.abc.Iterator)


def engine_of(annotation: Any, where: str, *, default: Any = None) -> Engine:
    """Returns "pydantic" if an annotation has one of its types anywhere, otherwise "msgspec".

    Raises: ToolDefinitionError, beginning with `where`, for a mixture, and for metadata that the library ignores.
    """
    pydantic, own = is_field(default), set[str]()
    for part in _parts(annotation):
        if isinstance(part, _Metadata):
            if isinstance(part.value, msgspec.Meta):
                own.add("msgspec.Meta")
            elif is_known_metadata(part.value):
                pydantic = True
            elif description_of(part.value) is None:
                text = f"{part.value!r} in an Annotated would not be honoured"
                raise ToolDefinitionError(f"{where}: {text}; use msgspec.Meta, or import pydantic and use its Field")
        elif is_pydantic(part):
            pydantic = True
        elif isinstance(part, type) and issubclass(part, msgspec.Struct):
            own.add(f"the msgspec.Struct {part.__name__}")
    if pydantic and own:
        text = f"pydantic's types and {', '.join(sorted(own))} don't mix in one annotation"
        raise ToolDefinitionError(f"{where}: {text}; use one library's")
    return "pydantic" if pydantic else "msgspec"


def check_result(annotation: Any, where: str) -> None:
    """Checks that a function with this return annotation can return something that can be encoded.

    Raises: ToolDefinitionError, beginning with `where`."""
    for part in _parts(annotation):
        if isinstance(part, type) and not _may_be_data(part):
            raise ToolDefinitionError(
                f"{where}: a result of type {part.__qualname__} can't be encoded; return text, content blocks, a "
                "ToolOutput, or data: a dataclass, a TypedDict, a msgspec.Struct, a pydantic model, plain values"
            )


def description_in(annotation: Any) -> str | None:
    """Returns an annotation's description: a text or a `Doc` in its `Annotated`."""
    metadata: tuple[Any, ...] = getattr(annotation, "__metadata__", ())
    return next((text for each in metadata if (text := description_of(each)) is not None), None)


def description_of(metadata: Any) -> str | None:
    """Returns the description in one piece of metadata; None if the metadata is something else."""
    text = getattr(metadata, "documentation", metadata)  # as in typing_extensions.Doc
    return text if isinstance(text, str) else None


@dataclasses.dataclass(frozen=True, slots=True)
class _Metadata:
    """A piece of an `Annotated`."""

    value: Any


def _parts(annotation: Any) -> Iterator[Any]:
    """Yields every class and piece of metadata of an annotation once: in containers, unions, aliases and fields of data
    classes. Does not look into pydantic's types."""
    seen: list[Any] = []  # not a set, as metadata and types with it may be unhashable
    left = [annotation]
    while left:
        part = left.pop()
        if any(part is each for each in seen):
            continue
        seen.append(part)
        origin = typing.get_origin(part)
        if origin is typing.Annotated:
            yield from map(_Metadata, part.__metadata__)
            left.append(part.__origin__)
        elif origin is not None:
            left += [origin, *([] if origin is Literal else _flat(typing.get_args(part)))]
        elif isinstance(part, type):
            yield part
            left += [] if is_pydantic(part) else _fields(part)
        else:
            alias = getattr(part, "__supertype__", None) or getattr(part, "__value__", None)  # a NewType, a `type`
            left += [] if alias is None else [alias]


def _flat(arguments: tuple[Any, ...]) -> list[Any]:
    return [each for part in arguments for each in (cast("list[Any]", part) if isinstance(part, list) else [part])]


def _fields(kind: Any) -> list[Any]:
    """Returns the annotations of a data class's fields, and defaults that are annotations too."""
    if issubclass(kind, msgspec.Struct):
        return [field.type for field in msgspec.structs.fields(kind)]
    names: list[str] = []
    defaults: list[Any] = []
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
        defaults = [field.default for field in dataclasses.fields(kind) if is_field(field.default)]
    elif _is_typed_dict(kind) or _is_named_tuple(kind):
        names = list(getattr(kind, "__annotations__", {}))
    elif hasattr(kind, "__attrs_attrs__"):
        names = [field.name for field in kind.__attrs_attrs__]
    try:
        hints = typing.get_type_hints(kind, include_extras=True) if names else {}
    except Exception:
        return []  # building the schema raises a better error
    annotated: Any = typing.Annotated
    return [hints[name] for name in names if name in hints] + [annotated[Any, default] for default in defaults]


def _is_typed_dict(kind: Any) -> bool:
    return hasattr(kind, "__required_keys__")  # also a TypedDict of typing_extensions


def _is_named_tuple(kind: Any) -> bool:
    return hasattr(kind, "_fields") and issubclass(kind, tuple)


def _may_be_data(kind: Any) -> bool:
    if kind in (object, Any, types.UnionType) or issubclass(kind, (*_SCALARS, *_CONTAINERS)):
        return True
    if issubclass(kind, msgspec.Struct | msgspec.Raw) or dataclasses.is_dataclass(kind):
        return True
    if is_pydantic(kind) or hasattr(kind, "__attrs_attrs__"):
        return True
    if issubclass(kind, _NEVER_DATA):
        return False
    return inspect.isabstract(kind) or getattr(kind, "_is_protocol", False)  # a subclass may be data
