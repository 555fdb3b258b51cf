"""Write a frozen store, for each new layout or schema version: `python tests/support/freeze_store.py v2`.

It writes `tests/vectors/stores/<name>.sqlite3`, as killed processes leave it, and `<name>.json` beside it: how the
installed adjourn shows the runs and how they end. Read the JSON before you commit it: every later version must give the
same. The script always writes the same rows.

`v1` was written by adjourn 0.1.0, before its first release. With `PYTHONPATH=<checkout>/.src` an older checkout writes
its store.
"""

import hashlib
import json
import os
import random
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import trio
from frozen_runs import STORES, come_to, go_on, look
from frozen_shop import AGENT_OF, HISTORY, Shop
from frozen_steps import OVERDUE, YES, steps_of
from trio.testing import wait_all_tasks_blocked

from adjourn.actors import ActorSystem, Run, open_actor_system
from adjourn.protocol.errors import AdjournError
from adjourn.protocol.record import Head, RunLimits
from adjourn.protocol.transcript import Snapshot
from adjourn.stores import SqliteStore

BEGIN_S = 1_795_824_000  # 28 November 2026
MINUTE_S, DAY_S = 60, 24 * 3600
METADATA = {"tenant": "acme", "tags": ["é", 1, None, {"deep": True}]}


class Clock:
    """A wall clock that moves only when it is set."""

    def __init__(self, now_s: int) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class NamedStore(SqliteStore):
    """A store with a fixed owner name instead of this machine's."""

    async def acquire(self, owner: str) -> int:
        return await super().acquire("frozen")


class Writing:
    """A process that writes runs."""

    def __init__(self, system: ActorSystem, clock: Clock) -> None:
        self.system, self.clock = system, clock

    async def start(self, run_id: str, given: Any = None, **options: Any) -> Run:
        """Starts a run, a minute after the previous one."""
        self.clock.now_s += MINUTE_S
        agent = AGENT_OF.get(run_id, "desk")
        return await self.system.start(agent, given or f"Please: {run_id}.", run_id=run_id, **options)

    async def parked(self, run_id: str, **options: Any) -> tuple[Run, list[str]]:
        """Starts a run that parks. Returns it and the ids of its waiting calls."""
        run = await self.start(run_id, **options)
        return run, await pending(run)

    async def too_late(self, run: Run) -> None:
        """Decides a call after its deadline, which makes the call expire."""
        try:
            await run.resume(YES)
        except AdjournError:
            await run.wait_ended()
        else:
            raise AssertionError(f"{run} should be over")


async def pending(run: Run) -> list[str]:
    return [call.tool_call_id for call in (await run.wait()).pending]


async def reached(run: Run, is_it: Callable[[Snapshot], bool]) -> None:
    """Waits until the run is in the wanted state and has emitted all events of that state."""
    async with run.events(after=None) as items:
        async for _ in items:
            if is_it(await run.snapshot()):
                break
        else:
            raise AssertionError(f"{run} is over")
    await wait_all_tasks_blocked()


def said(text: str) -> Callable[[Snapshot], bool]:
    return lambda found: found.streaming is not None and found.streaming.text == text


def under_way(found: Snapshot) -> bool:
    return any(tool.partial_result is not None for tool in found.tools)


# Two processes, each killed at the end. The first one's run is brought back by the second.


async def first(writing: Writing) -> None:
    run = await writing.start("streaming-twice")
    await reached(run, said("This took"))


async def second(writing: Writing) -> None:
    await reached(writing.system.run("streaming-twice"), said("This took"))
    for write in (write_expired, write_ended, write_parked, write_running):
        await write(writing)


async def write_expired(writing: Writing) -> None:
    run, _ = await writing.parked("completed-default")
    writing.clock.now_s += DAY_S
    await writing.too_late(run)
    run, _ = await writing.parked("expired")
    writing.clock.now_s += 20 * MINUTE_S
    await writing.too_late(run)


async def write_ended(writing: Writing) -> None:
    limits = RunLimits(max_cost=100.0, max_tokens=1_000_000)
    run = await writing.start("completed", HISTORY, metadata=METADATA, by="ann", limits=limits)
    await run.wait_ended()
    for run_id in ("failed", "failed-limit"):
        await (await writing.start(run_id)).wait_ended()
    run, [refund, scan] = await writing.parked("completed-decided")
    await run.resume(YES, refund, by="bob")
    token = await writing.system.claim(run.id, scan, by="kiosk")
    await writing.system.result(run.id, scan, token, {"badge": 42}, by="kiosk")
    await run.wait_ended()
    run, _ = await writing.parked("completed-declined")
    await run.decline(reason="too much", by="bob")
    await run.wait_ended()
    run = await writing.start("aborted")
    await reached(run, said("I was about"))
    await run.abort("changed my mind", by="bob")
    run, _ = await writing.parked("aborted-parked")
    await run.abort()


