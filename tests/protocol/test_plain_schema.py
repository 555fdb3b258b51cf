"""What is accepted at once: nothing that jsonschema refuses, and all that plain schemas are meant for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from profiles import examples

from adjourn.protocol.plain_schema import accepts
from adjourn.protocol.schema import CompiledSchema

NAMES = st.sampled_from(["a", "b", "c"])
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([-1.0, 0.0, 0.5, 2.0]),
    st.sampled_from(["", "x", "é!"]),
)
SIZES = st.integers(0, 3)
BOUNDS = st.one_of(st.integers(-2, 2), st.sampled_from([-1.5, 0.0, 1.0]))


def schemas(inner):
    keywords = {
        "type": st.one_of(TYPES, st.lists(TYPES, min_size=1, max_size=3, unique=True)),
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "required": st.lists(NAMES, max_size=2, unique=True),
        "additionalProperties": inner,
        "items": inner,
        "enum": st.lists(SCALARS, min_size=1, max_size=3),
        "const": SCALARS,
        **dict.fromkeys(["minLength", "maxLength", "minItems", "maxItems", "minProperties"], SIZES),
        **dict.fromkeys(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], BOUNDS),
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "prefixItems": st.lists(inner, min_size=1, max_size=2),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "."]), inner, max_size=1),
        "propertyNames": inner,
        "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=1), max_size=1),
        "title": st.just("A title"),
    }
    few = st.lists(st.sampled_from(sorted(keywords)), max_size=4, unique=True)
    drawn = few.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))
    plain = st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": keywords["properties"]},
            optional={key: keywords[key] for key in ("required", "additionalProperties")},
        ),
        st.fixed_dictionaries(
            {"type": st.just("array")}, optional={key: keywords[key] for key in ("items", "minItems", "maxItems")}
        ),
        st.fixed_dictionaries(
            {"type": st.sampled_from(["integer", "number"])},
            optional=dict.fromkeys(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], BOUNDS),
        ),
        st.fixed_dictionaries({"type": st.just("string")}, optional=dict.fromkeys(["minLength", "maxLength"], SIZES)),
    )
    return st.one_of(plain, drawn)


SCHEMAS = st.recursive(st.booleans(), schemas, max_leaves=12)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=2).map(tuple), st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=8,
)


@examples(500)
@given(SCHEMAS, st.lists(VALUES, min_size=1, max_size=8))
def test_nothing_is_accepted_that_jsonschema_refuses(schema, values):
    Draft202012Validator.check_schema(schema)
    accept, reference = accepts(schema), Draft202012Validator(schema)
    for value in values:
        assert not accept(value) or reference.is_valid(value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, [1, {"a": None}]),
        ({"type": ["string", "null"], "title": "Why"}, None),
        ({"enum": ["day", "night"]}, "day"),
        ({"type": "string", "const": "courier"}, "courier"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, 9),
        ({"type": "number", "exclusiveMinimum": 0}, 0.5),
        ({"type": "string", "minLength": 1, "maxLength": 3}, "abc"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 2}, ["a", "b"]),
        (
            {
                "type": "object",
                "properties": {"approved": {"type": "boolean"}, "reason": {"type": "string", "default": ""}},
                "required": ["approved"],
                "additionalProperties": False,
            },
            {"approved": True, "reason": "fine"},
        ),
        ({"type": "object", "properties": {"odd": {"pattern": "^x"}}}, {"other": 1}),
    ],
)
def test_what_plain_schemas_allow_never_reaches_jsonschema(schema, value):
    assert CompiledSchema(None, accepts(schema)).validate(value) == []


def test_a_schema_of_any_depth_is_read():
    schema = {"type": "string"}
    for _ in range(5000):
        schema = {"type": "array", "items": schema}
    accept = accepts(schema)
    assert accept([[]])
    assert not accept([[[[[[[[[[[[[[[[[["x"]]]]]]]]]]]]]]]]]])
