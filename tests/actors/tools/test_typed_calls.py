"""Arguments and decisions arrive as the types that were declared."""

import dataclasses
import datetime
from typing import Any, Literal, NotRequired, TypedDict

import msgspec
import pydantic
import pytest
from onecall import OBJECT, YES_NO, Node, good, run, said

from adjourn.actors.tools import (
    Tool,
    ToolContext,
    ToolDefinitionError,
    make_tool,
    tool,
)
from adjourn.protocol.schema import compile_schema


async def test_arguments_arrive_decoded_with_their_defaults() -> None:
    got: list[Any] = []

    @tool
    async def plan(day: datetime.date, tree: Node, level: int, by_number: dict[int, str], note: str = "none") -> None:
        got.extend([day, tree, level, by_number, note])

    arguments: dict[str, Any] = {
        "day": "2030-05-06",
        "tree": {"name": "a", "children": [{"name": "b"}]},
        "level": 3.0,  # JSON Schema counts 3.0 as an integer
        "by_number": {"7": "x"},
    }
    assert compile_schema(plan.spec.parameters).validate(arguments) == []
    outcome = await run(plan, arguments)
    assert not outcome.is_error, outcome
    assert got == [datetime.date(2030, 5, 6), Node("a", [Node("b")]), 3, {7: "x"}, "none"]
    assert type(got[2]) is int


@pytest.mark.parametrize(
    "change",
    [
        *({}, {"count": 2.0}, {"price": 3}, {"sure": False}, {"word": "é"}, {"count": None}),
        *({"count": True}, {"price": "1"}, {"sure": 1}, {"word": 1}, {"word": None}, {"other": 1}),
    ],
    ids=repr,
)
@pytest.mark.parametrize("without", ["", "word", "count"])
async def test_texts_and_numbers_arrive_as_beside_a_parameter_of_another_type(
    change: dict[str, Any], without: str
) -> None:
    got: list[Any] = []

    @tool(name="t")
    async def plain(count: int, price: float, sure: bool, word: str = "none") -> None:
        got.append(repr([count, price, sure, word]))

    @tool(name="t")
    async def beside(count: int, price: float, sure: bool, word: str = "none", tree: Node | None = None) -> None:
        got.append(repr([count, price, sure, word]))

    arguments = {"count": 2, "price": 2.5, "sure": True, "word": "x", **change}
    arguments.pop(without, None)
    outcomes = [await run(each, arguments) for each in (plain, beside)]
    assert outcomes[0] == outcomes[1]
    assert got[1:] == got[:1]


async def test_text_in_a_union_stays_text() -> None:
    @tool
    async def say(word: Literal["1", 1], other: Literal["null"] | None) -> str:
        return f"{word!r} {other!r}"

    assert said(await run(say, {"word": "1", "other": "null"})) == "'1' 'null'"


class StructDecision(msgspec.Struct):
    yes: bool
    note: str = "-"


@dataclasses.dataclass
class DataclassDecision:
    yes: bool
    note: str = "-"


class TypedDictDecision(TypedDict):
    yes: bool
    note: NotRequired[str]


class PydanticDecision(pydantic.BaseModel):
    yes: bool
    note: str = pydantic.Field("-", description="Why.")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (StructDecision, StructDecision(True)),
        (DataclassDecision, DataclassDecision(True)),
        (TypedDictDecision, {"yes": True}),
        (PydanticDecision, PydanticDecision(yes=True)),
        (YES_NO, {"yes": True}),
        (bool, True),
    ],
    ids=["struct", "dataclass", "typeddict", "pydantic", "schema", "bool"],
)
async def test_a_decision_arrives_as_the_type_that_was_declared(kind: Any, expected: Any) -> None:
    got: list[Any] = []

    @tool(decision=kind)
    async def gated(order: int, decision: Any, context: ToolContext) -> str:
        got.extend([order, decision, context.decision])
        return ""

    plain = True if kind is bool else {"yes": True}
    schema = compile_schema(gated.spec.decision or {})
    assert schema.validate(plain) == []
    assert schema.validate({"yes": "perhaps"}) != []
    assert not (await run(gated, {"order": 7}, plain)).is_error
    assert got == [7, expected, expected]
    assert type(got[1]) is type(expected)


def listens(decision: Any) -> str:
    return ""


def test_a_decisions_outermost_object_is_not_behind_a_reference() -> None:
    for kind in (StructDecision, DataclassDecision, TypedDictDecision, PydanticDecision):
        schema = tool(decision=kind)(listens).spec.decision
        assert schema is not None
        assert set(schema["properties"]) == {"yes", "note"}
        assert "$defs" not in schema


class Courier(msgspec.Struct, tag_field="method", tag="courier"):
    address: str


class Pickup(msgspec.Struct, tag_field="method", tag="pickup"):
    point: str


async def test_a_decision_may_be_a_tagged_union() -> None:
    @tool(decision=Courier | Pickup)
    async def ship(decision: Courier | Pickup) -> str:
        return repr(decision)

    plain = {"method": "pickup", "point": "P1"}
    assert compile_schema(ship.spec.decision or {}).validate(plain) == []
    assert said(await run(ship, {}, plain)) == "Pickup(point='P1')"


async def test_a_call_that_was_not_gated_gets_no_decision() -> None:
    @tool(decision=StructDecision, decision_when=lambda arguments: arguments["amount"] > 10)
    async def pay(amount: int, decision: StructDecision | None) -> str:
        return repr(decision)

    assert pay.decision_when is not None
    assert (pay.decision_when({"amount": 5}), pay.decision_when({"amount": 50})) == (False, True)
    assert said(await run(pay, {"amount": 5})) == "None"


def test_decision_when_must_not_be_async() -> None:
    async def ask(arguments: dict[str, Any]) -> bool:
        return True

    with pytest.raises(ToolDefinitionError, match="decision_when must be a sync function"):
        tool(decision=YES_NO, decision_when=ask)(good)  # type: ignore[arg-type]


class Picky(pydantic.BaseModel):
    n: int

    @pydantic.field_validator("n")
    @classmethod
    def _even(cls, n: int) -> int:
        if n % 2:
            raise ValueError("n must be even")
        return n


async def test_a_decision_that_only_its_type_refuses_is_an_error_result() -> None:
    executed: list[Any] = []

    @tool(decision=Picky)
    async def gated(decision: Picky) -> None:
        executed.append(decision)

    outcome = await run(gated, {}, {"n": 3})
    assert outcome.is_error
    assert "n must be even" in said(outcome)
    assert executed == []


def changes(given: dict[str, Any]) -> str:
    given["to"]["n"] = 2
    return ""


@tool(decision=dict[str, Any])
async def typed(to: dict[str, Any], decision: dict[str, Any]) -> str:
    """Change a typed argument and a typed decision."""
    return changes({"to": to}) + changes(decision)


async def change(arguments: dict[str, Any], context: ToolContext) -> str:
    return changes(arguments) + changes(context.decision)


@pytest.mark.parametrize(
    "changing", [typed, make_tool("change", "", OBJECT, change, decision=OBJECT)], ids=["typed", "plain"]
)
async def test_what_a_tool_changes_in_its_arguments_and_decision_is_its_own_copy(changing: Tool) -> None:
    arguments, decision = {"to": {"n": 1}}, {"to": {"n": 1}}
    assert not (await run(changing, arguments, decision)).is_error
    assert arguments == decision == {"to": {"n": 1}}
