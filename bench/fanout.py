"""Scenario 3: sends the events of one run to many WebSocket clients, and measures the server's CPU time a delivery.

The clients run in another process, `python -m bench.fanout URL CLIENTS REQUEST`. It prints `ready` when all clients
watch, and at the end how many events they received.
"""

import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial

import msgspec
import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, open_websocket_url, serve_websocket

from adjourn.actors import ModelRequest, open_actor_system
from adjourn.actors.gateway import GatewayLimits, serve_gateway
from adjourn.protocol import rpc
from adjourn.protocol.codec import to_json
from adjourn.protocol.events import Done, Envelope, MessageUpdate, Start, StreamEvent, TextDelta, TextEnd, TextStart
from adjourn.protocol.messages import AssistantMessage, Text
from adjourn.protocol.methods import RunSubscribe

from .agents import DESCRIPTOR, agent_of
from .figure import Figure, compared
from .repeat import cpu_s, interleaved

__all__ = ["EVENTS", "LAST", "Load", "Paced", "bare_delivery_s", "delivered_s", "let_go", "measure", "our_delivery_s"]

WORD = " something"
BURST = 25
EVENTS = 100
LIMITS = GatewayLimits(max_connections=1000, max_connections_per_peer=None, max_handshakes_per_peer=None)
LAST = "agent_end"  # marks the last event


class Load(msgspec.Struct, frozen=True):
    """The number of events and of clients."""

    clients: int
    events: int
    lagging: bool  # events come in bursts: clients are always behind, and accept batches

    @property
    def burst(self) -> int:
        """Returns how many events come at once."""
        return BURST if self.lagging else 1

    @property
    def pause_s(self) -> float:
        """Returns the seconds between bursts: long enough for all sends."""
        return 0.001 + self.clients * self.burst * 70e-6


def measure(quick: bool) -> Iterator[Figure]:
    """Measures the CPU time a delivery, for each number of clients, in step and lagging."""
    repeats = 3 if quick else 5
    for lagging in (False, True):
        for clients in (1, 50) if quick else (1, 50, 500):
            load = Load(clients, EVENTS if clients < 500 else EVENTS // 2, lagging)
            name = f"an event to {clients} {'lagging client' if lagging else 'client'}{'s' * (clients > 1)}"
            pairs = interleaved(name, repeats, partial(our_delivery_s, load), partial(bare_delivery_s, load))
            micros = [(ours * 1e6, bare * 1e6) for ours, bare in pairs]
            most = 0.5 if lagging else 1.5
            yield compared(3, name, "µs CPU", micros, against="one pre-encoded send each", most=most)


class Paced:
    """A model that streams one word at a time, after its gate has opened."""

    descriptor = DESCRIPTOR

    def __init__(self, load: Load) -> None:
        self.go = trio.Event()
        self._load = load

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams the words."""
        yield [Start(), TextStart(content_index=0)]
        await self.go.wait()
        for _ in range(0, self._load.events, self._load.burst):
            await trio.sleep(self._load.pause_s)
            yield [TextDelta(content_index=0, delta=WORD)] * self._load.burst
        message = AssistantMessage(content=(Text(text=WORD * self._load.events),))
        yield [TextEnd(content_index=0), Done(reason="stop", message=message)]


async def our_delivery_s(load: Load) -> float:
    """Returns the gateway's CPU seconds a delivery."""
    model = Paced(load)
    agent = agent_of(model)
    async with open_actor_system([agent]) as system, trio.open_nursery() as nursery:
        gateway = await nursery.start(partial(serve_gateway, system, port=0, limits=LIMITS))
        run = await system.start(agent, "Talk.")
        await trio.testing.wait_all_tasks_blocked()
        seen = (await system.get(run.id)).seq
        request = rpc.request(1, "run.subscribe", RunSubscribe(run_id=run.id, after=seen), rpc.JSON)
        url = gateway.url + ("/?batch=1" if load.lagging else "")
        seconds = await delivered_s(url, load, request, let_go(model))
        nursery.cancel_scope.cancel()
    return seconds


def let_go(model: Paced) -> Callable[[], Awaitable[None]]:
    """Opens the model's gate."""

    async def go() -> None:
        model.go.set()

    return go


async def bare_delivery_s(load: Load) -> float:
    """Returns the same for code by hand, which encodes an event once and calls `send_message` for each client."""
    sockets = set[WebSocketConnection]()

    async def welcome(request: WebSocketRequest) -> None:
        socket = await request.accept()
        await socket.get_message()
        await socket.send_message("{}")
        sockets.add(socket)
        with suppress(ConnectionClosed):
            await socket.get_message()

    async def go() -> None:
        frames = _frames(load.events)
        for number, frame in enumerate(frames):
            if number % load.burst == 0:
                await trio.sleep(load.pause_s)
            for socket in sockets:
                await socket.send_message(frame)

    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve_websocket, welcome, "127.0.0.1", 0, ssl_context=None))
        seconds = await delivered_s(f"ws://127.0.0.1:{server.port}", load, b"{}", go)
        nursery.cancel_scope.cancel()
    return seconds


def _frames(count: int) -> list[str]:
    event = MessageUpdate(assistant_message_event=TextDelta(content_index=0, delta=WORD))
    envelopes = [Envelope(run_id="0" * 32, seq=seq, time=1_760_000_000_000, event=event) for seq in range(count)]
    frames = [rpc.event_notification(to_json(envelope), rpc.JSON).decode() for envelope in envelopes]
    return [*frames, f'{{"method":"run.event","params":{{"event":{{"type":"{LAST}"}}}}}}']


async def delivered_s(
    url: str, load: Load, request: bytes, go: Callable[[], Awaitable[None]], *, module: str = "bench.fanout"
) -> float:
    """Returns this process's CPU seconds a delivery. The clients run in a process of the given module."""
    async with _clients(module, url, load.clients, request) as process:
        assert process.stdout is not None
        async with aclosing(_lines(process.stdout)) as lines:
            if await anext(lines) != b"ready":
                raise RuntimeError("the clients did not come up")
            before = cpu_s()
            await go()
            seen = int(await anext(lines))
            spent = cpu_s() - before
    if seen < load.clients * load.events:
        raise RuntimeError(f"the clients have seen {seen} events")
    return spent / seen


@asynccontextmanager
async def _clients(module: str, url: str, count: int, request: bytes) -> AsyncGenerator[trio.Process]:
    command = [sys.executable, "-m", module, url, str(count), request.decode()]
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
    try:
        yield process
        await process.wait()
    finally:
        process.kill()


async def _lines(stream: trio.abc.ReceiveStream) -> AsyncGenerator[bytes]:
    rest = b""
    async for chunk in stream:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


# The clients' process.


class Audience:
    """Clients that count the events they receive."""

    def __init__(self, size: int) -> None:
        self._missing = size
        self.seen = 0

    async def watch(self, url: str, request: str) -> None:
        """Counts events until the run ends."""
        async with open_websocket_url(url, max_message_size=2**24) as socket:
            await socket.send_message(request)
            await socket.get_message()
            self._missing -= 1
            if not self._missing:
                print("ready", flush=True)
            text = ""
            while LAST not in text:
                text = str(await socket.get_message())  # the JSON wire has text frames only
                self.seen += text.count('"run.event"')


async def attend(url: str, count: int, request: str) -> None:
    """Runs all clients to their end."""
    audience = Audience(count)
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(audience.watch, url, request)
            await trio.sleep(0.002)  # the server's backlog is finite
    print(audience.seen, flush=True)


if __name__ == "__main__":
    trio.run(attend, sys.argv[1], int(sys.argv[2]), sys.argv[3])
