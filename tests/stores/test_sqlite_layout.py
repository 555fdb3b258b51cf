"""Stores of earlier versions: how they are migrated when opened, and what happens when that fails."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from adjourn.protocol.errors import StoreCorrupt, StoreUnavailable
from adjourn.protocol.record import encode_entry
from adjourn.stores import SqliteStore, sqlite_file, sqlite_layout
from adjourn.stores.testing import a_journal

# Layout 1, frozen: never change it.
LAYOUT_1 = """
BEGIN IMMEDIATE;
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,  -- of the present owner
    owner TEXT               -- who that is, for people
);
INSERT INTO store VALUES (1, 0, NULL);
CREATE TABLE heads (
    id TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    status TEXT NOT NULL,
    next_due INTEGER,             -- ms
    created_at INTEGER NOT NULL,  -- ms
    entries INTEGER NOT NULL,     -- in the journal
    data TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX heads_by_due ON heads (next_due, id) WHERE next_due IS NOT NULL;
CREATE INDEX heads_by_age ON heads (created_at, id);
CREATE INDEX heads_by_status ON heads (status, created_at, id);
CREATE TABLE journal (
    run_id TEXT NOT NULL,
    n INTEGER NOT NULL,  -- from 0
    schema_version INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run_id, n)
) WITHOUT ROWID;
PRAGMA application_id = 1633970798;
PRAGMA user_version = 1;
COMMIT;
PRAGMA journal_mode = WAL;
"""
KEPT = (
    "SELECT epoch, owner FROM store",
    "SELECT id, version, epoch, status, next_due, created_at, entries, typeof(data), hex(data) FROM heads ORDER BY id",
    "SELECT run_id, n, schema_version, data FROM journal ORDER BY run_id, n",
)
MIGRATED = (
    *KEPT[:2],
    "SELECT id, journal.n, schema_version, journal.data FROM journal JOIN heads ON heads.n = run ORDER BY 1, 2",
)


def a_head_of_1(run_id: str, status: str = "paused", *phases: str, **fields: Any) -> dict[str, Any]:
    """Return a head as schema version 1 wrote it, with a call in each of these phases."""
    calls = [{"id": f"call-{n}", "name": "refund", "index": n, "phase": phase} for n, phase in enumerate(phases)]
    head = {"id": run_id, "status": status, "agent": "support", "nonce": "n", "schemaVersion": 1, "version": 1}
    return head | {"calls": calls, "createdAt": 1_000, "updatedAt": 2_000} | fields


def make_store_of_1(path: Path, heads: Iterable[dict[str, Any]], epoch: int = 3) -> None:
    entry = encode_entry(a_journal()[1]).decode()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(LAYOUT_1)
    connection.execute("UPDATE store SET epoch = ?, owner = 'ann:1'", (epoch,))
    connection.execute("BEGIN")
    for head in heads:
        run_id, created_at = head["id"], head["createdAt"]
        row = (run_id, head["version"], epoch, head["status"], head.get("nextDue"), created_at, 1, json.dumps(head))
        connection.execute("INSERT INTO heads VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("INSERT INTO journal VALUES (?, 0, 1, ?)", (run_id, entry))
    connection.execute("COMMIT")
    connection.close()


def read(path: Path, *queries: str) -> list[list[Any]]:
    connection = sqlite3.connect(path)
    found = [connection.execute(query).fetchall() for query in queries]
    connection.close()
    return found


async def ids(store: SqliteStore, **filters: Any) -> list[str]:
    return [head.id for head in (await store.list(limit=10_000, **filters)).heads]


async def test_a_store_of_layout_1_keeps_all_and_can_be_searched_like_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    heads = [
        a_head_of_1("gated", "paused", "done", "gated", updatedAt=5_000, nextDue=9_000),
        a_head_of_1("gated-beside-work", "running", "started", "gated", agent="sales"),
        a_head_of_1("offered", "paused", "offered"),
        a_head_of_1("begun", "running"),
        a_head_of_1("over", "aborted", "gated"),
    ]
    make_store_of_1(path, heads)
    before = read(path, *KEPT)
    async with await SqliteStore.open(path) as store:
        assert read(path, *MIGRATED) == before
        assert await ids(store) == ["over", "offered", "gated-beside-work", "gated", "begun"]
        assert await ids(store, waiting=True) == ["gated-beside-work", "gated"]
        assert await ids(store, agent="sales") == ["gated-beside-work"]
        assert await ids(store, waiting=True, agent="support", status="paused") == ["gated"]
        assert [head.id for head in await store.due(9_000)] == ["gated"]
        record = await store.load("gated")
        assert record is not None
        assert (record.head.calls[0].phase, record.journal) == ("gated", a_journal()[1:2])
    since = read(path, "SELECT id, waiting_since FROM heads WHERE waiting_since IS NOT NULL")
    assert dict(since[0]) == {"gated": 5_000, "gated-beside-work": 2_000}


async def test_a_migrated_store_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    make_store_of_1(old, [])
    for path in (old, new):
        async with await SqliteStore.open(path):
            pass
    columns = [f"SELECT * FROM pragma_table_xinfo('{table}')" for table in ("store", "heads", "specs", "journal")]
    indexes = "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name"
    header = ("PRAGMA application_id", "PRAGMA user_version")
    assert read(old, *columns, indexes, *header) == read(new, *columns, indexes, *header)


@pytest.mark.parametrize(("epoch", "is_clean"), [(0, True), (3, False)])
async def test_a_migrated_store_counts_as_clean_only_if_it_had_no_owner(
    tmp_path: Path, epoch: int, is_clean: bool
) -> None:
    make_store_of_1(tmp_path / "runs.db", [], epoch)
    async with await SqliteStore.open(tmp_path / "runs.db") as store:
        acquired = await store.acquire("me")
        assert (acquired.epoch, acquired.is_clean) == (epoch + 1, is_clean)


async def test_heads_that_cant_be_read_keep_no_store_from_opening(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    damage = ["'{'", "CAST(x'7bff' AS TEXT)", "x'7b7d'", "''", "'null'", "'[]'", "'5'", "'\"text\"'"]
    damage += [f"'{json.dumps(calls)}'" for calls in ({"calls": 5}, {"calls": "x"}, {"calls": ["x", None, [1]]})]
    damage += ['\'{"agent": {}, "calls": [{"phase": {}}, {"phase": "gated"}], "updatedAt": null}\'']
    make_store_of_1(path, [a_head_of_1(f"run-{n}", "paused", "gated") for n in range(len(damage) + 1)])
    connection = sqlite3.connect(path)
    with connection:
        for n, data in enumerate(damage):
            connection.execute(f"UPDATE heads SET data = {data} WHERE id = 'run-{n}'")
    connection.close()
    before = read(path, KEPT[1])
    async with await SqliteStore.open(path) as store:
        assert read(path, KEPT[1]) == before
        assert await ids(store, waiting=True, agent="support") == [f"run-{len(damage)}"]


# A migration that is interrupted.


KILLED = """
import os, signal, sqlite3, sys
import trio
from adjourn.stores import SqliteStore, sqlite_file

