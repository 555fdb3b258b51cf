"""The JSON Schemas of wire types, as documents that describe an API hold them: under `#/components/schemas/`. Pure."""

from collections.abc import Iterable
from typing import Any, cast

import msgspec

__all__ = ["component_schemas"]


def component_schemas(kinds: Iterable[Any]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of each of these types, and of those that they hold, by name."""
    _, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return _portable(components)


def _portable(schema: Any) -> Any:
    """Return the schema with patterns that mean the same to every reader: `\\Z` is Python's own, and `$` its like."""
    if isinstance(schema, dict):
        members = cast("dict[str, Any]", schema)
        return {
            key: value.replace("\\Z", "$") if key == "pattern" and isinstance(value, str) else _portable(value)
            for key, value in members.items()
        }
    if isinstance(schema, list):
        return [_portable(item) for item in cast("list[Any]", schema)]
    return schema
