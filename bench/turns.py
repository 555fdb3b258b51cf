"""Scenario 6: one run of very many turns. Checks whether later turns cost more."""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import trio

from adjourn.actors import open_actor_system
from adjourn.protocol.record import Entry, Head, MessageEntry, encode_entry, encode_head
from adjourn.stores.memory import MemoryStore

from .agents import EndlessCaller, agent_of
from .figure import Figure, compared
from .repeat import say

__all__ = ["MeteredStore", "Turn", "measure", "run_turns"]

Turn = tuple[float, int]  # seconds, bytes written


class MeteredStore(MemoryStore):
    """A store that records the time and the bytes written so far at each turn's save."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.marks: list[tuple[float, int]] = []

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """Saves, and counts."""
        self.written += len(encode_head(head)) + sum(len(encode_entry(entry)) for entry in append)
        await super().save(head, append, expected_version=expected_version)
        if any(isinstance(entry, MessageEntry) for entry in append):
            self.marks.append((time.process_time(), self.written))


def measure(quick: bool) -> list[Figure]:
    """Measures a turn's time and bytes around turns 10, 100 and 1,000."""
    most_turns, repeats = (200, 3) if quick else (1000, 5)
    runs: list[list[Turn]] = []
    for number in range(repeats):
        say(f"a run of {most_turns:,} turns: {number}/{repeats}")
        runs.append(trio.run(run_turns, most_turns))
    figures: list[Figure] = []
    for turn in (100, most_turns):
        seconds = [(_about(run, turn, 0) * 1e6, _about(run, 10, 0) * 1e6) for run in runs]
        written = [(_about(run, turn, 1), _about(run, 10, 1)) for run in runs]
        figures.append(
            compared(6, f"time of turn {turn:,}, beside turn 10", "µs CPU", seconds, against="turn 10", most=1.25)
        )
        figures.append(
            compared(6, f"bytes written by turn {turn:,}, beside turn 10", "B", written, against="turn 10", most=1.25)
        )
    return figures


async def run_turns(count: int) -> list[Turn]:
    """Runs one run of that many turns. Returns the time and bytes of each turn."""
    agent = agent_of(EndlessCaller(count), turns=count)
    store = MeteredStore()
    async with open_actor_system([agent], store=store) as system:
        run = await system.start(agent, "Go on.")
        snapshot = await run.wait_ended()
        if snapshot.status != "completed":
            raise RuntimeError(f"the run ended {snapshot.status}: {snapshot.error}")
    pairs = zip(store.marks, store.marks[1:], strict=False)
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairs]


def _about(turns: list[Turn], number: int, part: int) -> float:
    """Returns the median over the turns around this one."""
    values: list[Any] = [turn[part] for turn in turns[max(0, number - 10) : number + 10]]
    return float(median(values))
