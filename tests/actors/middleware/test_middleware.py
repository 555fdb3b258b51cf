"""Middleware around model calls: order, changes, calling again, errors, ends and aborts."""

import math
from typing import Any

import pytest
import trio
from around import AroundModel, Tap, guarded, passes, raises_after, raises_before
from msgspec.structs import replace
from runs import Ledger, agent_of, check_record, events_of, kinds, results, snapshot_of, text_of
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import Agent
from adjourn.actors.middleware import Budget, ConcurrencyLimit, EndRun, ModelOutcome, Retry
from adjourn.actors.middleware.chain import around
from adjourn.actors.testing import ScriptedModel, calls, hangs, inspect, open_test_system, says
from adjourn.protocol.codec import to_json
from adjourn.protocol.events import (
    AgentEnd,
    AgentRetry,
    Envelope,
    Event,
    Failed,
    MiddlewareError,
    ToolExecutionStart,
)
from adjourn.protocol.messages import AssistantMessage, Cost, Text, Thinking, ToolCall, Usage
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.transcript import Snapshot
from adjourn.stores.memory import MemoryStore

SPENT = Usage(input=3, output=4, total_tokens=7)


def spending(message: AssistantMessage) -> AssistantMessage:
    return replace(message, usage=SPENT)


def fails(text: str = "HTTP 503", said: str = "") -> Failed:
    content = (Text(text=said),) if said else ()
    error = AssistantMessage(content=content, stop_reason="error", error_message=text, error_kind="transient")
    return Failed(reason="error", error=error, status=503, retry_after_s=2.0)


async def finished(agent: Agent, **options: Any) -> tuple[Snapshot, list[Event]]:
    """Returns the end of a run of this agent, and its events."""
    async with open_test_system(agent, **options) as system:
        run = await system.start(agent, "go", run_id="r1")
        events = await events_of(run)
        await run.wait_ended()
        check_record(await inspect(system).record("r1"))
        return await run.snapshot(), events


def said(end: Snapshot) -> list[str]:
    return [text_of(message) for message in end.messages if isinstance(message, AssistantMessage)]


def ends(events: list[Event]) -> list[tuple[str, str]]:
    assert isinstance(events[-1], AgentEnd)
    return [(event.status, event.reason) for event in events if isinstance(event, AgentEnd)]


def errors(events: list[Event]) -> list[MiddlewareError]:
    return [event for event in events if isinstance(event, MiddlewareError)]


def retries(events: list[Event]) -> list[tuple[int, str]]:
    return [(event.attempt, event.reason) for event in events if isinstance(event, AgentRetry)]


# Order, and what middleware sees.


async def test_the_first_stands_outermost() -> None:
    order: list[str] = []

    def logs(name: str) -> AroundModel:
        async def body(request: Any, call_next: Any) -> Any:
            order.append(f"into {name}")
            outcome = await call_next(request)
            order.append(f"out of {name}")
            return outcome

        return AroundModel(body)

    end, _ = await finished(guarded(agent_of("hello"), logs("a"), logs("b")))
    assert said(end) == ["hello"]
    assert order == ["into a", "into b", "out of b", "out of a"]


async def test_a_request_says_which_call_of_which_run_it_is() -> None:
    seen = AroundModel(passes)
    ledger = Ledger()
    model = ScriptedModel([spending(calls(("work", {}))), "done"])
    options = ModelOptions(temperature=0.5, headers={"x-key": "secret"})
    agent = Agent(name="a", model=model, tools=[ledger.tool()], options=options, middleware=[seen])
    await finished(agent)
    first, second = seen.requests
    assert [(each.run_id, each.agent, each.turn) for each in seen.requests] == [("r1", "a", 1), ("r1", "a", 2)]
    assert ledger.begun == [f"call_{first.call_id}_0"]
    assert first.call_id != second.call_id
    assert (first.usage, second.usage) == (Usage(), SPENT)
    assert first.options == options
    assert [each.options.headers for each in model.requests] == [{"x-key": "secret"}] * 2
    assert [each.call_id for each in model.requests] == [first.call_id, second.call_id]


