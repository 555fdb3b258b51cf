"""Taps see all of a run's events, in order, once; an error of a tap disturbs nothing."""

from typing import Any

import pytest
from around import AroundTool, Tap, guarded, raises_after
from runs import APPROVAL, YES, Ledger, agent_of, parked, snapshot_of
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import Agent
from adjourn.actors.middleware import Middleware
from adjourn.actors.runtime.run_state import MAX_SHOWN
from adjourn.actors.testing import calls, hangs, inspect, open_test_system
from adjourn.protocol import step
from adjourn.protocol.events import AgentEnd, AgentPaused, Envelope, MessageUpdate, MiddlewareError, ToolExecutionUpdate
from adjourn.stores.memory import MemoryStore


def always(envelope: Envelope) -> bool:
    return True


def told(envelopes: list[Envelope]) -> list[tuple[str, str, str | None]]:
    found = [each.event for each in envelopes if isinstance(each.event, MiddlewareError)]
    return [(event.middleware, event.where, event.call_id) for event in found]


async def watched(agent: Agent, *, decide: bool = False) -> list[Envelope]:
    """Returns all envelopes of a run."""
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go", run_id="r1")
        async with run.events() as events:
            if decide:
                await parked(run)
                await run.resume(YES)
            return [item async for item in events if isinstance(item, Envelope)]


async def shows(arguments: Any, context: Any) -> str:
    await context.update({"part": 1})
    return "done"


def busy_agent() -> Agent:
    """Returns an agent whose run has nearly every kind of event."""
    tools = [Ledger().tool(body=shows), Ledger().gated()]
    return agent_of(calls(("work", {}), ("refund", {}), text="let me see"), "all is done", tools=tools)


async def test_a_tap_sees_the_runs_own_events_in_their_order() -> None:
    tap, other = Tap(), Tap()
    envelopes = await watched(guarded(busy_agent(), tap, AroundTool(raises_after), other), decide=True)
    assert tap.seen == other.seen == envelopes
    kinds = {type(each.event) for each in envelopes}
    assert {MessageUpdate, ToolExecutionUpdate, AgentPaused, MiddlewareError, AgentEnd} <= kinds
    assert [each.seq for each in envelopes] == sorted({each.seq for each in envelopes})


async def test_a_tap_sees_an_event_before_anything_else_happens() -> None:
    """Also a delta that is not saved yet."""
    tap = Tap()
    agent = guarded(agent_of(hangs("half a word")), tap)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        log = await system.log(run.id)
        assert tap.seen[-1].seq == log.seq > (await system.head(run.id)).seq
        await run.abort()


async def test_a_long_chunk_is_seen_event_by_event() -> None:
    words = 2 * MAX_SHOWN
    tap = Tap()
    agent = agent_of("w " * words)
    agent.model._deltas_per_chunk = words  # type: ignore[attr-defined]
    envelopes = await watched(guarded(agent, tap))
    assert len(envelopes) > words
    assert tap.seen == envelopes


@pytest.mark.parametrize("middleware", [(), (AroundTool(raises_after),)])
async def test_a_run_without_taps_is_not_tapped(middleware: tuple[Middleware, ...]) -> None:
    agent = guarded(agent_of(hangs()), *middleware)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        assert not inspect(system).is_tapped(run.id)
        await run.abort()


async def test_a_tap_that_raises_is_told_of_once_and_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    clumsy, good = Tap(always), Tap()
    envelopes = await watched(guarded(busy_agent(), clumsy, good), decide=True)
    assert clumsy.seen == good.seen == envelopes
    assert told(envelopes) == [("Tap", "event", None)]
    assert isinstance(envelopes[2].event, MiddlewareError), "right after what it raised at: agent_start, turn_start"
    assert envelopes[2].event.error.id is not None
    assert "secret" not in repr(envelopes)
    assert envelopes[2].event.error.id in caplog.text
    assert "the secret of the tap" in caplog.text
    assert isinstance(envelopes[-1].event, AgentEnd)
    assert envelopes[-1].event.status == "completed"


async def test_each_tap_that_raises_is_told_of_in_each_run() -> None:
    class Other(Tap):
        pass

    agent = guarded(agent_of("one", "two"), Tap(always), Other(always))
    for _ in range(2):
        assert told(await watched(agent)) == [("Tap", "event", None), ("Other", "event", None)]


