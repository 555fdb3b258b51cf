"""Scenario 1: runs with one pause and one resume each, one after another and many at once, in memory and in SQLite."""

import itertools
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TypeAlias

import msgspec
import trio

from adjourn.actors import Agent, open_actor_system
from adjourn.protocol.transcript import Snapshot

from .agents import QUESTION, refund_agent
from .baseline import BareRun, Save, open_committer, save_in
from .figure import Figure, compared, plain, quantile
from .repeat import interleaved, timed

__all__ = ["Size", "bare_at_once", "bare_in_turn", "measure", "our_at_once", "our_in_turn"]

DECISION = {"approved": True}


class Size(msgspec.Struct, frozen=True):
    """The numbers of runs to measure."""

    in_turn: int  # runs one after another, in memory
    in_turn_sqlite: int
    at_once: tuple[int, ...]
    repeats: int

    @classmethod
    def of(cls, quick: bool) -> "Size":
        """Returns the full size, or the size for a quick run of a minute."""
        return cls(500, 50, (1000,), 3) if quick else cls(2000, 200, (1000, 3000), 7)


class Timing(msgspec.Struct):
    """The times of one repeat, in seconds: the total by `clock_of` its store, the others by the wall clock."""

    total_s: float
    acknowledged_s: list[float]  # from sending a decision to its acknowledgement
    finished_s: list[float]  # from sending a decision to the end of the run

    def acknowledged(self, share: float) -> float:
        """Returns a quantile of `acknowledged_s`, in microseconds."""
        return quantile(self.acknowledged_s, share) * 1e6

    def finished(self, share: float) -> float:
        """Returns a quantile of `finished_s`, in microseconds."""
        return quantile(self.finished_s, share) * 1e6


Open: TypeAlias = "Callable[[], AbstractAsyncContextManager[str]]"


@asynccontextmanager
async def in_memory() -> AsyncGenerator[str]:
    """A store's address: in memory."""
    yield "memory:"


@asynccontextmanager
async def in_sqlite() -> AsyncGenerator[str]:
    """A store's address: in a new file."""
    with tempfile.TemporaryDirectory() as folder:
        yield "sqlite:///" + os.path.join(folder, "runs.db")


def clock_of(where: Open) -> Callable[[], float]:
    """Returns the CPU clock, or for SQLite, which waits for the disk, the wall clock."""
    return time.process_time if where is in_memory else time.perf_counter


def measure(quick: bool) -> Iterator[Figure]:
    """Measures the time of a run, for each store and number of runs at once, and the latency of a decision."""
    size = Size.of(quick)
    agent = refund_agent()
    yield from _in_turn("memory, one after another", agent, in_memory, size.in_turn, size.repeats, most=6)
    yield from _in_turn("SQLite, one after another", agent, in_sqlite, size.in_turn_sqlite, size.repeats)
    for count in size.at_once:
        repeats = size.repeats if count <= 1000 else 3
        yield _at_once(f"memory, {count:,} at once", agent, in_memory, count, repeats)
        # Only the size 1,000 has a budget.
        most = 3.5 if count == 1000 else None
        yield _at_once(f"SQLite, {count:,} at once", agent, in_sqlite, count, repeats, most=most)


def _in_turn(name: str, agent: Agent, where: Open, count: int, repeats: int, most: float | None = None) -> list[Figure]:
    pairs = interleaved(name, repeats, partial(our_in_turn, agent, where, count), partial(bare_in_turn, where, count))
    end = 1000 if where is in_memory else None
    ours = [timing for timing, _ in pairs]
    return [
        _per_run(name, pairs, count, most),
        plain(1, f"{name}: decision acknowledged, p50", "µs", [t.acknowledged(0.5) for t in ours]),
        plain(1, f"{name}: decision acknowledged, p99", "µs", [t.acknowledged(0.99) for t in ours]),
        plain(1, f"{name}: decision to end of run, p50", "µs", [t.finished(0.5) for t in ours]),
        plain(1, f"{name}: decision to end of run, p99", "µs", [t.finished(0.99) for t in ours], most=end),
    ]


