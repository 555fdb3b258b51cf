"""Scenario 5: aborts very many streaming runs at once."""

from contextlib import AsyncExitStack
from functools import partial

import trio
import trio.testing

from adjourn.actors import Run, open_actor_system

from .agents import Mute, agent_of
from .figure import Figure, compared, plain
from .repeat import interleaved, timed

__all__ = ["bare_abort", "measure", "our_abort"]


def measure(quick: bool) -> list[Figure]:
    """Measures the time until the last run has ended, and the tasks left."""
    count, repeats = (2000, 3) if quick else (10_000, 2)
    pairs = interleaved(f"{count:,} aborts", repeats, partial(our_abort, count), partial(bare_abort, count))
    times = [(ours * 1e3, bare * 1e3) for (ours, _), (bare, _) in pairs]
    left = [float(left) for (_, left), _ in pairs]
    return [
        compared(
            5, f"{count:,} streaming runs aborted at once", "ms CPU", times, against="bare nested nurseries", most=2
        ),
        plain(5, f"{count:,} streaming runs aborted at once: left over", "tasks", left, most=0),
    ]


async def our_abort(count: int) -> tuple[float, int]:
    """Returns the seconds, and the number of tasks left."""
    agent = agent_of(Mute())
    async with open_actor_system([agent]) as system:
        await trio.testing.wait_all_tasks_blocked()  # lets the system finish its start
        before = trio.lowlevel.current_statistics().tasks_living
        runs = [await system.start(agent, "Talk.") for _ in range(count)]
        await trio.testing.wait_all_tasks_blocked()

        async def work() -> None:
            async with trio.open_nursery() as nursery:
                for run in runs:
                    nursery.start_soon(_abort, run)

        seconds = await timed(work)
        return seconds, trio.lowlevel.current_statistics().tasks_living - before


async def _abort(run: Run) -> None:
    aborted = await run.abort()
    if aborted.status != "aborted":
        raise RuntimeError(f"an aborted run ended {aborted.status}")


async def bare_abort(count: int) -> tuple[float, int]:
    """Returns the same for nurseries with one waiting child each."""
    before = trio.lowlevel.current_statistics().tasks_living
    scopes: list[trio.CancelScope] = []

    async def one() -> None:
        async with trio.open_nursery() as nursery:
            scopes.append(nursery.cancel_scope)
            nursery.start_soon(trio.sleep_forever)

    async with AsyncExitStack() as stack:
        outer = await stack.enter_async_context(trio.open_nursery())
        for _ in range(count):
            outer.start_soon(one)
        await trio.testing.wait_all_tasks_blocked()

        async def work() -> None:
            for scope in scopes:
                scope.cancel()
            await stack.aclose()

        seconds = await timed(work)
    return seconds, trio.lowlevel.current_statistics().tasks_living - before
