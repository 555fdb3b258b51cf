"""The gateway's guards over real sockets: access, bad frames, limits, slow clients; and its shutdown."""

from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from gateway_wire import BINARY, CLOSE, PING, REFUND, TEXT, RawClient, connected, is_event, raw, scripted, serving
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors import ActorSystem, Agent, open_actor_system
from adjourn.actors.gateway import (
    Action,
    Credentials,
    Gateway,
    GatewayLimits,
    Principal,
    changes,
    even_answers,
    serve_gateway,
    token_authenticator,
)
from adjourn.actors.testing import hangs, says
from adjourn.protocol import rpc
from adjourn.protocol.errors import InvalidParams, LimitExceeded
from adjourn.protocol.methods import RunSubscribe, ServerInfo

# Authentication.


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 101),
        ("http://localhost:3000", 101),
        ("https://127.0.0.1", 101),
        ("http://[::1]:8765", 101),
        ("https://app.example.org", 101),
        ("https://APP.example.org", 101),
        ("null", 403),
        ("https://example.org", 403),
        ("http://localhost.example.org", 403),
        ("http://app.example.org", 403),
        ("file://localhost", 403),
        ("http://[bad", 403),
    ],
)
async def test_pages_of_loopback_and_configured_origins_may_connect(origin: str | None, status: int) -> None:
    async with serving(origins=["https://app.example.org"]) as (_, gateway), raw(gateway) as client:
        headers = {} if origin is None else {"Origin": origin}
        assert await client.request(**headers) == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8765", 101),
        ("127.0.0.1", 101),
        ("[::1]:8765", 101),
        ("app.example.org", 101),
        ("rebound.example.org:8765", 403),
        ("localhost.example.org", 403),
    ],
)
async def test_a_rebound_name_is_turned_down(host: str, status: int) -> None:
    async with serving(origins=["https://app.example.org"]) as (_, gateway), raw(gateway) as client:
        assert await client.request(Host=host) == status


async def test_a_browser_without_a_websocket_is_told_how_to_connect() -> None:
    async with serving() as (_, gateway), raw(gateway) as client:
        await client.stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade-Insecure-Requests: 1\r\n\r\n")
        told = await client.at_end()
        assert told.startswith(b"HTTP/1.1 426 ")
        assert b"adjourn chat" in told


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01 no http at all\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
async def test_a_bad_handshake_ends_the_connection(sent: bytes) -> None:
    async with serving() as (_, gateway), raw(gateway) as client, trio.open_nursery() as nursery:
        await client.stream.send_all(sent)
        nursery.start_soon(client.at_end)
        await wait_all_tasks_blocked(0.05)
        assert not nursery.child_tasks
        nursery.cancel_scope.cancel()


async def test_a_client_that_never_completes_its_handshake_is_dropped(mock_clock: MockClock) -> None:
    async with serving() as (_, gateway), raw(gateway) as client:
        await client.stream.send_all(b"GET / HTTP/1.1\r\n")
        await wait_all_tasks_blocked()
        mock_clock.jump(10)
        assert await client.at_end() == b""


@pytest.mark.parametrize(
    ("offer", "chosen"),
    [
        ([], None),
        (["soap", "adjourn.v1+msgpack", "adjourn.v1+json"], "adjourn.v1+msgpack"),
        (["adjourn.v1+json", "adjourn.v1+msgpack"], "adjourn.v1+json"),
    ],
)
async def test_the_first_known_subprotocol_in_the_clients_order_counts(offer: list[str], chosen: str | None) -> None:
    async with serving() as (_, gateway), connected(gateway.url, offer=offer) as client:
        assert client.ws.subprotocol == chosen
        await client.call("server.info")


