"""The attacks. `python -m bench.hostile.attacks URL NAME` is a process that repeats one until it is killed.

The attacker has the address 127.0.0.2 and a valid token, because any client of a server may be hostile. It makes frames
by hand, because no client library would send them.
"""

import base64
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import msgspec
import trio

from adjourn.protocol.codec import to_json, to_msgpack

from .server import BIG_RUN, HISTORY, TOKEN

__all__ = ["ATTACKS", "main"]

Attack: TypeAlias = Callable[[str], Awaitable[None]]

TEXT, BINARY = 0x1, 0x2
MESSAGE_BYTES = 4_999_000  # just within the server's bound of a message


class Socket:
    """A WebSocket that can break the protocol."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream

    async def send(self, payload: bytes, kind: int = TEXT, *, final: bool = True) -> None:
        """Sends one frame. Its mask is zero, so masking costs the attacker nothing."""
        await self.stream.send_all(frame(payload, kind, final=final))

    async def call(self, method: str, **params: Any) -> None:
        """Sends one request."""
        await self.send(to_json(request(method, **params)))

    async def drain(self) -> None:
        """Reads until the server closes the connection."""
        while await self.stream.receive_some():
            pass


def frame(payload: bytes, kind: int, *, final: bool = True) -> bytes:
    """Returns a masked frame (RFC 6455, 5.2)."""
    size = len(payload)
    head = bytes((kind | (0x80 if final else 0),))
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 65_536:
        head += b"\xfe" + size.to_bytes(2)
    else:
        head += b"\xff" + size.to_bytes(8)
    return head + b"\0\0\0\0" + payload


def request(method: str, **params: Any) -> dict[str, Any]:
    """Returns a JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[trio.SocketStream]:
    """Opens a TCP connection."""
    parts = urlsplit(url)
    stream = await trio.open_tcp_stream(parts.hostname or "", parts.port or 0, local_address="127.0.0.2")
    try:
        yield stream
    finally:
        await trio.aclose_forcefully(stream)


async def shake_hands(stream: trio.SocketStream, url: str, *, token: str, wire: str) -> bytes:
    """Does the handshake; returns the first bytes of the server's answer."""
    key = base64.b64encode(b"0123456789abcdef").decode()
    head = [
        "GET / HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        f"Sec-WebSocket-Protocol: adjourn.v1+{wire}",
        f"Authorization: Bearer {token}",
    ]
    await stream.send_all("\r\n".join([*head, "", ""]).encode())
    return bytes(await stream.receive_some())


@asynccontextmanager
async def connected(url: str, *, wire: str = "json") -> AsyncGenerator[Socket]:
    """Opens an authenticated WebSocket."""
    async with opened(url) as stream:
        await shake_hands(stream, url, token=TOKEN, wire=wire)
        yield Socket(stream)


# Attacks that don't read replies.


async def unread(url: str, payload: bytes) -> None:
    """Sends requests, and reads nothing for a while."""
    async with connected(url) as socket:
        await socket.send(payload)
        await trio.sleep(5)


def batch_of(count: int, method: str, **params: Any) -> bytes:
    """Returns a batch of requests."""
    return to_json([request(method, **params) | {"id": number} for number in range(count)])


async def repeated_gets(url: str) -> None:
    """Requests the big run again and again, one request a message, and reads nothing."""
    async with connected(url) as socket:
        with trio.move_on_after(5):
            for _ in range(1000):
                await socket.call("run.get", runId=BIG_RUN)
        await trio.sleep(5)


async def crowd(url: str, attack: Attack, count: int) -> None:
    """Makes the same attack over many connections at once."""
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(attack, url)


async def subscribed(url: str) -> None:
    """Subscribes to the big run, and reads nothing of its snapshot; again and again."""
    async with connected(url) as socket:
        for _ in range(200):
            await socket.call("run.subscribe", runId=BIG_RUN)
        await trio.sleep(5)


# Attacks that leave runs.


async def big_runs(url: str) -> None:
    """Starts runs with inputs of 3.9 MB, which end at once."""
    content = [msgspec.to_builtins(message) for message in HISTORY]
    async with connected(url) as socket, trio.open_nursery() as nursery:
        nursery.start_soon(socket.drain)
        for _ in range(128):
            await socket.call("run.start", agent="echo", input=content)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()


# Attacks by messages that are costly to decode.


async def one_message(url: str, payload: bytes, wire: str) -> None:
    """Sends one message again and again, each time on a new connection."""
    async with connected(url, wire=wire) as socket, trio.open_nursery() as nursery:
        nursery.start_soon(socket.drain)
        await socket.send(payload, TEXT if wire == "json" else BINARY)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()


