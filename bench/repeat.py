"""Interleaved repeats, and the time and memory of a process. Knows no scenario."""

import gc
import os
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

ENOUGH_S = 6.0  # after this time, a comparison stops with three pairs

__all__ = ["count_timed", "cpu_s", "interleaved", "resident_bytes", "say", "timed", "traced_bytes"]

T = TypeVar("T")


def say(text: str) -> None:
    """Prints a progress line to stderr. `python -m bench` shows it beside its bar."""
    print(text, file=sys.stderr, flush=True)


def interleaved(
    name: str, repeats: int, ours: Callable[[], Awaitable[T]], baseline: Callable[[], Awaitable[T]]
) -> list[tuple[T, T]]:
    """Runs both functions `repeats` times, A B A B …, each in a new trio loop and after a garbage collection.

    The first pair is a warm-up and is dropped. On a slow machine it stops sooner, with at least three pairs."""
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
    """Returns how many CPU seconds `work` took: unlike wall time, the same on a busy machine.

    For work that waits for a disk pass `time.perf_counter`."""
    _switch("on")
    start = clock()
    await work()
    taken = clock() - start
    _switch("off")
    return taken


def count_timed(switch: Callable[[str], None]) -> None:
    """Makes `timed` call `switch` with "on" before the work, and with "off" after it."""
    global _switch
    _switch = switch


def _switch(state: str) -> None:
    """Does nothing: by default, instructions are not counted."""


def cpu_s() -> float:
    """Returns this process's CPU seconds so far, user and system."""
    return time.process_time()


def resident_bytes() -> int:
    """Returns the resident memory of this process."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def traced_bytes() -> int:
    """Returns the memory of Python objects, after a garbage collection. `tracemalloc` must be running."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
