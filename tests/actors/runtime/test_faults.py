"""Failing stores: askers get an error at once, effects' results wait, nothing is lost or done twice."""

from typing import Any

import pytest
import trio
from faulty import FaultyStore
from runs import NO, YES, Ledger, agent_of, check_record, parked, results, sleeps
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import RunSnapshot, open_actor_system
from adjourn.actors.runtime import run_state
from adjourn.actors.testing import calls, hangs, inspect, open_test_system, says, scripted_agent, trio_clock
from adjourn.protocol.errors import (
    DecisionConflict,
    InternalError,
    RunNotFound,
    StaleEpoch,
    StoreUnavailable,
    VersionConflict,
)
from adjourn.protocol.machine import step
from adjourn.protocol.transitions import Abort

DOWN = StoreUnavailable("the wire is cut")


def faults(kind: str) -> list[Exception]:
    return [{"typed": StoreUnavailable("out"), "foreign": OSError("disk on fire")}[kind]]


# A save fails before it took effect.


@pytest.mark.parametrize("kind", ["typed", "foreign"])
async def test_a_decision_whose_save_fails_is_told_so_and_may_come_again(kind: str) -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        waiting = await parked(run)
        store.refuse = faults(kind)
        with pytest.raises(StoreUnavailable):
            await run.resume(YES)
        await wait_all_tasks_blocked()
        assert ledger.begun == []  # nothing is executed before it is saved
        assert await parked(run) == waiting
        await run.decline()
        assert (await run.wait_ended()).status == "completed"
    assert ledger.begun == []


async def test_a_models_answer_waits_for_the_store_with_backoff(autojump_clock: MockClock) -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("work", {})), says("done"), tools=[ledger.tool()], delay_s=1)
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        store.down = True
        await trio.sleep(600)
        assert store.attempts < 10  # it loads the record to learn the first save's outcome before it saves again
        store.down = False
        end = await run.wait_ended()
        assert (end.status, results(end)) == ("completed", ["work"])
        assert (await system.head(run.id)).recoveries == 0  # an outage is no crash
    assert len(agent.model.requests) == 2  # type: ignore[attr-defined]
    assert len(ledger.begun) == 1


@pytest.mark.parametrize("tools", [1, 3])
async def test_results_of_tools_wait_for_the_store_and_nothing_executes_twice(
    tools: int, autojump_clock: MockClock
) -> None:
    store, ledger = FaultyStore(), Ledger()

    async def body(arguments: Any, context: Any) -> str:
        await trio.sleep(arguments["n"])
        return str(arguments["n"])

    script = [calls(*[("work", {"n": n}) for n in range(1, tools + 1)]), says("done")]
    agent = agent_of(*script, tools=[ledger.tool(body=body)])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await trio.sleep(0.5)
        store.down = True
        await trio.sleep(100)
        store.down = False
        end = await run.wait_ended()
        assert results(end) == [str(n) for n in range(1, tools + 1)]
    assert len(ledger.begun) == tools


async def test_asks_are_told_at_once_while_the_store_is_down(autojump_clock: MockClock) -> None:
    store, ledger = FaultyStore(), Ledger()

    async def body(arguments: Any, context: Any) -> None:
        await trio.sleep(10)

    agent = agent_of(calls(("work", {}), ("refund", {})), says("done"), tools=[ledger.tool(body=body), ledger.gated()])
    told: list[float] = []
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await trio.sleep(1)
        (pending,) = (await run.snapshot()).pending

        async def decide() -> None:
            with pytest.raises(StoreUnavailable) as caught:
                await run.resume(YES, pending.tool_call_id)
            assert caught.value.retryable
            told.append(trio.current_time())

        store.down = True
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(decide)
        await trio.sleep(30)
        await decide()
        assert len(told) == 6
        assert told[4] - began < 0.2
        assert told[5] - began < 30.2
        assert (await run.snapshot()).status == "running"  # reading needs no store
        store.down = False
        await trio.sleep(10)
        await run.resume(YES, pending.tool_call_id)
        assert (await run.wait_ended()).status == "completed"
    assert len(ledger.begun) == 2