async def test_without_middleware_the_request_is_the_same() -> None:
    model = ScriptedModel(["done"])
    agent = Agent(name="a", model=model, options=ModelOptions(max_tokens=9, headers={"x-key": "secret"}))
    await finished(agent)
    (request,) = model.requests
    assert (request.agent, request.turn, request.options) == ("a", 1, agent.options)
    assert request.call_id


def test_only_middleware_that_overrides_a_hook_is_called() -> None:
    tap, model = Tap(), AroundModel(passes)
    assert around([tap, model], "model_call") == [model]
    assert around([tap, model], "tool_call") == []
    assert around([tap, model], "on_event") == [tap]


# Changes.


async def test_middleware_may_change_the_request() -> None:
    async def shouts(request: Any, call_next: Any) -> Any:
        return await call_next(replace(request, instructions="SHOUT", call_id="mine", run_id="mine"))

    agent = agent_of("hello")
    await finished(guarded(agent, AroundModel(shouts), inner := AroundModel(passes)))
    (request,) = agent.model.requests  # type: ignore[attr-defined]
    assert request.instructions == "SHOUT"
    assert (request.run_id, request.call_id) == ("r1", inner.requests[0].call_id)
    assert request.call_id != "mine", "correlation ids don't lie"


async def test_middleware_may_change_the_answer() -> None:
    end, events = await finished(guarded(agent_of("the password"), AroundModel(redacts)))
    assert said(end) == ["***"]
    assert ends(events) == [("completed", "stop")]


async def test_added_and_moved_calls_keep_unique_ids() -> None:
    async def adds(request: Any, call_next: Any) -> Any:
        outcome = await call_next(request)
        if not outcome.message.calls:
            return outcome
        more = ToolCall(id="x", name="work", arguments={"n": 2})
        return replace(outcome, message=replace(outcome.message, content=(more, *outcome.message.content)))

    ledger = Ledger()
    agent = guarded(agent_of(calls(("work", {"n": 1})), "done", tools=[ledger.tool()]), seen := AroundModel(adds))
    end, events = await finished(agent)
    key = seen.requests[0].call_id
    started = {e.tool_call_id: e.args for e in events if isinstance(e, ToolExecutionStart)}
    assert started == {f"call_{key}_0": {"n": 2}, f"call_{key}_1": {"n": 1}}
    assert sorted(ledger.done) == sorted(started)
    assert [block.provider_id for block in end.messages[1].content] == ["x", "call-1"]  # type: ignore[union-attr]


async def test_arguments_changed_in_place_count_only_when_they_are_given_back() -> None:
    async def changes(request: Any, call_next: Any) -> Any:
        outcome = await call_next(request)
        for call in outcome.message.calls:
            call.arguments["n"] = 2
        return outcome

    async def changes_and_raises(request: Any, call_next: Any) -> Any:
        await changes(request, call_next)
        raise OSError("no")

    for body, n in ((changes, 2), (changes_and_raises, 1)):
        agent = agent_of(calls(("work", {"n": 1})), "done", tools=[Ledger().tool()])
        _, events = await finished(guarded(agent, AroundModel(body, observes=True)))
        assert [e.args for e in events if isinstance(e, ToolExecutionStart)] == [{"n": n}]


async def test_an_answer_without_the_model_is_taken_as_it_is() -> None:
    async def knows(request: Any, call_next: Any) -> Any:
        return ModelOutcome(AssistantMessage(content=(Text(text="from the cache"),), usage=SPENT))

    agent = agent_of("never asked")
    end, events = await finished(guarded(agent, AroundModel(knows)))
    assert agent.model.requests == []  # type: ignore[attr-defined]
    assert said(end) == ["from the cache"]
    assert (end.usage, end.messages[1].model) == (SPENT, "scripted")  # type: ignore[union-attr]
    assert kinds(events) == ["agent_start", "turn_start", "message_end", "turn_end", "agent_end"]


