"""A served web app and a client for it, shared by the tests of HTTP."""

import json
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import h11
import httpx
import trio

from adjourn.actors import ActorSystem, Agent, open_actor_system
from adjourn.actors.gateway import GatewayLimits
from adjourn.actors.web import web_app
from adjourn.actors.web.serving import serve_app
from adjourn.protocol.sse import SSEEvent, SSEParser


@asynccontextmanager
async def serving(
    *agents: Agent, limits: GatewayLimits | None = None, store: Any = "memory:", **options: Any
) -> AsyncGenerator[tuple[ActorSystem, httpx.AsyncClient]]:
    """Opens a system, and a client of its web app on a free port, while the block runs."""
    limits = limits or GatewayLimits(close_s=1)
    async with open_actor_system(agents, store=store, drain_s=0) as system, trio.open_nursery() as nursery:
        app = web_app(system, limits=limits, **options)
        server = await nursery.start(partial(serve_app, app, host="127.0.0.1", port=0, limits=limits))
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            yield system, client
        nursery.cancel_scope.cancel()


class Reader:
    """A client of one request that can disconnect or stop reading in the middle of the answer."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self._sse = SSEParser()
        self._events: deque[SSEEvent] = deque()
        self.status: int | None = None
        self.headers: dict[str, str] = {}

    async def ask(self, verb: str, path: str, headers: dict[str, str], body: Any = None) -> None:
        """Sends the request."""
        content = b"" if body is None else json.dumps(body).encode()
        every = {
            "host": "localhost",
            "content-length": str(len(content)),
            "content-type": "application/json",
            **headers,
        }
        request = h11.Request(method=verb, target=path, headers=list(every.items()))
        data = [self._http.send(each) for each in (request, h11.Data(data=content), h11.EndOfMessage())]
        await self.stream.send_all(b"".join(each or b"" for each in data))

    async def event(self) -> dict[str, Any] | None:
        """Returns the next envelope; None: the answer has ended or was cut off."""
        while not self._events:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self.stream.receive_some())
            elif isinstance(event, h11.Response):
                self.status = event.status_code
                self.headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                self._events.extend(self._sse.feed(bytes(event.data)))
            else:
                return None
        return json.loads(self._events.popleft().data)


@asynccontextmanager
async def reading(
    client: httpx.AsyncClient, verb: str, path: str, body: Any = None, **headers: str
) -> AsyncGenerator[Reader]:
    """Sends a request over a new connection, which the end of the block closes."""
    stream = await trio.open_tcp_stream(client.base_url.host, client.base_url.port or 80)
    async with stream:
        reader = Reader(stream)
        await reader.ask(verb, path, {name.replace("_", "-"): value for name, value in headers.items()}, body)
        yield reader


def parsed(response: httpx.Response) -> list[dict[str, Any]]:
    """Returns the envelopes of a complete response."""
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8", response.text
    return [json.loads(event.data) for event in SSEParser().feed(response.content)]


def names(envelopes: list[dict[str, Any]]) -> list[str]:
    """Returns the names of the events; `snapshot` for a snapshot."""
    found = [envelope["event"]["type"] if "event" in envelope else "snapshot" for envelope in envelopes]
    return [name for name in found if name != "message_update"]
