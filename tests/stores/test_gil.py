"""Threads make progress beside busy tasks, and the loop naps only while threads work."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import outcome
import pytest
import trio

from adjourn.stores import gil, open_store, thread_friendly
from adjourn.stores.testing import a_head

BUSY_TASKS = 50
# A thread's answer takes some dozens of ticks. Without the naps it takes seconds, if the loop has its own core.
ENOUGH_TICKS = 20_000


class Ticks(trio.abc.Instrument):
    """Counts the loop's ticks, and fails after a maximum."""

    def __init__(self, scope: trio.CancelScope) -> None:
        self.count = 0
        self._scope = scope

    def before_io_wait(self, timeout: float) -> None:
        self.count += 1
        if self.count == ENOUGH_TICKS:
            self._scope.cancel()


@contextmanager
def counted(scope: trio.CancelScope) -> Iterator[Ticks]:
    ticks = Ticks(scope)
    trio.lowlevel.add_instrument(ticks)
    try:
        yield ticks
    finally:
        trio.lowlevel.remove_instrument(ticks)


async def spin() -> None:
    while True:
        sum(range(300))
        await trio.lowlevel.checkpoint()


async def test_a_threads_work_gets_done_beside_busy_tasks() -> None:
    done = 0
    async with trio.open_nursery() as nursery:
        for _ in range(BUSY_TASKS):
            nursery.start_soon(spin)
        with counted(nursery.cancel_scope):
            for _ in range(200):
                with thread_friendly():
                    await trio.to_thread.run_sync(lambda: None)
                done += 1
        nursery.cancel_scope.cancel()
    assert done == 200


async def test_saves_get_done_beside_busy_tasks(tmp_path: Path) -> None:
    done = 0
    async with open_store(f"sqlite:///{tmp_path}/runs.db") as store, trio.open_nursery() as nursery:
        for _ in range(BUSY_TASKS):
            nursery.start_soon(spin)
        with counted(nursery.cancel_scope):
            for version in range(20):
                await store.save(a_head(version=version + 1), expected_version=version)
                await store.load("run")
                done += 1
        nursery.cancel_scope.cancel()
    assert done == 20


async def test_the_loop_naps_only_while_thread_work_is_outstanding(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(gil, "time", type("FakeTime", (), {"sleep": naps.append}))
    friendly = thread_friendly()
    await trio.testing.wait_all_tasks_blocked()
    for _ in range(3):
        await trio.lowlevel.checkpoint()
    assert naps == []
    with friendly:
        with thread_friendly():
            await trio.lowlevel.checkpoint()
        assert naps == [gil.NAP_S]
        await trio.lowlevel.checkpoint()
    assert len(naps) == 2
    await trio.lowlevel.checkpoint()
    assert len(naps) == 2


async def test_a_loop_with_nothing_to_do_does_not_nap(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(gil, "time", type("FakeTime", (), {"sleep": naps.append}))
    with thread_friendly():
        await trio.to_thread.run_sync(time.sleep, 0.01)
        ready = len(naps)
        await trio.to_thread.run_sync(time.sleep, 0.01)
    assert len(naps) <= ready + 3  # only the ticks that start and end the thread's work


async def test_work_at_a_ticks_end_is_done_once_when_all_ready_tasks_had_their_turn() -> None:
    friendly, order = thread_friendly(), list[str]()

    async def one(name: str) -> None:
        friendly.at_tick_end(lambda: order.append(f"end for {name}"))
        order.append(name)

    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(one, name)
    await trio.lowlevel.checkpoint()
    assert sorted(order[:3]) == ["a", "b", "c"]
    assert [f"end for {name}" for name in order[:3]] == order[3:]


def test_a_tick_ends_in_guest_mode_too(tmp_path: Path) -> None:
    todo: SimpleQueue[Callable[[], object]] = SimpleQueue()
    ended = list[outcome.Outcome[int]]()

    async def work() -> int:
        async with open_store(f"sqlite:///{tmp_path}/runs.db") as store:
            await store.save(a_head(), expected_version=0)
            return await store.count("paused")

    trio.lowlevel.start_guest_run(work, run_sync_soon_threadsafe=todo.put, done_callback=ended.append)
    while not ended:
        todo.get()()
    assert ended[0].unwrap() == 1
