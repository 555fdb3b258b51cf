"""The lock of a run's transitions: one at a time, in order, and none lost to a cancellation."""

import trio
from trio.testing import wait_all_tasks_blocked

from adjourn.actors.runtime.fairlock import FairLock


async def test_one_task_at_a_time_has_the_lock_in_the_order_of_asking():
    lock, order = FairLock(), []

    async def take(name):
        await lock.acquire()
        order.append(name)
        await trio.lowlevel.checkpoint()
        assert order[-1] == name, "another came in between"
        lock.release()

    await lock.acquire()
    async with trio.open_nursery() as nursery:
        for name in range(5):
            nursery.start_soon(take, name)
            await wait_all_tasks_blocked()
        assert order == []
        lock.release()
        assert lock.locked()  # handed over: no other task can take it
    assert order == [0, 1, 2, 3, 4]
    assert not lock.locked()


async def test_a_task_cancelled_while_waiting_never_had_the_lock():
    lock = FairLock()
    await lock.acquire()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lock.acquire)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    lock.release()
    assert not lock.locked()


async def test_a_lock_handed_over_is_not_lost_to_a_cancellation_that_comes_after():
    lock, held = FairLock(), []

    async def take():
        await lock.acquire()
        held.append(lock.locked())
        lock.release()

    await lock.acquire()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await wait_all_tasks_blocked()
        lock.release()
        nursery.cancel_scope.cancel()
    assert held == [True]
    assert not lock.locked()
