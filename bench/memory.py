"""Scenario 2, first half: the memory of a parked run and of a passivated run."""

import tempfile
import tracemalloc
from contextlib import AsyncExitStack

import msgspec
import trio
import trio.testing

from adjourn.actors import ActorSystem, Agent, open_actor_system
from adjourn.actors.testing import inspect

from .agents import QUESTION, refund_agent
from .figure import Figure, compared, plain
from .repeat import resident_bytes, say, traced_bytes

__all__ = ["Parked", "bare_parked", "measure", "our_parked"]

AT_ONCE = 500  # runs that are started at the same time


class Parked(msgspec.Struct, frozen=True):
    """Bytes per run that the process has in addition to its memory before."""

    parked: float
    resident: float  # of the whole process
    passivated: float


def measure(quick: bool) -> list[Figure]:
    """Measures the bytes a run."""
    tracemalloc.start()
    agent = refund_agent()
    count = 2000 if quick else 10_000
    say(f"{count:,} parked: bare")
    bare = trio.run(bare_parked, count)
    say(f"{count:,} parked: in SQLite")
    stored = trio.run(our_parked, agent, "sqlite", count)
    few = count // 4
    say(f"{few:,} parked: in memory")
    kept = trio.run(our_parked, agent, "memory", few)
    name = f"{few:,} parked, memory store: with their records"
    return [*_figures(count, bare, stored), plain(2, name, "B a run", [kept.parked])]


def _figures(count: int, bare: float, ours: Parked) -> list[Figure]:
    note = "what is left are sets and dicts, trio's own above all, that keep their size until they are filled again"
    return [
        compared(2, f"{count:,} parked", "B a run", [(ours.parked, bare)], against="bare parked task", most=2.5),
        plain(2, f"{count:,} passivated, SQLite", "B a run", [ours.passivated], most=256, note=note),
    ]


async def our_parked(agent: Agent, kind: str, count: int) -> Parked:
    """Parks `count` runs, then passivates them."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        address = "memory:" if kind == "memory" else f"sqlite:///{folder}/runs.db"
        system = await stack.enter_async_context(
            open_actor_system([agent], store=address, passivate_after_s=1e6, memory_budget_bytes=10**12)
        )
        await _park(system, agent, 50)  # warms up caches, compiled schemas and threads
        before, resident = traced_bytes(), resident_bytes()
        await _park(system, agent, count)
        parked, resident = traced_bytes() - before, resident_bytes() - resident
        inspect(system).passivate()
        await trio.testing.wait_all_tasks_blocked(0.01)
        return Parked(parked / count, resident / count, (traced_bytes() - before) / count)


async def _park(system: ActorSystem, agent: Agent, count: int) -> None:
    async def one() -> None:
        await (await system.start(agent, QUESTION)).wait()

    for first in range(0, count, AT_ONCE):
        async with trio.open_nursery() as nursery:
            for _ in range(min(AT_ONCE, count - first)):
                nursery.start_soon(one)


async def bare_parked(count: int) -> float:
    """Returns the bytes of a task that waits on a memory channel in a cancel scope."""
    async with trio.open_nursery() as nursery:
        before = traced_bytes()
        senders = [_bare(nursery) for _ in range(count)]
        await trio.testing.wait_all_tasks_blocked()
        taken = traced_bytes() - before
        nursery.cancel_scope.cancel()
    return taken / len(senders)


def _bare(nursery: trio.Nursery) -> trio.MemorySendChannel[object]:
    send, receive = trio.open_memory_channel[object](1)

    async def parked() -> None:
        with trio.CancelScope():
            await receive.receive()

    nursery.start_soon(parked)
    return send
