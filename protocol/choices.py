"""Finds the values that a type allows at a place in a message. Used in errors: msgspec doesn't name these values."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from msgspec import inspect

__all__ = ["choices_at"]


def choices_at(kind: Any, names: Sequence[str]) -> tuple[str, ...]:
    """Return the allowed values, sorted.

    Args:
        kind: the type of the whole message.
        names: the path from the message to the value: a member's name for each struct, any text for each list or dict.
    """
    places = list(_alternatives(_type_info(kind)))
    for name in names:
        places = [each for place in places for inside in _inside(place, name) for each in _alternatives(inside)]
    choices = [value for place in places if isinstance(place, inspect.LiteralType) for value in place.values]
    return tuple(sorted(set(map(str, choices))))


_type_info = lru_cache(256)(inspect.type_info)


def _alternatives(place: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(place, inspect.Metadata):
        yield from _alternatives(place.type)
    elif isinstance(place, inspect.UnionType):
        for each in place.types:
            yield from _alternatives(each)
    else:
        yield place


def _inside(place: inspect.Type, name: str) -> Iterator[inspect.Type]:
    match place:
        case inspect.StructType():
            if name == place.tag_field and place.tag is not None:
                yield inspect.LiteralType((place.tag,))
            yield from (field.type for field in place.fields if field.encode_name == name)
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
            yield place.item_type
        case inspect.TupleType():
            yield from place.item_types
        case inspect.DictType():
            yield place.value_type
        case _:
            pass
