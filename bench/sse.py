"""Scenario 10: sends the events of one run to many readers of server-sent events, compared with WebSocket clients.

The readers run in another process, `python -m bench.sse URL READERS PATH`. It prints the same as `bench.fanout`.
"""

import sys
from functools import partial
from urllib.parse import urlsplit

import trio
import trio.testing

from adjourn.actors import open_actor_system
from adjourn.actors.gateway import GatewayLimits
from adjourn.actors.web import serve_app, web_app

from .agents import agent_of
from .fanout import EVENTS, LAST, Load, Paced, delivered_s, let_go, our_delivery_s
from .figure import Figure, compared
from .repeat import interleaved

__all__ = ["measure"]


def measure(quick: bool) -> list[Figure]:
    """Measures the CPU time a delivery, for each number of readers."""
    repeats = 3 if quick else 5
    figures: list[Figure] = []
    for readers in (1, 50) if quick else (1, 100):
        load = Load(readers, EVENTS, lagging=False)
        name = f"an event to {readers} SSE reader{'s' * (readers > 1)}"
        pairs = interleaved(name, repeats, partial(sse_delivery_s, load), partial(our_delivery_s, load))
        micros = [(ours * 1e6, theirs * 1e6) for ours, theirs in pairs]
        figures.append(compared(10, name, "µs CPU", micros, against="our WebSocket"))
    return figures


async def sse_delivery_s(load: Load) -> float:
    """Returns the HTTP server's CPU seconds a delivery."""
    model = Paced(load)
    agent = agent_of(model)
    async with open_actor_system([agent]) as system, trio.open_nursery() as nursery:
        serve = partial(
            serve_app, web_app(system), host="127.0.0.1", port=0, limits=GatewayLimits(max_connections_per_peer=None)
        )
        server = await nursery.start(serve)
        run = await system.start(agent, "Talk.")
        await trio.testing.wait_all_tasks_blocked()
        path = f"/runs/{run.id}/events?after={(await system.get(run.id)).seq}"
        seconds = await delivered_s(server.url, load, path.encode(), let_go(model), module="bench.sse")
        nursery.cancel_scope.cancel()
    return seconds


# The readers' process.


class Audience:
    """Readers that count the events they receive."""

    def __init__(self, size: int) -> None:
        self._missing = size
        self.seen = 0

    async def read(self, url: str, path: str) -> None:
        """Counts events until the run ends."""
        where = urlsplit(url)
        async with await trio.open_tcp_stream(where.hostname or "", where.port or 0) as stream:
            await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            text = b""
            while LAST.encode() not in text:
                text = bytes(await stream.receive_some())
                if text.startswith(b"HTTP/1.1 200"):
                    self._missing -= 1
                    if not self._missing:
                        print("ready", flush=True)
                self.seen += text.count(b"\nid: ") + text.startswith(b"id: ")


async def attend(url: str, count: int, path: str) -> None:
    """Runs all readers to their end."""
    audience = Audience(count)
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(audience.read, url, path)
            await trio.sleep(0.002)  # the server's backlog is finite
    print(audience.seen, flush=True)


if __name__ == "__main__":
    trio.run(attend, sys.argv[1], int(sys.argv[2]), sys.argv[3])
