"""A run's handle: what its readers get, what waits for them, and when waiting ends."""

import json
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import trio
import trio.testing

from adjourn.actors.agent import Agent
from adjourn.actors.runtime import open_actor_system
from adjourn.actors.runtime.eventlog import MAX_LAG, EventLog
from adjourn.actors.runtime.keepalive import KeepAlive
from adjourn.actors.runtime.run import Run
from adjourn.actors.testing import ScriptedModel, calls, hangs, inspect, says
from adjourn.actors.tools import ToolContext, tool
from adjourn.protocol import codec
from adjourn.protocol.errors import RunNotFound
from adjourn.protocol.events import (
    AgentEnd,
    AgentPaused,
    AgentStart,
    Envelope,
    MessageUpdate,
    TextDelta,
    ToolDecisionPending,
    ToolExecutionUpdate,
)
from adjourn.protocol.methods import RunSnapshot
from adjourn.protocol.sse import SSEParser
from adjourn.protocol.transcript import Transcript

VECTORS = sorted((Path(__file__).parents[2] / "vectors").glob("transcript-*.json"))
SCHEMA = {"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]}
WORDS = " ".join(f"w{n}" for n in range(1000))
REFUND = calls(("refund", {"order": 7}))


@tool(decision=SCHEMA)
async def refund(order: int, decision: dict) -> str:
    """Pay back."""
    return f"order {order}: {decision['approved']}"


@tool
async def count(ctx: ToolContext) -> str:
    """Count to a thousand, showing each number."""
    for number in range(1000):
        await ctx.update(number)
    return "done"


def open_system(*responses, **options):
    model = ScriptedModel(responses)
    agent = Agent(name="a", model=model, instructions="", tools=[refund, count])
    return open_actor_system([agent], **options), model


async def read_all(run, after=0):
    async with run.events(after) as events:
        return [item async for item in events]


def folded(items):
    fold = Transcript()
    for item in items:
        if isinstance(item, RunSnapshot):
            fold = Transcript(item.snapshot)
        else:
            fold.apply(item.event)
    return fold.snapshot()


def kinds(items):
    return [type(item.event) for item in items]


# Order, and which reader gets which events.


async def test_a_reader_gets_all_events_in_order_each_once():
    opened, _ = open_system(says("hello there"))
    async with opened as system:
        run = await system.start("a", "hi")
        items = await read_all(run)
        assert [item.seq for item in items] == list(range(1, items[-1].seq + 1))
        assert kinds(items)[0] is AgentStart
        assert kinds(items)[-1] is AgentEnd
        text = "".join(
            item.event.assistant_message_event.delta
            for item in items
            if isinstance(item.event, MessageUpdate) and isinstance(item.event.assistant_message_event, TextDelta)
        )
        assert text == "hello there"
        assert folded(items) == await run.snapshot()


async def test_a_second_consumer_is_served_the_same_events():
    opened, _ = open_system(says(WORDS))
    async with opened as system:
        run, got = await system.start("a", "hi"), []

        async def consume():
            got.append(await read_all(run))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(consume)
            nursery.start_soon(consume)
        assert got[0] == got[1]
        assert len(got[0]) > 1000


async def test_two_tasks_on_one_iterator_are_refused_not_split():
    opened, _ = open_system(hangs("hello"), drain_s=0)
    async with opened as system:
        run = await system.start("a", "hi")
        async with run.events() as events, trio.open_nursery() as nursery:

            async def consume():
                async for _ in events:
                    pass

            nursery.start_soon(consume)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(RuntimeError, match="already running"):
                await anext(events)
            nursery.cancel_scope.cancel()


async def test_a_late_subscriber_gets_a_snapshot_and_then_the_tail():
    opened, _ = open_system(REFUND, says("paid"))
    async with opened as system:
        run = await system.start("a", "refund 7")
        await run
        async with run.events(after=None) as events:
            first = await anext(events)
            assert isinstance(first, RunSnapshot)
            assert [call.tool_name for call in first.snapshot.pending] == ["refund"]
            reply = await run.resume({"approved": True})
            rest = [item async for item in events]
        assert rest[0].seq == first.seq + 1
        assert rest[0].seq <= reply.seq
        assert folded([first, *rest]) == await run.snapshot()


async def test_a_reader_continues_after_the_last_event_it_has_seen():
    opened, _ = open_system(says("hello there"))
    async with opened as system:
        run = await system.start("a", "hi")
        items = await read_all(run)
        assert await read_all(run, after=items[3].seq) == items[4:]


async def test_the_events_of_an_unknown_run_are_an_error():
    opened, _ = open_system()
    async with opened as system:
        with pytest.raises(RunNotFound):
            await read_all(system.run("nope"))
        with pytest.raises(RunNotFound):
            await anext(system.run("nope").sse())


# Backpressure.


async def test_a_reader_that_stops_stops_the_producer_within_a_small_bound():
    opened, _ = open_system(says(WORDS))
    async with opened as system:
        run = await system.start("a", "hi")
        async with run.events() as events:
            await anext(events)
            await trio.testing.wait_all_tasks_blocked()
            assert (await system.log(run.id)).seq <= 100
            assert len([item async for item in events]) > 1000


async def test_a_reader_that_has_not_begun_holds_the_producer_too():
    opened, _ = open_system(says(WORDS))
    async with opened as system:
        run = await system.start("a", "hi")
        async with run.events() as events:
            await trio.testing.wait_all_tasks_blocked()
            assert (await system.log(run.id)).seq == MAX_LAG
            assert (await anext(events)).seq == 1
            await trio.testing.wait_all_tasks_blocked()
            assert (await system.log(run.id)).seq <= 100


async def test_leaving_the_block_frees_the_run():
    opened, model = open_system(says(WORDS))
    async with opened as system:
        run = await system.start("a", "hi")
        async with run.events() as events:
            async for _ in events:
                break
            await trio.testing.wait_all_tasks_blocked()
            assert model.streaming == 1
        assert (await run.wait_ended()).status == "completed"


async def test_a_cancelled_reader_does_not_stall_the_run():
    opened, _ = open_system(says(WORDS))
    async with opened as system:
        run = await system.start("a", "hi")
        with trio.CancelScope() as scope:
            async with run.events() as events:
                async for item in events:
                    if item.seq == 5:
                        scope.cancel()
                        await trio.lowlevel.checkpoint()
        assert scope.cancelled_caught
        assert (await run.wait_ended()).messages[-1].text == WORDS


async def test_a_reader_cancelled_while_it_waits_leaves_the_run_to_go_on():
    opened, _ = open_system(REFUND, says("paid"))
    async with opened as system:
        run = await system.start("a", "refund 7")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read_all, run)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await run.resume({"approved": True})
        assert (await run).status == "completed"


