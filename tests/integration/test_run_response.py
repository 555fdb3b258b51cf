"""A run as a response in a user's own app: readers that disconnect, stop reading, or connect twice."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
import trio
import trio.testing
from gateway_wire import REFUND, scripted
from starlette.types import ASGIApp, Receive, Scope, Send
from web import Reader, names, parsed, reading, serving

from adjourn.actors import ActorSystem, open_actor_system
from adjourn.actors.gateway import GatewayLimits
from adjourn.actors.testing import hangs, says
from adjourn.actors.web import RunResponse, serve_app, web_app


@asynccontextmanager
async def served(app: ASGIApp, *, close_s: float = 1) -> AsyncGenerator[httpx.AsyncClient]:
    """Serve any ASGI app. Yields a client for it."""
    async with trio.open_nursery() as nursery:
        serve = partial(serve_app, app, host="127.0.0.1", port=0, limits=GatewayLimits(close_s=close_s))
        server = await nursery.start(serve)
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            yield client
        nursery.cancel_scope.cancel()


def app_of(system: ActorSystem, **options: object) -> ASGIApp:
    """Make a plain ASGI app that answers each request with a new run."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        run = await system.start("shop", "hello", run_id="r")
        await RunResponse(run, **options)(scope, receive, send)  # type: ignore[arg-type]

    return app


async def test_the_callers_own_status_and_headers_win() -> None:
    async with open_actor_system([scripted(says("done"))]) as system:
        own = {"Cache-Control": "private", "X-Mine": "1"}
        async with served(app_of(system, status_code=201, headers=own)) as client:
            response = await client.get("/")
            assert names(parsed(response))[-1] == "agent_end"
            assert response.status_code == 201
            assert (response.headers["cache-control"], response.headers["x-mine"]) == ("private", "1")
            assert response.headers["x-run-id"] == "r"


@pytest.mark.parametrize("aborts", [False, True])
async def test_a_run_goes_on_without_its_reader_unless_it_is_asked_to_stop(aborts: bool) -> None:
    async with open_actor_system([scripted(hangs("well"))]) as system:
        async with served(app_of(system, abort_on_disconnect=aborts)) as client:
            async with reading(client, "GET", "/") as reader:
                await reader.event()
            if aborts:
                snapshot = await system.run("r").wait()
                assert (snapshot.status, snapshot.reason) == ("aborted", "the client of its response disconnected")
            else:
                await trio.testing.wait_all_tasks_blocked(0.05)
                assert (await system.get("r")).snapshot.status == "running"
                await system.abort("r")


async def test_a_response_that_ended_aborts_nothing() -> None:
    async with open_actor_system([scripted(REFUND, says("done"))]) as system:
        async with served(app_of(system, abort_on_disconnect=True, until_rest=True)) as client:
            assert names(parsed(await client.get("/")))[-1] == "agent_paused"
        assert (await system.get("r")).snapshot.status == "paused"


async def test_a_mounted_app_serves_under_its_path() -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    async with open_actor_system([scripted(says("done"))]) as system:
        async with served(Starlette(routes=[Mount("/agents", web_app(system))])) as client:
            response = await client.post("/agents/runs", json={"input": "hello", "runId": "r"})
            assert names(parsed(response))[-1] == "agent_end"
            assert response.headers["location"] == "/agents/runs/r"
            assert (await client.get(response.headers["location"])).status_code == 200


async def test_the_server_stops_in_time_even_if_a_client_reads_nothing() -> None:
    async with serving(scripted(hangs("well " * 1000))) as (system, client):
        await client.post("/runs", json={"input": "x", "runId": "r"}, headers={"accept": "application/json"})
        async with reading(client, "GET", "/runs/r/events"):
            await trio.testing.wait_all_tasks_blocked(0.05)
            with trio.fail_after(30):
                await system.run("r").abort()


async def test_streams_end_when_the_system_closes() -> None:
    limits = GatewayLimits(close_s=5)
    async with trio.open_nursery() as nursery:
        async with open_actor_system([scripted(hangs("well"))], drain_s=0) as system:
            serve = partial(serve_app, web_app(system), host="127.0.0.1", port=0, limits=limits)
            server = await nursery.start(serve)
            await system.start("shop", "hello", run_id="r")
            stream = await trio.open_tcp_stream(*server.addresses[0])
            reader = Reader(stream)
            await reader.ask("GET", "/runs/r/events", {})
            assert await reader.event() is not None
        with trio.fail_after(30):
            while await reader.event() is not None:
                pass
        await stream.aclose()
        nursery.cancel_scope.cancel()


@pytest.mark.slow
async def test_readers_that_never_read_do_not_delay_the_others() -> None:
    agent = scripted(REFUND, says(("w" * 60_000 + " ") * 60))
    limits = GatewayLimits(max_connections_per_peer=None, close_s=1)
    async with serving(agent, limits=limits) as (system, client), trio.open_nursery() as silent:
        await (await system.start("shop", "hello", run_id="r")).wait()
        ends: list[str] = []

        async def reads(whole: bool, *, task_status: trio.TaskStatus[None]) -> None:
            async with reading(client, "GET", "/runs/r/events") as reader:
                last = await reader.event()
                assert reader.status == 200
                task_status.started()
                if not whole:
                    await trio.sleep_forever()
                while (envelope := await reader.event()) is not None:
                    last = envelope
                assert last is not None
                ends.extend(names([last]))

        async with trio.open_nursery() as nursery:
            for number in range(200):
                await (nursery if number % 3 else silent).start(reads, bool(number % 3))
            await system.run("r").resume({"approved": True})
        assert len(ends) == 133
        assert set(ends) <= {"agent_end", "snapshot"}
        silent.cancel_scope.cancel()