async def write_parked(writing: Writing) -> None:
    for run_id in ("parked", "parked-deadline", "offered"):
        await writing.parked(run_id, by="ann")
    run, [refund, *_] = await writing.parked("parked-several", metadata=METADATA, by="ann")
    await run.resume(YES, refund, by="bob")
    await pending(run)
    run, _ = await writing.parked("offered-after-decision")
    await run.resume(YES, by="bob")
    run, [scan] = await writing.parked("claimed")
    await writing.system.claim(run.id, scan, by="kiosk")
    run, [_, _, scan] = await writing.parked("parked-mixed")
    await writing.system.claim(run.id, scan)


async def write_running(writing: Writing) -> None:
    await reached(await writing.start("streaming"), said("Order 7 was"))
    for run_id in ("executing", "executing-idempotent", "executing-beside-gate", "queued"):
        await reached(await writing.start(run_id), under_way)
    run, _ = await writing.parked("executing-decided")
    await run.resume(YES, by="bob")
    await reached(run, under_way)
    run = await writing.start("aborting")
    await reached(run, under_way)
    asked = trio.Event()

    def watch(head: Head, deleted: bool) -> None:
        if head.abort is not None:
            asked.set()

    writing.system.watch_changes(watch)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(run.abort, "wrong order", by="bob"))  # the tool keeps the abort from ending
        await asked.wait()
        die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def write(path: str, number: int) -> None:
    """Runs one process. All its random values come from a seed."""
    source = random.Random(number)
    secrets.token_hex = lambda nbytes=None: source.randbytes(nbytes or 32).hex()
    tokens = count(1)
    secrets.token_urlsafe = lambda nbytes=None: f"frozen-claim-token-{next(tokens)}"
    clock = Clock(BEGIN_S + number * 10 * MINUTE_S)
    work: Callable[[Writing], Awaitable[None]] = (first, second)[number]
    async with await NamedStore.open(path) as store:
        async with open_actor_system(Shop(stuck=True).agents, store=store, clock=clock) as system:
            await work(Writing(system, clock))
            die()


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.sqlite3"
        for number in range(2):
            done = subprocess.run([sys.executable, __file__, str(path), str(number)])
            assert done.returncode == -signal.SIGKILL, done
        fold_log(path)
        content = path.read_bytes()
        description = trio.run(describe, path)
    STORES.mkdir(exist_ok=True)
    (STORES / path.name).write_bytes(content)
    (STORES / f"{name}.json").write_text(as_text(description), encoding="utf-8")


def fold_log(path: Path) -> None:
    """Moves the write-ahead log into the file, without a change of rows."""
    with closing(sqlite3.connect(path)) as connection:
        rows = list(connection.iterdump())
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert not busy
    alone = path.with_name("alone.sqlite3")
    alone.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(alone)) as connection:
        assert list(connection.iterdump()) == rows


async def describe(path: Path) -> dict[str, Any]:
    """Returns what every later version must reproduce."""
    with closing(sqlite3.connect(path)) as connection:
        [layout] = connection.execute("PRAGMA user_version").fetchone()
        [[schema]] = connection.execute("SELECT DISTINCT schema_version FROM journal")
        [[last]] = connection.execute("SELECT max(json_extract(data, '$.updatedAt')) FROM heads")
    open_at, overdue_at = last + MINUTE_S * 1000, last + 31 * DAY_S * 1000
    runs: dict[str, Any] = {}
    for run_id, seen in (await look(copy_of(path))).items():
        steps = steps_of(run_id, seen["snapshot"]["messages"])
        runs[run_id] = {"seen": seen, "steps": steps, "after": await go_on(copy_of(path), open_at, run_id, steps)}
    return {
        "writtenBy": f"adjourn {version('adjourn')}",
        "layoutVersion": layout,
        "schemaVersion": schema,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "openAt": open_at,
        "runs": runs,
        "overdueAt": overdue_at,
        "overdue": await come_to(copy_of(path), overdue_at, OVERDUE),
    }


def as_text(description: dict[str, Any]) -> str:
    """Returns JSON with one line for each part of a run."""
    parts: list[Any] = []

    def marked(part: Any) -> str:
        parts.append(part)
        return f"@{len(parts) - 1}@"

    runs = {
        run: {name: marked(part) for name, part in run_parts.items()} for run, run_parts in description["runs"].items()
    }
    overdue = {run: marked(part) for run, part in description["overdue"].items()}
    text = json.dumps({**description, "runs": runs, "overdue": overdue}, indent=1) + "\n"
    for n, part in enumerate(parts):
        text = text.replace(f'"@{n}@"', json.dumps(part, ensure_ascii=False))
    return text


def copy_of(path: Path) -> Path:
    return Path(shutil.copy(path, path.with_name("copy.sqlite3")))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        trio.run(write, sys.argv[1], int(sys.argv[2]))
