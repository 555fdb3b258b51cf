"""A served gateway, and two kinds of client for it: one over trio-websocket, one that writes its frames by hand."""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from adjourn.actors import ActorSystem, Agent, client_tool, open_actor_system, tool
from adjourn.actors.gateway import Gateway, serve_gateway
from adjourn.actors.testing import Response, ScriptedModel, calls
from adjourn.actors.web import serve_web
from adjourn.protocol import rpc
from adjourn.protocol.errors import AdjournError, from_wire

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
REFUND = calls(("refund", {"order": 7}))


@tool(
    decision={
        "type": "object",
        "properties": {"approved": {"type": "boolean"}},
        "required": ["approved"],
        "additionalProperties": False,
    }
)
async def refund(order: int, decision: dict[str, Any]) -> str:
    """Pay back."""
    return f"order {order}: {decision['approved']}"


ring = client_tool("ring", "Ring a bell, at the client.", {"type": "object", "additionalProperties": False})


def scripted(*responses: Response, name: str = "shop", delay_s: float = 0.0) -> Agent:
    """Make an agent whose model gives these answers, for one run."""
    return Agent(name=name, model=ScriptedModel(responses, delay_s=delay_s), tools=(refund, ring))


@dataclass(frozen=True)
class WebGateway:
    """The gateway at `/ws` of a web server, with the attributes of `Gateway` that tests use."""

    addresses: tuple[tuple[str, int], ...]

    @property
    def url(self) -> str:
        """The address to connect to."""
        host, port = self.addresses[0]
        return f"ws://{host}:{port}/ws"


async def serve_at_web(system: ActorSystem, *, task_status: trio.TaskStatus[WebGateway], **options: Any) -> None:
    """Serve like `serve_gateway`, through an ASGI server."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve_web, system, **options))
        task_status.started(WebGateway(server.addresses))


class Door:
    """The function that serves the gateway in a module's tests. Default: `serve_gateway`."""

    serve: Callable[..., Any] = staticmethod(serve_gateway)


@asynccontextmanager
async def serving(*agents: Agent, **options: Any) -> AsyncGenerator[tuple[ActorSystem, Gateway]]:
    """Open a system and its gateway, on a free port, until the block ends."""
    async with open_actor_system(agents, drain_s=0) as system, trio.open_nursery() as nursery:
        yield system, await nursery.start(partial(Door.serve, system, **{"port": 0, **options}))
        nursery.cancel_scope.cancel()


class Client:
    """A client that keeps notifications, as plain data, until a test takes them."""

    def __init__(self, ws: WebSocketConnection) -> None:
        self.ws = ws
        self.form = rpc.FORMATS[ws.subprotocol] if ws.subprotocol else rpc.JSON
        self.frames: list[Any] = []  # all received frames, decoded, in order
        self._notes: deque[Any] = deque()
        self._replies: dict[Any, Any] = {}
        self._calls = 0

    async def send(self, value: Any) -> None:
        """Send any value as a frame."""
        data = self.form.encode(value)
        await self.ws.send_message(data if self.form.binary else data.decode())

    async def ask(self, method: str, **params: Any) -> int:
        """Send a request and return its id."""
        self._calls += 1
        await self.send({"jsonrpc": "2.0", "id": self._calls, "method": method, "params": params})
        return self._calls

    async def reply(self, wanted: int | str | None) -> Any:
        """Wait for the result of a request. Raises the error if the server sent one."""
        while wanted not in self._replies:
            await self.take()
        message = self._replies.pop(wanted)
        if "error" in message:
            raise from_wire(**message["error"])
        return message["result"]

    async def call(self, method: str, **params: Any) -> Any:
        """Send a request. Return its result."""
        return await self.reply(await self.ask(method, **params))

    async def refused(self, method: str, **params: Any) -> AdjournError:
        """Send a request. Return the error that it gets."""
        try:
            result = await self.call(method, **params)
        except AdjournError as error:
            return error
        raise AssertionError(f"{method} gave {result}")

    async def note(self) -> Any:
        """Return the next notification."""
        while not self._notes:
            await self.take()
        return self._notes.popleft()

    async def until(self, wanted: Callable[[Any], bool]) -> list[Any]:
        """Return the notifications up to the first one that fits."""
        notes = [await self.note()]
        while not wanted(notes[-1]):
            notes.append(await self.note())
        return notes

    async def events(self, last: str) -> list[tuple[int, str]]:
        """Return (seq, type) of the events up to the first one of that type."""
        notes = await self.until(lambda note: is_event(note, last))
        return [
            (note["params"]["seq"], note["params"]["event"]["type"]) for note in notes if note["method"] == "run.event"
        ]

    async def closed(self) -> tuple[int, str | None]:
        """Read until the server closes. Return its close code and reason."""
        with pytest.raises(ConnectionClosed) as closed:
            await self._read_on()
        reason = closed.value.reason
        assert reason is not None
        return reason.code, reason.reason

    async def _read_on(self) -> None:
        while True:
            await self.take()

    @property
    def waiting(self) -> list[Any]:
        """Return the notifications received and not yet taken."""
        return list(self._notes)

    async def take(self) -> None:
        """Read one frame, and sort its messages into replies and notifications."""
        data = await self.ws.get_message()
        assert isinstance(data, bytes) is self.form.binary
        value = self.form.decode(data, Any)
        self.frames.append(value)
        for message in value if isinstance(value, list) else [value]:
            if "method" in message:
                self._notes.append(message)
            else:
                self._replies[message["id"]] = message


