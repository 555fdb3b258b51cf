"""Readers that have waited long are woken, all by one task; readers that have gone are not kept."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from adjourn.actors.core import Mailbox
from adjourn.actors.runtime.eventlog import EventLog
from adjourn.actors.runtime.keepalive import KeepAlive
from adjourn.protocol.events import TurnStart


@asynccontextmanager
async def open_keepalive() -> AsyncGenerator[KeepAlive]:
    keepalive = KeepAlive()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keepalive.run, Mailbox[None](1))
        yield keepalive
        nursery.cancel_scope.cancel()


async def test_a_wait_is_over_when_something_comes_or_after_its_time(autojump_clock: MockClock) -> None:
    log, told = EventLog("r"), list[tuple[bool, float]]()

    async def read() -> None:
        with log.watch(0) as cursor:
            while not cursor.finished:
                if not cursor.take():
                    told.append((await keepalive.wait_more(cursor, 4), trio.current_time() - began))

    async with open_keepalive() as keepalive, trio.open_nursery() as nursery:
        began = trio.current_time()
        nursery.start_soon(read)
        for _ in range(3):
            await trio.sleep(3)
            log.publish([TurnStart(turn=1)], 1)
        await trio.sleep(9)
        log.close()
    assert [came for came, _ in told] == [True, True, True, False, False, True]
    assert [at for _, at in told] == pytest.approx([3, 6, 9, 13, 17, 18], abs=0.5)


async def test_each_reader_has_a_bound_of_its_own(autojump_clock: MockClock) -> None:
    log, over = EventLog("r"), dict[float, float]()

    async def wait(seconds: float) -> None:
        with log.watch(0) as cursor:
            assert not cursor.take()
            assert not await keepalive.wait_more(cursor, seconds)
            over[seconds] = trio.current_time() - began

    async with open_keepalive() as keepalive:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for seconds in (20, 5, 11):
                nursery.start_soon(wait, seconds)
    assert over == pytest.approx({5: 5, 11: 11, 20: 20}, abs=0.5)


async def test_a_reader_that_has_gone_is_forgotten_and_without_any_nothing_ticks(autojump_clock: MockClock) -> None:
    log = EventLog("r")
    async with open_keepalive() as keepalive:
        with log.watch(0) as cursor, trio.move_on_after(3) as gone:
            assert not cursor.take()
            await keepalive.wait_more(cursor, 60)
        assert gone.cancelled_caught
        assert keepalive._due == {}
        await trio.sleep(2.2)
        assert trio.lowlevel.current_statistics().seconds_to_next_deadline == float("inf")