# Calling again.


def again(times: int) -> AroundModel:
    async def body(request: Any, call_next: Any) -> Any:
        for _ in range(times):
            await call_next(request)
        return await call_next(request)

    return AroundModel(body)


async def test_calling_again_voids_the_first_answer_and_says_why() -> None:
    agent = agent_of(fails("HTTP 503", "half a"), fails("HTTP 529"), "whole")
    end, events = await finished(guarded(agent, again(2)))
    assert retries(events) == [(1, "HTTP 503"), (2, "HTTP 529")]
    assert kinds(events) == [
        "agent_start",
        "turn_start",
        "message_start",
        "agent_retry",
        "message_start",
        "agent_retry",
        "message_start",
        "message_end",
        "turn_end",
        "agent_end",
    ]
    assert said(end) == ["whole"]
    assert ends(events) == [("completed", "stop")]


async def test_retries_below_a_budget_in_a_run(autojump_clock: MockClock) -> None:
    budget = Budget(max_turns=2)
    agent = agent_of(fails(), fails(said="half a"), calls(("work", {})), fails(), "late", tools=[Ledger().tool()])
    end, events = await finished(guarded(agent, budget, ConcurrencyLimit(1), Retry(restart=True)))
    assert retries(events) == [(1, "HTTP 503"), (2, "HTTP 503"), (1, "HTTP 503")]
    assert (said(end), end.status) == (["", "late"], "completed")
    end, events = await finished(guarded(agent, budget, Retry()))
    assert ends(events) == [("failed", "maxTurns")]
    assert errors(events) == []


async def test_calling_again_after_an_answer_is_announced_too() -> None:
    end, events = await finished(guarded(agent_of("one", "two"), again(1)))
    assert retries(events) == [(1, "middleware asked again")]
    assert said(end) == ["two"]


async def test_a_failure_is_an_outcome_with_the_providers_status_and_text() -> None:
    outcomes: list[ModelOutcome] = []

    async def keeps(request: Any, call_next: Any) -> Any:
        outcomes.append(await call_next(request))
        return outcomes[-1]

    await finished(guarded(agent_of(fails(said="half a")), AroundModel(keeps)))
    await finished(guarded(agent_of(fails()), AroundModel(keeps)))
    await finished(guarded(agent_of(ValueError("a defect")), AroundModel(keeps)))
    await finished(guarded(agent_of("well"), AroundModel(keeps)))
    half, none, defect, well = outcomes
    assert [each.shown for each in outcomes] == [True, False, False, True]
    assert half.failed is not None
    assert (half.failed.status, half.failed.retry_after_s) == (503, 2.0)
    assert half.failed.error == half.message
    assert none.message.error_kind == "transient"
    assert defect.failed is not None
    assert defect.message.stop_reason == "error"
    assert well.failed is None


async def test_an_attempt_that_is_cut_short_may_be_followed_by_another(autojump_clock: MockClock) -> None:
    async def impatient(request: Any, call_next: Any) -> Any:
        with trio.move_on_after(5):
            return await call_next(request)
        return await call_next(request)

    agent = agent_of(hangs("half a"), "whole")
    end, events = await finished(guarded(agent, AroundModel(impatient)))
    assert retries(events) == [(1, "it was cut short")]
    assert said(end) == ["whole"]
    assert agent.model.streaming == 0  # type: ignore[attr-defined]


# Errors of middleware.


