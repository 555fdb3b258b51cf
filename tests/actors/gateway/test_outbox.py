"""The gateway's writer: replies before events, bounded room for replies, and its end."""

from typing import Any, cast

import trio
from trio.testing import wait_all_tasks_blocked

from adjourn.actors.gateway.framing import Framing
from adjourn.actors.gateway.load import Load, TotalLoad
from adjourn.actors.gateway.outbox import Outbox
from adjourn.actors.runtime.eventlog import EventLog
from adjourn.protocol import rpc
from adjourn.protocol.events import TurnStart


class Wire:
    """A WebSocket that keeps what is sent; a gate blocks each send."""

    def __init__(self) -> None:
        self.sent: list[str] = []  # replies unchanged, slices of events as "events"
        self.gate = trio.CapacityLimiter(1)

    async def send_message(self, payload: bytes) -> None:
        async with self.gate:
            self.sent.append(payload.decode())

    async def send_frames(self, frames: bytes) -> None:
        async with self.gate:
            self.sent.append("events")


def outbox_of(wire: Wire, max_replies: int = 2, max_bytes: int = 1_000_000) -> Outbox:
    framing = Framing(rpc.JSON, takes_batches=False, max_batch_bytes=100_000)
    load = Load(TotalLoad(max_each=max_bytes, max_total=max_bytes))
    return Outbox(cast(Any, wire), framing, load, max_replies=max_replies, max_subscriptions=2)


def log(events: int) -> EventLog:
    made = EventLog("r")
    made.publish([TurnStart(turn=turn) for turn in range(events)], 0)
    return made


async def test_all_replies_are_sent_before_the_next_slice_of_events() -> None:
    wire = Wire()
    outbox = outbox_of(wire)
    outbox.subscriptions.open(log(17), 0).begin()
    outbox.put([b"1", b"2"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.write)
        async with wire.gate:
            await wait_all_tasks_blocked()
            outbox.put([b"3"])
        await wait_all_tasks_blocked()
        assert wire.sent == ["1", "2", "3", "events", "events"]
        outbox.put([b"4"])
        await wait_all_tasks_blocked()
        assert wire.sent[-1] == "4"
        outbox.finish()


async def test_each_sent_reply_makes_room() -> None:
    wire = Wire()
    outbox = outbox_of(wire, max_replies=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.write)
        for _ in range(3):
            async with wire.gate:
                outbox.put([b"1", b"2", b"3"])  # the writer has taken the first
                await wait_all_tasks_blocked()
                with trio.move_on_after(0) as patience:
                    await outbox.wait_room()
                assert patience.cancelled_caught
                nursery.start_soon(outbox.wait_room)
                await wait_all_tasks_blocked()
            await outbox.wait_room()
        outbox.finish()
    assert len(wire.sent) == 9


async def test_one_message_of_any_size_fits_an_empty_outbox_and_fills_it() -> None:
    wire = Wire()
    outbox = outbox_of(wire, max_replies=9, max_bytes=10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.write)
        async with wire.gate:
            await outbox.wait_room()
            outbox.put([b"x" * 1000])
            with trio.move_on_after(0) as patience:
                await outbox.wait_room()
            assert patience.cancelled_caught
        await outbox.wait_room()
        outbox.finish()


async def test_replies_held_for_a_batch_count_until_it_is_sent() -> None:
    outbox = outbox_of(Wire(), max_bytes=10)
    outbox.hold(9)
    assert not outbox.is_held_up
    outbox.hold(1)
    assert outbox.is_held_up
    await outbox.wait_room()  # a batch waits for nothing, so nothing waits for it
    outbox.hold(-10)
    assert not outbox.is_held_up


async def test_the_writer_ends_when_all_replies_are_sent_however_many_events_wait() -> None:
    wire = Wire()
    outbox = outbox_of(wire)
    outbox.put([b"1", b"2"])
    outbox.finish()
    outbox.subscriptions.open(log(1000), 0).begin()
    await outbox.write()
    assert wire.sent[:2] == ["1", "2"]
    assert len(wire.sent) <= 3
    assert outbox.finishing
