"""Interleaved repeats, and what a process uses: time and memory. Knows no scenario."""

import gc
import os
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

ENOUGH_S = 10.0  # a comparison that has taken so long makes do with three pairs

__all__ = ["cpu_s", "interleaved", "resident_bytes", "say", "timed", "traced_bytes"]

T = TypeVar("T")


def say(text: str) -> None:
    """Show progress: one line on stderr, which `python -m bench` shows beside its bar."""
    print(text, file=sys.stderr, flush=True)


def interleaved(
    name: str, repeats: int, ours: Callable[[], Awaitable[T]], baseline: Callable[[], Awaitable[T]]
) -> list[tuple[T, T]]:
    """Run both `repeats` times, A B A B …, each in a fresh trio loop and after a garbage collection; the first pair,
    which warms up, is not kept. On a slow machine it stops sooner, with at least three pairs kept."""
    pairs: list[tuple[T, T]] = []
    begun = time.monotonic()
    for number in range(repeats + 1):
        if len(pairs) > 3 and time.monotonic() - begun > ENOUGH_S:
            break
        say(f"{name}: {number}/{repeats}")
        gc.collect()
        mine = trio.run(_call, ours)
        gc.collect()
        pairs.append((mine, trio.run(_call, baseline)))
    return pairs[1:]


async def _call(function: Callable[[], Awaitable[T]]) -> T:
    return await function()


async def timed(work: Callable[[], Awaitable[object]], clock: Callable[[], float] = time.process_time) -> float:
    """How many seconds `work` took: of the processor, which on an idle machine are those on the wall where nothing
    waits, and on a busy one still the same. What waits for a disk wants `time.perf_counter`."""
    start = clock()
    await work()
    return clock() - start


def cpu_s() -> float:
    """Processor seconds of this process so far, user and system."""
    return time.process_time()


def resident_bytes() -> int:
    """What of this process is in memory now."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def traced_bytes() -> int:
    """What Python objects take now, garbage collected first. `tracemalloc` must have been started."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
