"""Bounds in bytes on outgoing data: clients that don't read, transcripts of any length, too big messages."""

from collections import Counter
from functools import partial
from typing import Any

import pytest
import trio
from gateway_wire import TEXT, Client, connected, raw, scripted, serving

from adjourn.actors import ActorSystem, Agent, ToolContext, open_actor_system, tool
from adjourn.actors.client import Backoff, open_client
from adjourn.actors.gateway import GatewayLimits, requests, serve_gateway
from adjourn.actors.gateway.subscriptions import MAX_NEW
from adjourn.actors.testing import ScriptedModel, calls, hangs, says
from adjourn.protocol import rpc
from adjourn.protocol.codec import from_json, to_json
from adjourn.protocol.errors import AdjournError, LimitExceeded
from adjourn.protocol.events import AgentEnd, Envelope
from adjourn.protocol.messages import Message, user
from adjourn.protocol.methods import RunGet, RunSnapshot
from adjourn.protocol.parts import PAGE_BYTES, PART_BYTES, Joiner
from adjourn.protocol.record import Record
from adjourn.protocol.transcript import Transcript
from adjourn.stores.memory import MemoryStore

WIRES = (rpc.JSON.subprotocol, rpc.MSGPACK.subprotocol)
LONG: tuple[Message, ...] = tuple(user("x" * 97_000) for _ in range(40))  # 3.9 MB
OVERHEAD = 5_000  # bytes of a message without its list


async def run_of(system: ActorSystem, given: Any, run_id: str = "r", agent: str = "shop") -> None:
    """Start a run and wait for its end."""
    await (await system.start(agent, given, run_id=run_id)).wait_ended()


async def snapshot_parts(client: Client) -> list[RunSnapshot]:
    """Return the next snapshot's parts, which are successive."""
    parts: list[RunSnapshot] = []
    while not parts or parts[-1].next is not None:
        note = await client.note()
        assert note["method"] == "run.snapshot"
        assert len(to_json(note)) <= PART_BYTES + OVERHEAD
        parts.append(from_json(to_json(note["params"]), RunSnapshot))
    return parts


# Waiting messages.


async def test_a_batch_of_long_replies_is_bounded_and_the_members_beyond_are_told_to_ask_one_by_one() -> None:
    limits = GatewayLimits(max_waiting_bytes=1_000_000)
    async with serving(scripted(says("hi")), limits=limits) as (system, gateway), connected(gateway.url) as client:
        await run_of(system, LONG)
        asked = [
            {"jsonrpc": "2.0", "id": number, "method": "run.get", "params": {"runId": "r"}} for number in range(64)
        ]
        await client.send(asked)
        await client.take()
        replies = [reply["result"] for reply in client.frames[-1] if "result" in reply]
        told = {reply["error"]["message"] for reply in client.frames[-1] if "error" in reply}
        assert 1 < len(replies) < 8
        assert told == {"the replies to this batch are too large together; send the requests one by one"}
        assert len(to_json(client.frames[-1])) < 1_000_000 + PAGE_BYTES + 64 * 300
        assert (await client.call("run.get", runId="r"))["next"] == replies[0]["next"]


