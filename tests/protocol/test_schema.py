"""JSON Schema: what is valid, what is wrong, and what is refused."""

import re
from datetime import timedelta

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from profiles import examples

from adjourn.protocol.codec import check_value
from adjourn.protocol.schema import MAX_ERRORS, MAX_PATTERN_CHARS, SchemaError, SchemaInvalid, compile_schema

APPROVAL = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}, "reason": {"type": "string"}},
    "required": ["approved"],
    "additionalProperties": False,
}
SHIPPING = {
    "oneOf": [
        {
            "type": "object",
            "properties": {
                "kind": {"const": "courier"},
                "address": {"type": "string"},
                "speed": {"enum": ["day", "night"]},
            },
            "required": ["kind", "address"],
        },
        {"$ref": "#/$defs/Pickup"},
    ],
    "$defs": {
        "Pickup": {
            "type": "object",
            "properties": {"kind": {"const": "pickup"}, "shop": {"$ref": "#/$defs/Shop"}},
            "required": ["kind", "shop"],
        },
        "Shop": {"type": "object", "properties": {"id/no": {"type": "integer"}}, "required": ["id/no"]},
    },
}


def errors(schema, value):
    return [(error.path, error.message) for error in compile_schema(schema).validate(value)]


def test_a_valid_value_has_no_errors():
    assert errors(APPROVAL, {"approved": True, "reason": "fine"}) == []


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (APPROVAL, {}, ("", "'approved' is required")),
        (APPROVAL, {"approved": 1}, ("/approved", "expected boolean, got 1")),
        (
            APPROVAL,
            {"approved": True, "x": 1},
            ("", "Additional properties are not allowed ('x' was unexpected)"),
        ),
        ({"type": ["string", "null"]}, 5, ("", "expected string or null, got 5")),
        ({"enum": ["a", 1]}, True, ("", 'expected one of: "a", 1; got true')),
        ({"const": 1}, True, ("", "expected 1, got true")),
        ({"minimum": 3}, 2, ("", "expected at least 3, got 2")),
        ({"multipleOf": 0.01}, 0.015, ("", "expected a multiple of 0.01, got 0.015")),
        ({"minLength": 2}, "a", ("", "expected at least 2 characters, got 1")),
        ({"uniqueItems": True}, [1, {"a": 1}, {"a": 1.0}], ("", "expected items that differ from each other, got ")),
        ({"items": {"maximum": 1}}, [0, 9], ("/1", "expected at most 1, got 9")),
        (
            {"properties": {"a/b": {"properties": {"~": False}}}},
            {"a/b": {"~": 1}},
            ("/a~1b", "expected nothing in the"),
        ),
        ({"pattern": "^a+$"}, "b", ("", 'expected a match of the pattern "^a+$", got "b"')),
        ({"contains": {"const": 1}}, [2], ("", "[2] does not contain items")),
        ({"oneOf": [{"type": "number", "title": "N"}, {"const": 1}]}, 1, ("", "expected exactly one of: N, 1; got 1")),
    ],
)
def test_a_message_says_what_was_expected_and_where(schema, value, expected):
    [(path, message)] = errors(schema, value)
    assert path == expected[0]
    assert message.startswith(expected[1])


def test_true_is_not_one_but_one_is_one_point_zero():
    assert errors({"uniqueItems": True}, [True, 1, {"a": True}, {"a": 1}]) == []
    assert errors({"const": 1}, 1.0) == []


@pytest.mark.parametrize("schema", [SHIPPING, {**SHIPPING, "anyOf": SHIPPING["oneOf"], "oneOf": [{}]}])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"kind": "courier"}, [("", "'address' is required")]),
        ({"kind": "pickup", "shop": {"id/no": "x"}}, [("/shop/id~1no", 'expected integer, got "x"')]),
        (
            {"kind": "courier", "address": 1, "speed": "slow"},
            [
                ("/address", "expected string, got 1"),
                ("/speed", 'expected one of: "day", "night"; got "slow"'),
            ],
        ),
        ({"kind": "bike"}, [("/kind", 'expected one of: "courier", "pickup"; got "bike"')]),
        ({}, [("", """expected one of: "courier", Pickup; got {}; closest: 'kind' is required""")]),
        (7, [("", 'expected one of: "courier", Pickup; got 7')]),
    ],
)
def test_a_discriminated_union_reports_the_branch_that_was_meant(schema, value, expected):
    assert errors(schema, value) == expected


def test_the_only_branch_of_the_right_type_is_the_one_that_was_meant():
    schema = {"properties": {"a": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["b"]}]}}}
    assert errors(schema, {"a": {}}) == [("/a", "'b' is required")]
    assert errors(schema, {"a": 1}) == [("/a", "expected one of: null, object; got 1")]


