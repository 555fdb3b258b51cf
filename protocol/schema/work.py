"""Bounds the work of validating one value. Refuses schemas that could take forever or overflow the stack.

jsonschema-rs checks a container once for each part of a schema, so deep values cost little. But it follows references
that apply to the same value (`$ref`, `allOf`, `oneOf` …) each time that it meets them, to any depth: forty definitions
that each refer to the next one twice are 2^40 steps for a single value.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

from .objects import objects

MAX_STEPS = 10_000  # parts of a schema that apply to one value: about a millisecond
MAX_LEVELS = 100  # nested parts that apply to one value

_REFERENCES = ("$ref", "$dynamicRef")
_LISTS = ("allOf", "anyOf", "oneOf")
_ALONE = ("not", "if", "then", "else")
_BY_NAME = ("dependentSchemas", "dependencies")


class _Fault(Exception):
    """The schema could take too much work. The message says why."""


class _Weight(NamedTuple):
    steps: int
    levels: int


_LIGHT = _Weight(1, 1)


def work_fault(schema: dict[str, Any]) -> str | None:
    """Return why a schema could take too much work for one value; None if it can't. It may be an invalid schema."""
    scale = _Scale(schema)
    try:
        for part in objects(schema):
            scale.weigh(part, 1)
    except _Fault as fault:
        return str(fault)
    return None


class _Scale:
    """Computes the weights of one schema's parts, each once."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._names = dict(_names(root))
        self._known: dict[int, _Weight | None] = {}  # None: in progress

    def weigh(self, part: Any, level: int) -> _Weight:
        """Return the work of `part` for one value, when it applies at this level. Raises: _Fault."""
        if not isinstance(part, dict):
            return _LIGHT
        key = id(cast(object, part))
        if key not in self._known and level <= MAX_LEVELS:
            self._known[key] = None
            inner = [self.weigh(other, level + 1) for other in self._in_place(cast("dict[str, Any]", part))]
            steps = 1 + sum(weight.steps for weight in inner)
            self._known[key] = _Weight(steps, 1 + max((weight.levels for weight in inner), default=0))
        weight = self._known.get(key, _LIGHT)
        if weight is None:
            raise _Fault("a reference leads in a circle, back to a schema for the same value")
        if level + weight.levels > MAX_LEVELS + 1:
            raise _Fault(f"nested too deeply: more than {MAX_LEVELS} levels of schemas for one value")
        if weight.steps > MAX_STEPS:
            raise _Fault(f"too much work: references lead to more than {MAX_STEPS} schemas for one value")
        return weight

    def _in_place(self, part: dict[str, Any]) -> Iterator[Any]:
        """Yield the schemas that apply to the same value as this one."""
        for key in _REFERENCES:
            if isinstance(part.get(key), str):
                yield self._target(part[key])
        if "$recursiveRef" in part:
            yield self._root
        for key in _LISTS:
            if isinstance(part.get(key), list):
                yield from part[key]
        for key in _BY_NAME:
            if isinstance(part.get(key), dict):
                yield from part[key].values()
        yield from (part[key] for key in _ALONE if key in part)

    def _target(self, reference: str) -> Any:
        """Return the schema that a reference means; None for a metaschema or an unknown name."""
        if reference in self._names:
            return self._names[reference]
        base, _, path = reference.partition("#")
        if path and not path.startswith("/"):
            return None
        found: Any = self._names.get(base) if base else self._root
        for step in unquote(path).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if (
                isinstance(found, list)
                and key.isdecimal()
                and len(key) < 9
                and int(key) < len(cast("list[Any]", found))
            ):
                found = cast("list[Any]", found)[int(key)]
            else:
                found = cast("dict[str, Any]", found).get(key) if isinstance(found, dict) else None
        return found


def _names(root: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names that references can use instead of a path: anchors, and ids as written."""
    for part in objects(root):
        for key, prefix in (("$anchor", "#"), ("$dynamicAnchor", "#"), ("$id", ""), ("id", "")):
            if isinstance(part.get(key), str):
                yield prefix + part[key], part
