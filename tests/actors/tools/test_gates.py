"""Gates: which calls wait, who sees the decision, and that a no never executes the tool."""

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Any

import pytest
import trio
from onecall import OBJECT, YES_NO, good, run, said

from adjourn.actors.testing import tool_context
from adjourn.actors.tools import (
    Tool,
    ToolContext,
    ToolDefinitionError,
    client_tool,
    execute,
    gate_of,
    make_tool,
    tool,
)
from adjourn.protocol.record import OnExpiry
from adjourn.protocol.schema import compile_schema

APPROVED, DENIED = {"approved": True}, {"approved": False}


# Gates whose decision the tool doesn't take.


def test_a_tool_that_asks_for_a_decision_must_be_able_to_see_it() -> None:
    def delete_all(path: str) -> None: ...

    async def delete_soon(path: str) -> None: ...

    for function in (delete_all, delete_soon, functools.partial(delete_all, path="/")):
        with pytest.raises(ToolDefinitionError, match=r"tool t: .*parameter named 'decision'.*approval=True"):
            tool(decision={"type": "boolean"}, name="t")(function)


def test_a_decision_is_seen_by_a_parameter_or_in_the_context() -> None:
    @tool(decision=YES_NO)
    def by_parameter(decision: Any) -> None: ...

    @tool(decision=YES_NO)
    def by_context(context: ToolContext) -> None: ...

    assert by_parameter.spec.decision == by_context.spec.decision == YES_NO


@pytest.mark.parametrize("options", [{}, {"approval": True}, {"decision": None}, {"runs": "client"}])
def test_a_model_never_fills_in_a_decision(options: dict[str, Any]) -> None:
    def delete_all(path: str, decision: bool) -> None: ...

    with pytest.raises(ToolDefinitionError, match=r"tool delete_all: a parameter named 'decision' .*approve itself"):
        tool(**options)(delete_all)


def test_tools_that_bring_their_own_schemas_are_free_to_ask() -> None:
    mine = {"type": "object", "properties": {"decision": {"type": "string"}}}
    assert make_tool("t", "", mine, lambda arguments, context: "", decision=YES_NO).spec.decision == YES_NO
    assert client_tool("t", "", mine, decision=YES_NO).spec.decision == YES_NO


def test_the_client_that_executes_a_tool_sees_the_decision() -> None:
    @tool(runs="client", decision=YES_NO)
    def pick(kind: str) -> str: ...  # type: ignore[empty-body]

    @tool(runs="client", decision=YES_NO)
    def choose(kind: str, decision: Any) -> str: ...  # type: ignore[empty-body]

    assert pick.spec.decision == choose.spec.decision == YES_NO
    assert list(choose.spec.parameters["properties"]) == ["kind"]


# Approvals.


def approved(**options: Any) -> tuple[Tool, list[str]]:
    done: list[str] = []

    @tool(approval=True, **options)
    async def wipe(disk: str) -> str:
        done.append(disk)
        return "wiped"

    return wipe, done


def test_an_approval_is_a_yes_or_no_with_a_reason() -> None:
    wipe, _ = approved()
    assert wipe.spec.approval
    assert wipe.spec.decision is not None
    schema = compile_schema(wipe.spec.decision)
    for valid in (APPROVED, DENIED, {"approved": False, "reason": "not today"}):
        assert schema.validate(valid) == []
    for invalid in ({}, {"approved": "yes"}, {"approved": 1}, {"reason": "x"}, {**APPROVED, "more": 1}, True):
        assert schema.validate(invalid) != []


async def test_a_yes_executes() -> None:
    wipe, done = approved()
    assert said(await run(wipe, {"disk": "a"}, APPROVED)) == "wiped"
    assert done == ["a"]


@pytest.mark.parametrize("no", [DENIED, {}, {"approved": 1}, {"approved": "true"}, False, True, "approved", [True], 0])
async def test_a_no_that_reaches_the_tool_is_still_a_decline(no: Any) -> None:
    wipe, done = approved()
    outcome = await run(wipe, {"disk": "a"}, no)
    assert (outcome.is_error, said(outcome), done) == (True, "This call was declined.", [])