path, statement = sys.argv[1:]
opened = sqlite_file._open

def kill(sql):
    if sql.lstrip().startswith(statement):
        os.kill(os.getpid(), signal.SIGKILL)

def open_traced(path):
    connection = opened(path)
    connection.execute("PRAGMA cache_size = 10")  # pages, so that much is in the file already
    connection.set_trace_callback(kill)
    return connection

sqlite_file._open = open_traced
trio.run(SqliteStore.open, path)
"""


@pytest.mark.parametrize(
    "statement", ["UPDATE heads", "CREATE INDEX waiting_by_age", "DROP TABLE old_journal", "COMMIT"]
)
async def test_a_process_killed_in_the_migration_leaves_the_old_layout(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "runs.db"
    make_store_of_1(path, [a_head_of_1(f"run-{n:04}", "paused", "gated") for n in range(1_000)])
    before = read(path, *KEPT, "PRAGMA user_version", "SELECT * FROM sqlite_schema")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), statement], check=False)  # noqa: ASYNC221
    assert killed.returncode == -signal.SIGKILL
    assert read(path, *KEPT, "PRAGMA user_version", "SELECT * FROM sqlite_schema") == before
    async with await SqliteStore.open(path) as store:
        assert len(await ids(store, waiting=True)) == 1_000
        assert read(path, *MIGRATED) == before[:3]


async def test_a_disk_that_gets_full_in_the_migration_leaves_the_old_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.db"
    make_store_of_1(path, [a_head_of_1(f"run-{n:04}", "paused", "gated") for n in range(1_000)])
    before = read(path, *KEPT, "PRAGMA user_version", "SELECT * FROM sqlite_schema")
    opened = sqlite_file._open

    def open_full(path: str) -> sqlite3.Connection:
        connection = opened(path)
        connection.execute("PRAGMA max_page_count = 1")  # SQLite raises this to the current number of pages
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_file, "_open", open_full)
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            await SqliteStore.open(path)
    assert read(path, *KEPT, "PRAGMA user_version", "SELECT * FROM sqlite_schema") == before
    async with await SqliteStore.open(path) as store:
        assert len(await ids(store, waiting=True)) == 1_000


async def test_a_layout_that_never_was_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    make_store_of_1(path, [])
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 0")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="has layout 0, which no adjourn has ever used"):
        await SqliteStore.open(path)
    assert path.read_bytes() == before


def test_every_layout_has_a_way_to_the_present() -> None:
    assert set(sqlite_layout.MIGRATIONS) == set(range(1, sqlite_layout.LAYOUT_VERSION))
