"""Patterns: what they match, that no match takes forever, and that giving up is an error."""

import pytest

from adjourn.protocol.schema import SchemaInvalid, compile_schema, patterns

# Matched by backtracking: a match may begin at each of 5,000 characters, and reads all later ones each time.
SLOW, LONG = "(?=.*x)y", "a" * 5000


def errors(schema, value):
    return [(error.path, error.message) for error in compile_schema(schema).validate(value)]


def fits(schema, value):
    return errors(schema, value) == []


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^[0-9]{4}$", "1234", "1234\n"),
        (r"^\d+$", "5", "٥"),
        (r"^\w+$", "a_1", "é"),
        (r"^\p{L}+$", "é", "1"),
        (r"^[\d.]+$", "1.5", "1,5"),
        ("^.$", "\U0001f600", "\n"),
        ("a", "bab", "b"),
        (r"\u0041", "A", "a"),
        (r"^\S+@\S+\.\S+$", "a@b.example", "a@b"),
        ("^(?!draft-)", "final-1", "draft-1"),
        (r"^(?=.*\d)(?=.*[a-z]).{8,}$", "abcdefg1", "abcdefgh"),
        (r"^(.)\1$", "aa", "ab"),
        (r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@[a-z]+\.[a-z]+$", "a.b@c.example", "a..b@c.example"),
    ],
)
def test_a_pattern_means_what_ecma_262_says(pattern, good, bad):
    assert fits({"pattern": pattern}, good)
    assert errors({"pattern": pattern}, bad)[0][1].startswith("expected a match of the pattern ")
    assert fits({"patternProperties": {pattern: False}}, {bad: 1})
    assert not fits({"patternProperties": {pattern: False}}, {good: 1})
    assert fits({"patternProperties": {pattern: True}, "additionalProperties": False}, {good: 1})
    assert not fits({"patternProperties": {pattern: True}, "additionalProperties": False}, {bad: 1})


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a*)*$", r"^(\w+\s?)*$", "(a|a)*b", "(x|(a+))+!", "(.*)(.*)(.*)x"])
def test_no_repeat_in_a_repeat_takes_for_ever(pattern):
    """For Python's `re` these are 2^30 steps and more."""
    value = "a" * 100_000 + "?"
    assert not fits({"pattern": f"^(?:{pattern})$"}, value)
    assert not fits({"patternProperties": {f"^(?:{pattern})$": True}, "additionalProperties": False}, {value: 1})


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "(?<!", r"\Z", "(?=a)(", "[b-a]"])
def test_an_invalid_pattern_is_refused(pattern):
    with pytest.raises(SchemaInvalid, match="/p/pattern"):
        compile_schema({"properties": {"p": {"pattern": pattern}}})
    with pytest.raises(SchemaInvalid, match="/patternProperties"):
        compile_schema({"patternProperties": {pattern: True}})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": SLOW}, LONG),
        ({"not": {"pattern": SLOW}}, LONG),
        ({"properties": {"a": {"items": {"pattern": SLOW}}}}, {"a": ["yx", LONG]}),
        ({"oneOf": [{"pattern": SLOW}, {"type": "string"}]}, LONG),
        ({"anyOf": [{"pattern": SLOW}, {"minLength": 9000}]}, LONG),
        ({"if": {"pattern": SLOW}, "then": False}, LONG),
        ({"propertyNames": {"pattern": SLOW}}, {LONG: 1}),
        ({"patternProperties": {SLOW: False}}, {LONG: 1}),
        ({"patternProperties": {SLOW: True}, "additionalProperties": False}, {LONG: 1}),
        ({"not": {"patternProperties": {SLOW: False}}}, {LONG: 1}),
        ({"$ref": "#/$defs/slow", "$defs": {"slow": {"pattern": SLOW}}}, LONG),
    ],
)
def test_a_match_that_takes_too_long_is_told_and_neither_a_yes_nor_a_no(schema, value):
    [(_, message)] = errors(schema, value)
    assert message.startswith('matching "aaaa')
    assert message.endswith(f'… with the pattern "{SLOW}" takes too long')


def test_a_refusal_for_another_reason_does_not_mention_undecided_patterns():
    assert errors({"items": {"pattern": SLOW}}, ["b", LONG]) == [
        ("/0", f'expected a match of the pattern "{SLOW}", got "b"')
    ]


def test_each_match_by_backtracking_has_a_bound_that_shrinks_with_its_text():
    steps = [patterns._steps("a" * length) for length in (0, 10, 100, 1000, 10_000, 1_000_000)]
    assert steps == sorted(steps, reverse=True)
    assert all(steps[place] * length <= patterns.MAX_MATCH_WORK for place, length in enumerate((0, 10, 100, 1000)))
    assert steps[-1] >= 1


def test_many_matches_that_each_take_long_are_given_up_together():
    schema = {"items": {"pattern": SLOW}}
    assert errors(schema, ["yx"] * 1000) == []
    texts = ["a" * 1000 + "yx"] * patterns.MAX_HARD
    assert errors(schema, texts) == []
    assert "takes too long" in errors(schema, [*texts, texts[0]])[0][1]


def test_look_around_at_a_fixed_place_does_not_care_how_long_a_text_is():
    assert fits({"pattern": "^(?!.*secret)"}, "nothing to see " * 4000)
    assert not fits({"pattern": "^(?!.*secret)"}, "nothing to see " * 4000 + "secret")


def test_a_text_that_is_too_long_for_backtracking_is_not_decided():
    assert "takes too long" in errors({"pattern": "^(?!a)"}, "b" * (patterns.MAX_CHARS + 1))[0][1]
    assert fits({"pattern": "^[^a]"}, "b" * (patterns.MAX_CHARS + 1))


def test_a_text_that_no_look_around_looks_at_may_be_as_long_as_it_wants():
    schema = {"properties": {"email": {"pattern": SLOW}, "body": {"type": "string"}}}
    assert fits(schema, {"email": "yx", "body": LONG})


def test_an_interrupted_match_is_not_a_mismatch(monkeypatch):
    def interrupted(pattern, text):
        raise KeyboardInterrupt

    schema = compile_schema({"not": {"pattern": "(?=a)b"}})
    monkeypatch.setattr(patterns, "matches", interrupted)
    with pytest.raises(KeyboardInterrupt):
        schema.validate("b")