@cache
def json_lists() -> bytes:
    """Sends a start whose metadata is a list of empty lists."""
    head, tail = to_json(request("run.start", agent="echo", input="", metadata={"x": [1]})).split(b"[1]")
    count = (MESSAGE_BYTES - len(head) - len(tail)) // 3
    return head + b"[" + b",".join([b"[]"] * count) + b"]" + tail


@cache
def msgpack_lists() -> bytes:
    """Sends the same as MessagePack, where an empty list takes one byte."""
    head, tail = to_msgpack(request("run.start", agent="echo", input="", metadata={"x": ["cut"]})).split(b"\x91\xa3cut")
    return head + b"\xdd" + MESSAGE_BYTES.to_bytes(4) + b"\x90" * MESSAGE_BYTES + tail


@cache
def json_batch() -> bytes:
    """Sends a batch of empty lists."""
    return b"[" + b",".join([b"[]"] * (MESSAGE_BYTES // 3)) + b"]"


async def empty_fragments(url: str) -> None:
    """Sends a message in 600,000 empty frames."""
    async with connected(url) as socket, trio.open_nursery() as nursery:
        nursery.start_soon(socket.drain)
        await socket.send(b"", final=False)
        for _ in range(600):
            await socket.stream.send_all(frame(b"", 0, final=False) * 1000)
        await trio.sleep(1)


async def lone_surrogates(url: str) -> None:
    """Sends requests whose text has lone surrogates, which are not in the value domain."""
    payload = to_json(request("run.start", agent="echo", input="CUT")).replace(b"CUT", b"\\ud83d")
    async with connected(url) as socket, trio.open_nursery() as nursery:
        nursery.start_soon(socket.drain)
        for _ in range(1000):
            await socket.send(payload)
        nursery.cancel_scope.cancel()


async def timestamps(url: str) -> None:
    """Sends MessagePack timestamps, which are not in the value domain."""
    value = bytes.fromhex("c70cff3b9ac9ff0000003afff4417f")
    payload = to_msgpack(request("run.start", agent="echo", input="", metadata={"x": "cut"})).replace(b"\xa3cut", value)
    await one_message(url, payload, "msgpack")


# Attacks by connections.


async def idle(url: str) -> None:
    """Opens connections that send no request."""
    async with connected(url) as socket:
        await socket.drain()


async def slow_handshake(url: str) -> None:
    """Sends headers that never end."""
    async with opened(url) as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\n")
        await stream.receive_some()


async def failed_login(url: str) -> None:
    """Logs in with wrong tokens, one after the other."""
    for number in range(1000):
        async with opened(url) as stream:
            await shake_hands(stream, url, token=f"{number:032}", wire="json")


def _repeats(payload: Callable[[], bytes], wire: str = "json") -> Attack:
    return lambda url: one_message(url, payload(), wire)


def _unread(payload: bytes) -> Attack:
    return lambda url: unread(url, payload)


ATTACKS: dict[str, Attack] = {
    "a batch of 64 run.get of 3.9 MB, unread": _unread(batch_of(64, "run.get", runId=BIG_RUN)),
    "the same over 10 connections": partial(crowd, attack=_unread(batch_of(64, "run.get", runId=BIG_RUN)), count=10),
    "1,000 run.get of 3.9 MB, unread": repeated_gets,
    "run.list of 1,000 with metadata, 64 times, unread": _unread(batch_of(64, "run.list", limit=1000)),
    "200 subscriptions to 3.9 MB, unread": subscribed,
    "128 ended runs of 3.9 MB": big_runs,
    "5 MB of [] as JSON": _repeats(json_lists),
    "5 MB of [] as MessagePack": _repeats(msgpack_lists, "msgpack"),
    "a batch of 1.7 million []": _repeats(json_batch),
    "600,000 empty fragments": empty_fragments,
    "1,000 lone surrogates": lone_surrogates,
    "MessagePack timestamps": timestamps,
    "2,000 idle connections": partial(crowd, attack=idle, count=2000),
    "500 slow handshakes": partial(crowd, attack=slow_handshake, count=500),
    "failed logins, 8 at a time": partial(crowd, attack=failed_login, count=8),
}


async def main(url: str, name: str) -> None:
    """Repeats an attack until the process is killed. The server may end a connection; this is not an error."""
    while True:
        try:
            await ATTACKS[name](url)
        except* (trio.BrokenResourceError, OSError):
            await trio.sleep(0.05)


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
