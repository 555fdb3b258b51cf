"""Checks whether a tool's parameters may be sent with `strict: true`. OpenAI's APIs accept this only for some schemas.

When in doubt, the answer is no: then only the server's guarantee is lost, while a wrong yes makes the server refuse the
whole request. So keywords that only some servers and models accept (`pattern`, `format`, bounds) also give no, and the
limits here are lower than the servers'.

Source: platform.openai.com/docs/guides/structured-outputs, "Supported schemas" (as of October 2026): the root is an
object; every object lists all its properties as required and allows no others; at most 5,000 properties, 10 levels,
1,000 enum values, 120,000 characters of names and values; a long enum has a bound of its own.
"""

from collections.abc import Iterator
from typing import Any, cast

__all__ = ["is_strict"]

_SCALARS = frozenset({"string", "number", "integer", "boolean", "null"})
_ANNOTATIONS = frozenset({"title", "description"})  # `default`, `examples` and others are refused by some servers
_MAX_DEPTH = 10  # of nested schemas of any type, not only objects
_MAX_NODES = 500  # schemas and enum values; a definition counts once per reference
_MAX_ENUM = 250
_MAX_CHARS = 15_000  # in names and enum values


class _NotStrictError(Exception):
    """The schema has something that strict mode may refuse."""


def is_strict(schema: dict[str, Any]) -> bool:
    """Check whether strict mode surely accepts `schema`, a valid JSON Schema of an object."""
    walk = _Walk(_mapping(schema.get("$defs", {})))
    try:
        walk.object({key: value for key, value in schema.items() if key != "$defs"}, 0)
        for name in walk.definitions:
            walk.reference(f"#/$defs/{name}", 0)
    except _NotStrictError:
        return False
    return True


class _Walk:
    """Walks through a schema once, counting its parts. Each method raises _NotStrictError for what isn't strict."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self._within: list[str] = []  # names of the definitions around the current part
        self._nodes = 0
        self._chars = 0

    def node(self, value: Any, depth: int) -> None:
        self._count(1)
        _need(depth <= _MAX_DEPTH)
        schema = _mapping(value)
        kind = schema.get("type")
        if "$ref" in schema:
            _need(len(schema) == 1)
            self.reference(schema["$ref"], depth)
        elif "anyOf" in schema:
            self._any_of(schema, depth)
        elif kind == "object":
            self.object(schema, depth)
        elif kind == "array":
            _need(schema.keys() <= {"type", "items"} | _ANNOTATIONS)
            self.node(schema.get("items"), depth + 1)
        else:
            self._scalar(schema, kind)

    def object(self, schema: dict[str, Any], depth: int) -> None:
        _need(schema.keys() <= {"type", "properties", "required", "additionalProperties"} | _ANNOTATIONS)
        _need(schema.get("type") == "object" and schema.get("additionalProperties") is False)
        properties = _mapping(schema.get("properties"))
        required = schema.get("required", [])
        _need(isinstance(required, list) and sorted(properties) == sorted(cast("list[str]", required)))
        for name, inner in properties.items():
            self._count(0, name)
            self.node(inner, depth + 1)

    def reference(self, target: Any, depth: int) -> None:
        if target == "#":
            return  # the root, already being checked
        _need(isinstance(target, str) and target.startswith("#/$defs/"))
        name = target.removeprefix("#/$defs/")
        _need(name in self.definitions)
        if name in self._within:
            return
        self._count(0, name)
        self._within.append(name)
        self.node(self.definitions[name], depth + 1)
        self._within.pop()

    def _any_of(self, schema: dict[str, Any], depth: int) -> None:
        _need(schema.keys() <= {"anyOf"} | _ANNOTATIONS)
        variants = cast("list[Any]", schema["anyOf"])
        # Some models refuse variants whose objects begin with the same key. A single object is always safe.
        _need(sum(not _is_plain(each) for each in variants) <= 1)
        for each in variants:
            self.node(each, depth + 1)

    def _scalar(self, schema: dict[str, Any], kind: Any) -> None:
        _need(schema.keys() <= {"type", "enum", "const"} | _ANNOTATIONS)
        kinds = cast("list[Any]", kind) if isinstance(kind, list) else [kind]
        _need(bool(kinds) and all(isinstance(each, str) and each in _SCALARS for each in kinds))
        values = list(_values(schema))
        _need(len(values) <= _MAX_ENUM)
        for value in values:
            _need(value is None or isinstance(value, (str, int, float)))
            self._count(1, str(value))

    def _count(self, nodes: int, text: str = "") -> None:
        self._nodes += nodes
        self._chars += len(text)
        _need(self._nodes <= _MAX_NODES and self._chars <= _MAX_CHARS)


def _values(schema: dict[str, Any]) -> Iterator[Any]:
    yield from schema.get("enum", ())
    if "const" in schema:
        yield schema["const"]


def _is_plain(schema: Any) -> bool:
    kind = _mapping(schema).get("type")
    return isinstance(kind, list) or kind in _SCALARS or kind == "array"


def _mapping(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object; else {}, which is never strict."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _need(condition: bool) -> None:
    if not condition:
        raise _NotStrictError
