"""Says at once that a value is valid, where the schema is of the plainest kind: most parameters and decisions are.

It can only say yes. Whatever it doesn't know, of a schema or of a value, is left to `schema.py`, which also finds the
words for what is wrong. So it need not be complete, but what it accepts must be valid: a property test compares them.
A yes takes about 1 µs; jsonschema's takes 10.
"""

from collections.abc import Callable
from typing import Any, cast

__all__ = ["Accepts", "accepts"]

Accepts = Callable[[Any], bool]  # True: the value is valid. False: it may be or not

_MAX_DEPTH = 16  # of the schema; below it nothing is accepted
_ANNOTATIONS = frozenset(
    {"$comment", "$defs", "title", "description", "default", "deprecated", "examples", "readOnly", "writeOnly"}
)
_OBJECT = frozenset({"type", "properties", "required", "additionalProperties"})
_ARRAY = frozenset({"type", "items", "minItems", "maxItems"})
_TEXT = frozenset({"type", "minLength", "maxLength"})
_NUMBER = frozenset({"type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
# Exact types: a bool is no integer, and a float that is whole is left to others.
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def accepts(schema: Any) -> Accepts:
    """What accepts values that are valid under `schema`, which is a valid schema of draft 2020-12."""
    return _node(schema, 0)


def _node(schema: Any, depth: int) -> Accepts:
    if schema is True:
        return _always
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return _never
    known = {key: value for key, value in cast("dict[str, Any]", schema).items() if key not in _ANNOTATIONS}
    keys, kind = known.keys(), known.get("type")
    if not known:
        return _always
    if keys in ({"enum"}, {"type", "enum"}, {"const"}, {"type", "const"}):
        return _choice(known.get("enum", [known.get("const")]), kind)
    if kind == "object" and keys <= _OBJECT:
        return _object(known, depth)
    if kind == "array" and keys <= _ARRAY:
        return _array(known, depth)
    if kind == "string" and keys <= _TEXT:
        return _text(known)
    if kind in ("integer", "number") and keys <= _NUMBER:
        return _number(known)
    return _typed(kind) if kind is not None and keys == {"type"} else _never


def _always(value: Any) -> bool:
    return True


def _never(value: Any) -> bool:
    return False


def _typed(kind: str | list[str]) -> Accepts:
    types = _types(kind)
    return lambda value: type(value) in types


def _types(kind: str | list[str]) -> frozenset[type]:
    return frozenset(found for name in ([kind] if isinstance(kind, str) else kind) for found in _TYPES[name])


def _choice(choices: list[Any], kind: str | list[str] | None) -> Accepts:
    types = _types(kind) if kind is not None else None
    # Of what is equal only by being the same: 1 == True == 1.0, and who is right about those is not decided here.
    known = {choice for choice in choices if isinstance(choice, str)}
    known = {choice for choice in known if types is None or str in types}
    return lambda value: type(value) is str and value in known


def _object(schema: dict[str, Any], depth: int) -> Accepts:
    parts = {name: _node(part, depth + 1) for name, part in schema.get("properties", {}).items()}
    required = tuple(schema.get("required", ()))
    other = _node(schema.get("additionalProperties", True), depth + 1)

    def accept(value: Any) -> bool:
        if type(value) is not dict:
            return False
        given = cast("dict[str, Any]", value)
        for name in required:
            if name not in given:
                return False
        for name, item in given.items():  # noqa: SIM110  # half the time of a generator in `all`
            if not parts.get(name, other)(item):
                return False
        return True

    return accept


def _array(schema: dict[str, Any], depth: int) -> Accepts:
    item = _node(schema.get("items", True), depth + 1)
    least, most = schema.get("minItems", 0), schema.get("maxItems", float("inf"))

    def accept(value: Any) -> bool:
        if type(value) is not list:
            return False
        given = cast("list[Any]", value)
        return least <= len(given) <= most and all(map(item, given))

    return accept


def _text(schema: dict[str, Any]) -> Accepts:
    if schema.keys() == {"type"}:
        return lambda value: type(value) is str
    least, most = schema.get("minLength", 0), schema.get("maxLength", float("inf"))
    return lambda value: type(value) is str and least <= len(value) <= most


def _number(schema: dict[str, Any]) -> Accepts:
    types = _types(schema["type"])
    if schema.keys() == {"type"}:
        return lambda value: type(value) in types
    infinite = float("inf")
    least, most = schema.get("minimum", -infinite), schema.get("maximum", infinite)
    above, below = schema.get("exclusiveMinimum", -infinite), schema.get("exclusiveMaximum", infinite)
    return lambda value: type(value) in types and least <= value <= most and above < value < below