def test_constants_as_branches_are_listed_as_choices():
    assert errors({"anyOf": [{"const": 1}, {"const": "x"}]}, 3) == [("", 'expected one of: 1, "x"; got 3')]


def test_a_tagged_union_as_msgspec_writes_it():
    class Yes(msgspec.Struct, tag=True):
        note: str

    class No(msgspec.Struct, tag=True):
        pass

    schema = msgspec.json.schema(Yes | No)
    assert errors(schema, {"type": "Yes", "note": 1}) == [("/note", "expected string, got 1")]
    assert errors(schema, {"type": "No"}) == []


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date-time", "2026-01-02T03:04:05Z", "2026-01-02"),
        ("uri", "https://a.example/x", "no uri"),
        ("iri", "https://ä.example/ö", "kein iri"),
        ("iri-reference", "/ö?ä", "a b"),
        ("email", "a@b.c", "ab"),
        ("uuid", "2eb8aa08-aa98-11ea-b4aa-73b441d16380", "2eb8"),
        ("duration", "P1DT2H", "1D"),
        ("regex", "a{1,2}", "a{99999999999999999999}"),
        ("regex", "(a)", "(" * 5000),
    ],
)
def test_formats_are_checked(name, good, bad):
    assert errors({"format": name}, good) == []
    assert errors({"format": name}, 5) == []
    [(_, message)] = errors({"format": name}, bad)
    assert message.startswith(f'expected a string of format "{name}", got ')


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ([], "expected a JSON Schema as an object"),
        ({"type": "strnig"}, r"/type: "),
        ({"pattern": "("}, "/pattern: expected a string of format"),
        ({"pattern": "a{99999999999999999999}"}, "/pattern"),
        ({"const": float("nan")}, "not a JSON value"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "draft 2020-12"),
        ({"$schema": 7}, "draft 2020-12"),
        ({"properties": {"a": {"$id": "x", "$schema": "http://json-schema.org/draft-07/schema#"}}}, "root only"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"$ref": "#/allOf/x", "allOf": [{}]}, "leads nowhere"),
        ({"$ref": "#anchor"}, "leads nowhere"),
        ({"$ref": "http://[::"}, "leads nowhere|not a JSON Schema"),
        ({"$dynamicRef": "#meta"}, "leads nowhere"),
        ({"$ref": "http://127.0.0.1:1/schema.json"}, "nothing is fetched"),
        ({"$id": "http://127.0.0.1:1/a", "items": {"$ref": "b"}}, "nothing is fetched"),
        ({"$ref": "#/x/deep", "x": {"deep": {"items": {"$ref": "#/nope"}}}}, "leads nowhere"),
        ({"$ref": "#/x", "x": {"type": 5}}, "not a JSON Schema"),
        ({"$ref": "#/x", "x": 5}, "not a JSON Schema"),
    ],
)
def test_what_is_not_a_usable_schema_is_refused(schema, why):
    with pytest.raises(SchemaInvalid, match=why):
        compile_schema(schema)


def nested(levels, wrap, value):
    for _ in range(levels):
        value = wrap(value)
    return value


def test_a_schema_nested_too_deeply_is_refused():
    def compile_from(depth):
        return compile_from(depth - 1) if depth else compile_schema(nested(98, lambda schema: {"not": schema}, {}))

    with pytest.raises(SchemaInvalid, match="nested too deeply"):
        compile_from(depth=600)
    with pytest.raises(SchemaInvalid, match="levels of nesting"):
        compile_schema(nested(101, lambda schema: {"not": schema}, {}))


def test_a_schema_that_is_nothing_but_itself_is_an_error_and_no_exception():
    assert errors({"$ref": "#"}, 1) == [("", "nested too deeply")]


def test_deep_values_under_a_recursive_schema_are_an_error_and_no_exception():
    schema = {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"n": {"allOf": [{"allOf": [{"$ref": "#"}]}]}}}}}
    assert errors(schema, nested(5, lambda value: {"n": value}, {})) == []
    assert errors(schema, nested(99, lambda value: {"n": value}, 1)) == [("", "nested too deeply")]


