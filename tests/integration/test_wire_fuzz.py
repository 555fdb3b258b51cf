"""Hostile frames, from a fixed seed: whatever comes, the gateway answers or closes as documented, and serves on."""

import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from gateway_wire import BINARY, CLOSE, PING, REFUND, TEXT, Client, RawClient, connected, raw, scripted, serving
from trio.testing import wait_all_tasks_blocked

from adjourn.actors import ActorSystem
from adjourn.actors.gateway import Action, Authorizer, Gateway, GatewayLimits, Principal
from adjourn.protocol import rpc
from adjourn.protocol.methods import METHODS

SEED = 20_261_122
PATIENCE_S = 50  # for a machine that is busy
CLOSE_CODES = {1002, 1003, 1007, 1009}
FORMS = pytest.mark.parametrize("form", [rpc.JSON, rpc.MSGPACK], ids=["json", "msgpack"])
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 2**53, 2**53 + 1, -(2**63), 2**64 - 1, 1e308),
    *(
        "",
        " ",
        "x" * 5000,
        "\x00",
        "é\u2028\U0001f4e6",
        "../../etc/passwd",
        "'; DROP TABLE heads --",
        "run\n1",
        "\x1b[2J",
    ),
    *([], [[]], {}, {"": {}}, {"__proto__": 1}, [None] * 50, {"a": [1, {"b": "c"}]}),
]


@asynccontextmanager
async def attacked(caplog: pytest.LogCaptureFixture, **options: Any) -> AsyncGenerator[tuple[ActorSystem, Gateway]]:
    """A gateway with one parked run, `victim`. In the end it still serves, and has met with no fault of its own."""
    with trio.fail_after(PATIENCE_S):
        async with serving(scripted(REFUND, "never said"), **options) as (system, gateway):
            await (await system.start("shop", "refund", run_id="victim")).wait()
            yield system, gateway
            async with connected(gateway.url) as client:
                await client.call("server.info")
                found = (await client.call("run.get", runId="victim"))["snapshot"]
            assert (found["status"], len(found["pending"])) == ("paused", 1)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


async def replies(client: Client, frame: bytes, *, expected: bool = True) -> list[Any]:
    """What one frame is answered with, notifications apart; a request behind it shows the end of that."""
    client.frames.clear()
    await client.ws.send_message(frame if client.form.binary else frame.decode())
    while expected and not any("method" not in each for each in flat(client.frames)):
        await client.take()
    await client.call("server.info")
    return [each for each in flat(client.frames)[:-1] if "method" not in each]


def flat(frames: list[Any]) -> list[Any]:
    return [each for frame in frames for each in (frame if isinstance(frame, list) else [frame])]


def is_clear(message: Any) -> bool:
    """Whether a reply is a result, or an error of ours that says what was wrong, and nothing of how we are made."""
    if "result" in message:
        return True
    error = message["error"]
    told = str(error)
    inner = any(word in told for word in ("Traceback", "internal error", ".py", "msgspec", " object at 0x"))
    return bool(error["message"]) and bool(error["data"]["type"]) and not inner


async def allow(principal: Principal | None, action: Action) -> bool:
    return True


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "authorizer"), [(rpc.JSON, None), (rpc.MSGPACK, allow)], ids=["json", "msgpack, with an authorizer"]
)
async def test_every_param_of_every_method_may_be_anything(
    form: rpc.Format, authorizer: Authorizer | None, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        attacked(caplog, authorizer=authorizer) as (_, gateway),
        connected(gateway.url, offer=[form.subprotocol]) as client,
    ):
        for method, known in METHODS.items():
            names = [field.encode_name for field in msgspec.structs.fields(known.params)]
            good = {"runId": "victim", "toolCallId": "nobody", "claimToken": "t", "agent": "nobody", "input": "x"}
            base = {name: good.get(name, "?") for name in names if name in good}
            for name in [*names, "unknown"]:
                for value in ODD:
                    if method in ("run.abort", "run.delete") and name in ("reason", "unknown"):
                        continue  # these could be right
                    if method == "run.decline" and name == "toolCallId" and value is None:
                        continue
                    params = {**base, name: value}
                    frame = form.encode({"jsonrpc": "2.0", "id": "q", "method": method, "params": params})
                    for reply in await replies(client, frame):
                        assert is_clear(reply), (method, params, reply)


@FORMS
async def test_every_member_of_a_request_may_be_anything(form: rpc.Format, caplog: pytest.LogCaptureFixture) -> None:
    good = {"jsonrpc": "2.0", "id": "q", "method": "agents.list", "params": {}}
    async with attacked(caplog) as (_, gateway), connected(gateway.url, offer=[form.subprotocol]) as client:
        for value in ODD:
            for frame in [value, [value], *({**good, name: value} for name in good)]:
                assert all(is_clear(reply) for reply in await replies(client, form.encode(frame))), frame
        nested = [good, [good], [[good]], {}, {**good, "params": [good]}]
        assert all(is_clear(reply) for reply in await replies(client, form.encode(nested)))


