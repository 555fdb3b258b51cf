"""Heads and entries without default values, made from their types, so that new fields are included."""

from typing import Any

import msgspec
from msgspec import inspect

from ...protocol.record import SCHEMA_VERSION, Entry, Head

__all__ = ["every_entry", "full_head"]


def full_head(run_id: str) -> Head:
    """Returns a head with a value in every field, for the first save of its run."""
    (head,) = _values(inspect.type_info(Head), "head")
    return msgspec.structs.replace(head, id=run_id, schema_version=SCHEMA_VERSION, version=1, epoch=0)


def every_entry() -> tuple[Entry, ...]:
    """Returns a journal entry of each kind, with a value in every field."""
    return tuple(_values(inspect.type_info(Entry), "entry"))


def _values(kind: inspect.Type, name: str) -> list[Any]:
    """Returns values of this type, never None: one, or for a union one per member. `name` makes fields differ."""
    match kind:
        case inspect.StructType():
            return [kind.cls(**{field.name: _values(field.type, field.name)[0] for field in kind.fields})]
        case inspect.UnionType():
            return [value for each in kind.types for value in _values(each, name)]
        case inspect.VarTupleType():
            return [tuple(_values(kind.item_type, name))]
        case inspect.DictType():
            return [{name: _values(kind.value_type, name)[0]}]
        case inspect.LiteralType():
            return [kind.values[-1]]
        case inspect.NoneType():
            return []
        case inspect.StrType():
            return [name]
        case inspect.BoolType():
            return [True]
        case inspect.IntType():
            return [2**40 + len(name)]
        case inspect.FloatType():
            return [0.5 + len(name)]
        case _:
            return [{name: [1]}]