@pytest.mark.parametrize("body", [raises_before, raises_after])
async def test_one_that_only_observes_is_passed_over_when_it_raises(
    body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    agent = agent_of("hello")
    inner, clumsy = AroundModel(passes), AroundModel(body, name="clumsy", observes=True)
    end, events = await finished(guarded(agent, AroundModel(passes), clumsy, inner))
    assert (said(end), ends(events)) == (["hello"], [("completed", "stop")])
    assert len(agent.model.requests) == len(inner.requests) == 1  # type: ignore[attr-defined]
    (told,) = errors(events)
    assert (told.middleware, told.where, told.call_id) == ("clumsy", "model", inner.requests[0].call_id)
    assert told.error.id is not None
    assert b"secret" not in to_json(events)
    (record,) = [each for each in caplog.records if each.name == "adjourn.middleware"]
    assert told.error.id in record.getMessage()
    assert "r1" in record.getMessage()
    assert record.exc_info is not None
    assert "the secret" in str(record.exc_info[1])


@pytest.mark.parametrize(("body", "tokens"), [(raises_before, 0), (raises_after, 7)])
async def test_a_guard_that_raises_fails_the_call(body: Any, tokens: int) -> None:
    ledger = Ledger()
    agent = agent_of(spending(calls(("work", {}))), tools=[ledger.tool()])
    outcomes: list[ModelOutcome] = []

    async def keeps(request: Any, call_next: Any) -> Any:
        outcomes.append(await call_next(request))
        return outcomes[-1]

    end, events = await finished(guarded(agent, AroundModel(keeps), AroundModel(body)))
    assert ends(events) == [("failed", "modelError")]
    assert outcomes[0].message.error_kind == "terminal"
    assert outcomes[0].failed is not None
    assert end.error is not None
    assert end.error.kind == "terminal"
    assert end.error.message.startswith("middleware around failed: internal error ")
    assert end.usage.total_tokens == tokens
    assert ledger.begun == []
    assert len(errors(events)) == 1


async def test_one_that_cuts_the_call_short_and_raises_fails_it(autojump_clock: MockClock) -> None:
    async def impatient(request: Any, call_next: Any) -> Any:
        with trio.fail_after(5):
            return await call_next(request)

    agent = agent_of(hangs("half a"), "never said")
    end, events = await finished(guarded(agent, AroundModel(impatient)))
    assert ends(events) == [("failed", "modelError")]
    assert said(end) == ["half a"]
    assert len(agent.model.requests) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "value",
    [
        None,
        says("not an outcome"),
        ModelOutcome("text"),  # type: ignore[arg-type]
        ModelOutcome(AssistantMessage(content=(Text(text=1),))),  # type: ignore[arg-type]
    ],
    ids=["None", "message", "text", "number"],
)
async def test_an_impossible_answer_is_refused(value: Any) -> None:
    async def instead(request: Any, call_next: Any) -> Any:
        return value

    async def afterwards(request: Any, call_next: Any) -> Any:
        await call_next(request)
        return value

    agent = agent_of("never asked")
    _, events = await finished(guarded(agent, AroundModel(instead)))
    assert ends(events) == [("failed", "modelError")]
    assert agent.model.requests == []  # type: ignore[attr-defined]
    end, events = await finished(guarded(agent_of("hello"), AroundModel(afterwards, observes=True)))
    assert (said(end), ends(events), len(errors(events))) == (["hello"], [("completed", "stop")], 1)
    end, events = await finished(guarded(agent_of("hello"), AroundModel(afterwards)))
    assert (said(end), ends(events), len(errors(events))) == (["hello"], [("failed", "modelError")], 1)


async def test_two_calls_at_once_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    async def races(request: Any, call_next: Any) -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call_next, request)
            nursery.start_soon(call_next, request)

    agent = agent_of("one", "two")
    _, events = await finished(guarded(agent, AroundModel(races)))
    assert ends(events) == [("failed", "modelError")]
    assert len(agent.model.requests) <= 1  # type: ignore[attr-defined]
    assert "call_next was called while an earlier call of it is under way" in caplog.text


async def test_a_call_after_the_outcome_is_refused() -> None:
    kept: list[Any] = []

    async def keeps(request: Any, call_next: Any) -> Any:
        kept.append((call_next, request))
        return await call_next(request)

    agent = agent_of("one", "two")
    await finished(guarded(agent, AroundModel(keeps)))
    ((call_next, request),) = kept
    with pytest.raises(RuntimeError, match="after the middleware had given its outcome"):
        await call_next(request)
    assert len(agent.model.requests) == 1  # type: ignore[attr-defined]