@pytest.mark.parametrize(("method", "count"), [("run.get", 20), ("rpc.discover", 400)])
async def test_for_a_client_that_reads_nothing_no_more_replies_are_made_than_it_has_room_for(
    method: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Counter[Any] = Counter()
    make = requests.Requests._reply  # pyright: ignore[reportPrivateUsage]

    def weigh(self: requests.Requests, request_id: Any, result: Any) -> bytes | None:
        reply = make(self, request_id, result)
        made["replies"] += len(reply or b"") > 1_000  # counts only this client's replies
        made["bytes"] += len(reply or b"")
        return reply

    monkeypatch.setattr(requests.Requests, "_reply", weigh)
    limits = GatewayLimits(max_waiting_bytes=600_000, max_in_flight=1_000)
    params = {"runId": "r"} if method == "run.get" else {}
    async with (
        serving(scripted(says("hi")), limits=limits) as (system, gateway),
        raw(gateway, receive_bytes=4096) as sleeper,
        connected(gateway.url) as other,
    ):
        await run_of(system, LONG)
        await sleeper.request()
        for number in range(count):
            request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            await sleeper.send(TEXT, rpc.JSON.encode(request))
        while made["bytes"] < 600_000:
            await other.call("server.info")
        for _ in range(50):
            await other.call("server.info")
        assert made["bytes"] < 600_000 + 5_000_000  # the kernel's buffers take some: at most 4 MB on Linux
        assert made["replies"] < count
        seen: list[int] = []
        while len(seen) < count:
            _, payload = await sleeper.frame()
            seen.append(rpc.JSON.decode(payload, dict)["id"])
        assert seen == list(range(count))


async def test_a_client_that_reads_nothing_of_long_snapshots_is_sent_one_part_at_a_time() -> None:
    async with (
        serving(scripted(says("hi"), name="shop")) as (system, gateway),
        raw(gateway, receive_bytes=4096) as sleeper,
    ):
        await run_of(system, LONG)
        await sleeper.request()
        request = {"jsonrpc": "2.0", "id": 1, "method": "run.subscribe", "params": {"runId": "r"}}
        await sleeper.send(TEXT, rpc.JSON.encode(request))
        joiner, whole = Joiner(), None
        await sleeper.frame()
        while whole is None:
            _, payload = await sleeper.frame()
            assert len(payload) <= PART_BYTES + OVERHEAD
            whole = joiner.add(from_json(to_json(rpc.JSON.decode(payload, dict)["params"]), RunSnapshot))
        assert whole == await system.get("r")


async def test_a_client_that_reads_nothing_holds_few_transcripts_in_memory() -> None:
    async with serving(scripted(*["hi"] * 40)) as (system, gateway), raw(gateway, receive_bytes=4096) as sleeper:
        for number in range(40):
            await run_of(system, LONG[:6], f"r{number}")
        await sleeper.request()
        for number in range(40):
            request = {"jsonrpc": "2.0", "id": number, "method": "run.subscribe", "params": {"runId": f"r{number}"}}
            await sleeper.send(TEXT, rpc.JSON.encode(request))
        async with connected(gateway.url) as other:
            logs = system.runtime.registry.logs.live
            while len(logs) < MAX_NEW:
                await other.call("server.info")
            for _ in range(50):
                await other.call("server.info")
        assert len(logs) <= MAX_NEW
        ends = 0
        while ends < 40:
            _, payload = await sleeper.frame()
            message = rpc.JSON.decode(payload, dict)
            ends += "method" in message and "next" not in message["params"]


async def test_a_batch_may_begin_to_watch_a_bounded_number_of_runs_and_holds_up_nobody() -> None:
    async with serving(scripted(*["hi"] * 20)) as (system, gateway), connected(gateway.url) as client:
        for number in range(20):
            await run_of(system, "hello", f"r{number}")
        await client.ask("run.subscribe", runId="r0")
        await client.send(
            [
                {"jsonrpc": "2.0", "id": f"b{number}", "method": "run.subscribe", "params": {"runId": f"r{number}"}}
                for number in range(20)
            ]
        )
        await client.call("run.subscribe", runId="r19")
        while not (batches := [frame for frame in client.frames if isinstance(frame, list)]):
            await client.take()
        [batch] = batches
        assert MAX_NEW - 1 <= sum("result" in reply for reply in batch) <= MAX_NEW
        assert {reply["error"]["data"]["type"] for reply in batch if "error" in reply} == {"limitExceeded"}


async def test_a_long_list_of_runs_comes_in_pages_of_bounded_size() -> None:
    async with serving(scripted(*["hi"] * 250)) as (system, gateway), connected(gateway.url) as client:
        begun = [await system.start("shop", "hello", metadata={"a": "x" * 4_000}) for _ in range(250)]
        for run in begun:
            await run.wait_ended()
        pages = [await client.call("run.list", limit=1000)]
        while "after" in pages[-1]:
            pages.append(await client.call("run.list", limit=1000, after=pages[-1]["after"]))
        assert max(len(to_json(page)) for page in pages) < 1_000_000
        found = [run["runId"] for page in pages for run in page["runs"]]
        assert sorted(found) == sorted(run.id for run in begun)


# Transcripts of any length.


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("query", ["", "/?batch=1"])
async def test_a_long_snapshot_comes_in_parts_with_nothing_of_its_run_in_between(wire: str, query: str) -> None:
    async with (
        serving(scripted(hangs("well"), name="shop")) as (system, gateway),
        connected(gateway.url + query, offer=[wire]) as client,
    ):
        run = await system.start("shop", LONG, run_id="r")
        await client.call("run.subscribe", runId="r")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.abort)
            parts = await snapshot_parts(client)
        assert len(parts) > 10
        joiner = Joiner()
        [whole] = [whole for part in parts if (whole := joiner.add(part)) is not None]
        fold = Transcript(whole.snapshot)
        last = whole.seq
        while fold.status != "aborted":
            note = from_json(to_json((await client.note())["params"]), Envelope)
            assert note.seq > last
            last = note.seq
            fold.apply(note.event)
        assert fold.snapshot() == (await system.get("r")).snapshot


async def test_a_run_is_read_page_by_page() -> None:
    async with serving(scripted(says("hi"))) as (system, gateway), connected(gateway.url) as client:
        await run_of(system, LONG)
        messages: list[Any] = []
        pages = [await client.call("run.get", runId="r")]
        while "next" in pages[-1]:
            pages.append(await client.call("run.get", runId="r", **{"from": pages[-1]["next"]}))
        assert len(pages) == 4
        for page in pages:
            assert len(to_json(page)) <= PAGE_BYTES + OVERHEAD
            assert page.get("from", 0) == len(messages)
            messages += page["snapshot"]["messages"]
        whole = await system.get("r")
        assert from_json(to_json({**pages[-1]["snapshot"], "messages": messages}), type(whole.snapshot)) == (
            whole.snapshot
        )
        assert (await client.refused("run.get", runId="r", **{"from": -1})).type == "invalidParams"


