"""The explainer explains what the judge decided: jsonschema compared with jsonschema-rs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from adjourn.protocol.schema.compiled import compile_schema
from adjourn.protocol.schema.explainer import Explainer
from adjourn.protocol.schema.judge import DRAFTS, judge_of

NAMES = st.sampled_from(["a", "b", "ab", "é"])
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([-1.0, 0.0, 0.5, 2.0, 19.99, 1e300, -0.0]),
    st.sampled_from(["", "a", "é!", "1234", "1234\n", "٣", "2026-01-02", "12:00:00Z\n", "a@b.example", "\U0001f600"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)
SIZES = st.integers(0, 3)
BOUNDS = st.one_of(st.integers(-2, 2), st.sampled_from([-1.5, 0.0, 1.0]))
PATTERNS = st.sampled_from(["^a", ".", r"^\d+$", "^[0-9]{4}$", "^(?!a)", r"^\w+$", "(a+)+$"])
FORMATS = st.sampled_from(["date", "date-time", "time", "uri", "iri", "email", "uuid", "regex", "ipv4", "nonsense"])
NEWER = ("Draft201909Validator", "Draft202012Validator")


def keywords_of(draft: str, inner: st.SearchStrategy, unevaluated: bool) -> dict[str, st.SearchStrategy]:
    """Return keywords of that draft's schemas, each with values to check."""
    some = st.lists(inner, min_size=1, max_size=2)
    keywords = {
        "type": st.one_of(TYPES, st.lists(TYPES, min_size=1, max_size=3, unique=True)),
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "required": st.lists(NAMES, min_size=1, max_size=2, unique=True),
        "additionalProperties": inner,
        "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
        "items": inner,
        "enum": st.lists(VALUES, min_size=1, max_size=3, unique_by=repr),
        **dict.fromkeys(["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"], SIZES),
        **dict.fromkeys(["minimum", "maximum"], BOUNDS),
        **dict.fromkeys(["anyOf", "oneOf", "allOf"], some),
        "not": inner,
        "pattern": PATTERNS,
        "format": FORMATS,
        "multipleOf": st.sampled_from([0.01, 0.5, 1, 2]),
        "uniqueItems": st.booleans(),
        "$ref": st.just("#/definitions/other"),
    }
    if draft != "Draft4Validator":
        keywords |= dict.fromkeys(["exclusiveMinimum", "exclusiveMaximum"], BOUNDS)
        keywords |= {"const": VALUES, "contains": inner, "propertyNames": inner}
    if draft not in ("Draft4Validator", "Draft6Validator"):
        keywords |= {"if": inner, "then": inner, "else": inner}
    if draft in NEWER:
        keywords |= {
            "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=1), max_size=1),
            "dependentSchemas": st.dictionaries(NAMES, inner, max_size=1),
            "minContains": SIZES,
            "maxContains": SIZES,
        }
    else:
        keywords["dependencies"] = st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=1) | inner, max_size=1)
    if unevaluated:
        keywords |= {"unevaluatedProperties": inner, "unevaluatedItems": inner}
    if draft == "Draft202012Validator":
        keywords["prefixItems"] = some
    else:
        keywords |= {"items": inner | some, "additionalItems": inner}
    return keywords


def schemas(draft: str, *, unevaluated: bool = False) -> st.SearchStrategy:
    def few(inner: st.SearchStrategy) -> st.SearchStrategy:
        known = keywords_of(draft, inner, unevaluated)
        names = st.lists(st.sampled_from(sorted(known)), max_size=4, unique=True)
        return names.flatmap(lambda chosen: st.fixed_dictionaries({name: known[name] for name in chosen}))

    leaf = st.just({}) if draft == "Draft4Validator" else st.booleans()
    parts = st.recursive(leaf, few, max_leaves=8)
    other = few(leaf).map(lambda schema: {name: schema[name] for name in schema if name != "$ref"})
    return st.tuples(few(parts), other).map(
        lambda pair: {**pair[0], "definitions": {"other": pair[1]}, "$schema": DRAFTS[draft]}
    )


LEAVES = [
    *({"type": name} for name in ("object", "array", "string", "integer", "number", "boolean", "null")),
    *({"format": name} for name in ("date", "time", "date-time", "uri", "iri", "email", "uuid", "regex", "nonsense")),
    *({"pattern": text} for text in ("^a", r"^\d+$", "^[0-9]{4}$", "^(?!a)", r"^\w+$", "^.$", "(a+)+$")),
    *({"multipleOf": number} for number in (0.01, 0.1, 0.5, 2, 1e-300)),
    *({"enum": [choice]} for choice in (1, 1.0, True, 0, False, None, "a", [1], [True], {"a": 1}, {"a": True})),
    *({key: 1} for key in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")),
    *({key: 1} for key in ("minimum", "maximum")),
    {"uniqueItems": True},
]
PLAIN = [
    *(None, True, False, 0, 1, -1, 1.0, 0.5, 19.99, 0.015, 1e300, 2**53),
    *("", "a", "é", "1234", "1234\n", "٣", "\U0001f600"),
    *("2026-01-02", "12:00:00Z", "12:00:00Z\n", "2026-01-02T03:04:05Z\n", "a@b.example", "/x\n", "https://a.example/ö"),
    *([], [1], [True], [1, 1.0], [1, True], [{"a": 1}, {"a": 1.0}], {}, {"a": 1}, {"a": True}, {"a": 1, "b": 2}),
]


@pytest.mark.parametrize("draft", DRAFTS)
def test_both_refuse_the_same_plain_values_under_each_keyword(draft):
    for leaf in LEAVES:
        schema = {**leaf, "$schema": DRAFTS[draft]}
        judge, explainer = judge_of(schema), Explainer(schema, draft)
        refused = [value for value in PLAIN if not judge.fits(value)]
        assert [value for value in PLAIN if explainer.errors(value)] == refused, leaf


@pytest.mark.parametrize("draft", DRAFTS)
@examples(300)
@given(data=st.data())
def test_both_refuse_the_same_values(draft, data):
    schema = data.draw(schemas(draft))
    judge, explainer = judge_of(schema), Explainer(schema, draft)
    for value in data.draw(st.lists(VALUES, min_size=1, max_size=6)):
        assert judge.fits(value) == (explainer.errors(value) == []), value


@pytest.mark.parametrize("draft", NEWER)
@examples(150)
@given(data=st.data())
def test_every_refusal_has_a_reason_and_the_judge_decides(draft, data):
    """jsonschema counts some evaluated parts as unevaluated, and is not used for those beside patterns."""
    schema, value = data.draw(schemas(draft, unevaluated=True)), data.draw(VALUES)
    reasons = compile_schema(schema).validate(value)
    assert (reasons == []) == judge_of(schema).fits(value)
    assert all(reason.message for reason in reasons)


def test_where_the_explainer_finds_nothing_the_judge_tells_its_own_error():
    schema = {"properties": {"a": {"patternProperties": {"^x": True}, "unevaluatedProperties": False}}}
    [error] = compile_schema(schema).validate({"a": {"x1": 1, "b": 2}})
    assert error.path == "/a"
    assert error.message == "Unevaluated properties are not allowed ('b' was unexpected)"


def test_a_value_too_deep_to_explain_is_refused_with_a_reason():
    schema = {
        "patternProperties": {"^x": True},
        "properties": {"a": {"$ref": "#"}},
        "unevaluatedProperties": False,
        "type": "object",
    }
    value = {"b": 1}
    for _ in range(30):
        value = {"a": value}
    [error] = compile_schema(schema).validate(value)
    assert "nested too deeply" in error.message
