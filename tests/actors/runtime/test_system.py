"""The actor system: passivation, deadlines, retention, shutdown, cancelled callers, and many runs at once."""

import gc
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from faulty import FaultyStore
from profiles import repeats
from runs import NO, YES, Ledger, agent_of, check_record, forever, parked, results, sleeps, snapshot_of, text_of
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import ActorSystem, Agent, Run, client_tool, open_actor_system
from adjourn.actors.runtime.eventlog import EventLog
from adjourn.actors.runtime.run_actor import RunActor
from adjourn.actors.testing import ScriptedModel, calls, hangs, inspect, open_test_system, says, scripted_agent
from adjourn.protocol.errors import (
    AdjournError,
    LimitExceeded,
    NotPending,
    RunEnded,
    RunIdConflict,
    RunNotFound,
    ShuttingDown,
)
from adjourn.protocol.record import FINAL, Entry, Head, Limits, OnExpiry
from adjourn.stores.memory import MemoryStore
from adjourn.stores.sqlite import SqliteStore

LOCATE = client_tool("locate", "Where?", {"type": "object"})


class Wall:
    """A wall clock that stands until it is set: for tests over several processes."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


# Passivation.


async def test_a_run_parked_for_long_leaves_memory_and_comes_back_when_called(autojump_clock: MockClock) -> None:
    ledger = Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, passivate_after_s=60) as system:
        run = await system.start(agent, "go")
        waiting = await parked(run)
        await trio.sleep(30)
        assert inspect(system).active == [run.id]
        await trio.sleep(100)
        assert inspect(system).active == []
        assert await parked(run) == waiting  # reading, listing and waiting do not activate it
        assert [head.id for head in (await system.list(status="paused")).heads] == [run.id]
        assert inspect(system).active == []
        await run.resume(YES)
        assert (await run.wait_ended()).status == "completed"
    assert len(ledger.done) == 1


async def test_a_watcher_of_a_passivated_run_sees_it_continue_without_a_gap(autojump_clock: MockClock) -> None:
    agent = agent_of(calls(("refund", {})), says("done"), tools=[Ledger().gated()])
    async with open_test_system(agent, passivate_after_s=10) as system:
        run = await system.start(agent, "go")
        async with run.events() as events:
            await parked(run)
            await trio.sleep(100)
            assert inspect(system).active == []
            await run.resume(YES)
            numbers = [item.seq async for item in events]
    assert numbers == list(range(1, len(numbers) + 1))


def remains(run_id: str) -> int:
    """How many objects of a run are alive: its actor, its log."""
    gc.collect()
    found = [thing for thing in gc.get_objects() if isinstance(thing, RunActor | EventLog)]
    return sum(run_id == (thing.state.head.id if isinstance(thing, RunActor) else thing.run_id) for thing in found)


async def test_nothing_of_a_passivated_run_remains_in_memory(autojump_clock: MockClock) -> None:
    agent = agent_of(calls(("refund", {})), tools=[Ledger().gated()])
    async with open_test_system(agent, passivate_after_s=10) as system:
        run = await system.start(agent, "go")
        await parked(run)
        assert remains(run.id) == 2
        await trio.sleep(100)
        assert remains(run.id) == 0
        inside = inspect(system)
        assert (inside.active, inside.live_logs, inside.recent_logs, inside.opening) == ([], [], [], [])
        assert set(inspect(system).children) == {"runs", "sweeper", "resting", "keepalive", "tenure"}


async def test_ended_runs_leave_memory_but_for_a_bounded_number_of_logs() -> None:
    agent = Agent(name="a", model=ScriptedModel(["hi"] * 300))
    async with open_test_system(agent) as system:
        for _ in range(300):
            await (await system.start(agent, "go")).wait_ended()
        assert inspect(system).active == inspect(system).live_logs == []
        assert len(inspect(system).recent_logs) == 128


async def test_calls_to_a_passivated_run_at_once_bring_it_back_once(autojump_clock: MockClock) -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store, passivate_after_s=10) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await trio.sleep(100)
        store.slow = 3
        before = inspect(system).activations
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(run.resume, YES)
        assert inspect(system).activations == before + 1
        assert (await run.wait_ended()).status == "completed"
    assert len(ledger.done) == 1


# Deadlines.


@pytest.mark.parametrize("passivate_after_s", [1.0, 1e6])
async def test_a_decision_that_does_not_come_in_time_expires(
    passivate_after_s: float, autojump_clock: MockClock
) -> None:
    ledger = Ledger()
    agent = agent_of(calls(("refund", {})), says("a pity"), tools=[ledger.gated(decision_timeout_s=30)])
    async with open_test_system(agent, passivate_after_s=passivate_after_s) as system:
        run = await system.start(agent, "go")
        (call_id,) = await parked(run)
        began = trio.current_time()
        end = await run.wait_ended()
        assert trio.current_time() - began == pytest.approx(30, abs=0.1)
        assert results(end) == ["This call was not executed: no decision came in time."]
        with pytest.raises(NotPending) as caught:
            await run.resume(YES, call_id)
        assert caught.value.data["reason"] == "expired"
    assert ledger.begun == []


async def test_a_default_decision_executes_on_expiry(autojump_clock: MockClock) -> None:
    ledger = Ledger()
    gate = ledger.gated(decision_timeout_s=30, on_expiry=OnExpiry(action="decide", decision=NO))
    agent = agent_of(calls(("refund", {})), says("done"), tools=[gate])
    async with open_test_system(agent, passivate_after_s=1) as system:
        run = await system.start(agent, "go")
        assert results(await run.wait_ended()) == ["refund"]
    assert len(ledger.done) == 1


async def test_an_expiry_may_abort_the_run(autojump_clock: MockClock) -> None:
    gate = Ledger().gated(decision_timeout_s=30, on_expiry="abort")
    agent = agent_of(calls(("refund", {})), tools=[gate])
    async with open_test_system(agent, passivate_after_s=1) as system:
        end = await (await system.start(agent, "go")).wait_ended()
        assert (end.status, end.reason) == ("aborted", "expired")


async def test_a_late_decision_is_told_expired_even_before_the_sweeper_came() -> None:
    wall, ledger = Wall(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated(decision_timeout_s=30)])
    async with open_test_system(agent, clock=wall) as system:
        run = await system.start(agent, "go")
        await parked(run)
        wall.now += 30
        with pytest.raises(NotPending):
            await run.resume(YES)
    assert ledger.begun == []


async def test_an_expiry_of_one_gate_while_another_tool_executes(autojump_clock: MockClock) -> None:
    ledger = Ledger()
    tools = [ledger.gated(decision_timeout_s=5), ledger.tool(body=sleeps(20))]
    agent = agent_of(calls(("refund", {}), ("work", {})), says("done"), tools=tools)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await trio.sleep(10)
        assert (await run.snapshot()).pending == ()
        assert (await run.wait_ended()).status == "completed"


@pytest.mark.parametrize("passivate_after_s", [1.0, 1e6])
async def test_a_parked_run_expires_after_its_ttl_which_restarts_at_each_pause(
    passivate_after_s: float, autojump_clock: MockClock
) -> None:
    agent = agent_of(*[calls(("refund", {}))] * 2, tools=[Ledger().gated()], parked_ttl_s=100.0)
    async with open_test_system(agent, passivate_after_s=passivate_after_s) as system:
        run = await system.start(agent, "go")
        (first,) = await parked(run)
        await trio.sleep(90)
        await run.resume(YES, first)
        await parked(run)
        await trio.sleep(90)
        assert (await run.snapshot()).status == "paused"
        await trio.sleep(11)
        end = await run.snapshot()
        assert (end.status, end.reason) == ("aborted", "expired")


async def test_an_ended_run_is_deleted_after_its_retention(autojump_clock: MockClock) -> None:
    agent = agent_of("hi", retention_s=3600.0)
    gone: list[str] = []
    async with open_test_system(agent) as system:
        system.watch_changes(lambda head, deleted: gone.append(head.id) if deleted else None)
        run = await system.start(agent, "go")
        await run.wait_ended()
        await trio.sleep(3599)
        assert (await run.snapshot()).status == "completed"
        await trio.sleep(2)
        with pytest.raises(RunNotFound):
            await run.snapshot()
        assert gone == [run.id]
        assert inspect(system).recent_logs == []


async def test_no_retention_deletes_at_the_end_and_watchers_still_see_it() -> None:
    agent = agent_of("hi", retention_s=0.0)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        async with run.events() as events:
            found = [item async for item in events]
        assert found[-1].event.status == "completed"  # type: ignore[union-attr]
        await wait_all_tasks_blocked()
        assert (await system.list()).heads == ()
        with pytest.raises(RunNotFound):
            await run.wait()


async def test_under_way_lists_running_runs_and_no_parked_ones(autojump_clock: MockClock) -> None:
    parking = agent_of(calls(("refund", {})), tools=[Ledger().gated()])
    async with open_test_system(parking, scripted_agent(hangs(), name="busy")) as system:
        await (await system.start(parking, "go")).wait()
        assert system.under_way() == ()
        busy = await system.start("busy", "go")
        assert [head.id for head in system.under_way()] == [busy.id]
        await busy.abort()
        assert system.under_way() == ()


async def test_a_run_that_is_kept_for_ever_is_never_deleted(autojump_clock: MockClock) -> None:
    agent = agent_of("hi", retention_s=None)
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await run.wait_ended()
        await trio.sleep(50 * 365 * 24 * 3600)
        assert (await run.snapshot()).status == "completed"


@pytest.mark.parametrize("where", ["memory", "sqlite"])
async def test_the_next_process_does_what_fell_due_between_two_processes(where: str, tmp_path: Any) -> None:
    wall = Wall()
    limits = Limits(parked_ttl_s=1000.0, retention_s=500.0)

    def agents() -> list[Agent]:
        tools = [Ledger().gated("timed", decision_timeout_s=100), Ledger().gated("patient"), LOCATE]
        scripts = {
            "timed": [calls(("timed", {})), says("done")],
            "patient": [calls(("patient", {}))],
            "ended": ["hi"],
        }
        return [Agent(name=n, model=ScriptedModel(s), tools=tools, limits=limits) for n, s in scripts.items()]

    store: Any = MemoryStore() if where == "memory" else await SqliteStore.open(tmp_path / "runs.db")
    async with store:
        async with open_test_system(*agents(), store=store, clock=wall) as system:
            for name in ("timed", "patient", "ended"):
                await (await system.start(name, "go", run_id=name)).wait()
        wall.now += 600
        back = agents()
        back[0] = Agent(name="timed", model=ScriptedModel(["so be it"]), tools=back[0].tools, limits=limits)
        async with open_test_system(*back, store=store, clock=wall) as system:
            end = await system.run("timed").wait_ended()
            assert "no decision came in time" in results(end)[0]
            with trio.fail_after(5):
                while len((await system.list()).heads) > 2:  # noqa: ASYNC110  # the sweeper tells nobody
                    await trio.lowlevel.checkpoint()
            with pytest.raises(RunNotFound):
                await system.get("ended")
            assert (await system.get("patient")).snapshot.status == "paused"
        wall.now += 600
        async with open_test_system(*agents(), store=store, clock=wall) as system:
            end = await system.run("patient").wait_ended()
            assert (end.status, end.reason) == ("aborted", "expired")


async def test_the_sweeper_sleeps_when_nothing_is_due(autojump_clock: MockClock) -> None:
    looks = 0

    class Counting(FaultyStore):
        async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
            nonlocal looks
            looks += 1
            return await super().due(now, limit, after=after)

    agent = agent_of(calls(("refund", {})), tools=[Ledger().gated()], parked_ttl_s=None)
    async with open_test_system(agent, store=Counting(), passivate_after_s=10) as system:
        await parked(await system.start(agent, "go"))
        await trio.sleep(100)
        before = looks
        await trio.sleep(80_000)
        assert looks == before


async def test_a_stranded_run_that_is_due_is_not_asked_again_and_again(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    gate = Ledger().gated(decision_timeout_s=5, on_expiry=OnExpiry(action="decide", decision=YES))
    agent, other = agent_of(calls(("refund", {})), tools=[gate]), Agent(name="b", model=ScriptedModel(["hi"]))
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await parked(run)
    async with open_test_system(other, store=store) as system:
        await trio.sleep(100)
        assert (await system.head(run.id)).status == "paused"
        assert (await (await system.start(other, "go")).wait_ended()).status == "completed"
        assert (await system.abort(run.id)).status == "aborted"


# Shutdown.


async def test_leaving_waits_for_running_runs(autojump_clock: MockClock) -> None:
    store, ledger = MemoryStore(), Ledger()
    tools = [ledger.tool(body=sleeps(3)), ledger.gated()]
    agent = agent_of(calls(("work", {})), calls(("refund", {})), tools=tools)
    async with open_test_system(agent, store=store, drain_s=10) as system:
        run = await system.start(agent, "go")
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(3, abs=0.1)  # and no longer
    async with open_test_system(agent, store=store) as system:
        assert await parked(system.run(run.id))
    assert len(ledger.done) == 1


async def test_leaving_is_bounded_and_the_rest_is_left_to_recovery(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    agent, back_agent = agent_of(hangs("half")), agent_of("the whole")
    async with open_test_system(agent, store=store, drain_s=10) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(10, abs=0.1)
    async with open_test_system(back_agent, store=store) as system:
        assert (await system.run(run.id).wait_ended()).status == "completed"  # shutting down is not abort


async def test_a_run_whose_first_save_ends_while_the_process_leaves_is_told_and_begins_later(
    autojump_clock: MockClock,
) -> None:
    class Slow(MemoryStore):
        async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
            if not expected_version:
                await trio.sleep(1)
            await super().save(head, append, expected_version=expected_version)

    store = Slow()
    started: list[Run] = []
    agent = agent_of("hello")

    async with trio.open_nursery() as nursery, open_test_system(agent, store=store, drain_s=5) as system:

        async def start() -> None:
            started.append(await system.start(agent, "go"))

        nursery.start_soon(start)
        await wait_all_tasks_blocked()
    [run] = started
    async with open_test_system(agent_of("hello"), store=store) as system:
        assert (await system.run(run.id).wait_ended()).status == "completed"


async def test_while_leaving_new_work_is_refused_and_waiters_are_told(autojump_clock: MockClock) -> None:
    agent = agent_of(hangs("half"))
    told: list[str] = []

    async def told_of(verb: Callable[[], Awaitable[Any]]) -> None:
        with pytest.raises(ShuttingDown):
            await verb()
        told.append("told")

    async with trio.open_nursery() as nursery, open_test_system(agent, drain_s=10) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        nursery.start_soon(told_of, run.wait)
        nursery.start_soon(told_of, run.wait_ended)

        async def late() -> None:
            await trio.sleep(5)
            await told_of(lambda: system.start(agent, "go"))
            await told_of(run.abort)
            await told_of(lambda: run.resume(YES))

        nursery.start_soon(late)
        await wait_all_tasks_blocked()
    assert len(told) == 5


async def test_leaving_by_an_error_does_not_wait_and_raises_that_error(autojump_clock: MockClock) -> None:
    agent = agent_of(hangs("half"))
    began = trio.current_time()
    with pytest.raises(KeyError, match="mine"):  # noqa: PT012  # the block is what is tested
        async with open_test_system(agent, drain_s=100) as system:
            await system.start(agent, "go")
            raise KeyError("mine")
    assert trio.current_time() - began < 1


async def test_no_task_is_left_behind() -> None:
    before = len(_tasks())
    agent = Agent(name="a", model=ScriptedModel([hangs("half")] * 9), tools=[Ledger().tool(body=forever)])
    async with open_test_system(agent, drain_s=0) as system:
        for _ in range(9):
            await system.start(agent, "go")
        await wait_all_tasks_blocked()
        assert len(_tasks()) > before + 9
    assert len(_tasks()) == before


def _tasks() -> list[Any]:
    found, todo = [], [trio.lowlevel.current_root_task()]
    while todo:
        task = todo.pop()
        assert task is not None
        found.append(task)
        todo += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return found


async def test_two_agents_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two agents"):
        async with open_actor_system([agent_of("hi"), agent_of("hi")]):
            raise AssertionError


async def test_a_change_watcher_hears_of_every_save_and_of_the_deletion() -> None:
    agent = agent_of(calls(("refund", {})), says("done"), tools=[Ledger().gated()])
    heard: list[tuple[str, bool]] = []
    async with open_test_system(agent) as system:
        stop = system.watch_changes(lambda head, deleted: heard.append((head.status, deleted)))
        run = await system.start(agent, "go")
        await parked(run)
        await run.resume(YES)
        await run.wait_ended()
        await system.delete(run.id)
        assert list(dict.fromkeys(heard)) == [
            ("running", False),
            ("paused", False),
            ("completed", False),
            ("completed", True),
        ]
        stop()
        count = len(heard)
        await (await system.start(agent, "go")).wait()
        assert len(heard) == count


# Callers that are cancelled, at every checkpoint.

EVERY = range(14)


async def cancelled_after(checkpoints: int, verb: Callable[[], Awaitable[Any]]) -> bool:
    """Calls `verb`, and cancels it after `checkpoints` ticks of the loop. Returns whether it finished."""
    done = False

    async def call() -> None:
        nonlocal done
        with scope:
            await verb()
            done = True

    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        for _ in range(checkpoints):
            await trio.lowlevel.checkpoint()
        scope.cancel()
    return done


@pytest.mark.parametrize("checkpoints", EVERY)
async def test_a_cancelled_resume_has_happened_or_has_not(checkpoints: int) -> None:
    store, ledger = FaultyStore(), Ledger()
    store.slow = 3
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await cancelled_after(checkpoints, lambda: run.resume(YES))
        with trio.fail_after(5):
            await run.resume(YES)  # a first time, or acknowledged again
            assert (await run.wait_ended()).status == "completed"
    assert len(ledger.done) == 1


@pytest.mark.parametrize("checkpoints", EVERY)
async def test_a_cancelled_start_has_happened_or_has_not(checkpoints: int) -> None:
    store = FaultyStore()
    store.slow = 3
    agent = agent_of("hi", "hi")
    async with open_test_system(agent, store=store) as system:
        await cancelled_after(checkpoints, lambda: system.start(agent, "go", run_id="r1"))
        with trio.fail_after(5):
            run = await system.start(agent, "go", run_id="r1")
            assert (await run.wait_ended()).status == "completed"
        assert inspect(system).opening == []
        assert len((await system.list()).heads) == 1
    assert len(agent.model.requests) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("checkpoints", EVERY)
@pytest.mark.parametrize("state", ["streaming", "executing", "several", "parked"])
async def test_a_cancelled_abort_has_happened_or_has_not(checkpoints: int, state: str) -> None:
    store = FaultyStore()
    store.slow = 3
    script = {
        "streaming": hangs("half"),
        "executing": calls(("work", {})),
        "several": calls(("work", {}), ("work", {})),
        "parked": calls(("refund", {})),
    }[state]
    ledger = Ledger()
    agent = agent_of(script, tools=[ledger.tool(body=forever), ledger.gated()])
    async with open_test_system(agent, store=store, drain_s=0) as system:
        run = await system.start(agent, "go")
        await wait_all_tasks_blocked()
        await cancelled_after(checkpoints, run.abort)
        with trio.fail_after(5):
            assert (await run.abort("again")).status == "aborted"
        record = await store.load(run.id)
        assert record is not None
        check_record(record)
        assert inspect(system).active == []


@pytest.mark.parametrize("checkpoints", EVERY)
async def test_a_cancelled_caller_of_a_passivated_run_leaves_it_reachable(
    checkpoints: int, autojump_clock: MockClock
) -> None:
    store, ledger = FaultyStore(), Ledger()
    agent = agent_of(calls(("refund", {})), says("done"), tools=[ledger.gated()])
    async with open_test_system(agent, store=store, passivate_after_s=1) as system:
        run = await system.start(agent, "go")
        await parked(run)
        await trio.sleep(10)
        store.slow = 2
        await cancelled_after(checkpoints, lambda: run.resume(YES))
        with trio.fail_after(5):
            await run.resume(YES)
            assert (await run.wait_ended()).status == "completed"
        assert inspect(system).opening == []
    assert len(ledger.done) == 1


# Many runs at once.


async def live(system: ActorSystem, agent: Agent, dice: random.Random, ledger: dict[str, int]) -> Run:
    """Drives one run at random: decides, declines, aborts, watches, sends nonsense, in any order and repeatedly."""
    run = await system.start(agent, "go")
    while (await system.head(run.id)).status not in FINAL:
        for _ in range(dice.randrange(6)):
            await trio.lowlevel.checkpoint()
        waiting = [call.tool_call_id for call in (await run.snapshot()).pending]
        call_id = dice.choice([*waiting, "nonsense"])
        with suppress(AdjournError):
            match dice.randrange(9):
                case 0:
                    await run.abort("enough") if dice.random() < 0.3 else None
                case 1:
                    await run.decline(call_id)
                case 2:
                    token = await system.claim(run.id, call_id)
                    await system.result(run.id, call_id, token, "here")
                    ledger[call_id] = ledger.get(call_id, 0) + 1
                case 3:
                    await inspect(system).tick(run.id)
                case 4:
                    with trio.CancelScope() as scope:
                        scope.cancel()
                        await run.resume(YES, call_id)
                case 5:
                    await run.resume({}, call_id)
                case _:
                    await run.resume(YES, call_id)
    return run


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(repeats(10)))
async def test_two_hundred_runs_of_random_fates_all_end_consistent(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio._core._run._r", random.Random(seed))  # makes the interleaving repeatable
    dice, counts = random.Random(seed), dict[str, int]()
    store = FaultyStore()
    store.slow = seed
    worker, gate = Ledger(), Ledger()
    names = ["work", "refund", "locate", "nobody"]

    def turn(_: Any) -> Any:
        if dice.random() < 0.3:
            return says("done")
        return calls(*[(dice.choice(names), {}) for _ in range(dice.randrange(1, 5))])

    agent = Agent(
        name="a",
        model=ScriptedModel([turn] * 5000),
        tools=[worker.tool(), gate.gated(), LOCATE],
        limits=Limits(max_turns=8, max_concurrent_tools=2),
    )
    runs: list[Run] = []

    async def one() -> None:
        runs.append(await live(system, agent, random.Random(dice.random()), counts))

    async with open_test_system(agent, store=store) as system:
        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(one)
        await wait_all_tasks_blocked()
        assert inspect(system).active == []
        ended = {"completed": 0, "failed": 0, "aborted": 0}
        for run in runs:
            record = await store.load(run.id)
            assert record is not None
            check_record(record)
            ended[record.head.status] += 1
            snapshot = await run.snapshot()
            assert snapshot.status == record.head.status
            assert (await system.get(run.id)).seq == record.head.seq == record.head.end_seq
    assert ended["completed"] > 20
    assert ended["aborted"] > 20
    assert len(worker.begun) == len(set(worker.begun))  # nothing executed twice
    assert len(gate.begun) == len(set(gate.begun))
    assert all(count == 1 for count in counts.values())


async def test_a_snapshot_of_the_store_taken_at_any_moment_recovers(autojump_clock: MockClock) -> None:
    ledger = Ledger()
    tools = [ledger.tool(), ledger.gated(), LOCATE]
    script = [calls(("work", {}), ("refund", {}), text="let me see"), calls(("work", {})), says("done")]
    store, copies = MemoryStore(), dict[int, MemoryStore]()
    agent = agent_of(*script, tools=tools)

    def keep(head: Head, deleted: bool) -> None:
        copies[head.version] = snapshot_of(store)

    async with open_test_system(agent, store=store) as system:
        system.watch_changes(keep)
        run = await system.start(agent, "go")
        (gated,) = await parked(run)
        await run.resume(YES, gated)
        await run.wait_ended()
    assert len(copies) > 5
    for version, copy in copies.items():
        back_agent = agent_of(*[says("done")] * 3, tools=tools)
        async with open_test_system(back_agent, store=copy) as back:
            with suppress(RunEnded):
                for call_id in [call.tool_call_id for call in (await back.run(run.id).wait()).pending]:
                    await back.resume(run.id, YES, call_id)
            end = await back.run(run.id).wait_ended()
            assert end.status == "completed", version
            record = await copy.load(run.id)
            assert record is not None
            check_record(record)


async def test_no_more_runs_begin_than_may_be_open_and_an_end_makes_room() -> None:
    agent, store = agent_of(*[calls(("refund", {}))] * 4, tools=[Ledger().gated()]), MemoryStore()
    async with open_test_system(agent, store=store, max_runs=2) as system:
        await parked(await system.start(agent, "go", run_id="r1"))
    async with open_test_system(agent, store=store, max_runs=2) as system:  # counts what it finds
        await system.start(agent, "go", run_id="r1")  # is one of them already
        found: list[object] = []

        async def start() -> None:
            try:
                found.append(await system.start(agent, "go"))
            except LimitExceeded as error:
                found.append(error.data)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(start)
        refused = {"limit": "maxRuns", "maximum": 2}
        assert sorted(isinstance(each, Run) for each in found) == [False, False, True]
        assert found.count(refused) == 2
        await system.start(agent, "go", run_id="r1")
        assert (await system.abort("r1")).status == "aborted"
        await system.start(agent, "go", run_id="r2")
        with pytest.raises(LimitExceeded):
            await system.start(agent, "go", run_id="r3")


async def test_a_run_can_continue_another_without_sending_its_messages_again() -> None:
    agent = agent_of(calls(("work", {})), "first answer", "second answer", tools=[Ledger().tool()])
    async with open_test_system(agent) as system:
        first = await system.start(agent, "first question")
        said = (await first.wait_ended()).messages
        second = await system.start(agent, "second question", run_id="r2", after=first.id)
        messages = (await second.wait_ended()).messages
        assert messages[: len(said)] == said
        assert [text_of(message) for message in messages[len(said) + 1 :]] == ["second answer"]
        assert (await system.start(agent, "second question", run_id="r2", after=first.id)).id == "r2"
        with pytest.raises(RunIdConflict):
            await system.start(agent, "second question", run_id="r2")
        with pytest.raises(RunNotFound):
            await system.start(agent, "hello", after="nobody")


async def test_a_transcript_to_go_on_from_has_a_bound_of_its_own() -> None:
    agent = agent_of("first answer", "second answer", max_input_bytes=2_000)
    async with open_test_system(agent, max_history_bytes=4_000) as system:
        await (await system.start(agent, "x" * 1_800, run_id="r1")).wait_ended()
        await (await system.start(agent, "y" * 1_800, run_id="r2", after="r1")).wait_ended()
        with pytest.raises(LimitExceeded) as caught:
            await system.start(agent, "z", run_id="r3", after="r2")
        assert caught.value.data == {"limit": "maxHistoryBytes", "maximum": 4_000}
        assert (await system.start(agent, "y" * 1_800, run_id="r2", after="r1")).id == "r2"


async def test_starts_at_once_with_one_id_begin_one_run_also_where_it_goes_on(tmp_path: Path) -> None:
    agent, found = agent_of("first answer", "second answer", "third answer"), list[Run]()
    async with await SqliteStore.open(tmp_path / "runs.db") as store:
        async with open_test_system(agent, store=store) as system:
            await (await system.start(agent, "first question", run_id="r1")).wait_ended()
        async with open_test_system(agent, store=store) as system:  # what was said is read from the store

            async def start() -> None:
                found.append(await system.start(agent, "second question", run_id="r2", after="r1"))

            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(start)
            assert [run.id for run in found] == ["r2"] * 3
            assert len((await found[0].wait_ended()).messages) == 4
    assert len(agent.model.requests) == 2  # type: ignore[attr-defined]


async def test_a_start_may_be_repeated_when_the_run_it_went_on_from_is_deleted() -> None:
    agent, store = agent_of("first answer", "second answer"), MemoryStore()
    async with open_test_system(agent, store=store) as system:
        await (await system.start(agent, "first question", run_id="r1")).wait_ended()
        await (await system.start(agent, "second question", run_id="r2", after="r1")).wait_ended()
    await store.delete("r1", epoch=(await store.acquire("somebody")).epoch)
    async with open_test_system(agent, store=store) as system:
        assert (await system.start(agent, "second question", run_id="r2", after="r1")).id == "r2"
        with pytest.raises(RunNotFound):
            await system.start(agent, "second question", run_id="r3", after="r1")