@FORMS
async def test_bytes_flipped_cut_and_repeated_are_answered(form: rpc.Format, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(SEED)
    good = form.encode({"jsonrpc": "2.0", "id": "q", "method": "run.get", "params": {"runId": "nobody"}})
    deep = [b"[" * 5000, b'{"a":' * 5000, b"\x91" * 5000, b"\x81\xa1a" * 5000, b"\xdd\xff\xff\xff\xff", b"\xc1", b""]
    async with attacked(caplog) as (_, gateway), connected(gateway.url, offer=[form.subprotocol]) as client:
        for frame in deep + [mangled(good, chance) for _ in range(150)]:
            text = frame if form.binary else frame.decode("utf-8", "replace").encode()
            is_notice = b"id" not in text  # a request without an id gets no reply
            for reply in await replies(client, text, expected=not is_notice):
                assert is_clear(reply), (frame, reply)


def mangled(data: bytes, chance: random.Random) -> bytes:
    at, end = sorted(chance.choices(range(len(data)), k=2))
    match chance.randrange(4):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + chance.randbytes(end - at) + data[end:]
        case 2:
            return data[:end] + data[at:]
        case _:
            return chance.randbytes(len(data))


async def garbage(client: RawClient, chance: random.Random) -> None:
    """Something that may be frames, or a part of one, or not at all."""
    payload = chance.randbytes(chance.choice((0, 1, 20, 125)))
    opcode = chance.choice((0, TEXT, BINARY, 3, 7, CLOSE, PING, 10, 15))
    head = bytes((chance.choice((0, 0x80, 0xC0, 0x90)) | opcode, chance.choice((0, 0x80)) | len(payload)))
    await client.stream.send_all(head + chance.randbytes(4) + payload[: chance.randrange(126)])


async def test_no_garbage_on_the_wire_is_more_than_the_end_of_its_own_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chance = random.Random(SEED)
    async with attacked(caplog) as (_, gateway):
        for number in range(120):
            async with raw(gateway) as client:
                try:
                    if number % 4:
                        assert await client.request() == 101
                        await garbage(client, chance)
                    else:
                        await client.stream.send_all(chance.randbytes(200) + b"\r\n\r\n")
                    await client.stream.send_eof()
                    await client.at_end()
                except trio.BrokenResourceError:
                    pass  # it was thrown out in mid-sentence


@pytest.mark.parametrize(
    ("send", "code"),
    [
        (lambda client: client.send(TEXT, b"\xff\xfe"), 1007),
        (lambda client: client.send(BINARY, b"{}"), 1003),
        (lambda client: client.send(3, b""), 1002),
        (lambda client: client.send(PING, b"x" * 126), 1002),
        (lambda client: client.send(TEXT, b"x" * 3000), 1009),
        (lambda client: client.stream.send_all(b"\x01\x80\0\0\0\0" * 2), 1002),
        (lambda client: client.stream.send_all(b"\x81\x02{}"), 1002),
    ],
    ids=["bad UTF-8", "wrong type", "no such opcode", "long ping", "too big", "two beginnings", "unmasked"],
)
async def test_a_frame_that_the_gateway_does_not_take_closes_with_a_code(
    send: Callable[[RawClient], Awaitable[None]], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    limits = GatewayLimits(max_message_bytes=2000)
    async with attacked(caplog, limits=limits) as (_, gateway), raw(gateway) as client:
        await client.request()
        await send(client)
        assert await client.close_code() == code


async def test_a_request_in_frames_of_one_byte_with_pings_between_them_is_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = b'{"jsonrpc":"2.0","id":1,"method":"server.info"}'
    async with attacked(caplog) as (_, gateway), raw(gateway) as client:
        await client.request()
        for at in range(len(text)):
            first, last = TEXT if at == 0 else 0, 0x80 if at == len(text) - 1 else 0
            await client.stream.send_all(bytes((first | last, 0x81, 0, 0, 0, 0, text[at])))
            await client.send(PING, b"%d" % at)
        frames = [await client.frame() for _ in range(len(text) + 1)]
        assert [payload for opcode, payload in frames if opcode == 10] == [b"%d" % at for at in range(len(text))]
        assert [b'"result"' in payload for opcode, payload in frames if opcode == TEXT] == [True]


async def test_clients_that_come_and_go_leave_no_tasks(caplog: pytest.LogCaptureFixture) -> None:
    async with attacked(caplog) as (_, gateway):
        before = trio.lowlevel.current_statistics().tasks_living

        async def visit(number: int) -> None:
            async with raw(gateway) as client:
                if number % 3 == 1:
                    await client.stream.send_all(b"GET / HTTP/1.1\r\nHost:")
                elif number % 3 == 2:
                    await client.request()
                    await client.send(
                        TEXT, b'{"jsonrpc":"2.0","id":1,"method":"run.subscribe","params":{"runId":"victim"}}'
                    )

        for _ in range(5):
            async with trio.open_nursery() as visitors:
                for number in range(60):
                    visitors.start_soon(visit, number)
        await wait_all_tasks_blocked(0.1)
        assert trio.lowlevel.current_statistics().tasks_living == before


async def test_a_flood_over_the_limits_is_refused_one_by_one_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    limits = GatewayLimits(max_in_flight=4, max_subscriptions=2)
    request = {"jsonrpc": "2.0", "method": "run.subscribe", "params": {"runId": "victim"}}
    async with attacked(caplog, limits=limits) as (_, gateway), connected(gateway.url) as flood:
        for _ in range(20):
            answers = await replies(flood, flood.form.encode([{**request, "id": f"q{number}"} for number in range(4)]))
            assert len(answers) == 4
            for members in (5, 100_000):
                [answer] = await replies(flood, flood.form.encode([0] * members))
                assert answer["error"]["data"]["limit"] == "maxInFlight"
                assert "at most 4 requests in a batch" in answer["error"]["message"]
