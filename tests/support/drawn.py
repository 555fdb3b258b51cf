"""Hypothesis strategies for any wire type, derived from the type. Ids come from a small pool, so that events match."""

import math
from functools import cache
from typing import Any

import msgspec.inspect as inspect
from hypothesis import strategies as st

IDS = st.sampled_from(["a", "b", "c"])
INTEGERS = st.integers(-(2**53), 2**53)
FLOATS = st.floats(-1e300, 1e300)  # keeps sums finite
CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXT = st.text(CHARACTERS, max_size=8)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Returns a strategy for values of this type, within the value domain."""
    return _of(inspect.type_info(kind))


def _of(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.StructType():
            return st.builds(info.cls, **{field.name: _field(field) for field in info.fields})
        case inspect.UnionType():
            return st.one_of(*(_of(member) for member in info.types))
        case inspect.VarTupleType():
            return st.lists(_of(info.item_type), max_size=3).map(tuple)
        case inspect.DictType():
            return st.dictionaries(TEXT, _of(info.value_type), max_size=3)
        case inspect.LiteralType():
            return st.sampled_from(info.values)
        case inspect.StrType():
            return _text(info)
        case inspect.IntType():
            low, high = info.ge, info.le
            return st.integers(-(2**53) if low is None else low, 2**53 if high is None else high)
        case inspect.FloatType() if info.gt is not None:
            return st.floats(info.gt, 1e300, exclude_min=True)
        case _:
            return _PLAIN[type(info)]


def _text(info: inspect.StrType) -> st.SearchStrategy[str]:
    if info.pattern is not None:
        return st.from_regex(info.pattern.replace(r"\Z", ""), fullmatch=True)
    if info.min_length is None and info.max_length is None:
        return TEXT
    low = info.min_length or 0
    return st.text(CHARACTERS, min_size=low, max_size=min(low + 8, info.max_length or low + 8))


def _field(field: inspect.Field) -> st.SearchStrategy[Any]:
    if field.name in ("id", "tool_call_id") and isinstance(field.type, inspect.StrType):
        return IDS
    if field.name == "content_index":
        return st.integers(-1, 3)
    if field.name == "children" and isinstance(field.type, inspect.VarTupleType):  # of the same type as their parent
        assert isinstance(field.type.item_type, inspect.StructType)
        return st.lists(_later(field.type.item_type.cls), max_size=1).map(tuple)
    return _of(field.type)


@cache
def _later(kind: type) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: of(kind))


_PLAIN: dict[type, st.SearchStrategy[Any]] = {
    inspect.AnyType: VALUES,
    inspect.BoolType: st.booleans(),
    inspect.FloatType: FLOATS,
    inspect.NoneType: st.none(),
}


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal and have the same types at every level: True is not 1, and 1.0 is not 1."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(same(*pair) for pair in zip(left, right, strict=True))
    return left == right and (left != 0 or math.copysign(1, left) == math.copysign(1, right))
