"""Write a frozen store, for each new layout or schema version: `python tests/support/freeze_store.py v6`.

`v6` is an SQLite store; for the stores of servers, the names are `postgres-v2` and `valkey-v2`.

The script writes the store into `tests/vectors/stores/`, as killed processes leave it, and `<name>.json` beside it: how
the installed adjourn shows the runs and how they end. Read the JSON before you commit it: every later version must give
the same. The script always writes the same runs; the times and transaction numbers of a server differ.

`v1` was written by adjourn 0.1.0, before its first release. With `PYTHONPATH=<checkout>/.src` an older checkout writes
its store.
"""

import hashlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import trio
from frozen_media import FileMedium, Medium, PostgresMedium, ValkeyMedium, schema_versions
from frozen_runs import STORES, come_to, go_on, look
from frozen_shop import Shop
from frozen_steps import OVERDUE, steps_of
from frozen_writing import DAY_S, MINUTE_S, Clock, Writing, die, first, second, second_of_server
from postgres_server import running_postgres
from valkey_server import running_valkey

from adjourn.actors import open_actor_system
from adjourn.stores import Acquired, SqliteStore, open_store

BEGIN_S = 1_795_824_000  # 28 November 2026


class NamedStore(SqliteStore):
    """A store with a fixed owner name instead of this machine's."""

    async def acquire(self, owner: str) -> Acquired:
        return await super().acquire("frozen")


async def write(address: str, number: int) -> None:
    """Runs one process. All its random values come from a seed."""
    source = random.Random(number)
    os.urandom = source.randbytes
    names = random.Random(f"names {number}")  # of nodes, apart from the values in runs
    secrets.token_hex = lambda nbytes=None: names.randbytes(nbytes or 32).hex()
    tokens = count(1)
    secrets.token_urlsafe = lambda nbytes=None: f"frozen-claim-token-{next(tokens)}"
    clock = Clock(BEGIN_S + number * 10 * MINUTE_S)
    is_file = address.startswith("sqlite:")
    work = first if number == 0 else second if is_file else second_of_server
    async with await NamedStore.open(address.removeprefix("sqlite:///")) if is_file else open_store(address) as store:
        async with open_actor_system(Shop(stuck=True).agents, store=store, clock=clock) as system:
            await work(Writing(system, clock))
            die()


@contextmanager
def medium_for(name: str) -> Iterator[Medium]:
    """Runs the server that the store's name names, if any."""
    match name.rpartition("-")[0]:
        case "postgres":
            with running_postgres() as server:
                yield PostgresMedium(server)
        case "valkey":
            with running_valkey() as server:
                yield ValkeyMedium(server)
        case _:
            with tempfile.TemporaryDirectory() as folder:
                yield FileMedium(Path(folder))


def main(name: str) -> None:
    with medium_for(name) as medium:
        address = medium.new()
        for number in range(2):
            done = subprocess.run([sys.executable, __file__, address, str(number)])
            assert done.returncode == -signal.SIGKILL, done
            medium.end_leases(address)
        content = medium.content(address)
        description = trio.run(describe, medium, content)
    STORES.mkdir(exist_ok=True)
    (STORES / f"{name}.{medium.suffix}").write_bytes(content)
    (STORES / f"{name}.json").write_text(as_text(description), encoding="utf-8")


async def describe(medium: Medium, content: bytes) -> dict[str, Any]:
    """Returns what every later version must reproduce."""
    frozen = medium.load(content)
    layout, [schema] = medium.layout(frozen), await schema_versions(frozen)
    async with open_store(frozen) as store:
        last = max(head.updated_at for head in (await store.list()).heads)
    open_at, overdue_at = last + MINUTE_S * 1000, last + 31 * DAY_S * 1000
    runs: dict[str, Any] = {}
    for run_id, seen in (await look(frozen)).items():
        steps = steps_of(run_id, seen["snapshot"]["messages"])
        after = await go_on(medium.load(content), open_at, run_id, steps)
        runs[run_id] = {"seen": seen, "steps": steps, "after": after}
    overdue = {run_id: status for run_id, status in OVERDUE.items() if run_id in runs}
    return {
        "writtenBy": f"adjourn {version('adjourn')}",
        "layoutVersion": layout,
        "schemaVersion": schema,
        "sha256": hashlib.sha256(content).hexdigest(),
        "openAt": open_at,
        "runs": runs,
        "overdueAt": overdue_at,
        "overdue": await come_to(medium.load(content), overdue_at, overdue),
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


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        trio.run(write, sys.argv[1], int(sys.argv[2]))