def test_branches_that_double_the_work_with_each_level_are_given_up():
    def operator(name):
        properties = {"op": {"const": name}, "args": {"type": "array", "items": {"$ref": "#"}}}
        return {"type": "object", "properties": properties, "required": ["op", "args"]}

    schema = {"oneOf": [operator("and"), operator("or")]}
    assert errors(schema, nested(5, lambda value: {"op": "or", "args": [value]}, {"op": "and", "args": []})) == []
    [(path, message)] = errors(schema, nested(40, lambda value: {"op": "or", "args": [value]}, {"op": "not"}))
    assert path == ""
    assert message.startswith("too large, or nested too deeply")


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "^(a*)*$",
        r"^(\w+\s?)*$",
        "((ab)+)*",
        "(?:a+|b){2,}",
        "(a{1,20})+",
        "(a+){25}",
        "([a-z]+)*@",
        "(x|(a+))+",
    ],
)
def test_a_pattern_that_may_run_for_ever_is_refused(pattern):
    with pytest.raises(SchemaInvalid, match="may run for ever"):
        compile_schema({"properties": {"p": {"pattern": pattern}}})
    with pytest.raises(SchemaInvalid, match="may run for ever"):
        compile_schema({"patternProperties": {pattern: True}})


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d+(\.\d+)*$",
        r"^(\d+\.)+\d+$",
        "^[a-z0-9]+(?:-[a-z0-9]+)*$",
        r"^[\w.+-]+@([\w-]+\.)+[\w-]{2,}$",
        r"^(\d{10})+$",
        r"^(\d{1,3}\.){3}\d{1,3}$",
        "(a++)+b",
        "[(+*]+",
        r"(\(+x)*",
        r"^(?=.*\d)(?!.*x).*$",
    ],
)
def test_ordinary_patterns_are_taken(pattern):
    assert re.compile(pattern)
    compile_schema({"pattern": pattern})


def test_patterns_are_matched_against_bounded_strings_only():
    assert errors({"pattern": "a$"}, "a" * MAX_PATTERN_CHARS) == []
    [(_, message)] = errors({"pattern": "a$"}, "a" * (MAX_PATTERN_CHARS + 1))
    assert message == f"expected at most {MAX_PATTERN_CHARS} characters, got {MAX_PATTERN_CHARS + 1}"


def test_errors_are_bounded_in_number_and_size():
    found = compile_schema({"items": {"type": "string"}}).validate([[0] * 1000] * 1000)
    assert len(found) == MAX_ERRORS
    extra = compile_schema({"additionalProperties": False}).validate({f"key-{i}": i for i in range(10_000)})
    assert all(len(error.message) < 500 for error in [*found, *extra])


def test_equal_schemas_are_compiled_once():
    assert compile_schema({"type": "object", "minProperties": 1}) is compile_schema(
        {"minProperties": 1.0, "type": "object"}
    )
    assert compile_schema({"const": 1}) is not compile_schema({"const": True})


def test_a_compiled_schema_is_a_copy():
    schema = {"enum": ["a"]}
    compiled = compile_schema(schema)
    schema["enum"].append("b")
    assert compiled.validate("b") != []


def test_definitions_of_older_drafts_can_be_referred_to():
    schema = {"$ref": "#/definitions/a", "definitions": {"a": {"type": "string"}}}
    assert errors(schema, 1) == [("", "expected string, got 1")]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda items: st.lists(items) | st.dictionaries(st.text(), items),
    max_leaves=10,
)
WORDS = st.sampled_from(["a", "kind", "x"])
FORMATS = st.sampled_from(
    [
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "idn-email",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "iri",
        "iri-reference",
        "json-pointer",
        "regex",
        "relative-json-pointer",
        "time",
        "uri",
        "uri-reference",
        "uri-template",
        "uuid",
        "nonsense",
    ]
)


def keywords(schemas):
    some = st.lists(schemas, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "object", "array", "number", "integer", "null", "boolean"]),
            "properties": st.dictionaries(WORDS, schemas),
            "required": st.lists(WORDS, unique=True),
            "additionalProperties": schemas,
            "unevaluatedProperties": schemas,
            "unevaluatedItems": schemas,
            "propertyNames": schemas,
            "items": schemas,
            "prefixItems": some,
            "contains": schemas,
            "anyOf": some,
            "oneOf": some,
            "allOf": some,
            "not": schemas,
            "if": schemas,
            "then": schemas,
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "format": FORMATS,
            "pattern": st.sampled_from(["a", "^x*$", r"\d"]),
            "multipleOf": st.floats(1e-300, 1e300),
            "minimum": st.integers(-5, 5),
            "maxLength": st.integers(0, 3),
            "uniqueItems": st.booleans(),
            "dependentRequired": st.dictionaries(WORDS, st.lists(WORDS, unique=True)),
            "title": st.text(max_size=5),
            "$ref": st.just("#"),
        },
    )


@examples(60, deadline=timedelta(seconds=10))
@given(schema=st.recursive(keywords(st.booleans()), keywords, max_leaves=8), value=VALUES)
@example(schema={"anyOf": [{"type": "string", "title": ""}]}, value=None)
def test_no_schema_and_no_value_raise_anything(schema, value):
    check_value(value)
    for error in compile_schema(schema).validate(value):
        assert isinstance(error, SchemaError)
        assert error.path == "" or error.path.startswith("/")
        assert error.message


@given(name=FORMATS, value=st.text())
def test_no_string_makes_a_format_raise(name, value):
    compile_schema({"format": name}).validate(value)