async def test_the_reason_of_a_no_is_told() -> None:
    wipe, _ = approved()
    outcome = await run(wipe, {"disk": "a"}, {"approved": False, "reason": "it is in use"})
    assert said(outcome) == "This call was declined: it is in use"


async def test_a_call_that_must_be_asked_for_is_not_executed_without_an_answer() -> None:
    done: list[Any] = []

    async def body(arguments: dict[str, Any], context: ToolContext) -> None:
        done.append(context.decision)

    for options in ({"approval": True}, {"decision": YES_NO}):
        outcome = await run(make_tool("t", "", OBJECT, body, **options))
        assert said(outcome) == "t was not executed: it needs a decision, and nobody has decided"
    assert done == []
    assert not (await run(make_tool("t", "", OBJECT, body, decision={"type": "null"}))).is_error
    assert not (await run(make_tool("t", "", OBJECT, body, approval=lambda arguments: False))).is_error
    assert not (await run(make_tool("t", "", OBJECT, body, decision=YES_NO, decision_when=lambda a: False))).is_error


async def test_the_function_may_see_who_approved_and_why() -> None:
    @tool(approval=True)
    async def wipe(context: ToolContext) -> str:
        return f"{context.decision} {context.decided_by} {context.started_by}"

    context = tool_context("wipe", started_by="ann", decided_by="bob")
    outcome = await execute(wipe, {}, APPROVED, context, max_result_bytes=1000)
    assert said(outcome) == "{'approved': True} bob ann"
    assert (tool_context().started_by, tool_context().decided_by) == (None, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"approval": True, "decision": YES_NO}, "excludes decision"),
        ({"approval": lambda arguments: True, "decision": YES_NO}, "excludes decision"),
        ({"approval": True, "decision_when": lambda arguments: True}, "excludes decision"),
        ({"approval": "yes"}, "approval must be True, False or a sync function"),
        ({"approval": None}, "approval must be True, False or a sync function"),
        ({"approval": 1}, "approval must be True, False or a sync function"),
        ({"approval": False, "decision_timeout_s": 5}, "with a decision or an approval"),
        ({"approval": True, "on_expiry": OnExpiry(action="decide"), "decision_timeout_s": 5}, "default decision"),
    ],
)
def test_an_approval_excludes_other_decisions(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ToolDefinitionError, match=f"tool good: .*{words}"):
        tool(**options)(good)


async def asks_later(arguments: dict[str, Any]) -> bool:
    await trio.lowlevel.checkpoint()
    return False


def test_whether_to_ask_is_not_asked_asynchronously() -> None:
    with pytest.raises(ToolDefinitionError, match="sync function"):
        tool(approval=asks_later)(good)  # type: ignore[arg-type]


def test_a_client_tool_may_need_an_approval() -> None:
    made = client_tool("open_door", "", OBJECT, approval=True)
    assert (made.spec.runs, made.spec.approval) == ("client", True)


# Which calls are gated.

When = Callable[[dict[str, Any]], Any]


def asking(when: When, kind: str) -> Tool:
    options: dict[str, Any] = {"approval": when} if kind == "approval" else {"decision": YES_NO, "decision_when": when}
    return make_tool("t", "", OBJECT, lambda arguments, context: "", **options)


@pytest.mark.parametrize("kind", ["approval", "decision_when"])
def test_a_function_says_which_calls_ask(kind: str) -> None:
    made = asking(lambda arguments: arguments["amount"] > 10, kind)
    assert (gate_of(made, {"amount": 5}), gate_of(made, {"amount": 50})) == (False, True)
    assert made.spec.decision is not None


class Empty:
    """A function that Python counts as false, because its length is 0."""

    def __len__(self) -> int:
        return 0

    def __call__(self, arguments: dict[str, Any]) -> bool:
        return True