async def test_updates_of_a_tool_wait_for_a_reader():
    opened, _ = open_system(calls(("count", {})), says("done"))
    async with opened as system:
        run = await system.start("a", "count")
        async with run.events() as events:
            async for item in events:
                if isinstance(item.event, ToolExecutionUpdate):
                    break
            await trio.testing.wait_all_tasks_blocked()
            assert (await system.get(run.id)).seq - item.seq <= 100
            assert sum(isinstance(item.event, ToolExecutionUpdate) for item in [i async for i in events]) == 999


async def test_a_reader_may_decide_from_inside_its_loop():
    opened, _ = open_system(REFUND, says(WORDS))
    async with opened as system:
        run, items = await system.start("a", "refund 7"), []
        async with run.events() as events:
            async for item in events:
                items.append(item)
                if isinstance(item.event, ToolDecisionPending):
                    await run.resume({"approved": True}, item.event.tool_call_id, digest=item.event.digest)
        assert items[-1].event.status == "completed"


async def test_a_reader_may_abort_from_inside_its_loop_while_the_model_waits_for_it():
    opened, model = open_system(says(WORDS))
    async with opened as system:
        run = await system.start("a", "hi")
        async with run.events() as events:
            async for item in events:
                if item.seq == 5:
                    await trio.testing.wait_all_tasks_blocked()
                    assert (await run.abort("enough")).status == "aborted"
        assert item.event.status == "aborted"
        assert model.streaming == 0


# Waiting.