async def test_call_next_takes_only_a_request() -> None:
    async def confused(request: Any, call_next: Any) -> Any:
        return await call_next("go")

    _, events = await finished(guarded(agent_of("hello"), AroundModel(confused)))
    assert (ends(events), len(errors(events))) == ([("failed", "modelError")], 1)
    end, events = await finished(guarded(agent_of("hello"), AroundModel(confused, observes=True)))
    assert (said(end), len(errors(events))) == (["hello"], 1)


async def test_a_name_that_no_event_can_carry_is_not_used() -> None:
    for name in (None, "\ud800"):
        _, events = await finished(guarded(agent_of("hello"), AroundModel(raises_before, name=name)))  # type: ignore[arg-type]
        assert [each.middleware for each in errors(events)] == ["AroundModel"]


# Ending the run.


def refuses(when: str, reason: str = "maxCost") -> AroundModel:
    async def body(request: Any, call_next: Any) -> Any:
        if when == "after":
            await call_next(request)
        if when == "in a nursery":
            async with trio.open_nursery() as nursery:  # noqa: ASYNC112  # so that it comes out in a group
                nursery.start_soon(refuse)
        refuse_now()

    async def refuse() -> None:
        refuse_now()

    def refuse_now() -> None:
        raise EndRun(reason, "enough was spent")

    return AroundModel(body)


@pytest.mark.parametrize("when", ["before", "in a nursery"])
async def test_a_run_may_be_ended_before_the_model_is_asked(when: str) -> None:
    agent = agent_of("never asked")
    end, events = await finished(guarded(agent, AroundModel(passes), refuses(when), AroundModel(passes)))
    assert ends(events) == [("failed", "maxCost")]
    assert end.error is not None
    assert end.error.message == "enough was spent"
    assert agent.model.requests == []  # type: ignore[attr-defined]
    assert errors(events) == []
    assert kinds(events) == ["agent_start", "turn_start", "agent_end"]


async def test_a_run_that_is_ended_after_the_answer_keeps_it_and_closes_its_calls() -> None:
    ledger = Ledger()
    agent = agent_of(spending(calls(("work", {}), ("refund", {}))), tools=[ledger.tool(), ledger.gated()])
    end, events = await finished(guarded(agent, AroundModel(passes), refuses("after")))
    assert ends(events) == [("failed", "maxCost")]
    assert end.usage == SPENT
    assert ledger.begun == []
    assert results(end) == ["This call was not executed: the run ended."] * 2
    assert "tool_decision_pending" not in kinds(events)


async def redacts(request: Any, call_next: Any) -> Any:
    outcome = await call_next(request)
    return replace(outcome, message=replace(outcome.message, content=(Text(text="***"),)))


@pytest.mark.parametrize("outer", [refuses("after"), AroundModel(raises_after)], ids=["ends", "guards"])
async def test_the_kept_answer_is_the_one_that_the_ending_middleware_saw(outer: AroundModel) -> None:
    end, _ = await finished(guarded(agent_of("the password"), outer, AroundModel(redacts)))
    assert (end.status, said(end)) == ("failed", ["***"])


async def test_an_end_may_be_caught_further_out() -> None:
    async def saves(request: Any, call_next: Any) -> Any:
        try:
            return await call_next(request)
        except EndRun:
            return ModelOutcome(says("instead"))

    end, events = await finished(guarded(agent_of("x"), AroundModel(saves), refuses("before")))
    assert (said(end), ends(events)) == (["instead"], [("completed", "stop")])


async def test_the_end_of_a_run_stands_if_outer_middleware_raises() -> None:
    async def stumbles(request: Any, call_next: Any) -> Any:
        try:
            return await call_next(request)
        except EndRun as end:
            raise OSError("no") from end

    end, events = await finished(guarded(agent_of(spending(says("x"))), AroundModel(stumbles), refuses("after")))
    assert ends(events) == [("failed", "maxCost")]
    assert (said(end), end.usage) == (["x"], SPENT)
    assert len(errors(events)) == 1


