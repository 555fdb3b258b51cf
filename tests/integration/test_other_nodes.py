"""How a server of a shared store tells browsers where the other nodes are, and lets its page connect to them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from gateway_wire import scripted
from shared_memory import Medium, SharedMemory
from web import serving

from adjourn.actors import ActorSystem, open_actor_system
from adjourn.actors.gateway import Peers, serve_gateway, token_authenticator
from adjourn.actors.testing import says

TOKEN = "of-the-nodes"
SECRET = {"peers": Peers(TOKEN), "authenticator": token_authenticator(TOKEN)}
BEARER = {"authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def a_node(medium: Medium, web_url: str | None, **options: Any) -> AsyncGenerator[ActorSystem]:
    """A node that other nodes can ask, and that browsers reach at `web_url`."""
    store = SharedMemory(medium)
    async with open_actor_system([scripted(says("hello"))], store=store, drain_s=0) as system:
        async with trio.open_nursery() as nursery:
            gateway = await nursery.start(partial(serve_gateway, system, port=0, **{**SECRET, **options}))
            system.announce(gateway.url, web_url=web_url)
            while not any(node.url == gateway.url for node, _ in medium.nodes.values()):
                await trio.testing.wait_all_tasks_blocked()
            yield system
            nursery.cancel_scope.cancel()


async def urls(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/nodes", headers=BEARER)
    assert answer.status_code == 200
    return [node["url"] for node in answer.json()["nodes"]]


async def test_a_node_tells_where_browsers_reach_the_others_while_they_live() -> None:
    medium = Medium()
    async with serving(scripted(says("hello")), store=SharedMemory(medium), **SECRET) as (system, client):
        assert await urls(client) == []
        async with a_node(medium, "https://two.test"), a_node(medium, None):
            assert await urls(client) == ["https://two.test"]
            system.announce("ws://one.test", web_url="https://one.test")
            assert (await client.get("/server", headers=BEARER)).json()["url"] == "https://one.test"
            assert await urls(client) == ["https://two.test"], "itself it does not list"
        assert await urls(client) == [], "nodes that have left"


async def test_a_node_that_does_not_answer_or_refuses_is_left_out() -> None:
    medium = Medium()
    other = {"authenticator": token_authenticator("another"), "peers": Peers("another")}
    async with serving(scripted(says("hello")), store=SharedMemory(medium), **SECRET) as (_, client):
        async with a_node(medium, "https://two.test", **other), a_node(medium, "https://three.test") as three:
            three.announce("ws://127.0.0.1:1", web_url="https://three.test")
            await trio.testing.wait_all_tasks_blocked()
            assert await urls(client) == []


async def test_a_server_with_a_store_of_its_own_names_no_nodes() -> None:
    async with serving(scripted(says("hello")), **SECRET) as (system, client):
        system.announce("ws://one.test", web_url="https://one.test")
        assert "url" not in (await client.get("/server", headers=BEARER)).json()
        assert await urls(client) == []


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost:8766", "http://127.0.0.1:* ws://127.0.0.1:* http://localhost:* ws://localhost:*"),
        ("runs.example.org", ""),
    ],
)
async def test_the_page_may_connect_to_the_origins_of_nodes(host: str, allowed: str) -> None:
    options = {"store": SharedMemory(Medium()), "origins": ["https://runs.example.org/", "http://[::1]:1"], **SECRET}
    async with serving(scripted(says("hello")), **options) as (_, client):
        policy = (await client.get("/", headers={"host": host})).headers["content-security-policy"]
        [connects] = [part.strip() for part in policy.split(";") if "connect-src" in part]
        expected = f"connect-src 'self' https://runs.example.org wss://runs.example.org {allowed}"
        assert connects == expected.strip()
