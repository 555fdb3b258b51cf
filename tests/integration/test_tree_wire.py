"""The living tree of actors over WebSocket and HTTP, and what of it an authorizer hides."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
import trio
from echo import echo
from runs import APPROVAL
from web import serving

from adjourn.actors import Agent, ChildSpec, SupervisorSpec, tool
from adjourn.actors.client import Client, open_client
from adjourn.actors.gateway import Action, Credentials, Principal, serve_gateway
from adjourn.actors.testing import ScriptedModel, calls
from adjourn.protocol.errors import Forbidden, InvalidParams
from adjourn.protocol.tree import ActorNode, ActorTree


@tool(decision=APPROVAL)
async def refund(order: int, decision: dict[str, Any]) -> str:
    """Pay back."""
    return "paid"


SHOP = Agent(name="shop", model=ScriptedModel([calls(("refund", {"order": 7}))], per_message=True), tools=(refund,))


async def who(credentials: Credentials) -> Principal | None:
    return Principal(credentials.token) if credentials.token else None


async def own_runs(principal: Principal | None, action: Action) -> bool:
    """Everyone but eve may see the tree; nobody sees the runs of others."""
    assert principal is not None
    if action.method == "system.tree":
        return principal.name != "eve"
    return action.head is None or action.owner == principal.name


@asynccontextmanager
async def served(**options: Any) -> AsyncGenerator[tuple[httpx.AsyncClient, str]]:
    """Serves a waiting run of ada, one of bob, and an own actor. Yields an HTTP client and the gateway's URL."""
    async with serving(SHOP, **options) as (system, http), trio.open_nursery() as nursery:
        gateway = await nursery.start(partial(serve_gateway, system, port=0, **options))
        for name in ("ada", "bob"):
            await (await system.start("shop", "hello", run_id=name, by=name)).wait()
        await system.supervisor.start_supervisor(SupervisorSpec("crawler", (ChildSpec("fetcher", echo),)))
        yield http, gateway.url
        nursery.cancel_scope.cancel()


def child(node: ActorNode, name: str) -> ActorNode:
    (found,) = (each for each in node.children if each.name == name)
    return found


def run_ids(tree: ActorTree) -> list[str]:
    return [each.run.run_id for each in child(tree.root, "runs").children if each.run is not None]


async def test_websocket_and_http_give_the_tree_of_the_system() -> None:
    async with served() as (http, url), open_client(url) as client:
        tree = await client.tree()
        assert run_ids(tree) == ["ada", "bob"]
        assert child(child(tree.root, "crawler"), "fetcher").state == "idle"
        response = await http.get("/tree")
        assert response.status_code == 200
        runs = next(each for each in response.json()["root"]["children"] if each["name"] == "runs")
        assert [each["waitsFor"] for each in runs["children"]] == ["a decision on refund"] * 2
        assert runs["children"][0]["run"]["calls"][0]["toolName"] == "refund"
        assert runs["more"] == 0


async def test_the_tree_is_cut_as_the_client_wants() -> None:
    async with served() as (http, url), open_client(url) as client:
        small = await client.tree(depth=1)
        assert (child(small.root, "runs").children, child(small.root, "runs").more) == ((), 2)
        assert (await http.get("/tree?limit=1")).json()["root"]["more"] > 2


@pytest.mark.parametrize("bounds", [{"limit": 0}, {"limit": 1001}, {"depth": -1}, {"depth": 25}])
async def test_bounds_outside_of_their_range_are_refused(bounds: dict[str, int]) -> None:
    async with served() as (http, url), open_client(url) as client:
        with pytest.raises(InvalidParams):
            await client.tree(**bounds)
        assert (await http.get("/tree", params=bounds)).status_code == 400


async def test_an_authorizer_hides_the_runs_of_others_and_their_number() -> None:
    async with served(authenticator=who, authorizer=own_runs) as (http, url):
        async with open_client(url, token="ada") as client:
            tree = await client.tree()
            assert run_ids(tree) == ["ada"]
            assert not child(tree.root, "runs").uncounted
            assert child(child(tree.root, "crawler"), "fetcher").kind == "actor"
            cut = await client.tree(limit=3)
            assert (child(cut.root, "runs").more, child(cut.root, "runs").uncounted) == (0, True)
        response = await http.get("/tree", headers={"authorization": "Bearer bob"})
        assert "ada" not in response.text
        assert '"runId":"bob"' in response.text


async def test_an_authorizer_may_forbid_the_tree() -> None:
    async with served(authenticator=who, authorizer=own_runs) as (http, url):
        async with open_client(url, token="eve") as client:
            await forbidden(client)
        assert (await http.get("/tree", headers={"authorization": "Bearer eve"})).status_code == 403
        assert (await http.get("/tree")).status_code == 401


async def forbidden(client: Client) -> None:
    with pytest.raises(Forbidden, match=r"eve may not system\.tree"):
        await client.tree()


async def test_a_run_that_cannot_be_read_stays_hidden() -> None:
    async def fails_for_ada(principal: Principal | None, action: Action) -> bool:
        if action.run_id == "ada":
            raise ValueError("no such table")
        return True

    async with served(authenticator=who, authorizer=fails_for_ada) as (_, url):
        async with open_client(url, token="ann") as client:
            assert run_ids(await client.tree()) == ["bob"]
