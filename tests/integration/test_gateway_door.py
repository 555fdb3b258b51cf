"""Connecting to the gateway over real sockets: bad heads, too many clients, slow ones, and failed logins."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest
import trio
from gateway_wire import RawClient, connected, raw, serving
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors.client import open_client
from adjourn.actors.gateway import Gateway, GatewayLimits, server, token_authenticator
from adjourn.protocol.errors import ConnectionLost

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
GET, HOST = "GET / HTTP/1.1\r\n", "Host: localhost\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (GET + UPGRADE + HOST, 101),
        ("GET / HTTP/1.0\r\n" + UPGRADE + HOST, 505),
        ("GET / HTTP/1.0\r\n" + UPGRADE, 505),
        (GET + UPGRADE, 400),
        (GET + UPGRADE + HOST + HOST, 400),
        (GET + UPGRADE + HOST + "Origin: http://localhost\r\nOrigin: http://localhost\r\n", 400),
        (GET + UPGRADE + HOST + "Origin: http://localhost\r\n .evil.com\r\n", 400),
        (GET + UPGRADE + "Host: evil.com@localhost\r\n", 403),
        (GET + UPGRADE + HOST + "Origin: http://[::1].evil.com\r\n", 403),
        ("GET http://localhost/ HTTP/1.1\r\n" + UPGRADE + HOST, 400),
        (GET + UPGRADE + HOST + "Sec-WebSocket-Protocol: é\r\n", 400),
        (GET + UPGRADE + HOST + "X: " + "x" * 40_000, 431),
        ("no http at all\r\n", 400),
    ],
)
async def test_a_bad_head_is_answered_with_a_sentence_and_the_end(
    head: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(limits=GatewayLimits(handshake_s=3600)) as (_, gateway), raw(gateway) as client:
        await client.stream.send_all(f"{head}\r\n".encode())
        assert await answered(client) == status
    assert not [record for record in caplog.records if record.exc_info]


async def answered(client: RawClient) -> int:
    """Return an answer's status. Checks that a refusal arrives whole, and that the connection then closes."""
    with trio.fail_after(30):
        head = await client.stream.receive_some()
        if not head.startswith(b"HTTP/1.1 101"):
            while b"\r\n\r\n" not in head or (data := await client.stream.receive_some()):
                head += data
            assert head.partition(b"\r\n\r\n")[2].endswith(b"\n")
        client.head = bytes(head)
    return int(head.split()[1])


# Too many connections.


@asynccontextmanager
async def idle(gateway: Gateway, number: int) -> AsyncGenerator[list[RawClient]]:
    """Open connections that send nothing. The gateway has accepted them all."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw(gateway)) for _ in range(number)]
        await wait_all_tasks_blocked(0.01)
        yield clients


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (GatewayLimits(max_connections=2), 503),
        (GatewayLimits(max_connections_per_peer=2), 429),
        (GatewayLimits(max_handshakes=2), 503),
        (GatewayLimits(max_handshakes_per_peer=2), 429),
    ],
)
async def test_a_client_that_is_one_too_many_is_told_so_and_the_next_one_comes_in_when_another_went(
    limits: GatewayLimits, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(limits=limits) as (_, gateway):
        async with idle(gateway, 2), raw(gateway) as late:
            assert await answered(late) == status  # without sending a request
            assert b"\r\nRetry-After: 5\r\n" in late.head
        await wait_all_tasks_blocked(0.01)
        async with connected(gateway.url) as client:
            await client.call("server.info")
    [record] = caplog.records
    assert record.getMessage().startswith("refused 127.0.0.1:")


async def test_open_connections_go_on_while_others_are_refused_and_slow_handshakes_end(mock_clock: MockClock) -> None:
    limits = GatewayLimits(max_connections=4, max_handshakes=3)
    async with serving(limits=limits) as (_, gateway), connected(gateway.url) as inside:
        async with idle(gateway, 3) as slow, raw(gateway) as late:
            assert await answered(late) == 503
            await inside.call("server.info")
            mock_clock.jump(limits.handshake_s)
            for client in slow:
                assert await client.at_end() == b""
        async with connected(gateway.url) as client:
            await client.call("server.info")


async def test_a_flood_of_clients_that_are_turned_away_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    monkeypatch.setattr(server, "MAX_LINGERING", 1)
    async with serving(limits=GatewayLimits(max_connections=1)) as (_, gateway), idle(gateway, 1):
        async with raw(gateway) as first, raw(gateway) as second:
            assert [await answered(client) for client in (first, second)] == [503, 503]
            assert await is_read_on(first)
            assert not await is_read_on(second)
            mock_clock.jump(server.LINGER_S)
            await wait_all_tasks_blocked(0.01)
            assert not await is_read_on(first)


async def is_read_on(client: RawClient) -> bool:
    """Check whether the server still reads from a client after refusing it."""
    try:
        for _ in range(2):  # the kernel notices at the first bytes, this process at the second
            await client.stream.send_all(b"x")
            await wait_all_tasks_blocked(0.01)
    except trio.BrokenResourceError:
        return False
    return True


async def test_the_python_client_retries_and_reports_the_refusal() -> None:
    async with serving(limits=GatewayLimits(max_connections=1)) as (_, gateway), idle(gateway, 1):
        with pytest.raises(ConnectionLost, match=r"status 503: the server has 1 connections"):
            async with open_client(gateway.url, reconnect=None) as client:
                await client.info()


async def test_a_client_can_read_how_many_connections_it_may_have() -> None:
    for maximum in (7, None):
        limits = GatewayLimits(max_connections_per_peer=maximum)
        async with serving(limits=limits) as (_, gateway), connected(gateway.url) as client:
            assert (await client.call("server.info"))["limits"].get("maxConnectionsPerPeer") == maximum


# Logins.


async def test_after_too_many_failed_logins_an_address_waits(caplog: pytest.LogCaptureFixture) -> None:
    limits = GatewayLimits(max_failed_logins=3, failed_logins_s=60)
    known = partial(connected, headers=[(b"Authorization", b"Bearer secret")])
    async with (
        serving(authenticator=token_authenticator("secret"), limits=limits) as (_, gateway),
        known(gateway.url) as inside,
    ):
        for _ in range(3):
            async with connected(gateway.url) as stranger:
                assert (await stranger.closed())[0] == 4401
        async with raw(gateway) as late:
            assert await late.request(Authorization="Bearer secret") == 429
            assert b"\r\nRetry-After: " in late.head
        await inside.call("server.info")
    assert ["max_failed_logins" in record.getMessage() for record in caplog.records] == [False, True]
