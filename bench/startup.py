"""Scenario 2, second half: starts a process on a store with very many parked runs, until its first decision is taken.

The runs are copies of a real one, written directly into the store's file. The started process is this module:
`python -m bench.startup FILE RUN_ID`.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain, islice

import msgspec
import trio

from adjourn.actors import open_actor_system
from adjourn.protocol.record import decode_head, encode_head

from .agents import QUESTION, refund_agent
from .figure import Figure, compared, plain
from .repeat import resident_bytes, say

__all__ = ["Started", "fill", "measure", "start"]

BATCH = 20_000  # runs written in one transaction


class Started(msgspec.Struct, frozen=True):
    """Figures of the new process. Seconds count from just before its start."""

    open_s: float
    decided_s: float
    resident: int  # bytes


def measure(quick: bool) -> list[Figure]:
    """Measures the time to the first decision and the resident memory, with many parked runs and with few."""
    count, repeats = (10_000, 3) if quick else (200_000, 3)
    with tempfile.TemporaryDirectory() as folder:
        many, few = os.path.join(folder, "many.db"), os.path.join(folder, "few.db")
        fill(many, count)
        fill(few, repeats + 1)
        pairs: list[tuple[Started, Started]] = []
        for number in range(repeats + 1):
            say(f"start beside {count:,} parked runs: {number}/{repeats}")
            pairs.append((start(many, run_id(number)), start(few, run_id(number))))
    pairs = pairs[1:]  # the first warms up
    name = f"start beside {count:,} parked"
    decided = [(many.decided_s, few.decided_s) for many, few in pairs]
    resident = [(many.resident / 1e6, few.resident / 1e6) for many, few in pairs]
    against = f"the same beside {repeats}"
    return [
        plain(2, f"{name}: ready", "s", [many.open_s for many, _ in pairs], most=2),
        compared(2, f"{name}: first decision", "s", decided, against=against),
        plain(2, f"{name}: resident", "MB", [mine for mine, _ in resident], most=200),
        compared(2, f"{name}: resident, beside few", "MB", resident, against=against),
    ]


def run_id(number: int) -> str:
    """Returns the id of the copy with this number."""
    return f"run-{number:09d}"


def start(path: str, run: str) -> Started:
    """Starts a process that opens the file and decides the run."""
    before = time.monotonic()
    command = [sys.executable, "-m", "bench.startup", path, run, repr(before)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Started)


def fill(path: str, count: int) -> None:
    """Fills a store's file with `count` equal parked runs."""
    template = trio.run(_park_one, path)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")
    head = database.execute("SELECT * FROM heads WHERE id = ?", [template]).fetchone()
    run = head[0]
    journal = database.execute("SELECT n, schema_version, data FROM journal WHERE run = ? ORDER BY n", [run]).fetchall()
    for first in range(0, count, BATCH):
        say(f"parking copies: {first:,}/{count:,}")
        numbers = range(first, min(count, first + BATCH))
        database.execute("BEGIN")
        database.executemany("INSERT INTO heads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _heads(head, numbers))
        rows = chain.from_iterable([(run + 1 + n, *row) for row in journal] for n in numbers)
        database.executemany("INSERT INTO journal (run, n, schema_version, data) VALUES (?, ?, ?, ?)", rows)
        database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _heads(row: tuple[object, ...], numbers: range) -> Iterator[tuple[object, ...]]:
    run, _, *searched, next_due, created_at, spec, entries, data = row
    assert isinstance(run, int)
    assert isinstance(data, bytes | str)
    assert isinstance(created_at, int)
    assert isinstance(next_due, int)
    head = decode_head(data.encode() if isinstance(data, str) else data)
    for n in numbers:
        copy = msgspec.structs.replace(
            head, id=run_id(n), created_at=created_at + n, next_due=next_due + n, expires_at=next_due + n
        )
        moved = (next_due + n, created_at + n, spec, entries, encode_head(copy).decode())
        yield run + 1 + n, copy.id, *searched, *moved


async def _park_one(path: str) -> str:
    agent = refund_agent()
    async with open_actor_system([agent], store=f"sqlite:///{path}") as system:
        run = await system.start(agent, QUESTION)
        await run.wait()
        return run.id


async def decide(path: str, run: str, before: float) -> Started:
    """Opens the store and decides the run, in the new process."""
    async with open_actor_system([refund_agent()], store=f"sqlite:///{path}") as system:
        opened = time.monotonic() - before
        await system.resume(run, {"approved": True})
        return Started(opened, time.monotonic() - before, resident_bytes())


if __name__ == "__main__":
    path, run, before = islice(sys.argv, 1, 4)
    print(msgspec.json.encode(trio.run(decide, path, run, float(before))).decode())
