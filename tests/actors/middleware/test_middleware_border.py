"""Errors of middleware stay within the wrapped call, and middleware gets only copies."""

import asyncio
import sys
from typing import Any

import pytest
import trio
from around import AroundModel, AroundTool, Tap, guarded, passes
from cancelled import kept_cancelled
from runs import YES, Ledger, agent_of, events_of, parked, results
from trio.testing import MockClock

from adjourn.actors import Agent
from adjourn.actors.middleware import Budget, CallLog, ConcurrencyLimit, EndRun, Middleware, Retry
from adjourn.actors.middleware.chain import name_of, observes
from adjourn.actors.middleware.taps import Taps
from adjourn.actors.middleware.telemetry import Telemetry
from adjourn.actors.testing import calls, hangs, open_test_system
from adjourn.protocol.events import (
    AgentEnd,
    Envelope,
    Event,
    MiddlewareError,
    ToolDecisionPending,
    ToolExecutionStart,
    TurnStart,
)
from adjourn.protocol.transcript import Snapshot

ERRORS: dict[str, BaseException] = {
    "sys.exit()": SystemExit(1),
    "asyncio's cancellation": asyncio.CancelledError(),
    "GeneratorExit": GeneratorExit(),
    "a group": BaseExceptionGroup("mixed", [SystemExit(1), ValueError("no")]),
}


def raises(error: BaseException, when: str) -> Any:
    async def body(request: Any, call_next: Any) -> Any:
        if when == "after":
            await call_next(request)
        raise error

    return body


async def finished(agent: Agent) -> tuple[Snapshot, list[Event]]:
    """Returns the end of a run; another run streams meanwhile."""
    async with open_test_system(agent, agent_of_another()) as system:
        other = await system.start("other", "go")
        run = await system.start(agent, "go")
        events = await events_of(run)
        end = await run.wait_ended()
        assert (await other.snapshot()).status == "running"
        await other.abort()
    return end, events


def agent_of_another() -> Agent:
    return Agent(name="other", model=agent_of(hangs("half a")).model)


def errors(events: list[Event]) -> list[str]:
    return [event.where for event in events if isinstance(event, MiddlewareError)]


def ended(events: list[Event]) -> str:
    assert isinstance(events[-1], AgentEnd)
    return events[-1].status


# Errors.


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize(("when", "executed"), [("before", 0), ("after", 1)])
async def test_any_error_of_a_guard_around_a_tool_is_the_calls_error(
    when: str, executed: int, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    agent = agent_of(calls(("work", {})), "done", tools=[ledger.tool()])
    end, events = await finished(guarded(agent, AroundTool(raises(error, when))))
    assert (ended(events), errors(events), len(ledger.done)) == ("completed", ["tool"], executed)
    assert results(end)[0].startswith("The call's middleware around failed: internal error ")
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_any_error_of_a_guard_around_a_model_call_is_the_calls_error(when: str, error: BaseException) -> None:
    _, events = await finished(guarded(agent_of("hello"), AroundModel(raises(error, when))))
    assert (ended(events), errors(events)) == ("failed", ["model"])


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_errors_of_an_observer_change_nothing(when: str, error: BaseException) -> None:
    ledger = Ledger()
    agent = agent_of(calls(("work", {})), "done", tools=[ledger.tool()])
    body = raises(error, when)
    around = AroundModel(body, observes=True), AroundTool(body, observes=True)
    end, events = await finished(guarded(agent, *around))
    assert (ended(events), errors(events)) == ("completed", ["model", "tool", "model"])
    assert (results(end), len(ledger.done)) == (["work"], 1)


async def test_a_stored_cancelled_raised_by_middleware_cancels_nothing() -> None:
    kept = await kept_cancelled()
    ledger = Ledger()
    agent = agent_of(calls(("work", {})), "done", tools=[ledger.tool()])
    _, events = await finished(guarded(agent, AroundTool(raises(kept, "before"))))
    assert (ended(events), errors(events), ledger.begun) == ("completed", ["tool"], [])
    _, events = await finished(guarded(agent_of("hello"), AroundModel(raises(kept, "after"))))
    assert (ended(events), errors(events)) == ("failed", ["model"])


async def test_an_abort_passes_through_errors_of_middleware(caplog: pytest.LogCaptureFixture) -> None:
    async def stumbles() -> None:
        try:
            await trio.sleep_forever()
        finally:
            sys.exit(1)

    async def body(request: Any, call_next: Any) -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stumbles)
            outcome = await call_next(request)
        return outcome

    ledger = Ledger()

    async def forever(arguments: dict[str, Any], context: Any) -> None:
        await trio.sleep_forever()

    agent = guarded(agent_of(calls(("work", {})), tools=[ledger.tool(body=forever)]), AroundTool(body))
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await trio.testing.wait_all_tasks_blocked()
        await run.abort("enough")
        assert (await run.snapshot()).status == "aborted"
    assert "SystemExit: 1" in caplog.text