async def test_the_pages_of_an_ended_run_are_read_from_its_store_once() -> None:
    class Counting(MemoryStore):
        loads = 0

        async def load(self, run_id: str) -> Record | None:
            self.loads += 1
            return await super().load(run_id)

    store, agents = Counting(), [scripted(says("hi"))]
    async with open_actor_system(agents, store=store) as system:
        await run_of(system, LONG)
    store.loads = 0
    async with open_actor_system(agents, store=store) as system, trio.open_nursery() as nursery:
        gateway = await nursery.start(partial(serve_gateway, system, port=0))
        async with open_client(gateway.url) as client:
            assert len((await client.get("r")).snapshot.messages) == len(LONG) + 1
        nursery.cancel_scope.cancel()
    assert store.loads == 1


async def test_the_client_joins_pages_and_parts_for_all_its_readers() -> None:
    async with serving(scripted(says("hi"))) as (system, gateway), open_client(gateway.url) as client:
        await run_of(system, LONG)
        whole = await system.get("r")
        assert await client.get("r") == whole
        async with client.events("r") as one, client.events("r", after=10**9) as two:
            assert [item async for item in one] == [whole]
            assert [item async for item in two] == [whole]


# Too big for this client.


async def test_a_message_that_a_client_does_not_take_ends_its_reader_and_no_link() -> None:
    huge, small = scripted(says("hi"), name="huge"), scripted(says("hi"), name="small")
    lost: list[AdjournError | None] = []
    async with (
        serving(huge, small) as (system, gateway),
        open_client(
            gateway.url, max_message_bytes=70_000, reconnect=Backoff(first_s=0), on_connection=lost.append
        ) as client,
    ):
        await run_of(system, "x" * 100_000, "h", "huge")
        await run_of(system, "hello", "s", "small")
        async with client.events("h", after=0) as events:
            with pytest.raises(LimitExceeded, match="at most 70000"):
                await anext(events)
        async with client.run("huge", "x" * 100_000, run_id="h2") as events:
            with pytest.raises(LimitExceeded):
                await anext(events)
        with pytest.raises(LimitExceeded):
            await client.get("h")
        async with client.events("s", after=0) as events:
            assert isinstance([item async for item in events][-1], Envelope)
        assert lost == [None]


@tool
async def dig(depth: int) -> str:
    """Dig."""
    return "x" * depth


async def test_a_snapshot_in_parts_stands_for_an_event_that_is_too_big() -> None:
    """`turn_end` has all results of its turn, each of which is small enough alone."""
    asked = calls(*[("dig", {"depth": 30_000}) for _ in range(6)])
    agent = Agent(name="shop", model=ScriptedModel([asked, says("done")]), tools=(dig,))
    async with serving(agent) as (system, gateway), open_client(gateway.url, max_message_bytes=70_000) as client:
        fold, seen = Transcript(), list[Envelope | RunSnapshot]()
        async with client.run("shop", "dig", run_id="r") as events:
            async for item in events:
                seen.append(item)
                if isinstance(item, Envelope):
                    fold.apply(item.event)
                else:
                    fold = Transcript(item.snapshot)
        assert any(isinstance(item, RunSnapshot) for item in seen)
        assert [item.seq for item in seen] == sorted({item.seq for item in seen})
        assert isinstance(seen[-1], RunSnapshot) or isinstance(seen[-1].event, AgentEnd)
        assert fold.snapshot() == (await system.get("r")).snapshot


@tool
async def boast(context: ToolContext) -> str:
    """Publish more than the maximum."""
    try:
        await context.update("x" * 70_000_000)
    except Exception as error:
        return type(error).__name__
    return "shown"


async def test_progress_that_is_too_big_is_the_tool_s_own_error_and_its_watchers_go_on() -> None:
    agent = Agent(name="shop", model=ScriptedModel([calls(("boast", {})), says("done")]), tools=(boast,))
    async with serving(agent) as (_, gateway), open_client(gateway.url) as client:
        async with client.run("shop", "go") as events:
            seen = [item async for item in events]
        assert "InvalidValue" in str(seen)
        assert isinstance(seen[-1], Envelope)


@pytest.mark.parametrize("given", ["1000", "x", "-5", "9" * 20, ""])
async def test_a_bound_that_no_reply_fits_into_is_refused_in_the_handshake(given: str) -> None:
    async with serving() as (_, gateway), raw(gateway) as client:
        assert await client.request(f"/?maxMessageBytes={given}") == 400


def test_the_pages_of_a_run_begin_where_the_one_before_says() -> None:
    assert rpc.JSON.decode(rpc.request(1, "run.get", RunGet(run_id="r", from_=3), rpc.JSON), dict)["params"] == {
        "runId": "r",
        "from": 3,
    }