async def test_no_event_follows_agent_end_even_if_a_tap_raises() -> None:
    tap = Tap(lambda envelope: isinstance(envelope.event, AgentEnd))
    envelopes = await watched(guarded(agent_of("hello"), tap))
    assert told(envelopes) == []
    assert isinstance(envelopes[-1].event, AgentEnd)


async def test_an_error_of_a_tap_at_a_middleware_error_is_not_announced(caplog: pytest.LogCaptureFixture) -> None:
    class Nervous(Tap):
        pass

    nervous = Nervous(lambda envelope: isinstance(envelope.event, MiddlewareError))
    envelopes = await watched(guarded(agent_of("hello"), Tap(always), nervous))
    assert told(envelopes) == [("Tap", "event", None)]
    assert "in middleware Nervous" in caplog.text


async def test_a_parked_run_announces_a_taps_error_when_it_goes_on(autojump_clock: MockClock) -> None:
    """After a parked run is activated again, numbers beyond its record are reused: none may have been shown."""
    tap = Tap(lambda envelope: isinstance(envelope.event, AgentPaused))
    agent = guarded(agent_of(calls(("refund", {})), "done", tools=[Ledger().gated()]), tap)
    async with open_test_system(agent, passivate_after_s=1) as system:
        run = await system.start(agent, "go")
        await parked(run)
        assert (await system.log(run.id)).seq == (await system.head(run.id)).seq
        await run.resume(YES)
        await run.wait_ended()
    assert told(tap.seen) == [("Tap", "event", None)]
    paused = next(at for at, each in enumerate(tap.seen) if isinstance(each.event, AgentPaused))
    assert told(tap.seen[:paused]) == []


@pytest.mark.parametrize("at", range(3, 22))
async def test_no_number_beyond_the_reserved_ones_is_used(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "SEQ_RANGE", 4)
    tap = Tap(lambda envelope: envelope.seq >= at)
    agent = guarded(agent_of(calls(("work", {}), text="let me see"), "it is done", tools=[Ledger().tool()]), tap)
    beyond: list[int] = []

    class Bounds(Middleware):
        def on_event(self, envelope: Envelope) -> None:
            inside = inspect(system)
            if "r1" in inside.active and envelope.seq > inside.head("r1").seq_ceiling:
                beyond.append(envelope.seq)

    agent = guarded(agent, *agent.middleware, Bounds())
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go", run_id="r1")
        assert (await run.wait_ended()).status == "completed"
    assert beyond == []
    assert told(tap.seen) == [("Tap", "event", None)]
    assert [each.seq for each in tap.seen] == sorted({each.seq for each in tap.seen})


async def test_the_next_process_sees_only_what_it_publishes_itself() -> None:
    store = MemoryStore()
    first, second = Tap(), Tap()
    tools = [Ledger().tool("refund", decision=APPROVAL)]
    async with open_test_system(guarded(agent_of(hangs("half"), tools=tools), first), store=store, drain_s=0) as system:
        await system.start("a", "go", run_id="r1")
        await wait_all_tasks_blocked()
        killed = snapshot_of(store)
    async with open_test_system(guarded(agent_of("whole", tools=tools), second), store=killed) as system:
        await system.run("r1").wait_ended()
    assert second.seen[0].seq > first.seen[-1].seq
    assert str(second.seen[0].event.__struct_config__.tag) == "agent_resume"
    assert isinstance(second.seen[-1].event, AgentEnd)
    assert {each.run_id for each in (*first.seen, *second.seen)} == {"r1"}


async def test_a_tap_sees_each_time_that_a_run_comes_into_memory(caplog: pytest.LogCaptureFixture) -> None:
    class Woken(Tap):
        def __init__(self) -> None:
            super().__init__()
            self.woken: list[object] = []

        def on_activation(self, run_id: str, agent: str, metadata: dict[str, Any]) -> None:
            self.woken.append((run_id, agent, dict(metadata)))
            metadata.clear()
            raise OSError("the secret of the tap")

    tap, store = Woken(), MemoryStore()
    agent = guarded(agent_of(calls(("refund", {})), "done", tools=[Ledger().gated()]), tap)
    async with open_test_system(agent, store=store) as system:
        await parked(await system.start(agent, "go", run_id="r1", metadata={"user": "ann"}))
    async with open_test_system(agent, store=store) as system:
        await system.resume("r1", YES)
        assert (await system.run("r1").wait_ended()).metadata == {"user": "ann"}
    assert tap.woken == [("r1", agent.name, {"user": "ann"})] * 2
    assert "in middleware Woken, when run r1 came into memory" in caplog.text
    assert told(tap.seen) == []
