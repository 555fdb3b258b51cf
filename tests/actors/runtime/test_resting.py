"""Parked runs and logs share one memory budget in bytes; those longest at rest leave first."""

import gc
import itertools
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest
import trio
from runs import YES, Ledger, agent_of, parked
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import ActorSystem, Run
from adjourn.actors.runtime.memory_budget import MemoryBudget, Share
from adjourn.actors.runtime.resting import BATCH, Resting
from adjourn.actors.testing import calls, hangs, inspect, open_test_system, says, trio_clock
from adjourn.protocol.events import Envelope
from adjourn.protocol.methods import RunSnapshot
from adjourn.protocol.record import Record
from adjourn.stores.memory import MemoryStore
from adjourn.stores.sqlite import SqliteStore

MB = 1_000_000


def gated(*responses: Any, **limits: Any) -> Any:
    """An agent whose first model call asks for a decision."""
    return agent_of(*responses, tools=[Ledger().gated()], **limits)


async def park(system: ActorSystem, text: str = "go", count: int = 1) -> list[Run]:
    """Start runs, one after the other, each to its first pause."""
    runs: list[Run] = []
    for number in range(count):
        runs.append(await system.start("a", f"{text}{number}"))  # a text of its own, in memory too
        await parked(runs[-1])
        await trio.sleep(0.001)
    return runs


async def end(system: ActorSystem, text: str = "go", count: int = 1) -> list[Run]:
    """Start runs, one after the other, each to its end."""
    runs: list[Run] = []
    for _ in range(count):
        runs.append(await system.start("a", text))
        await runs[-1].wait_ended()
    await wait_all_tasks_blocked()
    return runs


class Counting(MemoryStore):
    """A store that counts what is loaded, and takes its time."""

    loads = 0

    async def load(self, run_id: str) -> Record | None:
        self.loads += 1
        await trio.sleep(0.001)
        return await super().load(run_id)


async def first_of(run: Run) -> Envelope | RunSnapshot:
    async with run.events() as events:
        return await anext(events)


# The budget.


async def test_parked_runs_above_the_budget_leave_at_once_the_longest_parked_first(autojump_clock: MockClock) -> None:
    agent = gated(*[calls(("refund", {}))] * 10, says("done"))
    async with open_test_system(agent, memory_budget_bytes=5 * MB) as system:
        runs = await park(system, "x" * MB, 10)
        assert inspect(system).active == [run.id for run in runs[-4:]]
        assert system.statistics().held_bytes <= 5 * MB
        for run in runs[:5]:  # a run that was called again now counts as the newest
            assert (await run.snapshot()).status == "paused"
        await runs[0].resume(YES)
        assert (await runs[0].wait_ended()).status == "completed"


async def test_a_run_that_parks_again_is_the_last_to_leave_memory(autojump_clock: MockClock) -> None:
    agent = gated(*[calls(("refund", {}))] * 5)
    async with open_test_system(agent, memory_budget_bytes=4 * MB) as system:
        first, second, _ = await park(system, "x" * MB, 3)
        await first.resume(YES)
        await parked(first)
        (last,) = await park(system, "x" * MB)
        assert second.id not in inspect(system).active
        assert {first.id, last.id} < set(inspect(system).active)


async def test_logs_of_ended_runs_share_the_budget(autojump_clock: MockClock) -> None:
    async with open_test_system(agent_of(*["hi"] * 10), memory_budget_bytes=5 * MB) as system:
        runs = await end(system, "x" * MB, 10)
        assert inspect(system).recent_logs == [run.id for run in runs[-4:]]
        assert system.statistics().kept_logs == 4
        assert isinstance(await first_of(runs[0]), RunSnapshot)  # loaded again from the store


async def test_ended_and_parked_ones_leave_in_one_order(autojump_clock: MockClock) -> None:
    agent = gated("hi", calls(("refund", {})), "hi")
    async with open_test_system(agent, memory_budget_bytes=int(2.5 * MB)) as system:
        (first,) = await end(system, "x" * MB)
        (second,) = await park(system, "x" * MB)
        assert (inspect(system).recent_logs, inspect(system).active) == ([first.id], [second.id])
        (third,) = await end(system, "x" * MB)
        assert (inspect(system).recent_logs, inspect(system).active) == ([third.id], [second.id])
        await end(system, "x" * 2 * MB)
        assert inspect(system).active == []


