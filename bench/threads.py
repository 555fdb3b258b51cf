"""Scenario 9: the latency of work in threads (blocking tools, SQLite's saves) while other runs keep the loop busy."""

import os
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TypeAlias

import msgspec
import trio

from adjourn.actors import ModelRequest, open_actor_system, tool
from adjourn.actors.testing import tool_context
from adjourn.actors.tools import execute
from adjourn.protocol.events import Start, StreamEvent, TextDelta, TextStart
from adjourn.protocol.record import Head
from adjourn.stores.gil import thread_friendly
from adjourn.stores.sqlite import SqliteStore

from .agents import DESCRIPTOR, agent_of
from .figure import Figure, plain, quantile
from .repeat import say

__all__ = ["beside_busy_runs", "blocking_tool", "measure", "save"]

Work: TypeAlias = "Callable[[AsyncExitStack], Awaitable[Callable[[int], Awaitable[object]]]]"


def measure(quick: bool) -> list[Figure]:
    """Measures latencies with 50 busy runs."""
    count, repeats = (50, 3) if quick else (200, 5)
    figures: list[Figure] = []
    for name, work in (("a blocking tool", blocking_tool), ("a save in SQLite", save)):
        for busy in (0, 50):
            label = f"{name} beside {busy} busy runs"
            say(label)
            repeated = [trio.run(beside_busy_runs, work, busy, count) for _ in range(repeats)]
            p99 = [quantile(times, 0.99) * 1e3 for times in repeated]
            p50 = [quantile(times, 0.5) * 1e3 for times in repeated]
            figures.append(plain(9, f"{label}: p50", "ms", p50))
            figures.append(plain(9, f"{label}: p99", "ms", p99, most=5 if busy else None))
    return figures


class Talkative:
    """A model that streams forever and yields to the loop only briefly."""

    descriptor = DESCRIPTOR

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams a word at each turn of the loop."""
        yield [Start(), TextStart(content_index=0)]
        while True:
            await trio.lowlevel.checkpoint()
            yield [TextDelta(content_index=0, delta=" word")]


async def beside_busy_runs(work: Work, busy: int, count: int) -> list[float]:
    """Returns the seconds of each of `count` calls, made one after another while `busy` runs stream."""
    agent = agent_of(Talkative())
    times: list[float] = []
    async with AsyncExitStack() as stack:
        call = await work(stack)
        system = await stack.enter_async_context(open_actor_system([agent], drain_s=0))
        for _ in range(busy):
            await system.start(agent, "Talk.")
        for number in range(count):
            start = time.perf_counter()
            await call(number)
            times.append(time.perf_counter() - start)
    return times


async def blocking_tool(stack: AsyncExitStack) -> Callable[[int], Awaitable[object]]:
    """Executes a blocking tool as a run does."""

    @tool
    def nothing(n: int) -> str:
        """Do nothing, in a thread."""
        return "done"

    async def call(number: int) -> None:
        with thread_friendly():  # as a run does around a blocking tool
            outcome = await execute(nothing, {"n": number}, None, tool_context(), max_result_bytes=1000)
        if outcome.is_error:
            raise RuntimeError(str(outcome))

    await trio.lowlevel.checkpoint()
    return call


async def save(stack: AsyncExitStack) -> Callable[[int], Awaitable[object]]:
    """Saves one run, in its own transaction."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    store = await stack.enter_async_context(await SqliteStore.open(os.path.join(folder, "runs.db")))
    epoch = (await store.acquire("bench")).epoch
    head = Head(id="", status="running", agent="bench", nonce="0", version=1, epoch=epoch)

    async def call(number: int) -> None:
        await store.save(msgspec.structs.replace(head, id=f"run-{number}"), expected_version=0)

    return call
