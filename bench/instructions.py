"""Scenario 13: instructions, which valgrind counts exactly, also on a busy machine, where times vary by a third.

`python -m bench.instructions WORK ours|bare` is a process that valgrind counts. It does the work once to warm up. The
second time, only what `repeat.timed` times is counted: no start-up and no imports.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import trio

from . import repeat
from .abort import bare_abort, our_abort
from .agents import refund_agent
from .figure import Figure, compared
from .pause import bare_in_turn, in_memory, our_in_turn
from .repeat import say
from .streaming import CHAT, bare_stream, one_by_one, our_stream

__all__ = ["WORKS", "count_instructions", "measure"]

RUNS, TOKENS, ABORTS = 100, 1000, 200

# The work of each figure: its name and unit, the number of items, the baseline's name, and the budget.
WORKS = {
    "pause": ("memory, one after another", "thousand a run", RUNS, "bare trio actor", 4),
    "tokens": ("1,000 tokens, each alone", "thousand a token", TOKENS, "httpx lines, msgspec decode each", 3),
    "abort": ("200 streaming runs aborted at once", "thousand a run", ABORTS, "bare nested nurseries", 2),
}


def measure(quick: bool) -> list[Figure]:
    """Measures the instructions of an item of each work. Empty if valgrind is not installed."""
    if shutil.which("callgrind_control") is None:
        say("instructions: not counted, valgrind isn't installed")
        return []
    sides = [(work, side) for work in WORKS for side in ("ours", "bare")]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # counts don't depend on what else runs
        counts = list(pool.map(count_instructions, *zip(*sides, strict=True)))
    figures: list[Figure] = []
    for (name, unit, items, against, most), ours, bare in zip(WORKS.values(), counts[::2], counts[1::2], strict=True):
        pair = (ours / items / 1000, bare / items / 1000)
        figures.append(compared(13, f"{name}: instructions", unit, [pair], against=against, most=most))
    return figures


def count_instructions(work: str, side: str) -> int:
    """Returns how many instructions the counted part of a work takes."""
    say(f"instructions, {work}: {side}, under valgrind")
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*valgrind, sys.executable, "-m", "bench.instructions", work, side],
        env={**os.environ, "PYTHONHASHSEED": "0"},  # the same order of sets, so the same work
        capture_output=True,
        text=True,
        check=False,
    )
    counted = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    if done.returncode or counted is None:
        raise RuntimeError(f"valgrind counted nothing (exit status {done.returncode}): {done.stderr[-2000:]}")
    return int(counted[1])


def work_of(work: str, side: str) -> Callable[[], Awaitable[object]]:
    """Returns the work, as a function for `trio.run`."""
    ours = side == "ours"
    if work == "pause":
        runs = partial(our_in_turn, refund_agent()) if ours else bare_in_turn
        return partial(runs, in_memory, RUNS)
    if work == "tokens":
        return partial(our_stream if ours else bare_stream, CHAT, one_by_one(CHAT, TOKENS))
    return partial(our_abort if ours else bare_abort, ABORTS)


def _switch(state: str) -> None:
    """Switches this process's counting "on" or "off"."""
    subprocess.run(["callgrind_control", "-i", state, str(os.getpid())], stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    work = work_of(*sys.argv[1:])
    trio.run(work)
    repeat.count_timed(_switch)
    trio.run(work)
