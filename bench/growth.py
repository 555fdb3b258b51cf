"""Scenario 11: costs that must grow linearly: the cost of one item among few items, and among four times as many."""

import gc
import itertools
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio

from adjourn.actors import ActorSystem, Agent, ModelRequest, open_actor_system, tool
from adjourn.actors.models import events_of
from adjourn.protocol.events import StreamEvent
from adjourn.protocol.messages import AssistantMessage, Text, ToolCall, UserMessage
from adjourn.protocol.record import Limits
from adjourn.stores.sqlite import SqliteStore

from .agents import DESCRIPTOR, QUESTION, USAGE, EndlessCaller, refund_agent
from .figure import Figure, compared, plain
from .repeat import cpu_s, interleaved
from .startup import fill

__all__ = ["calls", "close", "expire", "leave", "leave_step", "longest_step", "measure", "park", "rows"]

REPEATS = 2
MAX_STEP_MS = 50.0  # other runs wait for it
ALL_IN_MEMORY = 10**12  # a memory budget in bytes that no run exceeds: above the budget, each run costs one that leaves
LATER_S = 60 * 24 * 3600.0  # when all parked runs have expired


def measure(quick: bool) -> Iterator[Figure]:
    """Measures an item's cost at one size and at four times that size, each with its budget."""
    share = 4 if quick else 1
    for name, unit, cost, size in (
        ("a run starts and parks, beside {} parked", "µs CPU a run", park, 2_500),
        ("one of {} calls of a turn", "µs CPU a call", calls, 100),
        ("one of {} parked runs that are due expires, SQLite", "µs CPU a run", expire, 2_000),
        ("one of {} rows of a tool's result", "µs CPU a row", rows, 2_500),
        ("one of {} parked runs leaves as the system closes", "µs CPU a run", close, 1_000),
        ("one of {} parked runs leaves memory", "µs CPU a run", leave, 1_000),
        ("longest step of the loop as {} parked runs leave memory", "µs CPU", leave_step, 1_000),
    ):
        yield _growth(name, unit, cost, size // share)
    steps = [trio.run(longest_step, 10_000) * 1e3 for _ in range(REPEATS)]
    yield plain(11, "longest step of the loop, for 10,000 rows (1 MB)", "ms CPU", steps, most=MAX_STEP_MS)


def _growth(name: str, unit: str, cost: Callable[[int], Awaitable[float]], size: int) -> Figure:
    title = name.format(f"{4 * size:,}")
    pairs = interleaved(title, REPEATS, lambda: cost(4 * size), lambda: cost(size))
    micro = [(many * 1e6, few * 1e6) for many, few in pairs]
    return compared(11, title, unit, micro, against=f"of {size:,}", most=1.25)


# The costs: CPU seconds per item.


async def park(count: int) -> float:
    """Returns the cost of starting and parking a run, beside `count` parked runs or more; all stay in memory.

    As many runs again are measured, so that some full garbage collections are among them, not one or none by chance.
    """
    agent = refund_agent()
    async with open_actor_system([agent], memory_budget_bytes=ALL_IN_MEMORY) as system:
        await _park(system, agent, count)
        before = cpu_s()
        await _park(system, agent, count)
        return (cpu_s() - before) / count


async def close(count: int) -> float:
    """Returns the cost of closing a system, per parked run."""
    agent = refund_agent()
    async with open_actor_system([agent]) as system:
        await _park(system, agent, count)
        before = cpu_s()
    return (cpu_s() - before) / count


async def leave(count: int) -> float:
    """Returns the cost of taking parked runs out of memory, per run."""
    async with _parked(count) as system:
        before = cpu_s()
        await _leave_memory(system)
        return (cpu_s() - before) / count


async def leave_step(count: int) -> float:
    """Returns the longest step of any task while parked runs leave memory, without garbage collection."""
    async with _parked(count) as system:
        gc.disable()
        steps = Steps()
        trio.lowlevel.add_instrument(steps)
        await _leave_memory(system)
        trio.lowlevel.remove_instrument(steps)
        gc.enable()
    return steps.longest_s


@asynccontextmanager
async def _parked(count: int) -> AsyncGenerator[ActorSystem]:
    agent = refund_agent()
    async with open_actor_system([agent], passivate_after_s=LATER_S, memory_budget_bytes=ALL_IN_MEMORY) as system:
        await _park(system, agent, count)
        yield system


async def _leave_memory(system: ActorSystem) -> None:
    budget = system.runtime.resting.budget
    budget.max_bytes = 0
    budget.ring()
    while system.statistics().active_runs:
        await trio.lowlevel.checkpoint()


async def calls(count: int) -> float:
    """Returns the cost of a run whose turn has `count` calls, per call."""

    @tool
    async def step(n: int) -> str:
        """Take a step."""
        return "taken"

    limits = Limits(max_calls_per_turn=count)
    return await _whole_run(Agent(name="wide", model=WideCaller(count), tools=[step], limits=limits)) / count


async def rows(count: int) -> float:
    """Returns the cost of a run whose tool returns `count` rows, per row."""
    return await _whole_run(_reporter(count)) / count


async def expire(count: int) -> float:
    """Returns the cost of `count` parked runs that expire at the same time, per run."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "runs.db")
        await trio.to_thread.run_sync(fill, path, count)
        async with await SqliteStore.open(path) as store:
            over, left = trio.Event(), itertools.count(count - 1, -1)
            before = cpu_s()
            async with open_actor_system([refund_agent()], store=store, clock=lambda: time.time() + LATER_S) as system:
                system.watch_changes(lambda head, deleted: None if next(left) > 0 else over.set())
                await over.wait()
                return (cpu_s() - before) / count


async def longest_step(count: int) -> float:
    """Returns the longest step of any task in a run whose tool returns `count` rows."""
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    await _whole_run(_reporter(count))
    return steps.longest_s


class Steps(trio.abc.Instrument):
    """Measures the longest step of a task, in CPU seconds of the loop's thread."""

    def __init__(self) -> None:
        self.longest_s, self._begun = 0.0, time.thread_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Called by trio."""
        self._begun = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Called by trio."""
        self.longest_s = max(self.longest_s, time.thread_time() - self._begun)


class WideCaller:
    """A model that makes `count` calls of `step` in one turn, then ends."""

    descriptor = DESCRIPTOR

    def __init__(self, count: int) -> None:
        blocks = tuple(ToolCall(id=f"call_{n}", name="step", arguments={"n": n}) for n in range(count))
        self._calls = events_of(AssistantMessage(content=blocks, stop_reason="toolUse", usage=USAGE))
        self._last = events_of(AssistantMessage(content=(Text(text="Done."),), stop_reason="stop", usage=USAGE))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams the next answer."""
        await trio.lowlevel.checkpoint()
        yield self._calls if isinstance(request.messages[-1], UserMessage) else self._last


def _reporter(count: int) -> Agent:
    """Returns an agent whose tool returns `count` rows of about 100 bytes."""
    table = [
        {"id": n, "name": f"customer {n}", "city": "Leeuwarden", "amount": n * 1.25, "tags": ["a", "b"]}
        for n in range(count)
    ]
    limits = Limits(max_result_bytes=10 * len(msgspec.json.encode(table)))

    @tool
    async def step(n: int) -> list[dict[str, Any]]:
        """Give the rows."""
        return table

    return Agent(name="reporter", model=EndlessCaller(1), tools=[step], limits=limits)


async def _whole_run(agent: Agent) -> float:
    async with open_actor_system([agent]) as system:
        before = cpu_s()
        run = await system.start(agent, QUESTION)
        snapshot = await run.wait_ended()
        taken = cpu_s() - before
    if snapshot.status != "completed":
        raise RuntimeError(f"the run ended {snapshot.status}: {snapshot.error}")
    return taken


async def _park(system: ActorSystem, agent: Agent, count: int) -> None:
    for _ in range(count):
        await (await system.start(agent, QUESTION)).wait()
