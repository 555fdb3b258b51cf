"""Decisions asked for by their schema: the questions, accepted entries, and repeated questions."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjourn.actors.cli.demo import SHIPPING
from adjourn.actors.cli.prompt import Decision, Declined, Question, decide
from adjourn.protocol.schema import compile_schema

APPROVAL = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean"},
        "reason": {"type": "string", "description": "For the customer."},
    },
    "required": ["approved"],
}


class Unanswered(Exception):
    """There were too few entries. Its argument is the open question."""


def answered(schema: dict[str, Any], *entries: str) -> tuple[Decision | Declined, list[Question]]:
    """Return the decision from these entries, and the questions asked."""
    walk, asked, left = decide(schema), list[Question](), list(entries)
    try:
        question = next(walk)
        while True:
            asked.append(question)
            if not left:
                raise Unanswered(question)
            question = walk.send(left.pop(0))
    except StopIteration as end:
        assert not left, f"not asked for: {left}"
        return end.value, asked


def decided(schema: dict[str, Any], *entries: str) -> Any:
    result, _ = answered(schema, *entries)
    assert isinstance(result, Decision)
    return result.value


def shown(questions: Sequence[Question]) -> str:
    return "\n".join("\n".join([*question.lines, question.prompt]) for question in questions)


def an_object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


@pytest.mark.parametrize("entry", ["y", "Y", "yes", "true"])
def test_a_boolean_is_y_or_n_and_an_optional_part_is_left_out_by_an_empty_entry(entry: str) -> None:
    assert decided(APPROVAL, entry, "") == {"approved": True}
    assert decided(APPROVAL, "n", "too late") == {"approved": False, "reason": "too late"}


def test_a_question_says_its_name_what_is_expected_and_what_for() -> None:
    _, asked = answered(APPROVAL, "y", "")
    assert asked == [
        Question("approved (y/n): "),
        Question("reason (optional): ", ("For the customer.",)),
    ]


def test_a_wrong_entry_is_asked_again_with_what_was_expected() -> None:
    _, asked = answered(APPROVAL, "maybe", "y", "")
    assert asked[1] == Question("approved (y/n): ", ("Expected y or n.",))
    schema = an_object("count", count={"type": "integer", "minimum": 2})
    result, asked = answered(schema, "", "two", "1", "2.5", "7")
    assert result == Decision({"count": 7})
    assert [question.lines for question in asked[1:]] == [
        ("An entry is needed here.",),
        ("Expected a whole number, not too large.",),
        ("Expected at least 2, got 1.",),
        ("Expected integer, got 2.5.",),
    ]


def test_an_entry_is_judged_by_the_draft_of_the_whole_schema() -> None:
    schema = an_object("count", count={"type": "integer", "minimum": 2, "exclusiveMinimum": True})
    _, asked = answered({"$schema": "http://json-schema.org/draft-04/schema#", **schema}, "2", "3")
    assert asked[1].lines == ("Expected more than 2, got 2.",)


@pytest.mark.parametrize("entry", ["nan", "inf", "1e999", "9" * 30])
def test_a_number_that_the_wire_does_not_carry_is_asked_again(entry: str) -> None:
    assert decided({"type": "number"}, entry, "-1.5") == -1.5


def test_an_enum_is_a_menu_by_number_or_by_name() -> None:
    schema = an_object("speed", speed={"enum": ["slow", "fast", 3]})
    assert decided(schema, "2") == {"speed": "fast"}
    assert decided(schema, "0", "4", "SLOW") == {"speed": "slow"}
    assert decided(schema, "3") == {"speed": 3}
    _, asked = answered(schema, "1")
    assert asked == [Question("speed (1-3): ", ("  1  slow", "  2  fast", "  3  3"))]


def test_one_of_is_a_menu_of_titles_and_fills_in_the_tag() -> None:
    result, asked = answered(SHIPPING, "1", "", "12 Main Street", "n")
    assert result == Decision({"method": "courier", "address": "12 Main Street", "express": False})
    assert asked[0] == Question("decision (1-2): ", ("  1  Courier", "  2  Pickup"))
    assert decided(SHIPPING, "pickup", "the corner shop") == {"method": "pickup", "point": "the corner shop"}


def test_a_menu_without_titles_shows_tags_and_then_types() -> None:
    tagged = {"anyOf": [an_object("kind", kind={"const": "a"}), an_object("kind", kind={"const": "b"})]}
    assert decided(tagged, "b") == {"kind": "b"}
    schema = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert decided(schema, "integer", "5") == 5
    assert decided(schema, "2", "5") == "5"
    assert decided({"type": ["string", "integer"], "title": "T"}, "integer", "5") == 5


def test_a_discriminated_union_of_structs_is_walked() -> None:
    class Card(msgspec.Struct, tag=True):
        number: str

    class Cash(msgspec.Struct, tag=True):
        amount: float
        note: str | None = None

    schema = msgspec.json.schema(Card | Cash)
    assert decided(schema, "Cash", "12.5", "") == {"type": "Cash", "amount": 12.5}


def test_something_or_null_is_asked_for_as_something_that_may_be_left_out() -> None:
    maybe = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert decided(an_object(note=maybe), "") == {}
    assert decided(an_object("note", note=maybe), "") == {"note": None}
    assert decided(an_object("note", note=maybe), "x") == {"note": "x"}


def test_nested_objects_and_optional_ones() -> None:
    address = an_object("street", street={"type": "string"}, zip={"type": "string", "pattern": "^[0-9]{5}$"})
    schema = an_object("home", home=address, work=address)
    result, asked = answered(schema, "A Street", "x", "12345", "n")
    assert result == Decision({"home": {"street": "A Street", "zip": "12345"}})
    assert [question.prompt for question in asked] == [
        "home.street: ",
        "home.zip (optional): ",
        "home.zip (optional): ",
        "work: give one? (y/N): ",
    ]
    assert decided(schema, "A", "", "y", "B", "")["work"] == {"street": "B"}


def test_arrays_end_with_an_empty_entry_but_not_before_they_may() -> None:
    schema = an_object("tags", tags={"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3})
    assert decided(schema, "", "a", "b", "") == {"tags": ["a", "b"]}
    assert decided(schema, "a", "b", "c") == {"tags": ["a", "b", "c"]}


def test_an_invalid_list_is_explained_and_asked_for_again() -> None:
    schema = an_object("n", n={"type": "array", "items": {"type": "integer"}, "uniqueItems": True})
    result, asked = answered(schema, "1", "1", "", "1", "2", "")
    assert result == Decision({"n": [1, 2]})
    assert "differ from each other" in shown(asked[3:4])


def test_an_invalid_decision_is_explained_and_asked_for_again() -> None:
    schema = {
        "type": "object",
        "properties": {"low": {"type": "integer"}, "high": {"type": "integer"}},
        "minProperties": 1,
    }
    result, asked = answered(schema, "", "", "", "5")
    assert result == Decision({"high": 5})
    assert asked[2].lines == ("The decision is invalid:", "  Expected at least 1 properties, got 0.", "Try again:")


def test_references_and_all_of_are_followed_also_where_they_recur() -> None:
    schema: dict[str, Any] = {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": an_object("name", name={"allOf": [{"$ref": "#/$defs/Name"}]}, next={"$ref": "#/$defs/Node"}),
            "Name": {"type": "string", "minLength": 2, "description": "At least two letters."},
        },
    }
    result, asked = answered(schema, "a", "ab", "y", "cd", "n")
    assert result == Decision({"name": "ab", "next": {"name": "cd"}})
    assert asked[0].lines == ("At least two letters.",)
    assert asked[1].lines == ("Expected at least 2 characters, got 1.",)


def test_free_names_are_asked_for_one_by_one() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert decided(schema, "a", "1", "b", "2", "") == {"a": 1, "b": 2}


def test_a_value_without_a_type_is_entered_as_json() -> None:
    result, asked = answered({}, "{", '{"a": [1]}')
    assert result == Decision({"a": [1]})
    assert asked[1].lines[0].startswith("Expected JSON")
    assert decided({"type": "object"}, '{"x": 1}') == {"x": 1}


def test_the_empty_string_can_be_given() -> None:
    assert decided(an_object("s", s={"type": "string"}), '""') == {"s": ""}


def test_decline_is_understood_at_any_question_with_and_without_a_reason() -> None:
    assert answered(APPROVAL, "/decline")[0] == Declined(None)
    assert answered(APPROVAL, "y", "/decline  not today ")[0] == Declined("not today")


def test_again_begins_anew() -> None:
    assert decided(APPROVAL, "n", "/again", "y", "") == {"approved": True}


SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "boolean"},
        {"enum": ["a", "b"]},
        {"const": 1},
        {},
        {"type": "null"},
    ]
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches}),
        st.dictionaries(st.sampled_from("pqr"), inner, max_size=3).map(
            lambda parts: {"type": "object", "properties": parts, "required": sorted(parts)[:1]}
        ),
        inner.map(lambda items: {"type": "array", "items": items, "maxItems": 3}),
    ),
    max_leaves=6,
)


@given(SCHEMAS, st.lists(st.sampled_from(["", "y", "n", "1", "2", "a", "{}", "[", '""', "3.5"]), max_size=30))
def test_any_entries_give_a_valid_decision_or_none(schema: dict[str, Any], entries: list[str]) -> None:
    try:
        result, _ = answered(schema, *entries)
    except (Unanswered, AssertionError):
        return
    assert isinstance(result, Decision)
    assert compile_schema(schema).validate(result.value) == []