async def test_awaiting_the_handle_alone_drives_the_run_to_its_end():
    opened, _ = open_system(says(WORDS))
    async with opened as system:
        snapshot = await (await system.start("a", "hi"))
        assert (snapshot.status, snapshot.messages[-1].text) == ("completed", WORDS)


async def test_the_handle_resolves_when_the_run_pauses_and_again_when_it_ends():
    opened, _ = open_system(REFUND, says("paid"))
    async with opened as system:
        run = await system.start("a", "refund 7")
        assert (await run).status == "paused"
        assert (await run).status == "paused"
        await run.resume({"approved": True})
        assert (await run).status == "completed"


async def test_waiting_for_the_end_outlasts_a_pause():
    opened, _ = open_system(REFUND, says("paid"))
    async with opened as system:
        run = await system.start("a", "refund 7")
        async with trio.open_nursery() as nursery:

            async def decide():
                await run
                await run.resume({"approved": True})

            nursery.start_soon(decide)
            assert (await run.wait_ended()).messages[-1].text == "paid"


# Runs that are over, or not in memory.


async def test_the_events_of_a_run_that_has_ended_are_still_there():
    opened, _ = open_system(says("hello"))
    async with opened as system:
        run = await system.start("a", "hi")
        await run
        items = await read_all(run)
        assert (items[0].seq, kinds(items)[-1]) == (1, AgentEnd)
        assert await read_all(run, after=items[-1].seq) == []


async def test_the_events_of_a_run_of_an_earlier_process_are_its_snapshot(tmp_path):
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    opened, _ = open_system(says("hello"), store=store)
    async with opened as system:
        run = await system.start("a", "hi")
        before = await run
    opened, _ = open_system(store=store)
    async with opened as system:
        (item,) = await read_all(system.run(run.id))
        assert item.snapshot == before


async def test_watching_a_passivated_run_does_not_bring_it_back(autojump_clock):
    opened, _ = open_system(REFUND, says("paid"), passivate_after_s=1)
    async with opened as system:
        run = await system.start("a", "refund 7")
        await run
        await trio.sleep(10)
        async with run.events() as events:
            first = await anext(events)
            assert first.snapshot.pending[0].tool_name == "refund"
            await run.snapshot()
            await run.wait()
            assert run.id not in inspect(system).active
            await run.resume({"approved": True})
            rest = [item async for item in events]
        assert folded([first, *rest]).messages[-1].text == "paid"
        assert rest[0].seq == first.seq + 1


async def test_a_reader_of_a_passivated_run_misses_nothing_that_happens_before_it_begins(autojump_clock):
    opened, _ = open_system(REFUND, says("paid"), passivate_after_s=1)
    async with opened as system:
        run = await system.start("a", "refund 7")
        await run
        await trio.sleep(10)
        with trio.fail_after(5):
            async with run.events() as events, aclosing(run.sse()) as chunks:
                await anext(chunks)
                await run.resume({"approved": True})
                assert folded([item async for item in events]).messages[-1].text == "paid"
                last = SSEParser().feed(b"".join([chunk async for chunk in chunks]))[-1]
                assert json.loads(last.data)["snapshot"]["status"] == "completed"


async def test_a_reader_of_a_deleted_run_is_let_go():
    opened, _ = open_system(REFUND)
    async with opened as system:
        run = await system.start("a", "refund 7")
        async with run.events() as events:
            await run
            await system.delete(run.id)
            assert kinds([item async for item in events])[-1] is AgentEnd


async def test_a_closing_system_lets_readers_finish():
    items = []
    async with trio.open_nursery() as nursery:
        opened, _ = open_system(REFUND)
        async with opened as system:
            run = await system.start("a", "refund 7")

            async def consume():
                items.extend(await read_all(run))

            nursery.start_soon(consume)
            await run
    assert kinds(items)[-1] is AgentPaused


# Server-sent events.


async def collect(run, after=None):
    async with aclosing(run.sse(after)) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_sse_frames_each_event_with_its_id_and_envelope():
    opened, _ = open_system(says("hello"))
    async with opened as system:
        run = await system.start("a", "hi")
        items = await read_all(run)
        body = await collect(run, after=0)
        frames = [b"id: %d\ndata: %b\n\n" % (item.seq, codec.to_json(item)) for item in items]
        assert body == b": adjourn\n\n" + b"".join(frames)


