"""Threads run beside busy tasks, and the loop naps only for their sake."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from adjourn.stores import gil, open_store, thread_friendly
from adjourn.stores.testing import a_head

BUSY_TASKS = 50
# A thread's answer takes some dozens of ticks. Without the naps, and with a core of its own for the loop: seconds.
ENOUGH_TICKS = 20_000


class Ticks(trio.abc.Instrument):
    """Counts the loop's ticks, and gives up after enough of them."""

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
    monkeypatch.setattr(gil, "time", type("FakeTime", (), {"sleep": naps.append, "monotonic": time.monotonic}))
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
    monkeypatch.setattr(gil, "time", type("FakeTime", (), {"sleep": naps.append, "monotonic": time.monotonic}))
    with thread_friendly():
        await trio.to_thread.run_sync(time.sleep, 0.01)
        ready = len(naps)
        await trio.to_thread.run_sync(time.sleep, 0.01)
    assert len(naps) <= ready + 3  # the ticks that start and end the thread's work, none while it goes on


async def test_a_long_tick_naps_now_and_then_where_jobs_are_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    now = 100.0
    monkeypatch.setattr(gil, "time", type("FakeTime", (), {"sleep": naps.append, "monotonic": lambda: now}))
    friendly = gil.ThreadFriendly()
    for _ in range(3):
        friendly.nap_if_busy()
    assert len(naps) == 1
    now += 2 * gil.BUSY_S
    for _ in range(3):
        friendly.nap_if_busy()
    assert len(naps) == 2