async def test_a_start_whose_save_fails_has_not_happened() -> None:
    store = FaultyStore()
    agent = agent_of("hi")
    async with open_test_system(agent, store=store) as system:
        for kind in ("typed", "foreign"):
            store.refuse = faults(kind)
            with pytest.raises(StoreUnavailable):
                await system.start(agent, "go", run_id="r1")
        with pytest.raises(RunNotFound):
            await system.get("r1")
        assert (await (await system.start(agent, "go", run_id="r1")).wait_ended()).status == "completed"


async def test_of_two_starts_at_once_the_second_goes_on_when_the_first_ones_save_failed() -> None:
    store = FaultyStore()
    store.slow, store.refuse = 3, faults("typed")
    agent = agent_of("hi")
    outcome: list[str] = []
    async with open_test_system(agent, store=store) as system:

        async def start() -> None:
            try:
                outcome.append((await system.start(agent, "go", run_id="r1")).id)
            except StoreUnavailable:
                outcome.append("unavailable")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(start)
            nursery.start_soon(start)
        assert sorted(outcome) == ["r1", "unavailable"]
        assert (await system.run("r1").wait_ended()).status == "completed"


# A save took effect, and its acknowledgement is lost.


@pytest.mark.parametrize("kind", ["typed", "foreign"])
async def test_a_lost_acknowledgement_of_a_decision_is_adopted(kind: str) -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await parked(run)
        store.lose = faults(kind)
        with pytest.raises(StoreUnavailable):
            await run.resume(YES)
        # the decision was saved: the run goes on by itself, and acknowledges a repeated decision
        assert (await run.wait_ended()).status == "completed"
        await run.resume(YES)
        with pytest.raises(DecisionConflict):
            await run.resume(NO)
    assert len(ledger.begun) == 1


async def test_a_lost_acknowledgement_of_the_runs_own_saves_is_adopted_each_time(autojump_clock: MockClock) -> None:
    ledger = Ledger()
    for nth in range(6):
        store = FaultyStore()
        script = [calls(("work", {}), ("work", {})), calls(("work", {})), says("done")]
        agent = agent_of(*script, tools=[ledger.tool()], delay_s=0.1)
        async with open_test_system(agent, store=store) as system:
            run = await system.start(agent, "go")
            store.lose_nth = nth + 1
            async with run.events() as events:
                seen = [item async for item in events]
            assert not any(isinstance(item, RunSnapshot) for item in seen)
            assert [item.seq for item in seen] == list(range(1, len(seen) + 1))
            record = await store.load(run.id)
            assert record is not None
            check_record(record)
            assert record.head.seq == seen[-1].seq
            assert len(agent.model.requests) == 3  # type: ignore[attr-defined]
    assert len(ledger.begun) == 6 * 3


async def test_a_lost_acknowledgement_of_a_start_does_not_matter() -> None:
    store = FaultyStore()
    store.lose = faults("typed")
    agent = agent_of("hi")
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        assert (await run.wait_ended()).status == "completed"
        assert (await system.head(run.id)).recoveries == 0


