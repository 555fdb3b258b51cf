"""Which tool parameters are sent with `strict`: only those that OpenAI's documentation clearly allows."""

from typing import Any

import pytest

from adjourn.protocol.providers.strict_schema import is_strict


def of(*, required: list[str] | None = None, defs: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    """Make an object's schema that strict mode accepts if it accepts each of `properties`."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }
    return schema if defs is None else {**schema, "$defs": defs}


def named(*names: str) -> dict[str, Any]:
    return {**of(), "properties": dict.fromkeys(names, TEXT), "required": list(names)}


TEXT = {"type": "string"}
NULL = {"type": "null"}

STRICT: list[dict[str, Any]] = [
    of(),
    of(city=TEXT, unit={"type": ["string", "null"], "enum": ["C", "F", None], "description": "Of the answer"}),
    of(a={"type": "array", "items": of(b={"type": "integer", "title": "B"})}, c={"type": "string", "const": "x"}),
    of(a={"anyOf": [TEXT, {"type": "array", "items": TEXT}, of(b=TEXT)], "description": "Any"}),
    of(node={"$ref": "#/$defs/Node"}, defs={"Node": of(next={"anyOf": [{"$ref": "#/$defs/Node"}, NULL]})}),
    of(children={"type": "array", "items": {"$ref": "#"}}),
]

NOT_STRICT: list[dict[str, Any]] = [
    {},
    {"type": "object"},
    {"type": "object", "properties": {}},
    {**of(), "additionalProperties": True},
    {**of(), "$schema": "https://json-schema.org/draft/2020-12/schema"},
    {"anyOf": [of(), of(a=TEXT)]},
    of(a=TEXT, required=[]),
    of(a=TEXT, required=["a", "b"]),
    of(a=True),
    of(a={}),
    of(a={"enum": ["x"]}),
    of(a={"type": "string", "default": "x"}),
    of(a={"type": "string", "pattern": "x"}),
    of(a={"type": "string", "enum": [["x"]]}),
    of(a={"type": ["object", "null"]}),
    of(a={"type": "array"}),
    of(a={"type": "array", "items": {"type": "object"}}),
    of(a={"type": "array", "items": TEXT, "uniqueItems": True}),
    of(a={"anyOf": [of(kind=TEXT), of(kind=TEXT, b=TEXT)]}),
    of(a={"anyOf": [TEXT, {"type": "object"}]}),
    of(a={"anyOf": [TEXT], "type": "string"}),
    of(a={"allOf": [TEXT]}),
    of(a={"$ref": "#/$defs/A", "description": "no siblings"}, defs={"A": TEXT}),
    of(a={"$ref": "#/properties/b"}, b=TEXT),
    of(a={"$ref": "#/$defs/Missing"}),
    of(defs={"Unused": {"type": "object"}}),
    of(a={"type": "string", "enum": [str(number) for number in range(251)]}),
    named("x" * 15_001),
    named(*(f"p{number}" for number in range(501))),
]


@pytest.mark.parametrize("schema", STRICT)
def test_schemas_that_strict_mode_takes(schema: dict[str, Any]) -> None:
    assert is_strict(schema)


@pytest.mark.parametrize("schema", NOT_STRICT)
def test_schemas_that_strict_mode_may_refuse(schema: dict[str, Any]) -> None:
    assert not is_strict(schema)


def nested(levels: int) -> dict[str, Any]:
    schema = of()
    for _ in range(levels):
        schema = of(a=schema)
    return schema


def test_ten_levels_are_the_most() -> None:
    assert is_strict(nested(9))  # ten objects
    assert not is_strict(nested(11))
    assert not is_strict(nested(2000))


def test_definitions_that_double_again_and_again_are_given_up() -> None:
    defs: dict[str, Any] = {
        f"D{n}": of(a={"$ref": f"#/$defs/D{n + 1}"}, b={"$ref": f"#/$defs/D{n + 1}"}) for n in range(40)
    }
    assert not is_strict(of(a={"$ref": "#/$defs/D0"}, defs={**defs, "D40": TEXT}))
