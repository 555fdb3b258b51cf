"""The client against a real gateway for its methods, and against scripted servers for failures."""

import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import pytest
import trio
import trio.testing
from trio.testing import MockClock, wait_all_tasks_blocked
from trio_websocket import WebSocketConnection, WebSocketRequest, serve_websocket

from adjourn.actors import ActorSystem, Agent, client_tool, open_actor_system
from adjourn.actors.cli.demo import make_support
from adjourn.actors.client import Backoff, Client, open_client, readers
from adjourn.actors.client.dial import Settings, end_of
from adjourn.actors.client.readers import RunReader
from adjourn.actors.gateway import GatewayLimits, serve_gateway, token_authenticator
from adjourn.actors.testing import ScriptedModel, calls, hangs, says
from adjourn.protocol.errors import (
    AdjournError,
    AgentNotFound,
    ClaimTaken,
    ConnectionLost,
    DecisionInvalid,
    Forbidden,
    InvalidParams,
    LimitExceeded,
    NotPending,
    RunNotFound,
    StoreUnavailable,
    Unauthorized,
)
from adjourn.protocol.events import AgentStart, Envelope, TurnStart
from adjourn.protocol.messages import user
from adjourn.protocol.methods import RunSnapshot
from adjourn.protocol.rpc import JSON
from adjourn.protocol.transcript import Snapshot

AT_ONCE = Backoff(first_s=0.0)


# Servers.


@asynccontextmanager
async def gateway(*agents: Agent, **options: Any) -> AsyncGenerator[tuple[ActorSystem, str]]:
    """Yields a system behind a gateway, and the gateway's URL."""
    async with open_actor_system(agents or [make_support(delay_s=0)]) as system, trio.open_nursery() as nursery:
        served = await nursery.start(partial(serve_gateway, system, port=0, **options))
        yield system, served.url
        nursery.cancel_scope.cancel()


class Line:
    """The server's end of one connection, in plain JSON."""

    def __init__(self, ws: WebSocketConnection) -> None:
        self.ws = ws

    async def hear(self) -> dict[str, Any]:
        return json.loads(await self.ws.get_message())

    async def say(self, **members: Any) -> None:
        await self.ws.send_message(json.dumps({"jsonrpc": "2.0", **members}))

    async def answer(self, asked: dict[str, Any], result: Any) -> None:
        await self.say(id=asked["id"], result=result)

    async def greet(self, **limits: int) -> None:
        asked = await self.hear()
        assert asked["method"] == "server.info"
        await self.answer(asked, {"name": "scripted", "version": "0", "protocol": [], "limits": limits})

    async def show(self, run_id: str, *seqs: int, event: dict[str, Any] | None = None) -> None:
        for seq in seqs:
            params = {"runId": run_id, "seq": seq, "time": 0, "event": event or {"type": "turn_start", "turn": seq}}
            await self.say(method="run.event", params=params)

    async def show_snapshot(self, run_id: str, seq: int, **snapshot: Any) -> None:
        await self.say(method="run.snapshot", params={"runId": run_id, "seq": seq, "snapshot": snapshot})


