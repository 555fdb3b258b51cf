"""Makes the JSON Schemas of wire types for API descriptions, under `#/components/schemas/`. Pure."""

import re
import textwrap
from collections.abc import Iterable
from typing import Any, cast

import msgspec

__all__ = ["component_schemas", "in_json_words"]


def component_schemas(kinds: Iterable[Any]) -> dict[str, Any]:
    """Return the JSON Schemas (2020-12) of these types, and of all types in their fields, by name."""
    _, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return {name: _described(_portable(schema)) for name, schema in components.items()}


def in_json_words(text: str, *, may_be_absent: bool = True) -> str:
    """Return a description with JSON's words for Python's values. None is `null` in a field that is always written."""
    if may_be_absent:
        text = re.sub(r"(^|\. )None\b", r"\1Absent", text)
    text = re.sub(r"\bNone\b", "absent" if may_be_absent else "`null`", text)
    return re.sub(r"\b(True|False)\b", lambda found: f"`{found[0].lower()}`", text)


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the struct's schema with the docstring's text on each field moved to its property."""
    if "description" not in schema:
        return schema
    # From msgspec 0.23 on, the docstring comes without its indentation.
    first, newline, others = schema["description"].partition("\n")
    about, *fields = (first + newline + textwrap.dedent(others)).split("\n\nAttributes:\n")
    schema = {**schema, "description": in_json_words(about)}
    if not fields:
        return schema
    properties = dict(schema["properties"])
    for name, text in re.findall(r"^(\w+): ((?:.|\n +)*)", textwrap.dedent(fields[0]), re.MULTILINE):
        first, *others = name.strip("_").split("_")
        key = first + "".join(other.capitalize() for other in others)
        if key in properties:  # else the wire has another name for it
            said = in_json_words(" ".join(text.split()), may_be_absent="default" in properties[key])
            properties[key] = {**properties[key], "description": said}
    return {**schema, "properties": properties}


def _portable(schema: Any) -> Any:
    """Return the schema with portable patterns: Python's `\\Z` becomes `$`."""
    if isinstance(schema, dict):
        members = cast("dict[str, Any]", schema)
        return {
            key: value.replace("\\Z", "$") if key == "pattern" and isinstance(value, str) else _portable(value)
            for key, value in members.items()
        }
    if isinstance(schema, list):
        return [_portable(item) for item in cast("list[Any]", schema)]
    return schema