async def test_a_busy_run_counts_and_stays_in_memory(autojump_clock: MockClock) -> None:
    agent = gated(hangs("so"), calls(("refund", {})))
    async with open_test_system(agent, memory_budget_bytes=MB) as system:
        busy = await system.start("a", "x" * 2 * MB)
        await wait_all_tasks_blocked()
        (waiting,) = await park(system)
        assert inspect(system).active == [busy.id]  # there is no room beside it
        assert system.statistics().held_bytes > 2 * MB
        assert (await waiting.snapshot()).status == "paused"
        await busy.abort()


async def test_a_lossless_reader_keeps_the_log_that_it_reads(autojump_clock: MockClock) -> None:
    agent = gated(calls(("refund", {})), "hi", "hi")
    async with open_test_system(agent, memory_budget_bytes=MB) as system:
        (run,) = await park(system, "x" * 2 * MB)
        assert inspect(system).active == []
        async with run.events(None) as events:
            assert isinstance(await anext(events), RunSnapshot)
            await end(system)
            assert inspect(system).live_logs == [run.id]
            assert system.statistics().held_bytes > 2 * MB
        assert inspect(system).live_logs == []
        await end(system)
        assert system.statistics().held_bytes < MB


async def test_of_a_run_that_is_only_watched_as_much_stays_as_its_watchers_need(autojump_clock: MockClock) -> None:
    agent = gated(calls(("refund", {})), says("done"))
    async with open_test_system(agent, memory_budget_bytes=MB) as system:
        (run,) = await park(system, "x" * 2 * MB)
        log = await run.log()
        with log.watch() as cursor:
            await wait_all_tasks_blocked()
            assert system.statistics().held_bytes > 2 * MB  # it has not taken its snapshot yet
            (snapshot,) = cursor.take()
            assert snapshot.is_snapshot
            assert cursor.take() == []
            await wait_all_tasks_blocked()
            assert system.statistics().held_bytes < MB / 10
            assert (await run.get()) == snapshot.envelope  # loaded again
            await wait_all_tasks_blocked()
            assert system.statistics().held_bytes < MB / 10
            with (await run.log()).watch() as another:
                assert [item.envelope for item in another.take()] == [snapshot.envelope]
                another.take()
                await wait_all_tasks_blocked()
                assert system.statistics().held_bytes < MB / 10
            await run.resume(YES)
            end = await run.wait_ended()
            assert [item.seq for item in cursor.take()][:2] == [snapshot.seq + 1, snapshot.seq + 2]
            cursor.take()
            await wait_all_tasks_blocked()
            assert system.statistics().held_bytes < MB / 10
            assert await run.snapshot() == end
            assert await run.wait() == end
        await wait_all_tasks_blocked()
        assert system.statistics().held_bytes < MB


async def test_the_log_of_an_ended_run_leaves_when_it_has_been_at_rest_for_long(autojump_clock: MockClock) -> None:
    async with open_test_system(agent_of("hi"), passivate_after_s=60) as system:
        (run,) = await end(system)
        await trio.sleep(30)
        assert isinstance(await first_of(run), Envelope)  # so it is at rest again
        await trio.sleep(50)
        assert inspect(system).recent_logs == [run.id]
        await trio.sleep(20)
        assert inspect(system).recent_logs == []
        assert system.statistics().held_bytes == 0