async def test_sse_resumes_after_the_last_event_id():
    opened, _ = open_system(says("hello"))
    async with opened as system:
        run = await system.start("a", "hi")
        items = await read_all(run)
        parser = SSEParser()
        parser.feed((await collect(run, after=0))[:600])
        rest = SSEParser().feed(await collect(run, after=int(parser.last_event_id)))
        assert 0 < int(parser.last_event_id) < items[-1].seq
        assert [int(event.id) for event in rest] == list(range(int(parser.last_event_id) + 1, items[-1].seq + 1))
        assert await collect(run, after=items[-1].seq) == b": adjourn\n\n"


async def test_sse_begins_with_a_snapshot_when_not_told_where():
    opened, _ = open_system(says("hello"))
    async with opened as system:
        run = await system.start("a", "hi")
        snapshot = await run
        (event,) = SSEParser().feed(await collect(run))
        envelope = codec.from_json(event.data, RunSnapshot)
        assert (int(event.id), envelope.snapshot) == (envelope.seq, snapshot)


async def test_a_slow_sse_reader_holds_nobody_up_and_catches_up_by_a_snapshot():
    opened, _ = open_system(says(WORDS + " " + WORDS))
    async with opened as system:
        run = await system.start("a", "hi")
        async with aclosing(run.sse(after=0)) as chunks:
            assert [await anext(chunks) for _ in range(2)][1].startswith(b"id: 1\n")
            snapshot = await run
            (event,) = SSEParser().feed(b"".join([chunk async for chunk in chunks]))
        assert json.loads(event.data)["snapshot"] == json.loads(codec.to_json(snapshot))


async def test_sse_comments_keep_an_idle_connection_alive(autojump_clock):
    opened, _ = open_system(REFUND, says("paid"))
    async with opened as system:
        run = await system.start("a", "refund 7")
        await run
        async with aclosing(run.sse()) as chunks:
            assert await anext(chunks) == b": adjourn\n\n"
            await anext(chunks)
            began = trio.current_time()
            assert [await anext(chunks) for _ in range(3)] == [b": \n\n"] * 3
            assert trio.current_time() - began == pytest.approx(45)
            await run.resume({"approved": True})
            rest = SSEParser().feed(b"".join([chunk async for chunk in chunks]))
            assert json.loads(rest[-1].data)["event"]["type"] == "agent_end"


async def test_the_interval_of_keep_alives_is_the_callers(autojump_clock):
    opened, _ = open_system(REFUND)
    async with opened as system:
        run = await system.start("a", "refund 7")
        await run
        async with aclosing(run.sse(keepalive_s=2)) as chunks:
            began = trio.current_time()
            assert [await anext(chunks) for _ in range(3)][2] == b": \n\n"
            assert trio.current_time() - began == pytest.approx(2)


async def test_a_closed_sse_stream_watches_no_more():
    opened, _ = open_system(REFUND)
    async with opened as system:
        run = await system.start("a", "refund 7")
        await run
        log = await system.log(run.id)
        async with aclosing(run.sse()) as chunks:
            await anext(chunks)
            assert log.watched
        assert not log.watched


class OneLog:
    """The parts of a runtime that a handle reads from."""

    def __init__(self, log):
        self._log = log
        self.keepalive = KeepAlive()
        self.registry = SimpleNamespace(logs=self)

    async def open(self, run_id):
        await trio.lowlevel.checkpoint()
        return self._log


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
async def test_sse_data_are_the_envelopes_of_the_vectors(path):
    vector = json.loads(path.read_text())
    log, parser = EventLog(vector["events"][0]["runId"]), SSEParser()
    async with aclosing(Run(OneLog(log), log.run_id).sse(after=0)) as chunks:
        parser.feed(await anext(chunks))
        for plain in vector["events"]:
            envelope = msgspec.convert(plain, Envelope)
            log.skip_to(envelope.seq - 1)
            log.publish([envelope.event], envelope.time)
            (event,) = parser.feed(await anext(chunks))
            assert (event.id, event.event, json.loads(event.data)) == (str(plain["seq"]), "message", plain)