def test_a_function_that_counts_as_false_gates_all_the_same() -> None:
    made = tool(approval=Empty())(good)
    assert made.spec.approval
    assert gate_of(made, {})


def test_without_a_function_all_calls_of_a_gated_tool_ask() -> None:
    assert gate_of(approved()[0], {})
    assert gate_of(make_tool("t", "", OBJECT, lambda arguments, context: "", decision=YES_NO), {})
    assert not gate_of(make_tool("t", "", OBJECT, lambda arguments, context: ""), {})


class Unclear:
    def __bool__(self) -> bool:
        raise SystemExit

    def __repr__(self) -> str:
        return "unclear"


@pytest.mark.parametrize("kind", ["approval", "decision_when"])
@pytest.mark.parametrize("answer", [None, 0, "", [], "no", Unclear()], ids=repr)
def test_anything_but_a_bool_asks(answer: Any, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    assert gate_of(asking(lambda arguments: answer, kind), {})
    assert "tool t" in caplog.text


def test_a_coroutine_is_no_answer_and_asks() -> None:
    assert gate_of(asking(lambda arguments: asks_later(arguments), "approval"), {})


@pytest.mark.parametrize("kind", ["approval", "decision_when"])
@pytest.mark.parametrize(
    "error",
    [
        KeyError("amount"),
        SystemExit(0),
        asyncio.CancelledError(),
        GeneratorExit(),
        BaseExceptionGroup("several", [SystemExit(0), ValueError("no")]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_exception_in_a_gate_function_closes_the_gate(
    error: BaseException, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    def when(arguments: dict[str, Any]) -> bool:
        raise error

    with trio.CancelScope() as scope:  # noqa: ASYNC100  # also while the task is cancelled: it is not awaited
        scope.cancel()
        assert gate_of(asking(when, kind), {})
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("adjourn.tools", logging.ERROR)
    assert record.exc_info is not None


def test_ctrl_c_is_no_answer() -> None:
    def when(arguments: dict[str, Any]) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gate_of(asking(when, "approval"), {})


@pytest.mark.parametrize("kind", ["approval", "decision_when"])
def test_the_gate_function_cannot_change_the_arguments(kind: str) -> None:
    def when(arguments: dict[str, Any]) -> bool:
        arguments["to"]["name"] = "mallory"
        arguments["amount"] = 5
        return True

    arguments: dict[str, Any] = {"amount": 100, "to": {"name": "ann"}}
    assert gate_of(asking(when, kind), arguments)
    assert arguments == {"amount": 100, "to": {"name": "ann"}}


# Arguments that a decision may change.


def pay(amount: int, to: str) -> None: ...


@pytest.mark.parametrize(
    ("editable", "recorded"),
    [
        (True, True),
        (False, False),
        (["amount"], ("amount",)),
        (("amount", "to"), ("amount", "to")),
        ((name for name in ["to"]), ("to",)),
        ([], False),
    ],
    ids=["all", "none", "list", "tuple", "generator", "empty"],
)
def test_the_arguments_that_may_be_edited_are_recorded(editable: Any, recorded: Any) -> None:
    assert tool(approval=True, editable=editable)(pay).spec.editable == recorded


def test_nothing_is_editable_unless_it_is_said() -> None:
    assert tool(approval=True)(pay).spec.editable is False


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"editable": True}, "editable is for tools with a decision or an approval"),
        ({"editable": ["amount"]}, "editable is for tools with a decision or an approval"),
        ({"approval": True, "editable": ["sum"]}, "there is no parameter 'sum'"),
        ({"approval": True, "editable": "amount"}, "editable must be True, False or the names"),
        ({"approval": True, "editable": 1}, "editable must be True, False or the names"),
        ({"approval": True, "editable": None}, "editable must be True, False or the names"),
        ({"approval": True, "editable": [5]}, "editable"),
    ],
)
def test_only_arguments_behind_a_gate_can_be_edited(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ToolDefinitionError, match=f"tool pay: .*{words}"):
        tool(**options)(pay)
