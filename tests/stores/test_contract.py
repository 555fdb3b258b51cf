"""The Store contract, for every store here."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from adjourn.protocol.record import Record
from adjourn.stores import MemoryStore, SimpleStore, SqliteStore, open_store
from adjourn.stores.testing import Clause, Opener, check_store, clauses_for


class DictBackend:
    """The simplest backend. It waits a little, as real ones do."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    async def save(self, record: Record) -> None:
        await trio.lowlevel.checkpoint()
        self.records[record.head.id] = record

    async def load(self, run_id: str) -> Record | None:
        await trio.lowlevel.checkpoint()
        return self.records.get(run_id)

    async def delete(self, run_id: str) -> None:
        await trio.lowlevel.checkpoint()
        self.records.pop(run_id, None)


OPENERS: dict[str, Callable[[Path], Opener]] = {
    "memory": lambda _: MemoryStore,
    "simple": lambda _: lambda: SimpleStore(DictBackend()),
    "sqlite": lambda folder: lambda: open_store(f"sqlite:///{folder}/runs.db"),
}
CLAIMS = {"memory": MemoryStore.claims, "simple": SimpleStore.claims, "sqlite": SqliteStore.claims}
CASES = [(name, clause) for name, claims in CLAIMS.items() for clause in clauses_for(claims)]


@pytest.mark.parametrize(("store", "clause"), CASES, ids=[f"{name}: {clause}" for name, clause in CASES])
async def test_a_store_keeps_the_contract(store: str, clause: Clause, tmp_path: Path) -> None:
    await clause.check(OPENERS[store](tmp_path))


async def test_the_whole_suite_runs_without_a_test_framework() -> None:
    opened: list[MemoryStore] = []

    def new() -> Opener:
        opened.append(MemoryStore())
        return lambda store=opened[-1]: store

    await check_store(new)
    assert len(opened) == 1 + len(clauses_for(MemoryStore.claims))


def test_without_asserts_no_store_passes() -> None:
    script = "import trio; from adjourn.stores import *; from adjourn.stores.testing import *\n"
    script += "trio.run(check_store, lambda: MemoryStore)"
    done = subprocess.run([sys.executable, "-O", "-c", script], capture_output=True, text=True, check=False)
    assert "RuntimeError: the clauses are asserts: run them without -O and PYTHONOPTIMIZE" in done.stderr