Script = Callable[[Line], Awaitable[None]]


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncGenerator[tuple[str, list[WebSocketRequest]]]:
    """Yields a server's URL, and its connections so far. Each connection plays one script and is then closed; further
    connections are refused with 410.
    """
    came: list[WebSocketRequest] = []

    async def serve(request: WebSocketRequest) -> None:
        came.append(request)
        if len(came) > len(scripts):
            return await request.reject(410)
        ws = await request.accept(subprotocol="adjourn.v1+json")
        await scripts[len(came) - 1](Line(ws))

    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, serve, "127.0.0.1", 0, None)
        yield f"ws://127.0.0.1:{server.port}", came
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def rejecting(status: int, body: bytes = b"") -> AsyncGenerator[tuple[str, list[int]]]:
    """A server that refuses every handshake."""
    came: list[int] = []

    async def serve(request: WebSocketRequest) -> None:
        came.append(status)
        await request.reject(status, body=body or None)

    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, serve, "127.0.0.1", 0, None)
        yield f"ws://127.0.0.1:{server.port}", came
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def plain_tcp(answer: bytes) -> AsyncGenerator[str]:
    """A server that sends `answer` after the first bytes, and closes."""

    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def silent_tcp() -> AsyncGenerator[str]:
    """A listener that serves no connection."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        yield f"ws://127.0.0.1:{listener.socket.getsockname()[1]}"


async def until_closed(line: Line) -> None:
    """Answers the greeting, then reads until the client disconnects."""
    await line.greet()
    await line.ws._close_handshake.wait()


def unused_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def seqs(client: Client, run_id: str, after: int | None = 0) -> list[int]:
    async with client.events(run_id, after=after) as events:
        return [item.seq async for item in events]


# The gateway's methods.


@pytest.mark.parametrize("subprotocol", ["json", "msgpack"])
async def test_a_run_is_started_watched_decided_and_found_over_either_wire(subprotocol: Any) -> None:
    async with gateway() as (_, url), open_client(url, subprotocol=subprotocol) as client:
        assert [agent.name for agent in await client.agents()] == ["support"]
        assert (await client.info()).name == "adjourn"
        started = await client.start("support", [user("refund order 7")], metadata={"shop": "è"})
        types: list[str] = []
        async with client.events(started.run_id, after=0) as events:
            async for item in events:
                assert isinstance(item, Envelope)
                types.append(type(item.event).__name__)
                if types[-1] == "AgentPaused":
                    [call] = (await client.get(started.run_id)).snapshot.pending
                    await client.resume(started.run_id, {"approved": True}, call.tool_call_id, digest=call.digest)
        assert types[0] == "AgentStart"
        assert types[-1] == "AgentEnd"
        assert types.count("ToolExecutionStart") == 1
        page = await client.list(status="completed")
        assert [run.run_id for run in page.runs] == [started.run_id]
        assert (await client.get(started.run_id)).snapshot.metadata == {"shop": "è"}
        await client.delete(started.run_id)
        await client.delete(started.run_id)
        with pytest.raises(RunNotFound):
            await client.get(started.run_id)


async def test_decline_and_abort_reach_the_run() -> None:
    async with gateway() as (system, url), open_client(url) as client:
        first = await client.start("support", "refund order 7")
        await system.run(first.run_id)
        await client.decline(first.run_id, reason="no")
        assert (await system.run(first.run_id)).status == "completed"
        second = await client.start("support", "refund order 7")
        ended = await client.abort(second.run_id, "enough")
        assert ended.status == "aborted"
        assert (await client.get(second.run_id)).snapshot.reason == "enough"


async def test_a_client_claims_a_call_and_gives_its_result() -> None:
    where = client_tool("where", "Where are you?", {"type": "object"})
    model = ScriptedModel([calls(("where", {})), says("thanks")])
    async with gateway(Agent(name="a", model=model, tools=[where])) as (system, url), open_client(url) as client:
        run_id = (await client.start("a", "go")).run_id
        [call] = (await system.run(run_id)).pending
        token = await client.claim(run_id, call.tool_call_id)
        assert await client.claim(run_id, call.tool_call_id) == token, "the reply to the first may have been lost"
        async with open_client(url) as other:
            with pytest.raises(ClaimTaken):
                await other.claim(run_id, call.tool_call_id)
            await client.unclaim(run_id, call.tool_call_id, token)
            taken = await other.claim(run_id, call.tool_call_id)
            await other.unclaim(run_id, call.tool_call_id, taken)
        token = await client.claim(run_id, call.tool_call_id)
        await client.result(run_id, call.tool_call_id, token, {"lat": 1.5})
        assert (await system.run(run_id).wait_ended()).status == "completed"


async def test_errors_have_the_same_class_at_the_client() -> None:
    async with gateway() as (system, url), open_client(url) as client:
        with pytest.raises(AgentNotFound):
            await client.start("nobody", "hello")
        run_id = (await client.start("support", "refund order 7")).run_id
        await system.run(run_id)
        with pytest.raises(DecisionInvalid) as caught:
            await client.resume(run_id, {"approved": "perhaps"})
        assert caught.value.data["errors"][0]["path"] == "/approved"
        with pytest.raises(NotPending):
            await client.resume(run_id, {"approved": True}, "no-such-call")
        with pytest.raises(RunNotFound):
            async with client.events("no-such-run"):
                pass
        with pytest.raises(InvalidParams, match="runId"):
            await client.get("no/run")
        assert client.is_connected


@pytest.mark.parametrize("decision", [float("nan"), 2**60, object(), {1: 2}, "\ud800"])
async def test_values_that_no_wire_carries_are_refused_before_sending(decision: Any) -> None:
    async with scripted(until_closed) as (url, _), open_client(url) as client:
        with pytest.raises(InvalidParams, match=r"run\.resume"):
            await client.resume("r", decision)
        assert client.is_connected


async def test_events_continue_after_a_cursor_and_end_after_the_last() -> None:
    async with gateway() as (_, url), open_client(url) as client:
        run_id = (await client.start("support", "hello")).run_id
        every = await seqs(client, run_id)
        assert await seqs(client, run_id, after=every[3]) == every[4:]
        assert await seqs(client, run_id, after=every[-1]) == []
        assert await seqs(client, run_id, after=None) == every[-1:]  # a snapshot of all


async def test_readers_of_one_run_each_get_every_event_once_wherever_they_begin() -> None:
    async with gateway() as (system, url), open_client(url) as client:
        run_id = "run-1"
        async with client.run("support", "refund order 7", run_id) as first:
            begun = [(await anext(first)).seq for _ in range(5)]
            await system.run(run_id)
            async with client.events(run_id, after=begun[0] + 6) as second, client.events(run_id) as third:
                snapshot = await anext(third)
                assert isinstance(snapshot, RunSnapshot)
                await client.resume(run_id, {"approved": True})
                late = [item.seq async for item in second if isinstance(item, Envelope)]
                rest = [item.seq async for item in third]
            others = [item async for item in first]
        every = await seqs(client, run_id)
        assert rest == every[every.index(snapshot.seq) + 1 :]
        assert late == sorted(set(late))
        assert late[0] == begun[0] + 7
        assert late[-len(rest) :] == rest
        numbers = begun + [item.seq for item in others if isinstance(item, Envelope)]
        assert numbers == every


async def test_two_clients_see_the_same_events_and_one_decides_for_both() -> None:
    async with gateway() as (_, url), open_client(url) as one, open_client(url, subprotocol="msgpack") as other:
        run_id = (await one.start("support", "refund order 7")).run_id
        seen: dict[str, list[Any]] = {"one": [], "other": []}

        async def watch(name: str, client: Client) -> None:
            async with client.events(run_id, after=0) as events:
                async for item in events:
                    seen[name].append(item)
                    if name == "other" and type(item.event).__name__ == "AgentPaused":
                        await other.resume(run_id, {"approved": False, "reason": "no"})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, "one", one)
            nursery.start_soon(watch, "other", other)
        assert seen["one"] == seen["other"]
        assert "ToolDecisionResolved" in [type(item.event).__name__ for item in seen["one"]]


async def test_a_slow_reader_gets_a_snapshot_and_delays_nobody() -> None:
    async with gateway() as (_, url), open_client(url) as client:
        run_id = (await client.start("support", "count to 3000")).run_id
        async with client.events(run_id, after=0) as idle:
            await client.agents()
            async with client.events(run_id, after=0) as busy:
                last = [item async for item in busy][-1]
            items = [item async for item in idle]
        assert len(items) == 1
        assert isinstance(items[0], RunSnapshot)
        assert items[0].seq == last.seq
        assert items[0].snapshot.status == "completed"


async def test_leaving_the_events_tells_the_server() -> None:
    async with gateway(limits=GatewayLimits(max_subscriptions=1)) as (_, url), open_client(url) as client:
        for _ in range(3):
            async with client.run("support", "refund order 7") as events:
                await anext(events)


async def test_a_run_that_was_only_started_is_not_watched() -> None:
    async with gateway(limits=GatewayLimits(max_subscriptions=1)) as (_, url), open_client(url) as client:
        for _ in range(3):
            await client.start("support", "refund order 7")


async def test_more_requests_at_once_than_the_server_allows_wait_for_their_turn() -> None:
    async with gateway(limits=GatewayLimits(max_in_flight=8)) as (_, url), open_client(url) as client:
        run_id = (await client.start("support", "hello")).run_id
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(client.get, run_id)


async def test_a_request_over_the_servers_limit_is_not_sent() -> None:
    async with gateway(limits=GatewayLimits(max_message_bytes=10_000)) as (_, url), open_client(url) as client:
        with pytest.raises(LimitExceeded, match="more than the server allows"):
            await client.start("support", "x" * 20_000)
        assert client.is_connected


async def test_the_list_of_runs_is_watched_live() -> None:
    async with gateway() as (_, url), open_client(url) as client:
        old = (await client.start("support", "refund order 7")).run_id
        async with client.watch_runs() as runs:
            assert (await anext(runs)).run_id == old
            new = (await client.start("support", "hello")).run_id
            async for summary in runs:
                if summary.run_id == new and summary.status == "completed":
                    break
            await client.delete(old)
            async for summary in runs:
                if summary.deleted:
                    break
            assert summary.run_id == old


async def test_a_cancelled_call_leaves_the_connection_in_order() -> None:
    model = ScriptedModel([hangs("so")])
    async with gateway(Agent(name="a", model=model)) as (_, url), open_client(url) as client:
        run_id = (await client.start("a", "go")).run_id
        async with client.events(run_id, after=0) as events:
            with trio.move_on_after(0) as scope:
                await anext(events)
            assert scope.cancelled_caught
            with trio.move_on_after(0):
                await client.get(run_id)
            assert isinstance((await anext(events)).event, AgentStart)
        assert (await client.abort(run_id)).status == "aborted"


# Connecting.


async def test_a_token_authenticates() -> None:
    async with gateway(authenticator=token_authenticator("secret")) as (_, url):
        async with open_client(url, token="secret") as client:
            await client.info()
        with pytest.raises(Unauthorized):
            async with open_client(url, token="wrong"):
                pass


async def test_the_error_names_the_url_if_nothing_listens() -> None:
    url = f"ws://127.0.0.1:{unused_port()}"
    with pytest.raises(ConnectionLost, match=f"nothing answers at {url}.*refused"):
        async with open_client(url):
            pass


def test_the_error_names_the_port_that_the_url_leaves_out() -> None:
    end = end_of(ConnectionRefusedError(111, "refused"), "wss://shop.test")
    assert end.why.message.startswith(
        "nothing answers at wss://shop.test (at port 443, because the URL names no port): "
    )


async def test_the_first_connection_is_tried_again_when_asked() -> None:
    port = unused_port()
    async with open_actor_system([make_support(delay_s=0)]) as system, trio.open_nursery() as nursery:

        async def use() -> None:
            async with open_client(
                f"ws://127.0.0.1:{port}", wait_for_server=True, reconnect=Backoff(first_s=0.02)
            ) as client:
                assert (await client.info()).name == "adjourn"
            nursery.cancel_scope.cancel()

        nursery.start_soon(use)
        await trio.testing.wait_all_tasks_blocked()
        await nursery.start(partial(serve_gateway, system, port=port))


async def test_the_client_gives_up_after_its_attempts() -> None:
    url = f"ws://127.0.0.1:{unused_port()}"
    with pytest.raises(ConnectionLost, match="nothing answers"):
        async with open_client(url, wait_for_server=True, reconnect=Backoff(first_s=0.0, attempts=3)):
            pass


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, InvalidParams), (401, Unauthorized), (403, Forbidden), (404, ConnectionLost)],
)
async def test_a_refusal_is_typed_and_not_tried_again(status: int, error: type[AdjournError]) -> None:
    async with rejecting(status, b"because") as (url, came):
        with pytest.raises(error, match=rf"{status}: because"):
            async with open_client(url, wait_for_server=True, reconnect=AT_ONCE):
                pass
        assert came == [status]


async def test_a_server_error_is_retried() -> None:
    async with rejecting(503) as (url, came):
        with pytest.raises(ConnectionLost, match="503"):
            async with open_client(url, wait_for_server=True, reconnect=Backoff(first_s=0.0, attempts=4)):
                pass
        assert len(came) == 4


async def test_the_reason_given_with_4401_is_the_error() -> None:
    async def refuse(line: Line) -> None:
        await line.say(id=None, error={"code": 1010, "message": "that token is old", "data": {"type": "unauthorized"}})
        await line.ws.aclose(4401, "unauthorized")

    async with scripted(refuse) as (url, came):
        with pytest.raises(Unauthorized, match="that token is old"):
            async with open_client(url, wait_for_server=True, reconnect=AT_ONCE):
                pass
        assert len(came) == 1


async def test_a_refused_reconnect_fails_every_call_with_the_reason() -> None:
    async def close(line: Line) -> None:
        await line.greet()
        await line.hear()

    async with scripted(close) as (url, came), open_client(url, reconnect=AT_ONCE) as client:
        for _ in range(2):
            with pytest.raises(ConnectionLost, match="410"):
                await client.get("r")
        with pytest.raises(ConnectionLost, match="410"):
            async with client.events("r"):
                pass
        assert len(came) == 2


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1", "expected ws://"),
        ("ws://", "expected ws://"),
        ("127.0.0.1:8765", "expected ws://"),
        ("ws://127.0.0.1:notaport", "url"),
        ("ws://[::1", "url"),
    ],
)
async def test_a_bad_url_is_an_invalid_argument(url: str, words: str) -> None:
    with pytest.raises(InvalidParams, match=words):
        async with open_client(url):
            pass


@pytest.mark.parametrize("port", ["1", "notaport"])
async def test_a_url_with_a_password_is_refused_and_not_shown(port: str) -> None:
    with pytest.raises(InvalidParams, match="token") as caught:
        async with open_client(f"ws://someone:hunter2@127.0.0.1:{port}"):
            pass
    assert "hunter2" not in str(caught.value)


def test_the_repr_of_settings_shows_no_token() -> None:
    settings = Settings("ws://h", JSON, "hunter2", None, None, False, 1.0, 1.0, 1.0, 1)
    assert "hunter2" not in repr(settings)


async def test_a_token_that_no_header_carries_is_an_invalid_argument() -> None:
    with pytest.raises(InvalidParams, match="token"):
        async with open_client("ws://127.0.0.1:1", token="a\r\nX-Evil: 1"):
            pass


async def test_tls_to_a_server_without_is_a_clear_error() -> None:
    async with plain_tcp(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        with pytest.raises(ConnectionLost, match="TLS with wss://"):
            async with open_client(url.replace("ws://", "wss://"), wait_for_server=True, reconnect=AT_ONCE):
                pass


async def test_a_server_that_does_not_answer_the_handshake_is_given_up() -> None:
    async with silent_tcp() as url:
        with pytest.raises(ConnectionLost, match="does not answer within"):
            async with open_client(url, connect_timeout_s=0.0):
                pass


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"])
async def test_a_server_without_websockets_is_detected_at_once(answer: bytes) -> None:
    async with plain_tcp(answer) as url:
        with pytest.raises(ConnectionLost):
            async with open_client(url):
                pass


async def test_another_kind_of_websocket_server_is_detected() -> None:
    async def serve(request: WebSocketRequest) -> None:
        ws = await request.accept()
        await ws._close_handshake.wait()

    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, serve, "127.0.0.1", 0, None)
        with pytest.raises(ConnectionLost, match=r"does not speak adjourn\.v1\+json"):
            async with open_client(f"ws://127.0.0.1:{server.port}"):
                pass
        nursery.cancel_scope.cancel()


GREETING = '{"id": 1, "result": {"name": "x", "version": "1", "protocol": [], "limits": {"maxInFlight": %s}}}'


@pytest.mark.parametrize(
    "frame",
    [
        *("nonsense", b"{}", '{"id": 1, "result": {"name": 7}}', "[[]]", "[1]", "[" * 5000, '{"id":1,"result":1e999}'),
        *(GREETING % limit for limit in ('"many"', "null", "6.5", "[]")),
    ],
)
async def test_a_malformed_message_ends_the_client_for_good(frame: str | bytes) -> None:
    async def talk(line: Line) -> None:
        await line.hear()
        await line.ws.send_message(frame)
        await line.ws._close_handshake.wait()

    async with scripted(talk) as (url, came):
        with pytest.raises(ConnectionLost, match="no adjourn gateway sends"):
            async with open_client(url, wait_for_server=True, reconnect=AT_ONCE):
                pass
        assert len(came) == 1


async def test_a_too_large_message_ends_the_client_for_good() -> None:
    async def flood(line: Line) -> None:
        await line.greet()
        await line.answer(await line.hear(), {"agents": [{"name": "x" * 500_000}]})
        await line.ws._close_handshake.wait()

    async with scripted(flood) as (url, came), open_client(url, reconnect=AT_ONCE, max_message_bytes=100_000) as client:
        with pytest.raises(LimitExceeded, match="more than 100000 bytes"):
            await client.agents()
        assert len(came) == 1


# Sending again after a lost connection.


async def test_a_request_whose_reply_was_lost_is_sent_again_and_begins_one_run() -> None:
    heard: list[dict[str, Any]] = []

    async def lose(line: Line) -> None:
        await line.greet()
        heard.append(await line.hear())

    async def reply(line: Line) -> None:
        await line.greet()
        heard.append(await line.hear())
        await line.answer(heard[-1], {"runId": heard[-1]["params"]["runId"], "seq": 0})
        await line.ws._close_handshake.wait()

    async with scripted(lose, lose, reply) as (url, _), open_client(url, reconnect=AT_ONCE) as client:
        started = await client.start("a", "go")
    assert [asked["params"] for asked in heard] == [heard[0]["params"]] * 3
    assert heard[0]["params"]["runId"] == started.run_id


async def test_a_claim_whose_reply_was_lost_is_sent_again_by_the_same_claimant() -> None:
    claimants: list[str] = []

    async def lose(line: Line) -> None:
        await line.greet()
        claimants.append((await line.hear())["params"]["claimant"])

    async def reply(line: Line) -> None:
        await line.greet()
        request = await line.hear()
        claimants.append(request["params"]["claimant"])
        await line.answer(request, {"claimToken": "t"})
        await line.ws._close_handshake.wait()

    async with scripted(lose, reply) as (url, _), open_client(url, reconnect=AT_ONCE) as client:
        assert await client.claim("r", "c") == "t"
    assert len(set(claimants)) == 1


async def test_a_request_that_ends_every_connection_is_given_up() -> None:
    async def lose(line: Line) -> None:
        await line.greet()
        await line.hear()

    async with scripted(*[lose] * 20) as (url, came), open_client(url, reconnect=AT_ONCE) as client:
        with pytest.raises(ConnectionLost, match=r"run\.get has no reply"):
            await client.get("r")
        assert len(came) <= 10


async def test_at_close_1009_only_the_largest_request_fails() -> None:
    async def refuse(line: Line) -> None:
        await line.greet()
        await line.hear()
        await line.hear()
        await line.ws.aclose(1009, "too big")

    async def reply(line: Line) -> None:
        await line.greet()
        await line.answer(await line.hear(), {"agents": []})
        await line.ws._close_handshake.wait()

    async with (
        scripted(refuse, reply) as (url, _),
        open_client(url, reconnect=AT_ONCE) as client,
        trio.open_nursery() as nursery,
    ):

        async def start() -> None:
            with pytest.raises(LimitExceeded):
                await client.start("a", "x" * 1000)

        nursery.start_soon(start)
        nursery.start_soon(client.agents)


async def test_without_reconnecting_a_lost_connection_stays_lost() -> None:
    async def lose(line: Line) -> None:
        await line.greet()

    states: list[AdjournError | None] = []
    async with scripted(lose) as (url, came), open_client(url, reconnect=None, on_connection=states.append) as client:
        with pytest.raises(ConnectionLost):
            await client.get("r")
        assert not client.is_connected
        assert len(came) == 1
    assert [type(state) for state in states] == [type(None), ConnectionLost]


async def test_a_server_that_answers_no_ping_is_lost(mock_clock: MockClock) -> None:
    async def deaf(line: Line) -> None:
        await line.greet()
        await trio.sleep_forever()  # reads nothing, neither messages nor a ping

    async def answer(line: Line) -> None:
        await line.greet()
        for _ in range(5):
            await line.answer(await line.hear(), {"agents": []})
        await trio.sleep_forever()  # the client leaves first: a closing server fails when a ping comes

    async with (
        scripted(deaf, answer) as (url, _),
        open_client(url, reconnect=AT_ONCE, ping_interval_s=20) as client,
        trio.open_nursery() as nursery,
    ):
        for _ in range(5):
            nursery.start_soon(client.agents)
        for _ in range(2):  # until the ping, and for its answer
            await wait_all_tasks_blocked(0.01)
            assert client.is_connected
            mock_clock.jump(20)


# The stream of events, against a server that disconnects at any point.


async def test_a_reader_resubscribes_at_its_cursor_and_drops_duplicates() -> None:
    asked: list[dict[str, Any]] = []

    def showing(*numbers: int, end: int | None = None) -> Script:
        async def script(line: Line) -> None:
            await line.greet()
            asked.append(await line.hear())
            await line.show("r", 1)  # from an older subscription: the reply comes first
            await line.answer(asked[-1], {"runId": "r", "status": "running", "seq": 9})
            await line.show("r", *numbers)
            if end is not None:
                await line.show("r", end, event={"type": "agent_end", "status": "completed", "reason": "stop"})
                await line.ws._close_handshake.wait()

        return script

    scripts = (showing(3, 4), showing(), showing(4, 7), showing(9, end=12))
    async with scripted(*scripts) as (url, _), open_client(url, reconnect=AT_ONCE) as client:
        assert await seqs(client, "r", after=2) == [3, 4, 7, 9, 12]
    assert [request["params"]["after"] for request in asked] == [2, 4, 4, 7]


async def test_parts_of_a_snapshot_that_broke_off_are_dropped_and_all_readers_get_the_whole_of_the_next() -> None:
    def part(text: str, **others: Any) -> dict[str, Any]:
        said = {"role": "user", "content": text, "timestamp": 0}
        return {"runId": "r", "seq": 5, "snapshot": {"status": "completed", "messages": [said]}, **others}

    async def break_off(line: Line) -> None:
        await line.greet()
        await line.answer(await line.hear(), {"runId": "r", "status": "completed", "seq": 5})
        await line.say(method="run.snapshot", params=part("old", next=1))

    async def begin_anew(line: Line) -> None:
        await line.greet()
        await line.answer(await line.hear(), {"runId": "r", "status": "completed", "seq": 5})
        await line.say(method="run.snapshot", params=part("late", **{"from": 1}))
        await line.say(method="run.snapshot", params=part("one", next=1))
        await line.say(method="run.snapshot", params=part("two", **{"from": 1}))
        await line.ws._close_handshake.wait()

    async with scripted(break_off, begin_anew) as (url, _), open_client(url, reconnect=AT_ONCE) as client:
        async with client.events("r") as events:
            [whole] = [item async for item in events]
    assert isinstance(whole, RunSnapshot)
    assert [str(getattr(message, "content", "")) for message in whole.snapshot.messages] == ["one", "two"]
    assert (whole.from_, whole.next) == (0, None)


async def test_a_reader_that_was_refused_a_message_says_why_each_time_and_others_read_on() -> None:
    async def refuse(line: Line) -> None:
        await line.greet()
        await line.answer(await line.hear(), {"runId": "r", "status": "running", "seq": 1})
        await line.show("r", 1)
        error = {"code": 1012, "message": "too big", "data": {"type": "limitExceeded", "maximum": 7}}
        await line.say(method="run.unsubscribed", params={"runId": "r", "error": error})
        await line.say(method="run.unsubscribed", params={"runId": "nobody's", "error": error})
        await line.answer(await line.hear(), {"agents": []})
        await line.ws._close_handshake.wait()

    async with scripted(refuse) as (url, came), open_client(url, reconnect=AT_ONCE) as client:
        async with client.events("r", after=0) as events:
            assert (await anext(events)).seq == 1
            for _ in range(2):
                with pytest.raises(LimitExceeded, match="too big"):
                    await anext(events)
            assert await client.agents() == ()
    assert len(came) == 1


async def test_a_snapshot_larger_than_the_buffer_is_not_dropped_for_the_events_behind_it() -> None:
    async def never() -> None:
        raise AssertionError("the reader attached itself again")

    reader = RunReader(never, AT_ONCE, None)
    reader.session = cast(Any, object())
    reader.take_in(RunSnapshot(run_id="r", seq=5, snapshot=Snapshot()), 2 * readers.MAX_BYTES)
    for seq in (6, 7):
        reader.take_in(Envelope(run_id="r", seq=seq, time=0, event=TurnStart(turn=seq)), 100)
    assert [(await anext(reader)).seq for _ in range(3)] == [5, 6, 7]


async def test_a_snapshot_resets_the_cursor_even_to_a_lower_one() -> None:
    async def back(line: Line) -> None:
        await line.greet()
        await line.answer(await line.hear(), {"runId": "r", "status": "running", "seq": 4})
        await line.show_snapshot("r", 4)
        await line.show("r", 130)
        await line.show("r", 131, event={"type": "agent_end", "status": "completed", "reason": "stop"})
        await line.ws._close_handshake.wait()

    async with scripted(back) as (url, _), open_client(url) as client:
        assert await seqs(client, "r", after=57) == [4, 130, 131]


async def test_a_reader_waits_out_a_store_that_does_not_answer() -> None:
    async def show(line: Line) -> None:
        await line.greet()
        await line.answer(await line.hear(), {"runId": "r", "status": "running", "seq": 1})
        await line.show("r", 1)

    async def stumble(line: Line) -> None:
        await line.greet()
        for code, kind in ((1101, "storeUnavailable"), (1102, "shuttingDown")):
            await line.say(
                id=(await line.hear())["id"], error={"code": code, "message": "later", "data": {"type": kind}}
            )
        await line.answer(await line.hear(), {"runId": "r", "status": "completed", "seq": 1})
        await line.ws._close_handshake.wait()

    async with scripted(show, stumble) as (url, _), open_client(url, reconnect=AT_ONCE) as client:
        assert await seqs(client, "r") == [1]


async def test_a_retryable_error_of_the_first_subscription_is_raised() -> None:
    async def stumble(line: Line) -> None:
        await line.greet()
        error = {"code": 1101, "message": "later", "data": {"type": "storeUnavailable"}}
        await line.say(id=(await line.hear())["id"], error=error)
        await line.ws._close_handshake.wait()

    async with scripted(stumble) as (url, _), open_client(url) as client:
        with pytest.raises(StoreUnavailable):
            async with client.events("r"):
                pass


async def test_a_run_that_is_gone_when_its_reader_comes_back_ends_the_reader() -> None:
    async def show(line: Line) -> None:
        await line.greet()
        await line.answer(await line.hear(), {"runId": "r", "status": "running", "seq": 1})
        await line.show("r", 1)

    async def gone(line: Line) -> None:
        await line.greet()
        await line.say(
            id=(await line.hear())["id"], error={"code": 1001, "message": "gone", "data": {"type": "runNotFound"}}
        )
        await line.ws._close_handshake.wait()

    async with (
        scripted(show, gone) as (url, _),
        open_client(url, reconnect=AT_ONCE) as client,
        client.events("r", after=0) as events,
    ):
        assert (await anext(events)).seq == 1
        with pytest.raises(RunNotFound):
            await anext(events)


async def test_after_an_overflow_the_reader_asks_for_a_snapshot() -> None:
    asked: list[dict[str, Any]] = []
    shown = trio.Event()

    async def show(line: Line) -> None:
        await line.greet()
        asked.append(await line.hear())
        await line.answer(asked[-1], {"runId": "r", "status": "running", "seq": 0})
        await line.show("r", *range(1, 1100))
        await line.answer(await line.hear(), {"agents": []})
        shown.set()
        asked.append(await line.hear())
        await line.show("r", 1100)  # still from the old subscription
        await line.answer(asked[-1], {"runId": "r", "status": "completed", "seq": 1200})
        await line.show_snapshot("r", 1200, status="completed")
        await line.ws._close_handshake.wait()

    async with scripted(show) as (url, _), open_client(url) as client, client.events("r", after=0) as events:
        await client.agents()
        await shown.wait()
        assert [item.seq async for item in events] == [1200]
    assert ["after" in request["params"] for request in asked] == [True, False]


async def test_a_shared_subscription_starts_at_the_slowest_reader() -> None:
    asked: list[dict[str, Any]] = []

    async def show(line: Line) -> None:
        await line.greet()
        for n in range(3):
            asked.append(await line.hear())
            await line.answer(asked[-1], {"runId": "r", "status": "running", "seq": 9})
            if n == 0:
                await line.show("r", 4)
        await line.show_snapshot("r", 9, status="completed")
        await line.ws._close_handshake.wait()

    async with (
        scripted(show) as (url, _),
        open_client(url) as client,
        client.events("r", after=3) as first,
        client.events("r", after=7),
        client.events("r"),
    ):
        assert [item.seq async for item in first] == [4, 9]
    assert [request["params"].get("after") for request in asked][1:] in ([3, None], [4, None])


async def test_a_message_of_any_size_fits_an_empty_buffer() -> None:
    async def show(line: Line) -> None:
        await line.greet()
        await line.answer(await line.hear(), {"runId": "r", "status": "running", "seq": 1})
        text = {"role": "user", "content": "x" * 9_000_000, "timestamp": 0}
        await line.show_snapshot("r", 1, status="completed", messages=[text])
        await line.ws._close_handshake.wait()

    async with scripted(show) as (url, _), open_client(url) as client:
        assert await seqs(client, "r") == [1]


# Leaving.


async def test_the_callers_own_error_comes_out_ungrouped() -> None:
    async with gateway() as (_, url):
        with pytest.raises(KeyError, match="mine"):
            async with open_client(url) as client:
                raise KeyError(f"mine, not {client}'s")


async def test_leaving_closes_the_websocket_and_leaves_no_task() -> None:
    closed: list[int] = []

    async def watch(line: Line) -> None:
        await line.greet()
        await line.ws._close_handshake.wait()
        assert line.ws.closed is not None
        closed.append(line.ws.closed.code)

    async with scripted(watch) as (url, _):
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        async with open_client(url):
            assert trio.lowlevel.current_statistics().tasks_living > before
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == before
    assert closed == [1000]


async def test_leaving_does_not_wait_for_a_server_that_ignores_the_closing_handshake() -> None:
    async def deaf(line: Line) -> None:
        await line.greet()
        for _ in range(3):
            await line.say(method="run.changed", params={})
        await trio.sleep_forever()

    async with scripted(deaf) as (url, _):
        with trio.fail_after(5):
            async with open_client(url, close_timeout_s=0.0):
                pass


async def test_a_cancelled_client_still_closes_its_websocket() -> None:
    closed = trio.Event()

    async def watch(line: Line) -> None:
        await line.greet()
        await line.ws._close_handshake.wait()
        closed.set()

    async with scripted(watch) as (url, _):
        with trio.CancelScope() as scope:
            async with open_client(url):
                scope.cancel()
                await trio.sleep_forever()
        assert scope.cancelled_caught
        with trio.fail_after(5):
            await closed.wait()


async def test_calls_on_a_closed_client_raise() -> None:
    async with scripted(until_closed) as (url, _):
        async with open_client(url) as client:
            pass
        with pytest.raises(ConnectionLost, match="is closed"):
            await client.info()
