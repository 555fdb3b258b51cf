"""The client over real sockets that break: the gateway stops and restarts on the same port, the whole system dies and
is opened again, or the connection breaks after some bytes. No event comes twice, none is missing.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from adjourn.actors import ActorSystem, Agent, Bounds, open_actor_system, tool
from adjourn.actors.cli.demo import make_support
from adjourn.actors.client import Backoff, Chat, open_client
from adjourn.actors.gateway import serve_gateway
from adjourn.actors.testing import ScriptedModel, calls
from adjourn.protocol.events import Envelope
from adjourn.protocol.messages import AssistantMessage, ToolResultMessage
from adjourn.protocol.methods import RunSnapshot
from adjourn.protocol.transcript import PendingCall, Snapshot, Transcript

AT_ONCE = Backoff(first_s=0.0)
ROOMY = Bounds(max_decision_bytes=3_000_000)


class Server:
    """A gateway that can be stopped and started again at the same address."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._scope: trio.CancelScope
        self._moved = trio.Event()  # the gateway started or stopped
        self._port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    async def serve(self, system: ActorSystem) -> None:
        """Serve a system that outlives the gateway."""
        await self._open(nullcontext(system))

    async def live(self, store: str, ledger: Path) -> None:
        """Serve a new system, which dies with the gateway."""
        await self._open(open_actor_system([make_support(ledger, delay_s=0)], store=store))

    async def stop(self) -> None:
        self._moved = trio.Event()
        self._scope.cancel()
        await self._moved.wait()

    async def _open(self, opening: AbstractAsyncContextManager[ActorSystem]) -> None:
        self._moved = trio.Event()
        self._nursery.start_soon(self._serve, opening)
        await self._moved.wait()

    async def _serve(self, opening: AbstractAsyncContextManager[ActorSystem]) -> None:
        async with opening as system, trio.open_nursery() as nursery:
            gateway = await nursery.start(partial(serve_gateway, system, port=self._port))
            self._port = gateway.addresses[0][1]
            self._scope = nursery.cancel_scope
            self._moved.set()
        self._moved.set()


@asynccontextmanager
async def served(ledger: Path | None = None) -> AsyncGenerator[tuple[ActorSystem, Server]]:
    async with (
        open_actor_system([make_support(ledger, delay_s=0)], bounds=ROOMY) as system,
        trio.open_nursery() as nursery,
    ):
        server = Server(nursery)
        await server.serve(system)
        yield system, server
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def frail_line(to: str, budgets: Iterator[int | None]) -> AsyncGenerator[tuple[str, list[int]]]:
    """Open a proxy that cuts each connection after a number of bytes from the server (None: never). Yields its URL
    and the bytes that each connection carried."""
    port = int(to.rpartition(":")[2])
    brought: list[int] = []

    async def carry(client: trio.SocketStream) -> None:
        budget = next(budgets)
        index = len(brought)
        brought.append(0)
        async with await trio.open_tcp_stream("127.0.0.1", port) as server, trio.open_nursery() as nursery:
            nursery.start_soon(upstream, client, server, nursery.cancel_scope)
            async for data in server:
                left = len(data) if budget is None else budget - brought[index]
                await client.send_all(data[:left])
                brought[index] += len(data[:left])
                if left < len(data):
                    break
            nursery.cancel_scope.cancel()

    async def upstream(client: trio.SocketStream, server: trio.SocketStream, scope: trio.CancelScope) -> None:
        async for data in client:
            await server.send_all(data)
        scope.cancel()

    async def serve(client: trio.SocketStream) -> None:
        try:
            await carry(client)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}", brought
        nursery.cancel_scope.cancel()


async def all_events(system: ActorSystem, run_id: str) -> list[Envelope]:
    async with system.run(run_id).events() as events:
        every = [item async for item in events]
    assert all(isinstance(item, Envelope) for item in every)
    return every  # type: ignore[return-value]


def fold(items: list[Envelope | RunSnapshot]) -> Snapshot:
    transcript = Transcript()
    for item in items:
        if isinstance(item, Envelope):
            transcript.apply(item.event)
        else:
            transcript = Transcript(item.snapshot)
    return transcript.snapshot()


async def take(events: AsyncIterator[Envelope | RunSnapshot], count: int) -> list[Envelope | RunSnapshot]:
    return [await anext(events) for _ in range(count)]


@pytest.mark.parametrize("subprotocol", ["json", "msgpack"])
async def test_a_gateway_that_goes_in_mid_stream_and_comes_back_costs_no_event(subprotocol: Any) -> None:
    async with served() as (system, server):
        async with (
            open_client(server.url, reconnect=AT_ONCE, subprotocol=subprotocol) as one,
            open_client(server.url, reconnect=AT_ONCE) as other,
            one.run("support", "count to 300", "r") as first,
            other.events("r", after=0) as second,
        ):
            seen = await take(first, 40)
            for _ in range(3):
                await server.stop()
                await server.serve(system)
                seen += await take(first, 40)
            seen += [item async for item in first]
            witnessed = [item async for item in second]
        assert seen == witnessed == await all_events(system, "r")


async def test_events_are_neither_lost_nor_repeated_wherever_the_line_is_cut() -> None:
    async with served() as (system, server):
        run = await system.start("support", "count to 200", run_id="r")
        await run.wait_ended()
        every = await all_events(system, "r")
        budgets = chain((1000 + 617 * n for n in range(40)), repeat(None))
        async with frail_line(server.url, budgets) as (url, brought):
            for cut in range(10):
                async with open_client(url, reconnect=AT_ONCE, wait_for_server=True) as client:
                    async with client.events("r", after=0) as events:
                        seen = [item async for item in events]
                    assert seen == every, f"cut {cut}"
            assert len(brought) > 15


