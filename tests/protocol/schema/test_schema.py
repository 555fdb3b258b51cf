"""JSON Schema: valid values, errors of invalid ones, and unusable schemas."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from profiles import examples

from adjourn.protocol.codec import check_value
from adjourn.protocol.schema import MAX_ERRORS, SchemaError, SchemaInvalid, compile_schema

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


@pytest.mark.parametrize("amount", [19.99, 0.07, 1.1, 4.35, 1e300])
def test_an_amount_in_cents_is_a_multiple_of_a_cent(amount):
    assert errors({"multipleOf": 0.01}, amount) == []
    assert errors({"multipleOf": 0.01}, {"amount": amount}) == []


def test_each_amount_up_to_a_thousand_is_a_multiple_of_a_cent_and_none_between_is():
    compiled = compile_schema({"multipleOf": 0.01})
    assert [cents for cents in range(100_000) if compiled.validate(cents / 100)] == []
    assert [cents for cents in range(100) if not compiled.validate((cents * 10 + 5) / 1000)] == []


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
        ("regex", "a{1,2}", "a{2,1}"),
        ("regex", "(?=a)", "(" * 5000),
    ],
)
def test_formats_are_checked(name, good, bad):
    assert errors({"format": name}, good) == []
    assert errors({"format": name}, 5) == []
    [(_, message)] = errors({"format": name}, bad)
    assert message.startswith(f'expected a string of format "{name}", got ')


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("date", "2026-01-02"),
        ("time", "12:00:00Z"),
        ("date-time", "2026-01-02T03:04:05Z"),
        ("uri", "https://a.example/x"),
        ("uri-reference", "/x"),
        ("iri", "https://ä.example/ö"),
        ("iri-reference", "/ö"),
        ("email", "a@b.example"),
        ("hostname", "a.example"),
        ("ipv4", "127.0.0.1"),
        ("ipv6", "::1"),
        ("uuid", "2eb8aa08-aa98-11ea-b4aa-73b441d16380"),
        ("duration", "P1D"),
    ],
)
def test_no_format_takes_a_newline_at_the_end(name, value):
    assert errors({"format": name}, value) == []
    assert len(errors({"format": name}, value + "\n")) == 1


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (b"x", ""),
        ("\ud800", ""),
        ({1: 2}, ""),
        ({"a": [b"x"]}, "/a/0"),
        ({"a": ["\ud800"]}, "/a/0"),
        ({"a": [{None: 1}]}, "/a/0"),
        ([object()], "/0"),
        ({"a": {"\ud800": 1}}, "/a"),
    ],
)
def test_a_value_outside_the_value_domain_is_an_error_and_no_exception(value, where):
    schema = {
        "properties": {"a": {"items": {"type": "string", "properties": {"b": True}}}},
        "items": {"type": "string"},
    }
    [error] = compile_schema(schema).validate(value)
    assert error.path == where


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ([], "expected a JSON Schema as an object"),
        ({"type": "strnig"}, r"/type: "),
        ({"pattern": "("}, "/pattern: expected a string of format"),
        ({"pattern": "a{99999999999999999999}"}, "/pattern"),
        ({"const": float("nan")}, "not a JSON value"),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, r"expected \$schema to be one of"),
        ({"$schema": "http://127.0.0.1:1/meta"}, r"expected \$schema to be one of"),
        ({"$schema": 7}, r"expected \$schema to be one of"),
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
        ({"$ref": "#"}, "leads in a circle"),
        ({"properties": {"a": {"not": {"$ref": "#/properties/a"}}}}, "leads in a circle"),
        ({"$dynamicRef": "#a", "$dynamicAnchor": "a"}, "leads in a circle"),
    ],
)
def test_an_unusable_schema_is_refused(schema, why):
    with pytest.raises(SchemaInvalid, match=why):
        compile_schema(schema)


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


class Draft:
    """Compiles schemas of one draft."""

    def __init__(self, uri):
        self._uri = uri

    def errors(self, schema, value):
        return errors({"$schema": self._uri, **schema}, value)

    def takes(self, schema, value):
        return self.errors(schema, value) == []


DRAFT_4 = Draft("http://json-schema.org/draft-04/schema#")
DRAFT_6 = Draft("http://json-schema.org/draft-06/schema#")
DRAFT_7 = Draft("http://json-schema.org/draft-07/schema#")
DRAFT_2019 = Draft("https://json-schema.org/draft/2019-09/schema")
DRAFT_2020 = Draft("https://json-schema.org/draft/2020-12/schema")


def test_a_schema_without_a_draft_is_of_2020_12():
    tuples = {"prefixItems": [{"type": "string"}]}
    assert errors(tuples, [1]) == DRAFT_2020.errors(tuples, [1]) == [("/0", "expected string, got 1")]


def test_draft_4_has_bounds_that_are_excluded_by_a_flag_and_integers_without_a_point():
    assert DRAFT_4.errors({"minimum": 1, "exclusiveMinimum": True}, 1) == [("", "expected more than 1, got 1")]
    assert DRAFT_4.errors({"type": "integer"}, 1.0) == [("", "expected integer, got 1.0")]
    assert DRAFT_4.takes({"const": 1}, 2)
    assert not DRAFT_4.takes({"definitions": {"a": {"id": "#a", "type": "string"}}, "$ref": "#a"}, 1)


def test_draft_6_has_const_and_excluded_bounds_but_no_conditions():
    assert DRAFT_6.errors({"exclusiveMinimum": 1}, 1) == [("", "expected more than 1, got 1")]
    assert not DRAFT_6.takes({"const": 1}, 2)
    assert DRAFT_6.takes({"type": "integer"}, 1.0)
    assert DRAFT_6.takes({"if": True, "then": False}, 1)


def test_draft_7_has_conditions_lists_of_items_and_nothing_beside_a_reference():
    assert not DRAFT_7.takes({"if": {"minimum": 1}, "then": {"maximum": 5}}, 9)
    assert DRAFT_7.errors({"items": [{"type": "string"}], "additionalItems": False}, [1]) == [
        ("/0", "expected string, got 1")
    ]
    assert DRAFT_7.takes({"$ref": "#/definitions/a", "definitions": {"a": True}, "type": "string"}, 1)
    assert not DRAFT_7.takes({"definitions": {"a": {"$id": "#a", "type": "string"}}, "$ref": "#a"}, 1)
    assert not DRAFT_7.takes({"dependencies": {"a": ["b"]}}, {"a": 1})


def test_draft_2019_09_has_anchors_and_keywords_beside_a_reference():
    assert not DRAFT_2019.takes({"$ref": "#/$defs/a", "$defs": {"a": True}, "type": "string"}, 1)
    assert not DRAFT_2019.takes({"$defs": {"a": {"$anchor": "a", "type": "string"}}, "$ref": "#a"}, 1)
    tree = {"properties": {"child": {"$recursiveRef": "#"}}, "required": ["name"]}
    assert DRAFT_2019.errors(tree, {"name": "a", "child": {}}) == [("/child", "'name' is required")]


def test_draft_2020_12_has_prefix_items_and_unevaluated_properties():
    assert DRAFT_2020.takes({"prefixItems": [{"type": "string"}], "items": False}, ["a"])
    assert not DRAFT_2020.takes({"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False}, {"b": 1})


@pytest.mark.parametrize(
    "spelling", ["http://json-schema.org/draft-07/schema", "https://json-schema.org/draft-07/schema#"]
)
def test_a_draft_is_known_with_and_without_its_hash_and_over_https(spelling):
    assert errors({"$schema": spelling, "if": True, "then": {"type": "string"}}, 1) != []


@pytest.mark.parametrize("written_in", [DRAFT_4, DRAFT_7, DRAFT_2020])
@pytest.mark.parametrize("about", [DRAFT_4, DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020])
def test_a_value_may_be_a_schema_of_any_draft(written_in, about):
    schema = {"properties": {"schema": {"$ref": about._uri}}}
    assert written_in.takes(schema, {"schema": {"type": "string"}})
    [(path, _)] = written_in.errors(schema, {"schema": {"type": "text"}})
    assert path == "/schema/type"


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
            "$ref": st.just("#/$defs/other"),
        },
    )


@examples(60, deadline=timedelta(seconds=10))
@given(schema=st.recursive(keywords(st.booleans()), keywords, max_leaves=8), value=VALUES)
@example(schema={"anyOf": [{"type": "string", "title": ""}]}, value=None)
def test_no_schema_and_no_value_raise_anything(schema, value):
    check_value(value)
    schema = {**schema, "$defs": {"other": {"properties": {"a": {"$ref": "#"}}}}} if isinstance(schema, dict) else {}
    for error in compile_schema(schema).validate(value):
        assert isinstance(error, SchemaError)
        assert error.path == "" or error.path.startswith("/")
        assert error.message


@given(name=FORMATS, value=st.text())
def test_no_string_makes_a_format_raise(name, value):
    compile_schema({"format": name}).validate(value)


def test_an_index_of_thousands_of_digits_leads_nowhere():
    with pytest.raises(SchemaInvalid, match="leads nowhere"):
        compile_schema({"$ref": f"#/allOf/{'9' * 5000}", "allOf": [{}]})