@pytest.mark.parametrize("reason", [None, "\ud800"])
async def test_a_reason_that_no_event_can_carry_is_an_error_of_the_middleware(reason: Any) -> None:
    _, events = await finished(guarded(agent_of("hello"), refuses("before", reason)))
    assert (ends(events), len(errors(events))) == ([("failed", "modelError")], 1)


# Aborting.


def waits(when: str) -> AroundModel:
    async def body(request: Any, call_next: Any) -> Any:
        if when != "before":
            outcome = await call_next(request)
        await trio.sleep(1000)
        if when == "between":
            return await call_next(request)
        return outcome

    return AroundModel(body)


@pytest.mark.parametrize(
    ("when", "response", "text", "tokens"),
    [
        ("before", "never asked", [], 0),
        ("between", fails(said="half a"), ["half a"], 0),
        ("after", spending(says("whole")), ["whole"], 7),
    ],
)
async def test_an_abort_during_its_wait_ends_the_run_at_once(
    when: str, response: Any, text: list[str], tokens: int, autojump_clock: MockClock
) -> None:
    agent = guarded(agent_of(response, "never said"), waits(when))
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        began = trio.current_time()
        await run.abort("enough")
        assert trio.current_time() == began
        end = await run.snapshot()
        assert (end.status, end.reason) == ("aborted", "enough")
        assert said(end) == text
        assert end.usage.total_tokens == tokens
        for message in end.messages:
            if isinstance(message, AssistantMessage):
                assert (message.stop_reason, message.error_message) == ("aborted", None)


async def test_a_middleware_that_raises_from_a_nursery_when_cancelled_crashes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def stumbles() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("the secret of the cleanup")

    async def body(request: Any, call_next: Any) -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stumbles)
            outcome = await call_next(request)
        return outcome

    agent = guarded(agent_of(hangs("half a")), AroundModel(body))
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        await run.abort()
        assert said(await run.snapshot()) == ["half a"]
    (record,) = caplog.records
    assert "raised beside what ended it" in record.getMessage()
    assert record.exc_info is not None


async def test_an_aborted_call_keeps_its_latest_attempt() -> None:
    first = AssistantMessage(content=(Thinking(thinking="hm"), Text(text="first")), stop_reason="error")
    agent = guarded(agent_of(first, hangs("second try")), again(1))
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        await run.abort()
        assert said(await run.snapshot()) == ["second try"]


# Recovery, and several runs.


async def test_a_call_that_was_killed_is_made_again_with_its_middleware() -> None:
    store = MemoryStore()
    first, second = AroundModel(waits("before").body), AroundModel(passes)
    agent = agent_of("hello")
    async with open_test_system(guarded(agent, first), store=store, cleanup_s=0, drain_s=0) as system:
        await system.start("a", "go", run_id="r1")
        await wait_all_tasks_blocked()
        killed = snapshot_of(store)
    async with open_test_system(guarded(agent, second), store=killed) as system:
        end = await system.run("r1").wait_ended()
    assert said(end) == ["hello"]
    assert len(first.requests) == len(second.requests) == 1
    assert first.requests[0].call_id != second.requests[0].call_id


async def test_a_run_that_was_ended_stays_so_in_the_next_process() -> None:
    store = MemoryStore()
    agent = guarded(agent_of(spending(calls(("work", {}))), tools=[Ledger().tool()]), refuses("after"))
    end, _ = await finished(agent, store=store)
    async with open_test_system(agent, store=store) as system:
        assert await system.run("r1").snapshot() == end