def _at_once(name: str, agent: Agent, where: Open, count: int, repeats: int, most: float | None = None) -> Figure:
    pairs = interleaved(name, repeats, partial(our_at_once, agent, where, count), partial(bare_at_once, where, count))
    return _per_run(name, pairs, count, most)


def _per_run(name: str, pairs: list[tuple[Timing, Timing]], count: int, most: float | None) -> Figure:
    times = [(ours.total_s / count * 1e6, bare.total_s / count * 1e6) for ours, bare in pairs]
    unit = "µs CPU a run" if name.startswith("memory") else "µs a run"
    return compared(1, name, unit, times, against="bare trio actor", most=most)


# Runs one after another.


async def our_in_turn(agent: Agent, where: Open, count: int) -> Timing:
    """Executes `count` runs in the runtime, each to its end before the next."""
    timing = Timing(0, [], [])
    async with where() as address, open_actor_system([agent], store=address) as system:

        async def work() -> None:
            for _ in range(count):
                run = await system.start(agent, QUESTION)
                await run.wait()
                decided = time.perf_counter()
                await run.resume(DECISION)
                timing.acknowledged_s.append(time.perf_counter() - decided)
                snapshot = await run.wait_ended()
                timing.finished_s.append(time.perf_counter() - decided)
                _check(snapshot)

        timing.total_s = await timed(work, clock_of(where))
    return timing


async def bare_in_turn(where: Open, count: int) -> Timing:
    """Executes the same runs in bare trio."""
    timing = Timing(0, [], [])
    async with _bare_store(where) as save, trio.open_nursery() as nursery:

        async def work() -> None:
            for number in range(count):
                run = BareRun(f"run-{number}", save)
                nursery.start_soon(run)
                await run.parked.wait()
                await run.mailbox.send(DECISION)
                await run.done.wait()

        timing.total_s = await timed(work, clock_of(where))
    return timing


# Runs at once: all are parked before the first is resumed.


async def our_at_once(agent: Agent, where: Open, count: int) -> Timing:
    """Executes `count` runs in the runtime at once, each with its own client task."""
    gate = Gate(count)
    async with where() as address, open_actor_system([agent], store=address) as system:

        async def one() -> None:
            run = await system.start(agent, QUESTION)
            await run.wait()
            await gate.pass_together()
            await run.resume(DECISION)
            _check(await run.wait_ended())

        total_s = await timed(partial(_all, one, count), clock_of(where))
    return Timing(total_s, [], [])


async def bare_at_once(where: Open, count: int) -> Timing:
    """Executes the same runs in bare trio."""
    gate, numbers = Gate(count), itertools.count()
    async with _bare_store(where) as save, trio.open_nursery() as actors:

        async def one() -> None:
            run = BareRun(f"run-{next(numbers)}", save)
            actors.start_soon(run)
            await run.parked.wait()
            await gate.pass_together()
            await run.mailbox.send(DECISION)
            await run.done.wait()

        total_s = await timed(partial(_all, one, count), clock_of(where))
    return Timing(total_s, [], [])


async def _all(one: Callable[[], Awaitable[None]], count: int) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)


class Gate:
    """Holds tasks back until all have come."""

    def __init__(self, count: int) -> None:
        self._missing = count
        self._open = trio.Event()

    async def pass_together(self) -> None:
        """Waits until all tasks have called this."""
        self._missing -= 1
        if not self._missing:
            self._open.set()
        await self._open.wait()


@asynccontextmanager
async def _bare_store(where: Open) -> AsyncGenerator[Save]:
    async with where() as address:
        if address == "memory:":
            yield save_in({})
        else:
            async with open_committer(address.removeprefix("sqlite:///")) as save:
                yield save


def _check(snapshot: Snapshot) -> None:
    if snapshot.status != "completed":
        raise RuntimeError(f"a run of the benchmark ended {snapshot.status}: {snapshot.error}")