async def test_a_run_is_begun_and_its_tool_executed_once_wherever_the_line_is_cut(tmp_path: Path) -> None:
    async with served(tmp_path / "ledger") as (_, server):
        budgets = chain((130 + 29 * n for n in range(60)), repeat(None))
        async with frail_line(server.url, budgets) as (url, brought):
            async with open_client(url, reconnect=AT_ONCE, wait_for_server=True) as client:
                async with client.run("support", "refund order 7") as events:
                    async for item in events:
                        if isinstance(item, RunSnapshot) or type(item.event).__name__ == "AgentPaused":
                            await client.resume(item.run_id, {"approved": True})
                assert [run.status for run in (await client.list()).runs] == ["completed"]
            assert len(brought) > 5
    assert len((tmp_path / "ledger").read_text().splitlines()) == 1


async def test_missed_events_that_are_no_longer_kept_come_as_a_snapshot() -> None:
    async with served() as (system, server), open_client(server.url, reconnect=AT_ONCE) as client:
        async with client.run("support", "refund order 7", "r") as events:
            seen = await take(events, 5)
            await server.stop()
            await system.run("r").wait()
            await system.resume("r", {"approved": False, "reason": "x" * 2_000_000})  # more than an event log keeps
            await system.run("r").wait_ended()
            await server.serve(system)
            seen += [item async for item in events]
        assert any(isinstance(item, RunSnapshot) for item in seen)
        assert [item.seq for item in seen] == sorted({item.seq for item in seen})
        assert fold(seen) == (await system.get("r")).snapshot


async def test_a_reader_that_comes_back_to_another_run_under_the_same_id_gets_a_snapshot_of_that() -> None:
    async with served() as (system, server), open_client(server.url, reconnect=AT_ONCE) as client:
        async with client.run("support", "refund order 7", "r") as events:
            await take(events, 5)
            await server.stop()
            await system.delete("r")
            await (await system.start("support", "hello", run_id="r")).wait_ended()
            await server.serve(system)
            seen = [item async for item in events]
        assert fold(seen) == (await system.get("r")).snapshot


async def test_calls_made_while_the_gateway_is_away_wait_for_it() -> None:
    async with served() as (system, server):
        lost = trio.Event()
        calm = Backoff(first_s=0.02)

        def notice(why: object) -> None:
            if why is not None:
                lost.set()

        async with open_client(server.url, reconnect=calm, on_connection=notice) as client:
            await server.stop()
            await lost.wait()
            async with trio.open_nursery() as nursery:
                for n in range(5):
                    nursery.start_soon(client.start, "support", "hello", f"r{n}")
                await trio.testing.wait_all_tasks_blocked()
                assert (await system.list()).heads == ()
                await server.serve(system)
            assert len((await client.list()).runs) == 5


async def test_a_list_that_is_watched_starts_over_after_a_gap() -> None:
    async with (
        served() as (system, server),
        open_client(server.url, reconnect=AT_ONCE) as client,
        client.watch_runs() as runs,
    ):
        await system.start("support", "refund order 1", run_id="before")
        assert (await anext(runs)).run_id == "before"
        await server.stop()
        await system.start("support", "refund order 2", run_id="meanwhile")
        await server.serve(system)
        async for summary in runs:
            if summary.run_id == "meanwhile":
                break


async def test_a_parked_run_outlives_its_system_and_the_chat_goes_on_with_it(tmp_path: Path) -> None:
    store, ledger = f"sqlite:///{tmp_path}/runs.db", tmp_path / "ledger"
    told: list[str] = []
    async with trio.open_nursery() as nursery:
        server = Server(nursery)
        await server.live(store, ledger)
        async with open_client(server.url, reconnect=AT_ONCE) as client:
            chat = Chat(client, "support", on_decision_pending=lambda call: told.append(call.tool_call_id))
            await chat.send("refund order 7")
            assert chat.status == "paused"
            await server.stop()
            await server.live(store, ledger)
            await chat.respond_with_decision({"approved": True})
            assert chat.status == "completed"
            assert chat.messages == list((await client.get(str(chat.run_id))).snapshot.messages)
            assert isinstance(chat.messages[-1], AssistantMessage)
        nursery.cancel_scope.cancel()
    assert len(told) == 1
    assert len(ledger.read_text().splitlines()) == 1


@tool(runs="client")
async def locate() -> str:
    """Find out where the user is."""


async def test_a_tool_of_the_chat_executes_once_even_if_the_connection_is_lost_meanwhile() -> None:
    begun, back = trio.Event(), trio.Event()
    executed: list[str] = []

    async def locate_slowly(call: PendingCall) -> str:
        executed.append(call.tool_call_id)
        begun.set()
        await back.wait()
        return "here"

    agent = Agent(name="guide", model=ScriptedModel([calls(("locate", {})), "there you are"]), tools=[locate])
    async with open_actor_system([agent]) as system, trio.open_nursery() as nursery:
        server = Server(nursery)
        await server.serve(system)
        async with open_client(server.url, reconnect=AT_ONCE) as client, trio.open_nursery() as chats:
            chat = Chat(client, "guide")
            chat.tool("locate", locate_slowly)
            chats.start_soon(chat.send, "where am I?")
            await begun.wait()
            await server.stop()
            await server.serve(system)
            back.set()
        nursery.cancel_scope.cancel()
    assert (chat.status, len(executed)) == ("completed", 1)
    assert [message.text for message in chat.messages if isinstance(message, ToolResultMessage)] == ["here"]