async def test_one_object_serves_many_runs_at_once(autojump_clock: MockClock) -> None:
    async def slow(request: Any, call_next: Any) -> Any:
        await trio.sleep(10)
        outcome = await call_next(request)
        return replace(outcome, message=replace(outcome.message, content=(Text(text=request.run_id),)))

    agent = guarded(agent_of(*["x"] * 20), seen := AroundModel(slow))
    async with open_test_system(agent) as system:
        runs = [await system.start(agent, "go", run_id=f"r{n}") for n in range(20)]
        found = [said(await run.wait_ended()) for run in runs]
    assert found == [[f"r{n}"] for n in range(20)]
    assert trio.current_time() < 20
    assert len({request.call_id for request in seen.requests}) == 20


async def test_voided_attempts_cost_too() -> None:
    usage = Usage(input=10, output=5, total_tokens=15, cost=Cost(total=0.5))
    first = AssistantMessage(content=(Text(text="half"),), stop_reason="error", usage=usage)
    second = AssistantMessage(content=(Text(text="whole"),), usage=usage)
    agent = guarded(agent_of(first, second), again(1))
    async with open_test_system(agent) as system:
        ended = await (await system.start(agent, "Hi")).wait()
    assert (ended.usage.total_tokens, ended.usage.cost.total) == (30, 1.0)
    assert ended.messages[-1].usage == ended.usage


def chooses(choice: Any) -> AroundModel:
    async def body(request: Any, call_next: Any) -> Any:
        return choice(await call_next(request), await call_next(request))

    return AroundModel(body)


@pytest.mark.parametrize(
    ("choice", "tokens"),
    [
        (lambda first, second: first, 107),
        (lambda first, second: second, 107),
        (lambda first, second: ModelOutcome(says("neither")), 107),
        (lambda first, second: ModelOutcome(replace(second.message, usage=Usage(total_tokens=1))), 8),
    ],
    ids=["first", "second", "neither", "priced"],
)
async def test_all_attempts_cost_no_matter_which_one_is_kept(choice: Any, tokens: int) -> None:
    large = replace(says("two"), usage=Usage(input=100, total_tokens=100))
    end, _ = await finished(guarded(agent_of(spending(says("one")), large), chooses(choice)))
    assert end.usage.total_tokens == tokens


async def test_attempts_that_left_no_answer_cost_too(autojump_clock: MockClock) -> None:
    failed = replace(fails(said="half a").error, usage=SPENT)
    agent = guarded(agent_of(failed, "never said"), Retry(restart=True), Budget(max_turns=1))
    end, events = await finished(agent)
    assert (ends(events), said(end), end.usage) == ([("failed", "maxTurns")], [], SPENT)


async def test_watchers_are_told_of_a_retry_when_the_wait_begins(autojump_clock: MockClock) -> None:
    async def waits(request: Any, call_next: Any) -> Any:
        await call_next(request)
        await call_next.will_retry(60)
        await call_next.will_retry(60)  # announced only once
        await trio.sleep(60)
        return await call_next(request)

    agent = guarded(agent_of(fails("HTTP 429"), "whole"), AroundModel(waits))
    async with open_test_system(agent) as system:
        run = await system.start(agent, "Hi")
        async with run.events(after=0) as events:
            heard = [item async for item in events if isinstance(item, Envelope)]
    (retry,) = [each for each in heard if isinstance(each.event, AgentRetry)]
    assert retry.event == AgentRetry(attempt=1, reason="HTTP 429", wait_s=60)
    assert heard[-1].time - retry.time >= 60_000


@pytest.mark.parametrize(
    ("calls_first", "wait_s", "complaint"), [(False, 1, "RuntimeError"), (True, math.nan, "ValueError"), (True, -1, "")]
)
async def test_a_retry_that_makes_no_sense_is_an_error_of_the_middleware(
    calls_first: bool, wait_s: float, complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def tells(request: Any, call_next: Any) -> Any:
        if calls_first:
            await call_next(request)
        await call_next.will_retry(wait_s)

    end, events = await finished(guarded(agent_of("hello"), AroundModel(tells, observes=True)))
    assert said(end) == ["hello"]
    assert retries(events) == []
    assert len(errors(events)) == 1
    assert complaint in caplog.text
