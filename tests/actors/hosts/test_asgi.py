"""A trio ASGI app in an asyncio server: requests, streams, disconnects, cancelled requests."""

import asyncio
import json
from collections.abc import MutableMapping
from functools import partial
from typing import Any

import httpx
import pytest
from hosted import run_asyncio, settle, talker
from starlette.applications import Starlette
from web import names, parsed

from adjourn.actors import ActorSystem
from adjourn.actors.gateway import token_authenticator
from adjourn.actors.hosts import AsyncioSystem, open_threaded_system
from adjourn.actors.testing import hangs
from adjourn.actors.web import RunResponse, web_app
from adjourn.actors.web.entry import Entry

Message = MutableMapping[str, Any]


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


def test_the_web_app_is_mounted_in_an_app_on_asyncio() -> None:
    async def main() -> None:
        async with open_threaded_system([talker()]) as system:
            api = Starlette()
            api.mount("/agents", system.asgi(web_app))
            async with client_of(api) as client:
                streamed = await client.post("/agents/runs", json={"input": "Hello."})
                assert names(parsed(streamed))[-1] == "agent_end"
                run = await client.get(f"/agents/runs/{streamed.headers['x-run-id']}")
                assert run.json()["snapshot"]["status"] == "completed"
                assert (await client.get("/agents/runs/nowhere")).status_code == 404

    run_asyncio(main)


def test_an_app_with_options_is_given_by_partial() -> None:
    async def main() -> None:
        async with open_threaded_system([talker()]) as system:
            app = system.asgi(partial(web_app, authenticator=token_authenticator("secret")))
            async with client_of(app) as client:
                assert (await client.get("/runs")).status_code == 401
                assert (await client.get("/runs", headers={"authorization": "Bearer secret"})).status_code == 200

    run_asyncio(main)


class Client:
    """An ASGI server's `receive` and `send` for one GET request; keeps what was sent."""

    def __init__(self, path: str) -> None:
        self.scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "query_string": b"after=0",
            "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 1),
        }
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.has_gone = asyncio.Event()
        self._has_asked = False

    async def receive(self) -> Message:
        if not self._has_asked:
            self._has_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.has_gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.sent.put(message)

    async def read_event(self) -> None:
        while b"data:" not in (await self.sent.get()).get("body", b""):
            pass


async def streaming(system: AsyncioSystem, app: Any) -> tuple[Client, "asyncio.Task[None]"]:
    """Returns a client that has read a run's first event, and the task that serves it; the run goes on."""
    run = await system.start("talker", "Hello.")
    client = Client(f"/runs/{run.id}/events")
    request = asyncio.create_task(app(client.scope, client.receive, client.send))
    await client.read_event()
    return client, request


def test_a_client_that_goes_ends_its_request() -> None:
    async def main() -> None:
        async with open_threaded_system([talker(hangs("One"))], drain_s=0) as system:
            client, request = await streaming(system, system.asgi(web_app))
            client.has_gone.set()
            await request

    run_asyncio(main)


def test_a_request_that_the_server_cancels_has_ended_on_the_systems_thread() -> None:
    async def main() -> None:
        async with open_threaded_system([talker(hangs("One"))], drain_s=0) as system:
            app = system.asgi(web_app)
            _, request = await streaming(system, app)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            [log] = system.inner.runtime.registry.logs.live.values()
            assert log.statistics().cursors == 0

    run_asyncio(main)


def test_leaving_ends_the_streams_that_are_under_way() -> None:
    async def main() -> None:
        async with open_threaded_system([talker(hangs("One"))], drain_s=0) as system:
            _, request = await streaming(system, system.asgi(web_app))
            assert not request.done()
        await request

    run_asyncio(main)


def test_the_gateways_wire_is_at_ws() -> None:
    async def main() -> None:
        async with open_threaded_system([talker()]) as system:
            said: asyncio.Queue[Message] = asyncio.Queue()
            heard: asyncio.Queue[Message] = asyncio.Queue()
            request = {"jsonrpc": "2.0", "id": 1, "method": "agents.list"}
            await said.put({"type": "websocket.connect"})
            await said.put({"type": "websocket.receive", "text": json.dumps(request)})
            scope = {**Client("/ws").scope, "type": "websocket", "subprotocols": [], "query_string": b""}
            connection = asyncio.create_task(system.asgi(web_app)(scope, said.get, heard.put))
            assert (await heard.get())["type"] == "websocket.accept"
            reply = json.loads((await heard.get())["text"])
            assert reply["result"]["agents"][0]["name"] == "talker"
            await said.put({"type": "websocket.disconnect", "code": 1000})
            await connection

    run_asyncio(main)


def test_slow_clients_hold_up_the_app_as_on_trio() -> None:
    """`send` returns only when the server's own `send` has."""

    async def main() -> None:
        sent: list[str] = []

        def app_of(system: ActorSystem) -> Any:
            async def app(scope: Message, receive: Any, send: Any) -> None:
                sent.append("sending")
                await send({"type": "http.response.start", "status": 200, "headers": []})
                sent.append("sent")

            return app

        async def send(message: Message) -> None:
            await system.thread.awaited(settle)
            sent.append("the server has taken it")

        async with open_threaded_system() as system:
            client = Client("/")
            await system.asgi(app_of)(client.scope, client.receive, send)
            assert sent == ["sending", "the server has taken it", "sent"]

    run_asyncio(main)


def test_run_response_on_asyncio_says_what_to_use() -> None:
    async def main() -> None:
        async with open_threaded_system([talker()]) as system:
            run = await system.start("talker", "Hello.")
            client = Client("/")
            with pytest.raises(RuntimeError, match=r"StreamingResponse\(run\.sse\(\)\)"):
                await RunResponse(run.inner)(client.scope, client.receive, client.send)
            app = web_app(system.inner)
            assert isinstance(app, Entry)
            with pytest.raises(RuntimeError, match=r"mount system\.asgi\(web_app\)"):
                await app(client.scope, client.receive, client.send)

    run_asyncio(main)