async def test_ctrl_c_in_middleware_passes() -> None:
    agent = guarded(agent_of("hello"), AroundModel(raises(KeyboardInterrupt(), "before"), observes=True))
    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True, allow_unwrapped=True):
        async with open_test_system(agent) as system:
            await system.start(agent, "go")
            await trio.sleep_forever()


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
async def test_errors_of_a_tap_disturb_nothing(error: BaseException) -> None:
    class Broken(Middleware):
        def on_event(self, envelope: Envelope) -> None:
            raise error

    seen = Tap()
    _, events = await finished(guarded(agent_of("hello"), Broken(), seen))
    assert (ended(events), errors(events)) == ("completed", ["event"])
    assert [envelope.event for envelope in seen.seen] == events


def test_ctrl_c_in_a_tap_passes() -> None:
    class Interrupted(Middleware):
        def on_event(self, envelope: Envelope) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Taps([Interrupted()], "r1").see([TurnStart(turn=1)], 1, 0)


async def test_a_tap_can_not_cancel_the_run_that_is_being_aborted() -> None:
    kept = await kept_cancelled()

    class Broken(Middleware):
        def on_event(self, envelope: Envelope) -> None:
            raise kept

    agent = guarded(agent_of(hangs("half a")), Broken())
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await trio.testing.wait_all_tasks_blocked()
        await run.abort()
        assert (await run.snapshot()).status == "aborted"


# Observers.


def test_only_middleware_with_observes_true_observes() -> None:
    look: list[Middleware] = [CallLog(), Telemetry()]
    decide: list[Middleware] = [Middleware(), Budget(max_turns=1), Retry(), ConcurrencyLimit(1)]
    assert [observes(each) for each in look] == [True, True]
    assert [observes(each) for each in decide] == [False] * 4


class Evasive(Middleware):
    @property
    def observes(self) -> bool:  # type: ignore[override]
        sys.exit(1)

    @property
    def name(self) -> str:
        sys.exit(1)


class Vague(Middleware):
    observes: Any = "yes"


def test_observes_must_be_exactly_true() -> None:
    assert not observes(Evasive())
    assert not observes(Vague())
    assert name_of(Evasive()) == "Evasive"


async def test_an_observer_that_cuts_a_call_short_fails_it(autojump_clock: MockClock) -> None:
    """By cutting the call short it decided the outcome, so the call fails."""

    async def impatient(request: Any, call_next: Any) -> Any:
        with trio.fail_after(5):
            return await call_next(request)

    async def forever(arguments: dict[str, Any], context: Any) -> None:
        await trio.sleep_forever()

    ledger = Ledger()
    agent = agent_of(calls(("work", {})), "done", tools=[ledger.tool(body=forever)])
    end, _ = await finished(guarded(agent, AroundTool(impatient, observes=True)))
    assert results(end)[0].endswith("The tool was executed and may have taken effect.")


@pytest.mark.parametrize("observing", [False, True])
async def test_the_end_of_a_run_stands_whatever_outer_middleware_raises(observing: bool) -> None:
    async def refuses(request: Any, call_next: Any) -> Any:
        raise EndRun("maxCost", "enough")

    async def stumbles(request: Any, call_next: Any) -> Any:
        try:
            return await call_next(request)
        except EndRun:
            raise OSError("no") from None

    agent = guarded(agent_of("x"), AroundModel(stumbles, observes=observing), AroundModel(refuses))
    _, events = await finished(agent)
    assert isinstance(events[-1], AgentEnd)
    assert events[-1].reason == "maxCost"


async def test_of_several_guards_the_one_that_raised_is_named() -> None:
    ledger = Ledger()
    agent = agent_of(calls(("work", {})), "done", tools=[ledger.tool()])
    inner = AroundTool(raises(PermissionError("no"), "before"), name="policy")
    end, events = await finished(guarded(agent, AroundTool(passes, name="outer"), inner))
    assert [event.middleware for event in events if isinstance(event, MiddlewareError)] == ["policy"]
    assert results(end)[0].startswith("The call's middleware policy failed: internal error ")
    assert ledger.begun == []


# Copies.


async def test_a_tap_that_changes_an_event_changes_nothing_else() -> None:
    """People see, the record has and the tool gets the model's arguments."""
    executed: list[Any] = []

    class Meddler(Middleware):
        def on_event(self, envelope: Envelope) -> None:
            if isinstance(envelope.event, ToolDecisionPending):
                envelope.event.input["amount"] = 5
            if isinstance(envelope.event, ToolExecutionStart):
                envelope.event.args["amount"] = 5

    async def pay(arguments: dict[str, Any], context: Any) -> None:
        executed.append(arguments["amount"])

    seen = Tap()
    tool = Ledger().gated("pay", body=pay)
    agent = guarded(agent_of(calls(("pay", {"amount": 100})), "done", tools=[tool]), Meddler(), seen)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await parked(run)
        assert (await run.snapshot()).pending[0].input == {"amount": 100}
        await run.resume(YES)
        await run.wait_ended()
    (pending,) = [each.event for each in seen.seen if isinstance(each.event, ToolDecisionPending)]
    assert (pending.input, executed) == ({"amount": 100}, [100])