async def test_no_number_is_used_twice_while_a_save_is_in_doubt(autojump_clock: MockClock) -> None:
    # A client's decision is saved and its acknowledgement lost, while another tool goes on showing its progress.
    store, ledger = FaultyStore(), Ledger()

    async def body(arguments: Any, context: Any) -> None:
        for n in range(20):
            await trio.sleep(0.1)
            await context.update(n)

    agent = agent_of(calls(("work", {}), ("refund", {})), says("done"), tools=[ledger.tool(body=body), ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        async with run.events() as events:
            await trio.sleep(0.5)
            (pending,) = (await run.snapshot()).pending
            save = store.inner.save

            async def late(*args: Any, **kwargs: Any) -> None:
                await save(*args, **kwargs)
                store.down = True  # until the tool has tried to publish progress
                store.inner.save = save  # type: ignore[method-assign]
                raise DOWN

            store.inner.save = late  # type: ignore[method-assign]
            with pytest.raises(StoreUnavailable):
                await run.resume(YES, pending.tool_call_id)
            await trio.sleep(0.7)
            store.down = False
            seen = [item async for item in events]
        assert [item.seq for item in seen] == list(range(1, len(seen) + 1))
        assert (await system.head(run.id)).seq == seen[-1].seq
    assert len(ledger.begun) == 2


async def test_an_abort_in_doubt_is_settled_before_anything_more_is_shown(autojump_clock: MockClock) -> None:
    store = FaultyStore()
    agent = agent_of(says("words " * 50), delay_s=1)
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await trio.sleep(5.5)
        store.lose = [DOWN]
        with pytest.raises(StoreUnavailable):
            await run.abort("enough")
        with trio.fail_after(2):
            end = await run.wait_ended()
        assert (end.status, end.reason) == ("aborted", "enough")


# A store that hangs, or is slow.


async def test_asks_of_a_store_that_hangs_can_be_cancelled_and_the_process_can_leave(autojump_clock: MockClock) -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store, drain_s=2) as system:
        run = await system.start(agent, "go")
        await parked(run)
        store.hangs = True
        with trio.move_on_after(5) as scope:
            await run.resume(YES)
        assert scope.cancelled_caught
        began = trio.current_time()
    assert trio.current_time() - began <= 2.1
    store.hangs = False
    async with open_test_system(agent, store=store.inner) as system:
        await parked(system.run(run.id))  # it had not happened


@pytest.mark.parametrize("slow", [1, 5])
async def test_a_slow_store_changes_nothing_but_the_time(slow: int) -> None:
    store, ledger = FaultyStore(), Ledger()
    store.slow = slow
    agent = agent_of(calls(*[("refund", {})] * 3), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        waiting = await parked(run)
        async with trio.open_nursery() as nursery:
            for call_id in waiting * 2:
                nursery.start_soon(run.resume, YES, call_id)
        assert results(await run.wait_ended()) == ["refund"] * 3
    assert sorted(ledger.begun) == sorted(waiting)


# Somebody else saved.


async def test_a_version_conflict_reloads_the_run() -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        waiting = await parked(run)
        store.refuse = [VersionConflict("somebody else saved")]
        with pytest.raises(StoreUnavailable):
            await run.resume(YES)
        assert await parked(run) == waiting
        assert ledger.begun == []
        await run.resume(YES)
        assert (await run.wait_ended()).status == "completed"
    assert len(ledger.begun) == 1


async def test_a_version_conflict_of_a_busy_run_reloads_it() -> None:
    store = FaultyStore()
    agent = agent_of(hangs("half"), says("done"))
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        store.refuse = [VersionConflict("somebody else saved")]
        with pytest.raises(StoreUnavailable, match="being reloaded"):
            await run.abort()
        assert (await run.wait_ended()).status == "completed"
    assert len(agent.model.requests) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("first", [hangs("half"), calls(("refund", {}))], ids=["busy", "parked"])
async def test_a_step_that_raises_tells_the_asker_and_takes_the_run_from_its_record(
    first: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    agent = agent_of(first, says("done"), tools=[Ledger().gated()])

    def broken(head: Any, history: Any, given: Any, **options: Any) -> Any:
        if isinstance(given, Abort):
            raise ZeroDivisionError
        return step(head, history, given, **options)

    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        monkeypatch.setattr(run_state, "step", broken)
        with pytest.raises(InternalError):
            await run.abort()
        await wait_all_tasks_blocked()
        assert f"run {run.id} crashed" in caplog.text
        if (await run.head()).status == "paused":
            await run.resume(YES)
        assert (await run.wait_ended()).status == "completed"
    assert len(agent.model.requests) == 2  # type: ignore[attr-defined]


async def test_a_version_conflict_of_the_runs_own_save_reloads_the_run() -> None:
    store = FaultyStore()
    agent = agent_of("one", "two")
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        store.refuse = [VersionConflict("somebody else saved")]
        assert (await run.wait_ended()).status == "completed"
        assert len(agent.model.requests) == 2  # type: ignore[attr-defined]


async def test_a_stale_epoch_ends_the_actor_and_saves_nothing() -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await store.acquire("somebody else")
        version = (await system.head(run.id)).version
        for _ in range(2):
            with pytest.raises(StaleEpoch):
                await run.resume(YES)
        await wait_all_tasks_blocked()
        assert inspect(system).active == []
        record = await store.load(run.id)
        assert record is not None
        assert record.head.version == version
        with pytest.raises(StaleEpoch):
            await system.start(agent, "go")
    assert ledger.begun == []


async def test_a_run_that_vanished_from_the_store_ends_its_actor() -> None:
    store = FaultyStore()
    agent = agent_of(calls(("refund", {})), tools=[Ledger().gated()])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await store.delete(run.id, epoch=1)
        with pytest.raises(StoreUnavailable):
            await run.resume(YES)
        await wait_all_tasks_blocked()
        assert inspect(system).active == []
        with pytest.raises(RunNotFound):
            await run.resume(YES)


# The system's own work.


async def test_recovery_waits_for_a_store_that_is_down_at_the_start(autojump_clock: MockClock) -> None:
    store = FaultyStore()
    agent, back_agent = agent_of(hangs("half")), agent_of("the whole")
    async with open_test_system(agent, store=store, drain_s=0) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
    store.down = True
    async with open_test_system(back_agent, store=store) as system:
        await trio.sleep(100)
        store.down = False
        assert (await system.run(run.id).wait_ended()).status == "completed"


async def test_a_run_that_could_not_be_recovered_is_tried_again(autojump_clock: MockClock) -> None:
    store = FaultyStore()
    agent, back_agent = agent_of(hangs("half")), agent_of("the whole")
    async with open_test_system(agent, store=store, drain_s=0) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
    store.refuse = [*faults("typed"), *faults("foreign")]
    async with open_test_system(back_agent, store=store) as system:
        assert (await system.run(run.id).wait_ended()).status == "completed"


async def test_the_sweeper_waits_for_the_store_without_spinning(autojump_clock: MockClock) -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated(decision_timeout_s=10)])
    async with open_test_system(agent, store=store, passivate_after_s=5) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await trio.sleep(8)
        store.refuse = faults("typed") * 3
        attempts = store.attempts
        await trio.sleep(20)
        assert store.attempts - attempts < 10
        assert (await run.wait_ended()).status == "completed"


async def test_a_failed_due_action_is_retried_soon_even_if_the_next_is_due_late(
    autojump_clock: MockClock,
) -> None:
    store, refund = FaultyStore(), calls(("refund", {}))
    soon = scripted_agent(refund, "done", name="soon", tools=[Ledger().gated(decision_timeout_s=10)])
    late = scripted_agent(refund, "done", name="late", tools=[Ledger().gated(decision_timeout_s=1000)])
    async with open_test_system(soon, late, store=store, passivate_after_s=5) as system:
        first, second = await system.start(soon, "go"), await system.start(late, "go")
        await parked(first)
        await parked(second)
        await trio.sleep(8)
        assert inspect(system).active == []
        load, failed = store.inner.load, list[str]()

        async def fails_once(run_id: str) -> Any:
            if not failed:
                failed.append(run_id)
                raise OSError("not yet")
            return await load(run_id)

        store.inner.load = fails_once  # type: ignore[method-assign]
        await trio.sleep(5)
        assert failed == [first.id]
        assert (await system.head(first.id)).status == "completed"


async def test_a_due_action_does_not_delay_shutdown(autojump_clock: MockClock) -> None:
    agent = agent_of(
        calls(("refund", {}), ("work", {})),
        tools=[Ledger().gated(decision_timeout_s=1), Ledger().tool(body=sleeps(100))],
    )
    with trio.fail_after(30):
        async with open_actor_system([agent], clock=trio_clock, drain_s=10) as system:
            await system.start(agent, "go")
            await trio.sleep(0.5)


async def test_an_outage_during_a_crash_is_waited_for(autojump_clock: MockClock) -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await parked(run)
        load = store.inner.load

        async def down_first(run_id: str) -> Any:
            if trio.current_time() < until:
                raise OSError("not yet")
            return await load(run_id)

        until = trio.current_time() + 600
        store.inner.load = down_first  # type: ignore[method-assign]
        store.refuse = [VersionConflict("somebody else saved")]
        with pytest.raises(StoreUnavailable):
            await run.resume(YES)
        await trio.sleep(1)
        with trio.fail_after(0.1), pytest.raises(StoreUnavailable):
            await run.resume(YES)
        await trio.sleep(700)
        await run.resume(YES)
        assert (await run.wait_ended()).status == "completed"
    assert len(ledger.begun) == 1