@pytest.mark.parametrize("size", [10, 50_000])
async def test_the_books_agree_with_the_memory_that_is_taken(size: int, tmp_path: Any) -> None:
    agent = gated(*[calls(("refund", {}))] * 70)
    async with await SqliteStore.open(tmp_path / "runs.db") as store:
        options: dict[str, Any] = {"store": store, "memory_budget_bytes": 1000 * MB, "clock": trio_clock}
        async with open_test_system(agent, **options) as system:
            await park(system, "x" * size, 10)
            gc.collect()
            tracemalloc.start()
            before, booked = tracemalloc.get_traced_memory()[0], system.statistics().held_bytes
            runs = await park(system, "x" * size, 30)
            gc.collect()
            parked_bytes = tracemalloc.get_traced_memory()[0] - before
            assert parked_bytes / 2 < system.statistics().held_bytes - booked < 2 * parked_bytes
            for run in runs:
                await run.abort()
            await wait_all_tasks_blocked()
            gc.collect()
            ended_bytes = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
            assert ended_bytes / 2 < system.statistics().held_bytes - booked < 2 * ended_bytes


async def test_encodings_for_clients_count_for_as_long_as_they_are_kept(autojump_clock: MockClock) -> None:
    agent = gated(calls(("refund", {})))
    async with open_test_system(agent) as system:
        (run,) = await park(system, "x" * MB)
        before = system.statistics().held_bytes
        with (await run.log()).watch() as cursor:
            (item,) = cursor.take()
            encoded = len(item.encoded("json")) + len(item.encoded("msgpack"))
            item.keep_frame("json", b"x" * MB)
            assert system.statistics().held_bytes - before == encoded + MB
        assert system.statistics().held_bytes == before


async def test_a_deleted_run_does_not_count(autojump_clock: MockClock) -> None:
    agent = gated(calls(("refund", {})), "hi")
    async with open_test_system(agent) as system:
        for run in [*await park(system), *await end(system)]:
            await run.delete()
        assert system.statistics().held_bytes == 0
        assert system.statistics().kept_logs == 0


# Batches.


async def test_runs_leave_memory_in_batches_and_other_tasks_run_in_between() -> None:
    gone: list[int] = []
    turns: list[int] = []
    resting = Resting(MemoryBudget(0), after_s=60)
    share = Share()
    share.add(1)
    share.enter(resting.budget)

    async def others() -> None:
        while len(gone) < 10 * BATCH:
            turns.append(len(gone))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for number in range(10 * BATCH):
            resting.add(str(number))
        nursery.start_soon(resting.run, None, lambda run_id: gone.append(int(run_id)))
        nursery.start_soon(others)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert gone == list(range(10 * BATCH))
    assert max(after - before for before, after in itertools.pairwise(turns)) <= 2 * BATCH


async def test_many_watchers_of_a_passivated_run_load_its_record_once(autojump_clock: MockClock) -> None:
    store = Counting()
    async with open_test_system(gated(says("done")), store=store, passivate_after_s=0.01) as system:
        [run] = await end(system)
        await trio.sleep(1)
        assert inspect(system).recent_logs == []
        store.loads = 0
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(first_of, run)
        assert store.loads == 1


DIES = """
import gc, logging, warnings, weakref
import trio
from adjourn import Agent, open_actor_system
from adjourn.actors.testing import ScriptedModel, calls
from adjourn.actors import tool

warnings.simplefilter("ignore")
logging.disable()
kept = []

@tool(approval=True)
async def refund(order_id: int) -> str:
    "Refund an order."
    return "refunded"

def cannot_cancel(raise_cancel):
    raise RuntimeError("trio's loop dies of this")

async def main():
    model = ScriptedModel([calls(("refund", {"order_id": 7}))])
    async with open_actor_system([Agent(name="shop", model=model, tools=[refund])]) as system:
        run = await system.start("shop", "Refund order 7.")
        await run.wait()
        async with run.events(0) as events:
            await anext(events)
            kept.append(weakref.ref(system.runtime))
            with trio.move_on_after(0):
                await trio.lowlevel.wait_task_rescheduled(cannot_cancel)

try:
    trio.run(main)
except trio.TrioInternalError:
    pass
gc.collect()
print(kept[0]() is None)
"""


def test_a_system_whose_loop_has_died_is_freed() -> None:
    done = subprocess.run([sys.executable, "-c", DIES], capture_output=True, text=True, timeout=50, check=False)
    assert (done.stdout, done.returncode) == ("True\n", 0)
