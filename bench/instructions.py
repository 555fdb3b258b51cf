"""Scenario 1 in instructions: valgrind counts them exactly, also on a busy machine, where times vary by a third.

The cost of a run is the difference between two processes that differ only in the number of runs, so start-up and
imports cancel out. `python -m bench.instructions ours|bare COUNT` is one of these processes.
"""

import os
import re
import shutil
import subprocess
import sys
from functools import partial

import trio

from .agents import refund_agent
from .figure import Figure, compared
from .pause import bare_in_turn, in_memory, our_in_turn
from .repeat import say

__all__ = ["count_instructions", "measure"]

FEW, MANY = 20, 120  # runs in the two processes


def measure(quick: bool) -> list[Figure]:
    """Measures the instructions of a run, in thousands. Empty if valgrind is not installed."""
    if shutil.which("valgrind") is None:
        say("instructions: not counted, valgrind isn't installed")
        return []
    ours, bare = _a_run("ours"), _a_run("bare")
    name = "memory, one after another: instructions"
    return [compared(1, name, "thousand a run", [(ours, bare)], against="bare trio actor", most=4)]


def _a_run(side: str) -> float:
    counts: list[int] = []
    for runs in (FEW, MANY):
        say(f"instructions, {side}: {runs} runs under valgrind")
        counts.append(count_instructions("bench.instructions", side, str(runs)))
    return (counts[1] - counts[0]) / (MANY - FEW) / 1000


def count_instructions(module: str, *arguments: str) -> int:
    """Returns how many instructions `python -m module arguments…` takes in total."""
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*valgrind, sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONHASHSEED": "0"},  # the same order of sets, so the same work
        capture_output=True,
        text=True,
        check=False,
    )
    counted = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode or counted is None:
        raise RuntimeError(f"valgrind counted nothing (exit status {done.returncode}): {done.stderr[-2000:]}")
    return int(counted[1].replace(",", ""))


if __name__ == "__main__":
    work = partial(our_in_turn, refund_agent()) if sys.argv[1] == "ours" else bare_in_turn
    trio.run(work, in_memory, int(sys.argv[2]))
