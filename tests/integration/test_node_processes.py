"""Real processes as the nodes of one store, while nodes and the store's server are killed, stopped and cut off.

After each, whatever the timing: every run ends, no tool has started twice, an acknowledged decision was the only one,
`seq` has grown, and a client that watched a run has the transcript that is stored.

The variable ADJOURN_BLOWS makes them longer: 50 for fifty kills.
"""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from gate import open_gate
from killing import Node, World, act, served
from postgres_server import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

BLOWS = int(os.environ.get("ADJOURN_BLOWS", "1"))  # of each kind
LEASE_S = 1
PATIENCE_S = 120 + 60 * BLOWS  # enough for a very busy machine
STEPS = 60  # of clients, between two blows


@asynccontextmanager
async def under_load(folder: Path, address: str, *nodes: Node) -> AsyncGenerator[World]:
    """Keep two clients busy at these nodes during the block. Then bring all runs to their ends, and check them.

    They are read at another node, which knows only what is stored.
    """
    world = World(folder)
    with trio.fail_after(PATIENCE_S):
        async with served(*nodes):
            async with trio.open_nursery() as clients:
                clients.start_soon(act, world, [node.url for node in nodes])
                await world.wait_steps(STEPS)
                yield world
                await world.wait_steps(STEPS)
                clients.cancel_scope.cancel()
            last = a_node(folder, address)
            async with served(last):
                await world.end(nodes[0].url)
                assert await world.check_end(last.url) > 1


def a_node(folder: Path, address: str) -> Node:
    return Node(folder, "--store", address, "--lease", f"{LEASE_S}s")


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await trio.sleep(0.05)


def count(address: str, server: Server, what: str) -> int:
    schema = address.rpartition("%3D")[2]
    [(number,)] = server.run(f"SELECT count(*) FROM {what.format(schema=schema)}")
    return number


@pytest.fixture(params=["postgres", "valkey"])
def address(request: pytest.FixtureRequest) -> str:
    """The address of an empty store."""
    return request.getfixturevalue(request.param)


async def test_nodes_that_are_killed(tmp_path: Path, address: str) -> None:
    nodes = [a_node(tmp_path, address) for _ in range(2)]
    async with under_load(tmp_path, address, *nodes) as world:
        for _ in range(BLOWS):
            node = world.chance.choice(nodes)
            await node.kill()
            await node.start()
            await world.wait_steps(world.chance.randrange(STEPS))


async def test_a_node_that_stops_for_longer_than_its_lease(
    tmp_path: Path, postgres: str, postgres_server: Server
) -> None:
    nodes = [a_node(tmp_path, postgres) for _ in range(2)]
    live = partial(count, postgres, postgres_server, "{schema}.adjourn_nodes WHERE expires > now()")
    async with under_load(tmp_path, postgres, *nodes) as world:
        for n in range(BLOWS):
            await until(lambda: live() == 2)
            nodes[n % 2].freeze()
            await until(lambda: live() == 1)
            await world.wait_steps(world.chance.randrange(STEPS))
            nodes[n % 2].thaw()
            await world.wait_steps(world.chance.randrange(STEPS))
    assert "this node's lease has ended" in (tmp_path / "log.txt").read_text()


async def test_a_server_of_the_store_that_is_killed(
    tmp_path: Path, address: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("valkey_server" if address.startswith("valkey") else "postgres_server")
    async with under_load(tmp_path, address, *[a_node(tmp_path, address) for _ in range(2)]) as world:
        for _ in range(BLOWS):
            server.kill()
            await world.wait_steps(world.chance.randrange(STEPS))


async def test_database_connections_that_end_again_and_again(
    tmp_path: Path, postgres: str, postgres_server: Server
) -> None:
    async with under_load(tmp_path, postgres, *[a_node(tmp_path, postgres) for _ in range(2)]) as world:
        for _ in range(10 * BLOWS):
            postgres_server.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            await world.wait_steps(world.chance.randrange(5))


async def test_a_node_cut_off_from_the_database_while_clients_reach_it(
    tmp_path: Path, postgres: str, postgres_server: Server
) -> None:
    live = partial(count, postgres, postgres_server, "{schema}.adjourn_nodes WHERE expires > now()")
    async with open_gate(postgres, tmp_path) as gate:
        nodes = a_node(tmp_path, gate.address), a_node(tmp_path, postgres)
        async with under_load(tmp_path, postgres, *nodes) as world:
            for _ in range(BLOWS):
                await until(lambda: live() == 2)
                gate.close()
                await until(lambda: live() == 1)
                await world.wait_steps(world.chance.randrange(STEPS))
                gate.open()
                await world.wait_steps(world.chance.randrange(STEPS))
