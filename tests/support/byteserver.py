"""A real HTTP server on loopback that sends exactly the given bytes, in the given pieces, and misbehaves on demand.

It knows no model API. Tests can read what clients sent, and whether they are still connected.
"""

import itertools
import random
import socket
import struct
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import trio

Cut = Callable[[bytes], list[bytes]]
Then = Literal["end", "stall", "close", "reset"]

PHRASES = {200: "OK", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 529: "Site Overloaded"}


def whole(data: bytes) -> list[bytes]:
    """Cuts nowhere."""
    return [data]


def each_byte(data: bytes) -> list[bytes]:
    """Cuts after each byte."""
    return [data[at : at + 1] for at in range(len(data))]


def at_random(seed: int, pieces: int = 12) -> Cut:
    """Cuts at random places, from the seed."""

    def cut(data: bytes) -> list[bytes]:
        places = sorted(random.Random(seed).randrange(len(data) + 1) for _ in range(pieces))
        edges = [0, *places, len(data)]
        return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]

    return cut


@dataclass(frozen=True)
class Reply:
    """A response, sent in pieces: `cut` cuts the body into chunks, `torn` cuts the bytes on the wire."""

    body: bytes = b""
    status: int = 200
    content_type: str | None = "text/event-stream"
    headers: tuple[tuple[str, str], ...] = ()
    framing: Literal["chunked", "length", "close"] = "chunked"
    cut: Cut = whole
    torn: Cut = whole
    then: Then = "end"  # what happens after the last piece; all but `end` leave the body incomplete
    raw: bytes | None = None  # the whole response, instead of the above

    def pieces(self) -> Iterator[bytes]:
        """Returns the pieces to send."""
        if self.raw is not None:
            yield self.raw
            return
        yield from self.torn(self._head())
        for piece in self.cut(self.body) if self.body else ():
            framed = b"%x;note=1\r\n%b\r\n" % (len(piece), piece) if self.framing == "chunked" else piece
            yield from self.torn(framed)
        if self.framing == "chunked" and self.then == "end":
            yield from self.torn(b"0\r\n\r\n")

    def _head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {PHRASES.get(self.status, 'Said')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.content_type is not None:
            lines.append(f"content-type: {self.content_type}")
        missing = 0 if self.then == "end" else 1
        framings = {
            "chunked": "transfer-encoding: chunked",
            "length": f"content-length: {len(self.body) + missing}",
            "close": "connection: close",
        }
        return "\r\n".join([*lines, framings[self.framing], "", ""]).encode()


@dataclass(frozen=True)
class Request:
    """A client's request. Names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int  # number of the connection, from 0


Answer = Callable[[Request], Reply]


@dataclass
class ByteServer:
    """See the module."""

    replies: list[Reply | Answer]  # one for each request; the last one is repeated
    url: str = ""
    requests: list[Request] = field(default_factory=list[Request])
    connections: int = 0  # connections so far
    alive: int = 0  # open connections
    stalled: trio.Event = field(default_factory=trio.Event)  # all bytes of a stalling reply were sent
    _changed: trio.Event = field(default_factory=trio.Event)
    left: trio.Event = field(default_factory=trio.Event)  # a client disconnected while a reply stalled

    async def wait_alive(self, connections: int) -> None:
        """Waits until that many connections are open."""
        while self.alive != connections:
            await self._changed.wait()

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serves one connection."""
        number, self.connections = self.connections, self.connections + 1
        self._count(1)
        try:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                async with stream:
                    await self._converse(stream, number)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self.alive += change
        self._changed.set()
        self._changed = trio.Event()

    async def _converse(self, stream: trio.SocketStream, number: int) -> None:
        buffer = bytearray()
        while (request := await _read_request(stream, buffer, number)) is not None:
            index = min(len(self.requests), len(self.replies) - 1)
            self.requests.append(request)
            chosen = self.replies[index]
            reply = chosen if isinstance(chosen, Reply) else chosen(request)
            for piece in reply.pieces():
                await stream.send_all(piece)
                for _ in range(3):  # so that the client reads this piece before it sees the next
                    await trio.lowlevel.checkpoint()
            if reply.then == "stall":
                await self._stall(stream)
            if reply.then == "reset":
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if reply.then != "end" or reply.framing == "close":
                return

    async def _stall(self, stream: trio.SocketStream) -> None:
        self.stalled.set()
        try:
            while await stream.receive_some():
                pass
        finally:
            self.left.set()


async def _read_request(stream: trio.SocketStream, buffer: bytearray, number: int) -> Request | None:
    while b"\r\n\r\n" not in buffer:
        if not (more := await stream.receive_some()):
            return None
        buffer += more
    head, _, rest = bytes(buffer).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    length = int(headers.get("content-length", "0"))
    while len(rest) < length:
        if not (more := await stream.receive_some()):
            return None
        rest += more
    buffer[:] = rest[length:]
    return Request(method, path, headers, rest[:length], number)


@asynccontextmanager
async def open_byte_server(*replies: Reply | Answer) -> AsyncGenerator[ByteServer]:
    """Runs the server while the block runs."""
    server = ByteServer(list(replies))
    async with trio.open_nursery() as nursery:
        listeners: Sequence[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1")
        )
        server.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        try:
            yield server
        finally:
            nursery.cancel_scope.cancel()