async def test_an_unknown_subprotocol_or_query_is_a_bad_request() -> None:
    async with serving() as (_, gateway):
        async with raw(gateway) as client:
            assert await client.request(Sec_WebSocket_Protocol="adjourn.v2+json") == 400
            assert b"adjourn.v1+json" in await client.at_end()
        async with raw(gateway) as client:
            assert await client.request("/?batch=yes") == 400
            assert b"expected 0 or 1" in await client.at_end()


async def test_a_path_that_is_no_url_is_no_fault_of_the_server(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as (_, gateway), raw(gateway) as client:
        assert await client.request("//[?batch=1") == 101
    assert not caplog.records


async def test_a_bind_beyond_this_machine_demands_an_authenticator() -> None:
    async with open_actor_system() as system:
        for host in ("0.0.0.0", "::", None, "", "example.org"):
            with pytest.raises(InvalidParams, match="authenticator"):
                await serve_gateway(system, host=host)
        with pytest.raises(InvalidParams, match="origins"):
            await serve_gateway(system, origins=["example.org"])


async def test_a_token_comes_as_a_header_or_as_a_subprotocol_that_is_never_echoed() -> None:
    async with serving(host="0.0.0.0", authenticator=token_authenticator("söcret")) as (_, gateway):
        url = f"ws://127.0.0.1:{gateway.addresses[0][1]}"
        async with connected(url, headers=[(b"Authorization", "Bearer söcret".encode())]) as client:
            await client.call("server.info")
        offered = rpc.AUTH_SUBPROTOCOL + urlsafe_b64encode("söcret".encode()).decode().rstrip("=")
        async with connected(url, offer=[offered, "adjourn.v1+json"]) as client:
            assert client.ws.subprotocol == "adjourn.v1+json"
            await client.call("server.info")
        async with connected(url, offer=[offered]) as client:
            assert client.ws.subprotocol is None
            await client.call("server.info")


@pytest.mark.parametrize("token", [None, "wrong", "secre", "sécret"])
async def test_an_unauthenticated_client_gets_an_error_and_close_4401(
    token: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    headers = [] if token is None else [(b"Authorization", f"Bearer {token}".encode())]
    async with (
        serving(authenticator=token_authenticator("secret")) as (_, gateway),
        connected(gateway.url, headers=headers) as client,
    ):
        assert (await client.closed())[0] == 4401
        assert [frame["error"]["data"]["type"] for frame in client.frames] == ["unauthorized"]
    assert token is None or token not in caplog.text


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
async def test_an_authenticator_that_fails_lets_nobody_in_and_tells_nothing(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    async def authenticate(credentials: Credentials) -> Principal:
        raise error(f"directory down {credentials!r}")

    headers = [(b"Authorization", b"Bearer secret")]
    async with (
        serving(authenticator=authenticate) as (_, gateway),
        connected(gateway.url, headers=headers) as client,
    ):
        assert (await client.closed())[0] == 1011
        [frame] = client.frames
        assert frame["error"]["code"] == -32603
        assert frame["error"]["data"]["id"] in caplog.text
        assert "directory" not in str(frame)
    assert "secret" not in caplog.text


# Authorization.


async def test_an_authorizer_gets_the_whole_action_and_a_hidden_run_does_not_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(even_answers, "STEP_S", 0.01)
    asked: list[tuple[str, str | None]] = []

    async def authenticate(credentials: Credentials) -> Principal | None:
        return Principal(credentials.token) if credentials.token else None

    async def authorize(principal: Principal | None, action: Action) -> bool:
        asked.append((action.method, action.head and action.head.id))
        return action.head is None or (principal is not None and action.owner == principal.name)

    agent = scripted(REFUND, REFUND)
    async with (
        serving(agent, authenticator=authenticate, authorizer=authorize) as (system, gateway),
        connected(gateway.url, headers=[(b"Authorization", b"Bearer ada")]) as ada,
        connected(gateway.url, headers=[(b"Authorization", b"Bearer bob")]) as bob,
    ):
        for client, run_id in ((ada, "a"), (bob, "b")):
            await client.call("runs.watch")
            await client.call("run.start", agent="shop", input="hello", runId=run_id)
            await client.events("agent_paused")
        assert (await system.head("a")).owner == "ada"
        for method in ("run.get", "run.subscribe", "run.unsubscribe", "run.abort", "run.delete"):
            assert (await bob.refused(method, runId="a")).type == "runNotFound"
        assert (await bob.refused("run.resume", runId="a", decision={"approved": True})).type == "runNotFound"
        assert (await bob.refused("run.start", agent="shop", input="hello", runId="a")).type == "forbidden"
        assert ("run.resume", "a") in asked
        assert [run["runId"] for run in (await bob.call("run.list"))["runs"]] == ["b"]
        await ada.call("run.decline", runId="a")
        resolved = await ada.until(lambda note: is_event(note, "tool_decision_resolved"))
        assert resolved[-1]["params"]["event"]["by"] == "ada"
        await bob.call("server.info")
        told = {frame["params"]["runId"] for frame in bob.frames if frame.get("method") == "run.changed"}
        assert told == {"b"}


async def test_an_authorizer_can_refuse_decisions_by_the_runs_owner() -> None:
    async def authenticate(credentials: Credentials) -> Principal | None:
        return Principal(credentials.token) if credentials.token else None

    async def authorize(principal: Principal | None, action: Action) -> bool:
        return action.method != "run.resume" or (principal is not None and principal.name != action.owner)

    async with (
        serving(scripted(REFUND, says("bye")), authenticator=authenticate, authorizer=authorize) as (_, gateway),
        connected(gateway.url, headers=[(b"Authorization", b"Bearer ada")]) as ada,
        connected(gateway.url, headers=[(b"Authorization", b"Bearer bob")]) as bob,
    ):
        await ada.call("run.start", agent="shop", input="hello", runId="r")
        await ada.events("agent_paused")
        assert (await ada.refused("run.resume", runId="r", decision={"approved": True})).type == "forbidden"
        await bob.call("run.resume", runId="r", decision={"approved": True})
        resolved = await ada.until(lambda note: is_event(note, "tool_decision_resolved"))
        assert resolved[-1]["params"]["event"]["by"] == "bob"


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
async def test_an_authorizer_that_fails_forbids_and_the_log_has_its_cause(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    async def authorize(principal: Principal | None, action: Action) -> bool:
        raise error("the secret cause")

    async with serving(authorizer=authorize) as (_, gateway), connected(gateway.url) as client:
        told = await client.refused("run.list")
        assert told.type == "forbidden"
        [record] = [record for record in caplog.records if record.name == "adjourn.gateway"]
        assert told.data["id"] in record.getMessage()
        assert "secret cause" not in str(client.frames)
        assert "secret cause" in caplog.text


async def test_an_internal_error_has_an_id_that_the_log_has_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr(ActorSystem, "list", broken)
    async with serving() as (_, gateway), connected(gateway.url) as client:
        error = await client.refused("run.list")
        assert (error.code, error.type) == (-32603, "internal")
        [record] = [record for record in caplog.records if record.name == "adjourn.gateway"]
        assert error.data["id"] in record.getMessage()
        assert "secret cause" not in str(client.frames)
        assert "secret cause" in caplog.text


# Frames.


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", rpc.PARSE_ERROR),
        ("[]", rpc.INVALID_REQUEST),
        ("7", rpc.INVALID_REQUEST),
        ('{"jsonrpc":"2.0","id":"x","method":"run.get","params":["r"]}', -32602),
        ('{"jsonrpc":"2.0","id":1.5,"method":"run.list"}', rpc.INVALID_REQUEST),
        ('{"jsonrpc":"2.0","id":"x","method":"run.list","params":{"after":"no cursor"}}', -32602),
        ("[" * 5000, rpc.PARSE_ERROR),
    ],
)
async def test_bad_content_gets_an_error_and_the_connection_lives_on(text: str, code: int) -> None:
    async with serving() as (_, gateway), connected(gateway.url) as client:
        await client.ws.send_message(text)
        await client.call("server.info")
        while not (errors := [frame["error"] for frame in client.frames if "error" in frame]):
            await client.take()
        assert errors[0]["code"] == code


@pytest.mark.parametrize(
    ("wire", "opcode", "payload", "code"),
    [
        ("adjourn.v1+json", BINARY, b"{}", 1003),
        ("adjourn.v1+msgpack", TEXT, b"{}", 1003),
        ("adjourn.v1+json", TEXT, b'{"jsonrpc":"\xff"}', 1007),
        ("adjourn.v1+json", TEXT, b" " * 1001, 1009),
        ("adjourn.v1+json", TEXT, "é".encode() * 600, 1009),
        ("adjourn.v1+msgpack", BINARY, bytes(1001), 1009),
        ("adjourn.v1+json", 3, b"", 1002),
    ],
)
async def test_an_invalid_frame_closes_with_its_code(wire: str, opcode: int, payload: bytes, code: int) -> None:
    limits = GatewayLimits(max_message_bytes=1000)
    async with serving(limits=limits) as (_, gateway), raw(gateway) as client:
        await client.request(Sec_WebSocket_Protocol=wire)
        await client.send(opcode, payload)
        assert await client.close_code() == code


async def test_the_close_code_arrives_while_the_client_is_still_sending() -> None:
    limits = GatewayLimits(max_message_bytes=1000)
    async with serving(limits=limits) as (_, gateway), raw(gateway) as client:
        await client.request()
        for _ in range(40):
            await client.send(TEXT, b" " * 60_000)
        assert await client.close_code() == 1009


async def test_a_message_in_ever_so_many_empty_pieces_is_not_collected_for_ever() -> None:
    limits = GatewayLimits(max_message_bytes=1000)
    async with serving(limits=limits) as (_, gateway), raw(gateway) as client:
        await client.request()
        first, more = bytes((TEXT, 0x80)) + bytes(4), bytes((0, 0x80)) + bytes(4)
        await client.stream.send_all(first + more * 20_000)
        assert await client.close_code() == 1009


async def test_the_fragments_of_a_message_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    text = b'{"jsonrpc":"2.0","id":1,"method":"server.info"}'
    async with serving(limits=GatewayLimits(max_fragments=500)) as (_, gateway):
        for fragments, is_served in ((500, True), (501, False)):
            async with raw(gateway) as client:
                await client.request()
                for _ in range(2):  # each message has its own count
                    first, more = bytes((TEXT, 0x80)) + bytes(4), bytes((0, 0x80)) + bytes(4)
                    ping = bytes((0x80 | PING, 0x80)) + bytes(4)
                    last = bytes((0x80, 0x80 | len(text))) + bytes(4) + text
                    await client.stream.send_all(first + (more + ping) * (fragments - 1) + last)
                    opcode = PING
                    while opcode not in (TEXT, CLOSE):
                        opcode, payload = await client.frame()
                    assert (b"maxFragments" if is_served else b"in at most 501 frames") in payload
                    if not is_served:
                        assert int.from_bytes(payload[:2]) == 1009
                        break


async def test_little_is_read_of_a_client_that_is_not_known_yet(mock_clock: MockClock) -> None:
    async def authenticate(credentials: Credentials) -> Principal | None:
        await opened.wait()
        return None

    opened = trio.Event()
    async with (
        serving(authenticator=authenticate) as (_, gateway),
        raw(gateway) as client,
        trio.open_nursery() as nursery,
    ):
        await client.stream.send_all(client.handshake())
        await client.send(TEXT, bytes(12_000))
        await wait_all_tasks_blocked(0.05)
        nursery.start_soon(client.at_end)
        await wait_all_tasks_blocked(0.05)
        assert nursery.child_tasks  # the request waits
        await client.send(TEXT, bytes(12_000))
        await wait_all_tasks_blocked(0.05)
        assert not nursery.child_tasks
        nursery.cancel_scope.cancel()


async def test_a_change_that_wants_no_reply_is_refused_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(scripted()) as (_, gateway), connected(gateway.url) as client:
        await client.send({"jsonrpc": "2.0", "method": "run.start", "params": {"agent": "shop", "input": "hello"}})
        assert await client.call("run.list") == {"runs": []}
        assert len(client.frames) == 1
        assert "run.start changes state: expected an id" in caplog.text


async def test_a_batch_is_answered_as_one_and_each_member_on_its_own() -> None:
    async with serving(scripted(REFUND)) as (_, gateway), connected(gateway.url) as client:
        await client.send(
            [
                {
                    "jsonrpc": "2.0",
                    "id": "a",
                    "method": "run.start",
                    "params": {"agent": "shop", "input": "hello", "runId": "r"},
                },
                {"jsonrpc": "2.0", "id": "b", "method": "run.get", "params": {"runId": "r"}},
                {"jsonrpc": "2.0", "id": "c", "method": "run.fly"},
                {"jsonrpc": "2.0", "method": "server.info"},
                5,
            ]
        )
        await client.events("agent_paused")
        replies = client.frames[0]
        assert {reply["id"]: "error" in reply for reply in replies} == {"a": False, "b": False, "c": True, None: True}
        await client.send([{"jsonrpc": "2.0", "method": "server.info"}])
        await client.call("server.info")
        assert client.frames[-1]["id"] == 1
        assert len([frame for frame in client.frames if isinstance(frame, list)]) == 1


# Limits.


class Gate:
    """An authorizer that blocks one method."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.opened = trio.Event()

    async def __call__(self, principal: Principal | None, action: Action) -> bool:
        if action.method == self.method:
            await self.opened.wait()
        return True


async def test_requests_beyond_the_limit_are_refused_also_in_batches() -> None:
    gate = Gate("agents.list")
    limits = GatewayLimits(max_in_flight=2)
    async with serving(authorizer=gate, limits=limits) as (_, gateway), connected(gateway.url) as client:
        held = [await client.ask("agents.list") for _ in range(2)]
        error = await client.refused("server.info")
        assert (error.type, error.data) == ("limitExceeded", {"limit": "maxInFlight", "maximum": 2})
        gate.opened.set()
        for asked in held:
            await client.reply(asked)
        batch = [{"jsonrpc": "2.0", "id": f"b{number}", "method": "server.info"} for number in range(3)]
        await client.send(batch)
        with pytest.raises(LimitExceeded, match="at most 2 requests in a batch"):
            await client.reply(None)
        await client.send(batch[:2])
        await client.reply("b0")
        assert ["error" in reply for reply in client.frames[-1]] == [False, False]


async def test_a_client_that_asks_and_never_reads_is_not_read_either() -> None:
    ask = rpc.request(1, "server.info", ServerInfo(), rpc.JSON).ljust(60_000)
    sent = 0

    async def flood() -> None:
        nonlocal sent
        for _ in range(2000):
            await client.send(TEXT, ask)
            sent += 1

    async with (
        serving(limits=GatewayLimits(max_in_flight=4)) as (_, gateway),
        raw(gateway, receive_bytes=4096) as client,
        trio.open_nursery() as nursery,
    ):
        await client.request()
        nursery.start_soon(flood)
        await wait_all_tasks_blocked(0.05)
        assert 4 < sent < 2000
        nursery.cancel_scope.cancel()


# The order of requests.


async def test_requests_on_one_run_keep_their_order_and_hold_no_other_run_up() -> None:
    gate = Gate("run.decline")
    async with (
        serving(scripted(REFUND, REFUND, says("bye")), authorizer=gate) as (_, gateway),
        connected(gateway.url) as client,
    ):
        first = await client.ask("run.start", agent="shop", input="hello", runId="r")
        second = await client.ask("run.get", runId="r")
        await client.reply(first)
        assert (await client.reply(second))["runId"] == "r"
        await client.events("agent_paused")
        declined = await client.ask("run.decline", runId="r")
        got = await client.ask("run.get", runId="r")
        assert (await client.refused("run.get", runId="other")).type == "runNotFound"
        assert declined not in [frame.get("id") for frame in client.frames]
        gate.opened.set()
        seq = (await client.reply(declined))["seq"]
        assert (await client.reply(got))["seq"] >= seq


# Slow clients, and closed connections.


async def test_a_client_that_takes_batches_gets_waiting_notifications_in_them_up_to_the_cap() -> None:
    limits = GatewayLimits(max_batch_bytes=2000)
    async with serving(scripted(says(" ".join(["word"] * 100))), limits=limits) as (system, gateway):
        await (await system.start("shop", "hello", run_id="r")).wait_ended()
        for wire in rpc.FORMATS:
            async with connected(gateway.url + "/?batch=1", offer=[wire]) as client:
                await client.call("run.subscribe", runId="r", after=0)
                events = await client.events("agent_end")
                numbers = [seq for seq, _ in events]
                assert numbers == list(range(numbers[0], numbers[0] + len(events)))
                batches = [frame for frame in client.frames if isinstance(frame, list)]
                assert len(batches) < len(events) / 5
                assert max(len(client.form.encode(frame)) for frame in batches) <= 2100


async def stall(client: RawClient, system: ActorSystem) -> None:
    """Let a client stop reading in the middle of a long run's events."""
    await (await system.start("shop", "hello", run_id="r")).wait_ended()
    await client.request()
    await client.send(TEXT, rpc.request(1, "run.subscribe", RunSubscribe(run_id="r", after=0), rpc.JSON))
    await wait_all_tasks_blocked(0.05)


LONG = says(" ".join(["x" * 500] * 1500))


async def test_a_client_that_reads_nothing_for_too_long_is_dropped(mock_clock: MockClock) -> None:
    limits = GatewayLimits(stall_s=60, ping_s=1000, pong_s=1000)
    async with serving(scripted(LONG), limits=limits) as (system, gateway), raw(gateway, receive_bytes=4096) as client:
        await stall(client, system)
        mock_clock.jump(59)
        await wait_all_tasks_blocked(0.01)
        assert (await client.frame())[0] == TEXT
        mock_clock.jump(61)
        await wait_all_tasks_blocked(0.01)
        with pytest.raises((EOFError, trio.BrokenResourceError)):
            await client.close_code()


async def test_a_silent_client_is_pinged_and_dropped_if_it_stays_silent(mock_clock: MockClock) -> None:
    limits = GatewayLimits(ping_s=30, pong_s=90)
    async with (
        serving(limits=limits) as (_, gateway),
        raw(gateway) as silent,
        connected(gateway.url) as polite,
    ):
        await silent.request()
        for _ in range(20):
            await wait_all_tasks_blocked(0.01)
            mock_clock.jump(7.5)
        assert (await silent.frame())[0] == PING
        with pytest.raises(EOFError):
            await silent.frame()
        await polite.call("server.info")


async def test_a_watcher_that_lags_too_far_is_told_to_list_again_and_stays_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes, "MAX_WAITING", 2)
    gate = Gate("runs.watch")
    gate.opened.set()
    async with serving(scripted(), authorizer=gate) as (system, gateway), connected(gateway.url) as client:
        await client.call("runs.watch")
        gate.opened = trio.Event()
        for _ in range(5):
            await system.start("shop", "hello")
        told = (await client.until(lambda note: note["method"] == "runs.unwatched"))[-1]
        assert told["params"]["error"]["data"]["type"] == "limitExceeded"
        gate.opened.set()
        await client.call("runs.watch")
        await system.start("shop", "hello", run_id="late")
        await client.until(lambda note: note["params"].get("runId") == "late")


async def test_a_watcher_that_missed_changes_of_other_nodes_is_told_to_list_again() -> None:
    async with serving(scripted()) as (system, gateway), connected(gateway.url) as client:
        await client.call("runs.watch")
        system.runtime.changes.missed_elsewhere()
        told = (await client.until(lambda note: note["method"] == "runs.unwatched"))[-1]
        assert told["params"]["error"]["data"]["type"] == "storeUnavailable"
        await client.call("runs.watch")
        await system.start("shop", "hello", run_id="late")
        await client.until(lambda note: note["params"].get("runId") == "late")


# Shutdown.


@asynccontextmanager
async def stoppable(*agents: Agent, **options: Any) -> AsyncGenerator[tuple[ActorSystem, Gateway, trio.CancelScope]]:
    """Serve like `serving`. Yields the serving task's cancel scope too. The block ends only after the task."""

    async def serve(**status: Any) -> None:
        with scope:
            await serve_gateway(system, port=0, **status, **options)

    scope = trio.CancelScope()
    async with open_actor_system(agents, drain_s=0) as system, trio.open_nursery() as nursery:
        yield system, await nursery.start(serve), scope


async def test_clients_are_told_that_the_server_leaves_and_runs_go_on() -> None:
    async with stoppable(scripted(hangs("so"))) as (system, gateway, scope):
        async with connected(gateway.url) as client:
            await client.call("run.start", agent="shop", input="hello", runId="r")
            scope.cancel()
            assert await client.closed() == (1001, "the server is shutting down; reconnect later")
        with pytest.raises(OSError):  # noqa: PT011
            await trio.open_tcp_stream(*gateway.addresses[0])
        assert (await system.get("r")).snapshot.status == "running"


async def test_a_run_that_streams_does_not_put_the_goodbye_off() -> None:
    endless = scripted(says(" ".join(["word"] * 20_000)))
    async with stoppable(endless) as (_, gateway, scope), connected(gateway.url) as client:
        await client.call("run.start", agent="shop", input="hello", runId="r")
        await client.events("message_update")
        scope.cancel()
        assert (await client.closed())[0] == 1001
        assert not [frame for frame in client.frames if "method" in frame and is_event(frame, "agent_end")]


async def test_a_request_under_way_is_answered_before_the_goodbye() -> None:
    gate = Gate("server.info")
    async with stoppable(authorizer=gate) as (_, gateway, scope), connected(gateway.url) as client:
        await client.ask("server.info")
        await wait_all_tasks_blocked(0.01)
        scope.cancel()
        await wait_all_tasks_blocked(0.01)
        gate.opened.set()
        assert (await client.closed())[0] == 1001
        assert client.frames[0]["result"]["name"] == "adjourn"


async def test_a_client_that_does_not_answer_holds_the_end_up_for_a_bound_only(mock_clock: MockClock) -> None:
    gate = Gate("server.info")
    options = {"authorizer": gate, "limits": GatewayLimits(close_s=4)}
    async with (
        stoppable(scripted(LONG), **options) as (system, gateway, scope),
        raw(gateway, receive_bytes=4096) as stuck,
        raw(gateway) as mute,
        connected(gateway.url) as asking,
        raw(gateway) as shy,
    ):
        await stall(stuck, system)
        await mute.request()
        await shy.stream.send_all(b"GET /")
        await asking.ask("server.info")
        await wait_all_tasks_blocked(0.01)
        scope.cancel()
        await wait_all_tasks_blocked(0.01)
        assert await shy.at_end() == b""
        assert await mute.close_code() == 1001
        mock_clock.jump(2)
        assert (await asking.closed())[0] == 1001
        mock_clock.jump(2)
        await wait_all_tasks_blocked(0.01)
        assert scope.cancelled_caught
