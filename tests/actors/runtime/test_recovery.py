"""Runs whose process died or whose actor crashed: they continue from their record, and nothing executes twice."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from faulty import FaultyStore
from runs import (
    APPROVAL,
    NO,
    YES,
    Ledger,
    agent_of,
    check_record,
    forever,
    kinds,
    parked,
    results,
    snapshot_of,
    text_of,
)
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import ActorSystem, Agent, Run, RunSnapshot, ToolContext
from adjourn.actors.middleware import Middleware
from adjourn.actors.models import ModelRequest
from adjourn.actors.runtime import run_state
from adjourn.actors.testing import ScriptedModel, calls, hangs, inspect, open_test_system, says
from adjourn.protocol.errors import (
    DecisionInvalid,
    InternalError,
    RunEnded,
    StoreCorrupt,
    StoreUnavailable,
    Stranded,
    VersionConflict,
)
from adjourn.protocol.events import AgentResume, Envelope
from adjourn.protocol.messages import AssistantMessage
from adjourn.protocol.record import Entry, Head
from adjourn.protocol.transcript import Transcript
from adjourn.protocol.transitions import Decide, ModelDone, ToolDone
from adjourn.stores.memory import MemoryStore


@asynccontextmanager
async def killed_and_back(store: MemoryStore, *agents: Agent, **options: Any) -> AsyncGenerator[ActorSystem]:
    """Opens a second system with a copy of the store as it is now, as after a kill."""
    async with open_test_system(*agents, store=snapshot_of(store), **options) as system:
        yield system


async def started(system: ActorSystem, agent: Agent) -> Run:
    run = await system.start(agent, "go", run_id="r1")
    await wait_all_tasks_blocked()
    return run


async def test_a_process_that_stops_at_once_warns_of_no_run_that_it_left(caplog: pytest.LogCaptureFixture) -> None:
    agent = agent_of(hangs("half of it"))
    store = MemoryStore()
    async with open_test_system(agent, store=store, drain_s=0) as system:
        await started(system, agent)
        back = FaultyStore(snapshot_of(store))
        back.slow = 1  # so that the process stops while it recovers the run
        async with open_test_system(agent, store=back, drain_s=0):
            while not back.attempts:
                await trio.lowlevel.checkpoint()
    assert caplog.messages == []


# Killed.


async def test_a_model_call_killed_in_mid_stream_is_made_again_without_its_partial_text() -> None:
    seen: list[int] = []

    def whole(request: ModelRequest) -> AssistantMessage:
        seen.append(len(request.messages))
        return says("the whole")

    first, second = agent_of(hangs("half of it")), agent_of(whole)
    store = MemoryStore()
    async with open_test_system(first, store=store, drain_s=0) as system:
        await started(system, first)
        async with killed_and_back(store, second) as back:
            end = await back.run("r1").wait_ended()
            assert (end.status, text_of(end.messages[-1])) == ("completed", "the whole")
            assert len(end.messages) == 2
    assert seen == [1]


async def test_a_tool_killed_while_it_executed_is_not_executed_again() -> None:
    ledger, store = Ledger(), MemoryStore()
    agent = agent_of(calls(("work", {})), tools=[ledger.tool(body=forever)])
    back_agent = agent_of(says("I see"), tools=[ledger.tool(body=forever)])
    async with open_test_system(agent, store=store, drain_s=0) as system:
        await started(system, agent)
        async with killed_and_back(store, back_agent) as back:
            end = await back.run("r1").wait_ended()
            assert "may have taken effect" in results(end)[0]
    assert len(ledger.begun) == 1


async def test_an_idempotent_tool_is_executed_again_under_the_same_id() -> None:
    ledger, store = Ledger(), MemoryStore()
    agent = agent_of(calls(("work", {})), tools=[ledger.tool(body=forever, idempotent=True)])
    back_agent = agent_of(says("done"), tools=[ledger.tool(idempotent=True)])
    async with open_test_system(agent, store=store, drain_s=0) as system:
        await started(system, agent)
        async with killed_and_back(store, back_agent) as back:
            assert results(await back.run("r1").wait_ended()) == ["work"]
    assert len(ledger.begun) == 2
    assert len(set(ledger.begun)) == 1


async def test_a_tool_gets_the_epoch_of_its_stores_owner(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    epochs: list[int] = []

    async def note(arguments: dict[str, Any], context: ToolContext) -> None:
        epochs.append(context.epoch)
        if len(epochs) == 1:
            await trio.sleep_forever()

    agent = agent_of(calls(("work", {})), says("done"), tools=[Ledger().tool(body=note, idempotent=True)])
    async with open_test_system(agent, store=store) as system:
        await started(system, agent)
        async with killed_and_back(store, agent) as again:
            await again.run("r1").wait_ended()
    assert epochs == [1, 2]


async def test_after_a_crash_only_calls_that_had_started_are_interrupted() -> None:
    ledger, store = Ledger(), MemoryStore()

    def tools(body: Any) -> Any:
        return [ledger.tool("slow", body), ledger.tool("quick"), ledger.gated()]

    script = calls(("slow", {}), ("quick", {}), ("refund", {}), ("slow", {}))
    agent = agent_of(script, tools=tools(forever), max_concurrent_tools=1)
    back_agent = agent_of(says("done"), tools=tools(None), max_concurrent_tools=1)
    async with open_test_system(agent, store=store, drain_s=0) as system:
        await started(system, agent)
        async with killed_and_back(store, back_agent) as back:
            (gate,) = await parked(back.run("r1"))
            await back.resume("r1", YES, gate)
            told = results(await back.run("r1").wait_ended())
    assert "may have taken effect" in told[0]
    assert told[1:] == ["quick", "refund", "slow"]
    assert len(ledger.begun) == 4


async def test_a_parked_run_stays_parked_and_costs_nothing_until_it_is_called() -> None:
    ledger, store = Ledger(), MemoryStore()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    back_agent = agent_of(says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        await parked(await system.start(agent, "go", run_id="r1"))
    async with open_test_system(back_agent, store=store) as back:
        await wait_all_tasks_blocked()
        assert inspect(back).active == []
        await parked(back.run("r1"))
        assert inspect(back).active == []  # reading and watching do not activate the run
        await back.resume("r1", YES)
        end = await back.run("r1").wait_ended()
        assert (end.status, len(ledger.done)) == ("completed", 1)


async def test_a_decision_acknowledged_before_the_kill_is_not_lost() -> None:
    ledger, store = Ledger(), MemoryStore()
    agent = agent_of(calls(("refund", {})), tools=[ledger.tool("refund", forever, decision=APPROVAL)])
    back_agent = agent_of(says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store, drain_s=0) as system:
        run = await system.start(agent, "go", run_id="r1")
        await parked(run)
        await run.resume(YES)
        async with killed_and_back(store, back_agent) as back:
            end = await back.run("r1").wait_ended()
            assert "may have taken effect" in results(end)[0]  # `started` was saved, so the call is not executed again
            record = await inspect(back).record("r1")
            assert record is not None
            check_record(record)


async def test_an_abort_requested_before_the_kill_is_all_that_recovery_finishes() -> None:
    store = FaultyStore()
    agent, back_agent = agent_of(hangs("words")), agent_of("never")
    async with open_test_system(agent, store=store, drain_s=0) as system:
        run = await started(system, agent)
        store.lose.append(StoreUnavailable("the acknowledgement is lost"))
        with pytest.raises(StoreUnavailable):
            await run.abort("enough")
        head = (await snapshot_of(store.inner).load("r1")).head  # type: ignore[union-attr]
        assert head.abort is not None
        async with killed_and_back(store.inner, back_agent) as back:
            end = await back.run("r1").wait_ended()
            assert (end.status, end.reason) == ("aborted", "enough")
            with pytest.raises(RunEnded):
                await back.resume("r1", YES)
    assert back_agent.model.requests == []  # type: ignore[attr-defined]


async def test_a_tool_that_kills_its_process_ends_the_run_as_failed_after_three_recoveries() -> None:
    store, poison = MemoryStore(), Ledger().tool(body=forever, idempotent=True)
    for n in range(4):
        agent = agent_of(calls(("work", {})), tools=[poison])
        async with open_test_system(agent, store=store, drain_s=0) as system:
            if n == 0:
                await started(system, agent)
            else:
                await wait_all_tasks_blocked()
                assert (await system.head("r1")).recoveries == n
            store = snapshot_of(store)
    async with open_test_system(agent_of("never", tools=[poison]), store=store) as system:
        end = await system.run("r1").wait_ended()
        assert (end.status, end.reason) == ("failed", "crashLoop")


async def test_a_model_call_alone_never_fails_a_run_however_often_the_process_dies() -> None:
    store = MemoryStore()
    for n in range(8):
        agent = agent_of(hangs("half"))
        async with open_test_system(agent, store=store, drain_s=0) as system:
            if n == 0:
                await started(system, agent)
            await wait_all_tasks_blocked()
            assert (await system.head("r1")).recoveries == 0
            store = snapshot_of(store)
    async with open_test_system(agent_of("at last"), store=store) as system:
        assert (await system.run("r1").wait_ended()).status == "completed"


async def test_sequence_numbers_jump_above_all_that_was_ever_shown() -> None:
    store = MemoryStore()
    agent, back_agent = agent_of(hangs("one two three four")), agent_of("the whole")
    async with open_test_system(agent, store=store, drain_s=0) as system:
        run = await started(system, agent)
        shown = (await system.get("r1")).seq
        async with killed_and_back(store, back_agent) as back, back.run("r1").events(shown) as events:
            found = [item async for item in events]
        assert isinstance(found[0], RunSnapshot)  # the watcher had seen events above the last save
        assert all(item.seq > shown for item in found[1:])
        assert run.id == "r1"
        # the watcher's fold is the same as the run's
        transcript = Transcript(found[0].snapshot)
        for item in found[1:]:
            assert not isinstance(item, RunSnapshot)
            transcript.apply(item.event)
        assert (transcript.status, text_of(transcript.messages[-1])) == ("completed", "the whole")
        assert "agent_resume" in kinds([i.event for i in found[1:] if not isinstance(i, RunSnapshot)])


async def test_a_watcher_of_the_new_process_sees_the_run_recover_once() -> None:
    store = MemoryStore()
    agent, back_agent = agent_of(hangs("half")), agent_of("the whole")
    async with open_test_system(agent, store=store, drain_s=0) as system:
        await started(system, agent)
        async with killed_and_back(store, back_agent) as back, back.run("r1").events(None) as events:
            found = [item async for item in events]
    reasons = [
        item.event.reason for item in found if not isinstance(item, RunSnapshot) and isinstance(item.event, AgentResume)
    ]
    assert reasons in (["recovered"], [])  # the reader may have come later: then the snapshot includes it
    assert not isinstance(found[-1], RunSnapshot)


# Without the code.


def other_agents(missing: str) -> list[Agent]:
    return [] if missing == "agent" else [agent_of("never", tools=[Ledger().tool("other")])]


@pytest.mark.parametrize("missing", ["agent", "tool"])
@pytest.mark.parametrize("state", ["parked", "streaming", "executing"])
async def test_a_run_without_its_code_is_stranded_and_stays_put(missing: str, state: str) -> None:
    script = {"parked": calls(("refund", {})), "streaming": hangs("half"), "executing": calls(("work", {}))}[state]
    store, ledger = MemoryStore(), Ledger()
    agent = agent_of(script, tools=[ledger.gated(), ledger.tool(body=forever)])
    async with open_test_system(agent, store=store, drain_s=0) as system:
        await started(system, agent)
        before = (await store.load("r1")).head  # type: ignore[union-attr]
        async with killed_and_back(store, *other_agents(missing)) as back:
            await wait_all_tasks_blocked()
            with pytest.raises(Stranded):
                await back.resume("r1", YES)
            with pytest.raises(Stranded):
                await back.decline("r1")
            assert (await back.head("r1")).version == before.version  # untouched
            assert (await back.get("r1")).snapshot.agent == "a"
            (listed,) = (await back.list()).heads
            assert listed.id == "r1"
            assert f"{missing} " in (await back.stranded(listed) or "")
            assert (await back.get("r1")).stranded == await back.stranded(listed)
            done = await back.abort("r1", "enough")
            assert done.status == "aborted"
            record = await inspect(back).record("r1")
            assert record is not None
            check_record(record)
            assert record.head.seq > before.seq_ceiling or state == "parked"
            await back.delete("r1")
            assert (await back.list()).heads == ()


async def test_a_stranded_run_goes_on_when_its_code_is_back() -> None:
    store, ledger = MemoryStore(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        await parked(await system.start(agent, "go", run_id="r1"))
    async with open_test_system(store=store) as system:
        with pytest.raises(Stranded):
            await system.resume("r1", YES)
    async with open_test_system(agent, store=store) as system:
        await system.resume("r1", YES)
        assert (await system.run("r1").wait_ended()).status == "completed"


async def test_schemas_are_those_recorded_at_begin() -> None:
    store, ledger = MemoryStore(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        await parked(await system.start(agent, "go", run_id="r1"))
    today = agent_of(says("done"), tools=[ledger.gated(decision={"type": "object"})])
    async with open_test_system(today, store=store) as system:
        with pytest.raises(DecisionInvalid):
            await system.resume("r1", {"anything": "goes today"})
        await system.resume("r1", NO)
        assert (await system.run("r1").wait_ended()).status == "completed"


# One owner, one execution.


async def test_a_live_run_is_not_executed_twice_however_many_call_it() -> None:
    store = FaultyStore()
    first, second = agent_of(hangs("half")), agent_of("the whole")
    async with open_test_system(first, store=store, drain_s=0) as system:
        await started(system, first)
        copy = FaultyStore(snapshot_of(store.inner))
        copy.slow = 3
        async with open_test_system(second, store=copy) as back:
            async with trio.open_nursery() as nursery:
                for _ in range(10):
                    nursery.start_soon(inspect(back).tick, "r1")
                    nursery.start_soon(back.get, "r1")
            assert (await back.run("r1").wait_ended()).status == "completed"
            assert (await back.head("r1")).recoveries == 0
    assert len(second.model.requests) == 1  # type: ignore[attr-defined]


class LateStore(FaultyStore):
    """A store whose next acknowledgement comes when `acknowledged` is set."""

    def __init__(self, inner: MemoryStore) -> None:
        super().__init__(inner)
        self.acknowledged = trio.Event()

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        await self.acknowledged.wait()


async def test_a_watcher_during_the_save_of_a_recovery_sees_the_runs_end() -> None:
    agent = agent_of(hangs("half"))
    async with open_test_system(agent, drain_s=0) as system:
        await started(system, agent)
        store = LateStore(snapshot_of(system.runtime.store))
    async with open_test_system(agent_of("the whole"), store=store) as back, trio.open_nursery() as nursery:
        await wait_all_tasks_blocked()
        nursery.start_soon(back.run("r1").wait_ended)
        await wait_all_tasks_blocked()
        store.acknowledged.set()
        await wait_all_tasks_blocked()
        assert not nursery.child_tasks


async def test_a_watcher_during_the_save_of_a_start_sees_the_end_and_middleware_the_begin() -> None:
    seen: list[str] = []

    class Seeing(Middleware):
        def on_event(self, envelope: Envelope) -> None:
            seen.append(type(envelope.event).__name__)

    agent = Agent(name="a", model=ScriptedModel(["done"]), middleware=[Seeing()])
    store = LateStore(MemoryStore())
    async with open_test_system(agent, store=store) as system, trio.open_nursery() as nursery:
        nursery.start_soon(partial(system.start, agent, "go", run_id="r1"))
        await wait_all_tasks_blocked()
        nursery.start_soon(system.run("r1").wait_ended)
        await wait_all_tasks_blocked()
        store.acknowledged.set()
        await wait_all_tasks_blocked()
        assert not nursery.child_tasks
    assert (seen[0], seen[-1]) == ("AgentStart", "AgentEnd")


async def test_an_owner_that_was_replaced_saves_and_executes_nothing_more() -> None:
    store, ledger = MemoryStore(), Ledger()
    gate = trio.Event()

    async def body(arguments: Any, context: Any) -> None:
        await gate.wait()

    agent = agent_of(calls(("work", {}), ("refund", {})), says("done"), tools=[ledger.tool(body=body), ledger.gated()])
    async with open_test_system(agent, store=store, drain_s=0) as old:
        run = await started(old, agent)
        (pending,) = (await run.snapshot()).pending
        new_agent = agent_of(says("done"), tools=[ledger.tool(), ledger.gated()])
        async with open_test_system(new_agent, store=store) as new:
            (gated,) = await parked(new.run("r1"))
            assert gated == pending.tool_call_id
            gate.set()
            await wait_all_tasks_blocked()
            assert inspect(old).active == []  # it noticed the new owner, and dropped the run
            await new.resume("r1", YES, gated)
            end = await new.run("r1").wait_ended()
            assert end.status == "completed"
    assert len(ledger.begun) == 2


# The actor crashes, the process lives.


def crashing(monkeypatch: pytest.MonkeyPatch, kind: type, times: int) -> list[str]:
    """Makes the next `times` steps of an input raise, as a bug in the machine would."""
    crashes: list[str] = []
    step = run_state.step

    def crash(head: Any, history: Any, given: Any, **more: Any) -> Any:
        if isinstance(given, kind) and len(crashes) < times:
            crashes.append(kind.__name__)
            raise ZeroDivisionError("a defect")
        return step(head, history, given, **more)

    monkeypatch.setattr(run_state, "step", crash)
    return crashes


async def test_a_crashed_actor_goes_on_from_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    crashes = crashing(monkeypatch, ModelDone, 1)
    agent = agent_of("first try", "second try")
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        async with run.events() as events:
            found = [item async for item in events]
        end = await run.snapshot()
        assert (end.status, text_of(end.messages[-1])) == ("completed", "second try")
        assert (await system.head(run.id)).recoveries == 0  # progress was made
    assert crashes == ["ModelDone"]
    assert [item.seq for item in found] == sorted({item.seq for item in found})


async def test_a_crash_takes_no_tool_result_for_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    crashing(monkeypatch, ToolDone, 1)
    ledger = Ledger()
    agent = agent_of(calls(("work", {}), ("work", {})), says("done"), tools=[ledger.tool()])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        end = await run.wait_ended()
        assert all("may have taken effect" in text or text == "work" for text in results(end))
        record = await inspect(system).record(run.id)
        assert record is not None
        check_record(record)
    assert len(ledger.begun) == 2


async def test_an_actor_that_keeps_crashing_ends_failed_with_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    crashing(monkeypatch, ModelDone, 99)
    agent, other = agent_of(*["again"] * 9), Agent(name="b", model=ScriptedModel([hangs("words")]))
    async with open_test_system(agent, other, drain_s=0) as system:
        bystander = await system.start(other, "go")
        end = await (await system.start(agent, "go")).wait_ended()
        assert (end.status, end.reason) == ("failed", "crashLoop")
        assert end.error is not None
        assert "ZeroDivisionError" in end.error.message
        assert (await bystander.snapshot()).status == "running"  # one crashing run never touches another


async def test_a_message_that_crashes_the_actor_fails_its_asker_and_the_run_still_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crashing(monkeypatch, Decide, 1)
    ledger = Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await parked(run)
        with pytest.raises(InternalError) as caught:
            await run.resume(YES)
        assert caught.value.data["id"] in str(caught.value)
        assert "defect" not in str(caught.value)
        await run.resume(YES)
        assert (await run.wait_ended()).status == "completed"
    assert len(ledger.done) == 1


async def test_results_of_tools_from_before_a_crash_do_not_confuse_what_comes_after(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    crashing(monkeypatch, Decide, 1)
    ledger = Ledger()

    async def body(arguments: Any, context: Any) -> str:
        await trio.sleep(1)
        return "work"

    script = [calls(("work", {}), ("refund", {})), calls(("work", {}), ("work", {})), says("done")]
    agent = agent_of(*script, tools=[ledger.tool(body=body, idempotent=True), ledger.gated()])
    async with open_test_system(agent, passivate_after_s=5) as system:
        run = await system.start(agent, "go")
        await trio.sleep(0.5)
        (pending,) = (await run.snapshot()).pending
        with pytest.raises(InternalError):
            await run.resume(YES, pending.tool_call_id)
        await parked(run)
        await trio.sleep(30)
        assert inspect(system).active == []  # it was idle, and known to be
        await run.resume(YES, pending.tool_call_id)
        assert results(await run.wait_ended()) == ["work", "refund", "work", "work"]
    assert len(ledger.begun) == 5


async def test_after_a_crash_watchers_and_record_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    crashing(monkeypatch, ModelDone, 2)
    agent = agent_of("one", "two", calls(("refund", {})), tools=[Ledger().gated()])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        transcript = Transcript()
        async with run.events() as events:
            async for item in events:
                if isinstance(item, RunSnapshot):
                    transcript = Transcript(item.snapshot)
                else:
                    transcript.apply(item.event)
                if transcript.status == "paused":
                    break
        record = await inspect(system).record(run.id)
        assert record is not None
        assert transcript.snapshot() == run_state.folded(record).snapshot()


async def test_a_conflict_with_ones_own_lost_save_leaves_watchers_and_record_agreed() -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("refund", {}), ("refund", {})), tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        first, _ = await parked(run)
        transcript = Transcript()
        async with run.events() as events:
            store.lose = [VersionConflict("saved, in fact")]
            with pytest.raises(StoreUnavailable):
                await run.decline(first)
            await wait_all_tasks_blocked()
            await system.abort(run.id)
            async for item in events:
                if isinstance(item, RunSnapshot):
                    transcript = Transcript(item.snapshot)
                else:
                    transcript.apply(item.event)
        record = await store.load(run.id)
        assert record is not None
        check_record(record)
        assert transcript.snapshot() == run_state.folded(record).snapshot()
    assert ledger.begun == []


async def test_a_record_that_cannot_be_read_for_a_moment_costs_no_run(autojump_clock: MockClock) -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("refund", {})), "done", tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await parked(run)
        load = store.inner.load

        async def unreadable(run_id: str) -> Any:
            raise StoreCorrupt("a page is torn")

        store.inner.load = unreadable  # type: ignore[method-assign]
        store.refuse = [StoreUnavailable("the wire is cut")]
        with pytest.raises(StoreUnavailable):
            await run.resume(YES)
        with trio.fail_after(60), pytest.raises(StoreUnavailable):
            await run.resume(YES)
        store.inner.load = load  # type: ignore[method-assign]
        await trio.sleep(60)
        await run.resume(YES)
        assert (await run.wait_ended()).status == "completed"
    assert len(ledger.begun) == 1


# Leaving in order.


async def test_leaving_in_order_is_no_crash_however_often() -> None:
    """Five deploys during one long step ended the run as a crash loop."""
    store, long_step = MemoryStore(), Ledger().tool(body=forever, idempotent=True)
    for n in range(6):
        agent = agent_of(calls(("work", {})), tools=[long_step])
        async with open_test_system(agent, store=store, drain_s=0) as system:
            if n == 0:
                await started(system, agent)
            await wait_all_tasks_blocked()
            assert (await system.head("r1")).recoveries == 0
    quick = Ledger().tool(idempotent=True)
    async with open_test_system(agent_of("done", tools=[quick]), store=store) as system:
        assert (await system.run("r1").wait_ended()).status == "completed"


async def test_an_innocent_run_is_not_charged_for_a_neighbour_that_kills_the_process() -> None:
    store, ledger = MemoryStore(), Ledger()
    tools = [ledger.tool("poison", body=forever, idempotent=True), ledger.tool("work", body=forever, idempotent=True)]
    agent = agent_of(calls(("poison", {})), calls(("work", {})), calls(("work", {})), tools=tools)
    async with open_test_system(agent, store=store, drain_s=0) as system:
        for run_id in ("r1", "r2", "r3"):
            await system.start(agent, "go", run_id=run_id)
        await wait_all_tasks_blocked()
        store = snapshot_of(store)
    for _ in range(3):
        async with open_test_system(agent_of(tools=tools), store=store, drain_s=0) as system:
            await wait_all_tasks_blocked()
            assert len(inspect(system).active) == 1, "suspects come back one by one"
            store = snapshot_of(store)
    heads = {head.id: head.recoveries for head in (await store.list()).heads}
    assert sorted(heads.values()) == [0, 0, 3]


async def test_suspects_that_end_make_way_for_the_next(autojump_clock: MockClock) -> None:
    store, ledger = MemoryStore(), Ledger()
    tools = [ledger.tool("work", body=forever, idempotent=True)]
    agent = agent_of(calls(("work", {})), calls(("work", {})), tools=tools)
    async with open_test_system(agent, store=store, drain_s=0) as system:
        for run_id in ("r1", "r2"):
            await system.start(agent, "go", run_id=run_id)
        await wait_all_tasks_blocked()
        store = snapshot_of(store)
    back = agent_of("one", "two", tools=[Ledger().tool("work", idempotent=True)])
    async with open_test_system(back, store=store) as system:
        for run_id in ("r1", "r2"):
            assert (await system.run(run_id).wait_ended()).status == "completed"
