"""Two watchers of one run over SQLite, one of them slow: both see the same, and only a lossless one may hold it up."""

from contextlib import aclosing
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from adjourn.actors.agent import Agent
from adjourn.actors.runtime import open_actor_system
from adjourn.actors.testing import ScriptedModel, calls, says
from adjourn.actors.tools import tool
from adjourn.protocol import codec
from adjourn.protocol.events import AgentResume, Envelope, ToolDecisionPending, ToolDecisionResolved
from adjourn.protocol.methods import RunSnapshot
from adjourn.protocol.sse import SSEParser
from adjourn.protocol.transcript import Transcript

WORDS = " ".join(f"w{n}" for n in range(2000))
REFUND = calls(("refund", {"order": 7}), text=WORDS)


@tool(decision={"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]})
async def refund(order: int, decision: Any) -> str:
    """Pay back."""
    return f"order {order} is paid back" if decision["approved"] else f"order {order} is not paid back"


@pytest.fixture
async def system(tmp_path):
    agent = Agent(name="a", model=ScriptedModel([REFUND, says(WORDS)]), instructions="", tools=[refund])
    async with open_actor_system([agent], store=f"sqlite:///{tmp_path / 'runs.db'}") as system:
        yield system


def folded(items):
    fold = Transcript()
    for item in items:
        if isinstance(item, RunSnapshot):
            fold = Transcript(item.snapshot)
        else:
            fold.apply(item.event)
    return fold.snapshot()


def of_kind(items, kind):
    return [item.event for item in items if isinstance(item, Envelope) and isinstance(item.event, kind)]


async def read_live(run, items, *, after, pause_at=None, go_on=None):
    """What a browser would get; it stops reading at the event `pause_at` until it may `go_on`."""
    parser = SSEParser()
    async with aclosing(run.sse(after)) as chunks:
        async for chunk in chunks:
            for event in parser.feed(chunk):
                plain = codec.parse_json(event.data)
                items.append(msgspec.convert(plain, RunSnapshot if "snapshot" in plain else Envelope))
                if items[-1].seq == pause_at:
                    await go_on.wait()


async def decide_when_asked(run, items):
    async with run.events() as events:
        async for item in events:
            items.append(item)
            if isinstance(item.event, ToolDecisionPending):
                await run.resume({"approved": True}, item.event.tool_call_id, by="first")


async def test_both_lossless_watchers_get_every_event_at_the_pace_of_the_slower(system):
    run = await system.start("a", "refund 7")
    quick, slow = [], []

    async def read_slowly():
        async with run.events() as events:
            async for item in events:
                slow.append(item)
                await trio.testing.wait_all_tasks_blocked()
                assert quick[-1].seq - item.seq <= 100

    async with trio.open_nursery() as nursery:
        nursery.start_soon(decide_when_asked, run, quick)
        nursery.start_soon(read_slowly)
    assert slow == quick
    assert [item.seq for item in quick] == list(range(1, quick[-1].seq + 1))
    assert folded(quick) == (await system.get(run.id)).snapshot


async def test_a_live_watcher_that_reads_nothing_holds_nobody_up_and_catches_up_by_a_snapshot(system):
    run = await system.start("a", "refund 7")
    quick, slow, go_on = [], [], trio.Event()
    async with trio.open_nursery() as nursery:

        async def slow_reader():
            await read_live(run, slow, after=0, pause_at=1, go_on=go_on)

        nursery.start_soon(slow_reader)
        await decide_when_asked(run, quick)
        assert (await run.wait_ended()).status == "completed"
        assert slow[-1].seq < 100
        go_on.set()
    assert isinstance(slow[-1], RunSnapshot)
    assert slow[-1].seq == quick[-1].seq
    assert folded(slow) == folded(quick) == (await system.get(run.id)).snapshot


async def test_one_watcher_decides_and_the_others_card_closes(system):
    run = await system.start("a", "refund 7")
    first, second = [], []
    async with trio.open_nursery() as nursery:

        async def other():
            await read_live(run, second, after=None)

        nursery.start_soon(other)
        nursery.start_soon(decide_when_asked, run, first)
    (resolved,) = of_kind(second, ToolDecisionResolved)
    assert (resolved.outcome, resolved.by) == ("decided", "first")
    assert of_kind(second, AgentResume) == of_kind(first, AgentResume)
    assert folded(second) == folded(first)


async def test_a_watcher_that_leaves_and_comes_back_misses_nothing_and_sees_nothing_twice(system):
    run = await system.start("a", "refund 7")
    whole, parts, after = [], [], 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(decide_when_asked, run, whole)
        ended = False
        while not ended:
            async with run.events(after) as events:
                for _ in range(7):
                    item = await anext(events, None)
                    ended = item is None
                    if ended:
                        break
                    parts.append(item)
                    after = item.seq
    assert parts == whole
