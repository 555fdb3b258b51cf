"""Middleware around tool calls: after the gate, at most one execution, only the arguments that were decided on."""

from typing import Any

import pytest
import trio
from around import AroundTool, guarded, passes, raises_after, raises_before
from msgspec.structs import replace
from runs import APPROVAL, YES, Ledger, agent_of, check_record, forever, parked, results, snapshot_of
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import Agent, Tool, ToolContext, client_tool, make_tool
from adjourn.actors.middleware import EndRun
from adjourn.actors.testing import calls, inspect, open_test_system
from adjourn.actors.tools import ToolOutcome
from adjourn.protocol.events import Envelope, Event, MiddlewareError, ToolExecutionStart
from adjourn.protocol.messages import Text, ToolResultMessage
from adjourn.protocol.record import OnExpiry
from adjourn.protocol.transcript import Snapshot
from adjourn.stores.memory import MemoryStore

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


class Numbers:
    """A tool that takes `n`, and keeps the values."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def tool(self, **options: Any) -> Tool:
        async def work(arguments: dict[str, Any], context: ToolContext) -> Any:
            self.given.append(arguments["n"])
            return {"n": arguments["n"]}

        return make_tool("work", "Works.", NUMBER, work, **options)


async def finished(agent: Agent, *, decide: bool = False) -> tuple[Snapshot, list[Event]]:
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go", run_id="r1")
        async with run.events() as envelopes:
            if decide:
                await parked(run)
                await run.resume(YES)
            events = [item.event async for item in envelopes if isinstance(item, Envelope)]
        await run.wait_ended()
        check_record(await inspect(system).record("r1"))
        return await run.snapshot(), events


def errors(events: list[Event]) -> list[MiddlewareError]:
    return [event for event in events if isinstance(event, MiddlewareError)]


def result(end: Snapshot) -> ToolResultMessage:
    (found,) = [message for message in end.messages if isinstance(message, ToolResultMessage)]
    return found


def changes(n: Any) -> Any:
    async def body(request: Any, call_next: Any) -> Any:
        return await call_next(replace(request, arguments={"n": n}))

    return body


async def changes_in_place(request: Any, call_next: Any) -> Any:
    request.arguments["n"] = 2
    return await call_next(request)


# Order, and what middleware sees.


async def test_the_first_stands_outermost_and_each_knows_the_call() -> None:
    order: list[str] = []

    def logs(name: str) -> AroundTool:
        async def body(request: Any, call_next: Any) -> Any:
            order.append(f"into {name}")
            outcome = await call_next(request)
            order.append(f"out of {name}: {outcome.details}")
            return outcome

        return AroundTool(body)

    numbers, outer = Numbers(), logs("a")
    agent = guarded(agent_of(calls(("work", {"n": 1})), "done", tools=[numbers.tool()]), outer, logs("b"))
    _, events = await finished(agent)
    assert order == ["into a", "into b", "out of b: {'n': 1}", "out of a: {'n': 1}"]
    (request,) = outer.requests
    (started,) = [event for event in events if isinstance(event, ToolExecutionStart)]
    assert (request.run_id, request.agent, request.tool.name) == ("r1", "a", "work")
    assert (request.tool_call_id, request.arguments) == (started.tool_call_id, {"n": 1})


async def test_the_gate_comes_first() -> None:
    ledger, seen = Ledger(), AroundTool(passes)
    agent = guarded(agent_of(calls(("refund", {})), "done", tools=[ledger.gated()]), seen)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await parked(run)
        assert seen.requests == []
        await run.resume(YES)
        await run.wait_ended()
    assert [request.decision for request in seen.requests] == [YES]
    assert ledger.done == [seen.requests[0].tool_call_id]


async def test_a_declined_or_invalid_call_has_no_middleware() -> None:
    seen = AroundTool(passes)
    agent = agent_of(calls(("work", {"n": "x"}), ("refund", {})), "done", tools=[Numbers().tool(), Ledger().gated()])
    async with open_test_system(guarded(agent, seen)) as system:
        run = await system.start("a", "go")
        await parked(run)
        await run.decline()
        await run.wait_ended()
    assert seen.requests == []


async def test_client_side_calls_have_no_middleware() -> None:
    seen = AroundTool(passes)
    tool = client_tool("browse", "Browses.", {"type": "object"})
    agent = guarded(agent_of(calls(("browse", {})), "done", tools=[tool]), seen)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        (call_id,) = await parked(run)
        token = await system.claim(run.id, call_id)
        await system.result(run.id, call_id, token, "seen")
        assert results(await run.wait_ended()) == ["seen"]
    assert seen.requests == []


async def test_calls_at_once_have_a_chain_each(autojump_clock: MockClock) -> None:
    async def slow(request: Any, call_next: Any) -> Any:
        await trio.sleep(10)
        return await call_next(request)

    numbers, seen = Numbers(), AroundTool(slow)
    agent = agent_of(calls(*[("work", {"n": n}) for n in range(5)]), "done", tools=[numbers.tool()])
    began = trio.current_time()
    end, _ = await finished(guarded(agent, seen))
    assert trio.current_time() - began == 10
    assert results(end) == [f'{{"n":{n}}}' for n in range(5)]
    assert len({request.tool_call_id for request in seen.requests}) == 5


# Arguments.


@pytest.mark.parametrize("body", [changes(2), changes_in_place])
async def test_other_arguments_may_be_executed(body: Any) -> None:
    numbers, inner = Numbers(), AroundTool(passes)
    agent = agent_of(calls(("work", {"n": 1})), "done", tools=[numbers.tool()])
    _, events = await finished(guarded(agent, AroundTool(body), inner))
    assert (numbers.given, [request.arguments for request in inner.requests]) == ([2], [{"n": 2}])
    assert [event.args for event in events if isinstance(event, ToolExecutionStart)] == [{"n": 1}]
    assert errors(events) == []


@pytest.mark.parametrize("n", ["two", 2**60, float("nan"), object()], ids=["schema", "range", "nan", "object"])
async def test_other_arguments_must_be_valid(n: Any) -> None:
    numbers = Numbers()
    agent = agent_of(calls(("work", {"n": 1})), "done", tools=[numbers.tool()])
    end, events = await finished(guarded(agent, AroundTool(changes(n))))
    assert (numbers.given, len(errors(events))) == ([], 1)
    assert result(end).is_error


@pytest.mark.parametrize("body", [changes(2), changes_in_place])
async def test_edited_arguments_are_never_executed_under_an_old_approval(body: Any) -> None:
    told: list[str] = []

    async def insists(request: Any, call_next: Any) -> Any:
        try:
            return await body(request, call_next)
        except ValueError as error:
            told.append(str(error))
            raise

    for observes, executed in ((False, []), (True, [1])):
        numbers = Numbers()
        agent = agent_of(calls(("work", {"n": 1})), "done", tools=[numbers.tool(decision=APPROVAL)])
        end, events = await finished(guarded(agent, AroundTool(insists, observes=observes)), decide=True)
        assert numbers.given == executed
        assert result(end).is_error is not observes
        assert len(errors(events)) == 1
    assert told == ["these arguments were decided on: a middleware must not change them any more"] * 2


async def test_edited_arguments_are_never_executed_under_a_default_decision(autojump_clock: MockClock) -> None:
    numbers = Numbers()
    tool = numbers.tool(decision=APPROVAL, decision_timeout_s=5, on_expiry=OnExpiry(action="decide", decision=YES))
    agent = agent_of(calls(("work", {"n": 1})), "done", tools=[tool])
    _, events = await finished(guarded(agent, AroundTool(changes(2))))
    assert (numbers.given, len(errors(events))) == ([], 1)


async def test_a_call_that_was_not_gated_may_be_changed_though_its_tool_has_a_gate() -> None:
    numbers = Numbers()
    tool = numbers.tool(decision=APPROVAL, decision_when=lambda arguments: False)
    agent = agent_of(calls(("work", {"n": 1})), "done", tools=[tool])
    await finished(guarded(agent, AroundTool(changes(2))))
    assert numbers.given == [2]


async def test_a_decision_can_not_be_changed() -> None:
    given: list[Any] = []

    async def body(arguments: dict[str, Any], context: ToolContext) -> Any:
        given.append(context.decision)

    async def decides(request: Any, call_next: Any) -> Any:
        request.decision["approved"] = False
        return await call_next(replace(request, decision={"approved": False}, tool_call_id="mine"))

    inner = AroundTool(passes)
    agent = agent_of(calls(("refund", {})), "done", tools=[Ledger().tool("refund", body, decision=APPROVAL)])
    await finished(guarded(agent, AroundTool(decides), inner), decide=True)
    assert given == [YES]
    assert [request.decision for request in inner.requests] == [YES]
    assert inner.requests[0].tool_call_id != "mine"


async def test_the_runs_metadata_can_not_be_changed() -> None:
    async def notes(request: Any, call_next: Any) -> Any:
        request.metadata["by"] = object()
        return await call_next(request)

    inner = AroundTool(passes)
    agent = guarded(agent_of(calls(("work", {})), "done", tools=[Ledger().tool()]), AroundTool(notes), inner)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go", metadata={"by": "ann"})
        assert (await run.wait_ended()).status == "completed"
        assert (await system.head(run.id)).metadata == inner.requests[0].metadata == {"by": "ann"}


# Outcomes.


async def test_an_outcome_without_the_tool_is_its_result() -> None:
    async def denies(request: Any, call_next: Any) -> Any:
        return ToolOutcome((Text(text="not today"),), {"why": "policy"}, True)

    ledger = Ledger()
    agent = agent_of(calls(("work", {})), "done", tools=[ledger.tool()])
    end, _ = await finished(guarded(agent, AroundTool(denies)))
    assert ledger.begun == []
    assert results(end) == ["not today"]
    assert (result(end).details, result(end).is_error) == ({"why": "policy"}, True)


def answers(outcome: Any, *, first: bool = True) -> Any:
    async def body(request: Any, call_next: Any) -> Any:
        if first:
            await call_next(request)
        return outcome

    return body


async def test_an_outcome_that_is_too_large_is_an_error() -> None:
    agent = agent_of(calls(("work", {})), "done", tools=[Ledger().tool()], max_result_bytes=100)
    end, _ = await finished(guarded(agent, AroundTool(answers(ToolOutcome((Text(text="x" * 200),), None, False)))))
    assert result(end).is_error
    assert results(end)[0].startswith("The call's result can't be stored: it takes ")
    assert results(end)[0].endswith("at most 100 are allowed. The tool was executed and may have taken effect.")


BAD = [
    None,
    "done",
    ToolOutcome((Text(text="x"),), float("nan"), False),
    ToolOutcome((Text(text="x"),), {"n": 2**60}, False),
    ToolOutcome((Text(text="\ud800"),), None, False),
    ToolOutcome(("x",), None, False),  # type: ignore[arg-type]
    ToolOutcome(None, None, False),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("outcome", BAD, ids=["none", "str", "nan", "range", "surrogate", "block", "content"])
async def test_an_outcome_that_can_not_be_stored_is_not_taken(outcome: Any) -> None:
    ledger = Ledger()
    script = [calls(("work", {})), "done"]
    for observes, first, said in (
        (True, True, "work"),
        (False, True, "The tool was executed and may have taken effect."),
        (False, False, "The tool was not executed."),
        (True, False, "The tool was not executed."),
    ):
        agent = agent_of(*script, tools=[ledger.tool()])
        end, events = await finished(guarded(agent, AroundTool(answers(outcome, first=first), observes=observes)))
        assert results(end)[0].endswith(said)
        assert result(end).is_error is (said != "work")
        assert len(errors(events)) == 1
    assert len(ledger.begun) == 2


async def test_details_changed_in_place_count_only_when_they_are_given_back() -> None:
    async def spoils(request: Any, call_next: Any) -> Any:
        outcome = await call_next(request)
        outcome.details["n"] = object()
        return outcome

    agent = agent_of(calls(("work", {"n": 1})), "done", tools=[Numbers().tool()])
    end, events = await finished(guarded(agent, AroundTool(spoils, observes=True)))
    assert (result(end).details, len(errors(events))) == ({"n": 1}, 1)


# Errors of middleware.


@pytest.mark.parametrize("body", [raises_before, raises_after])
async def test_one_that_only_observes_is_passed_over_when_it_raises(body: Any) -> None:
    ledger, inner = Ledger(), AroundTool(passes)
    agent = agent_of(calls(("work", {})), "done", tools=[ledger.tool()])
    end, events = await finished(guarded(agent, AroundTool(body, name="clumsy", observes=True), inner))
    assert results(end) == ["work"]
    assert len(ledger.done) == len(inner.requests) == 1
    (told,) = errors(events)
    assert (told.middleware, told.where, told.call_id) == ("clumsy", "tool", ledger.done[0])


@pytest.mark.parametrize(
    ("body", "executed", "effect"),
    [
        (raises_before, 0, "The tool was not executed."),
        (raises_after, 1, "The tool was executed and may have taken effect."),
    ],
)
async def test_a_guard_that_raises_gives_the_model_an_error(body: Any, executed: int, effect: str) -> None:
    """An error of a guard opens no gate, and the model is told whether the tool was executed."""
    ledger = Ledger()
    agent = agent_of(calls(("work", {})), "done", tools=[ledger.tool()])
    end, events = await finished(guarded(agent, AroundTool(passes), AroundTool(body), AroundTool(passes)))
    assert end.status == "completed"
    assert len(ledger.done) == executed
    assert result(end).is_error
    assert results(end)[0].startswith("The call's middleware around failed: internal error ")
    assert results(end)[0].endswith(effect)
    assert "secret" not in results(end)[0]
    assert len(errors(events)) == 1


async def test_a_second_execution_is_refused() -> None:
    told: list[str] = []

    async def repeats(request: Any, call_next: Any) -> Any:
        outcome = await call_next(request)
        with pytest.raises(RuntimeError, match="once at most") as caught:
            await call_next(request)
        told.append(str(caught.value))
        return outcome

    ledger = Ledger()
    agent = agent_of(calls(("work", {})), "done", tools=[ledger.tool()])
    end, _ = await finished(guarded(agent, AroundTool(passes), AroundTool(repeats), AroundTool(passes)))
    assert (len(ledger.begun), len(told), results(end)) == (1, 1, ["work"])


async def test_middleware_that_cancels_the_tool_and_raises_has_the_effect_reported(autojump_clock: MockClock) -> None:
    async def impatient(request: Any, call_next: Any) -> Any:
        with trio.fail_after(5):
            return await call_next(request)

    ledger = Ledger()
    agent = agent_of(calls(("work", {})), "done", tools=[ledger.tool(body=forever)])
    end, _ = await finished(guarded(agent, AroundTool(impatient)))
    assert results(end)[0].endswith("The tool was executed and may have taken effect.")
    assert len(ledger.begun) == 1


async def test_the_end_of_the_run_can_not_be_asked_for_around_a_tool() -> None:
    async def refuses(request: Any, call_next: Any) -> Any:
        raise EndRun("maxCost", "enough")

    ledger = Ledger()
    agent = agent_of(calls(("work", {})), "done", tools=[ledger.tool()])
    end, events = await finished(guarded(agent, AroundTool(refuses)))
    assert (end.status, result(end).is_error, len(errors(events))) == ("completed", True, 1)
    assert ledger.begun == []


# Abort and recovery.


@pytest.mark.parametrize("count", [1, 3])
async def test_an_abort_during_its_wait_ends_the_run_at_once(count: int, autojump_clock: MockClock) -> None:
    async def waits(request: Any, call_next: Any) -> Any:
        await trio.sleep(1000)

    ledger = Ledger()
    agent = guarded(agent_of(calls(*[("work", {})] * count), tools=[ledger.tool()]), AroundTool(waits))
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        began = trio.current_time()
        await run.abort()
        assert trio.current_time() == began
        assert (await run.snapshot()).status == "aborted"
    assert ledger.begun == []


@pytest.mark.parametrize(("idempotent", "again"), [(False, 0), (True, 1)])
async def test_a_call_that_was_killed_has_its_middleware_again_only_if_it_executes_again(
    idempotent: bool, again: int
) -> None:
    async def waits(request: Any, call_next: Any) -> Any:
        await trio.sleep_forever()

    store, ledger = MemoryStore(), Ledger()
    first, second = AroundTool(waits), AroundTool(passes)
    tools = [ledger.tool(idempotent=idempotent)]
    async with open_test_system(
        guarded(agent_of(calls(("work", {})), tools=tools), first), store=store, drain_s=0
    ) as s:
        await s.start("a", "go", run_id="r1")
        await wait_all_tasks_blocked()
        killed = snapshot_of(store)
    async with open_test_system(guarded(agent_of("done", tools=tools), second), store=killed) as system:
        end = await system.run("r1").wait_ended()
    assert (len(first.requests), len(second.requests), len(ledger.done)) == (1, again, again)
    assert result(end).is_error is not idempotent
    if idempotent:
        assert first.requests[0].tool_call_id == second.requests[0].tool_call_id