def is_event(note: Any, kind: str) -> bool:
    """Check whether a notification is an event of that type."""
    return note["method"] == "run.event" and note["params"]["event"]["type"] == kind


@asynccontextmanager
async def connected(
    url: str, *, offer: Iterable[str] = (), headers: Sequence[tuple[bytes, bytes]] = ()
) -> AsyncGenerator[Client]:
    """Connect a client. Closes its socket too, even if the server closed first: trio-websocket would not."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    async with await trio.open_tcp_stream(parts.hostname, parts.port) as stream, trio.open_nursery() as nursery:
        ws = await wrap_client_stream(
            nursery,
            stream,
            parts.netloc,
            resource,
            subprotocols=offer,
            extra_headers=list(headers),
            max_message_size=2**24,
        )
        yield Client(ws)
        await ws.aclose()
        nursery.cancel_scope.cancel()


class RawClient:
    """A client over a bare socket."""

    def __init__(self, stream: trio.SocketStream, path: str = "/") -> None:
        self.stream, self.path = stream, path
        self.head = b""  # the head of the answer to the handshake
        self._read = bytearray()

    async def request(self, path: str | None = None, **headers: str) -> int:
        """Request a WebSocket, with these headers changed. Return the HTTP status; `head` has the rest."""
        await self.stream.send_all(self.handshake(path, **headers))
        self.head = await self._until(b"\r\n\r\n")
        return int(self.head.split()[1])

    def handshake(self, path: str | None = None, **headers: str) -> bytes:
        """Build the head of a request for a WebSocket, with these headers changed."""
        standard = {
            "Host": "localhost",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in {**standard, **headers}.items()]
        return "\r\n".join([f"GET {path or self.path} HTTP/1.1", *lines, "\r\n"]).encode()

    async def send(self, opcode: int, payload: bytes) -> None:
        """Send one frame, with a mask of zeros."""
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
        await self.stream.send_all(bytes((0x80 | opcode,)) + length + bytes(4) + payload)

    async def frame(self) -> tuple[int, bytes]:
        """Read the next frame. Return opcode and payload."""
        head = await self._exactly(2)
        size = head[1]
        if size > 125:
            size = int.from_bytes(await self._exactly(2 if size == 126 else 8))
        return head[0] & 0xF, await self._exactly(size)

    async def close_code(self) -> int:
        """Read up to the server's close frame. Return its code."""
        while True:
            opcode, payload = await self.frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2])

    async def at_end(self) -> bytes:
        """Read until the server closes. Return the bytes."""
        while data := await self.stream.receive_some():
            self._read += data
        return bytes(self._read)

    async def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            data = await self.stream.receive_some()
            if not data:
                raise EOFError
            self._read += data
        found = bytes(self._read[:size])
        del self._read[:size]
        return found

    async def _until(self, mark: bytes) -> bytes:
        while mark not in self._read:
            data = await self.stream.receive_some()
            if not data:
                raise EOFError(bytes(self._read))
            self._read += data
        return await self._exactly(self._read.index(mark) + len(mark))


@asynccontextmanager
async def raw(gateway: Gateway, *, receive_bytes: int | None = None) -> AsyncGenerator[RawClient]:
    """Open a bare connection. `receive_bytes`: the kernel's receive buffer."""
    host, port = gateway.addresses[0]
    with trio.socket.socket(trio.socket.AF_INET) as socket:
        if receive_bytes is not None:
            socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, receive_bytes)
        await socket.connect((host, port))
        yield RawClient(trio.SocketStream(socket), urlsplit(gateway.url).path or "/")
