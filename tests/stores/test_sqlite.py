"""SQLite stores: bad files and folders, full disks, damage, and how data is written."""

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from adjourn.protocol.errors import RecordTooNew, StoreCorrupt, StoreInUse, StoreTooNew, StoreUnavailable
from adjourn.protocol.record import Head, Record
from adjourn.stores import SqliteStore, sqlite, sqlite_file, sqlite_layout, thread
from adjourn.stores.testing import a_head, a_journal, next_head


async def refused(path: Path, kind: type[Exception]) -> str:
    """Return the error with which the store at that path fails to open."""
    with pytest.raises(kind) as caught:
        await SqliteStore.open(path)
    assert path.name in str(caught.value)
    return str(caught.value)


async def make_store(path: Path, *heads: Head) -> None:
    async with await SqliteStore.open(path) as store:
        for head in heads:
            await store.save(head, a_journal(), expected_version=0)


def execute(path: Path, sql: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(sql, values)
    connection.close()


@pytest.fixture
def patch_connection(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[sqlite3.Connection], None]], None]:
    """Changes the writing connection of stores opened later."""

    def patch(change: Callable[[sqlite3.Connection], None]) -> None:
        def connect(path: str) -> sqlite3.Connection:
            connection = sqlite_file.connect(path)
            change(connection)
            return connection

        monkeypatch.setattr(sqlite, "connect", connect)

    return patch


# Places where a store can't be opened.


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    assert f"there is no directory {tmp_path / 'no'}" in await refused(tmp_path / "no" / "runs.db", StoreUnavailable)


async def test_a_directory_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "runs.db").mkdir()
    assert "that is a directory" in await refused(tmp_path / "runs.db", StoreUnavailable)


async def test_a_read_only_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.db"
    await make_store(path)
    # Permission bits have no effect for a superuser, who may run the tests.
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place) != path)
    assert f"{path} is read-only" in await refused(path, StoreUnavailable)


async def test_a_place_where_no_file_can_be_made_is_named() -> None:
    await refused(Path("/dev/fd/runs.db"), StoreUnavailable)


async def test_a_second_store_on_the_same_file_is_refused_under_any_name(tmp_path: Path) -> None:
    path, other = tmp_path / "runs.db", tmp_path / "other.db"
    async with await SqliteStore.open(path):
        other.symlink_to(path)
        for name in (path, other):
            with pytest.raises(StoreInUse, match=f"{path} is open already, in process {os.getpid()}"):
                await SqliteStore.open(name)
    async with await SqliteStore.open(other):
        pass


async def test_a_relative_path_is_one_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await make_store(Path("runs.db"))
    assert (tmp_path / "runs.db").exists()


# A file that isn't a store, or not one of ours, stays unchanged.


async def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.write_text("dear diary, " * 1000)
    await refused(path, StoreCorrupt)
    assert path.read_text() == "dear diary, " * 1000


async def test_another_programs_database_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    execute(path, "CREATE TABLE invoices (id)")
    before = path.read_bytes()
    assert "database of another program" in await refused(path, StoreCorrupt)
    assert path.read_bytes() == before


async def test_a_store_of_a_newer_adjourn_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    await make_store(path, a_head())
    execute(path, f"PRAGMA user_version = {sqlite_layout.LAYOUT_VERSION + 1}")
    before = path.read_bytes()
    await refused(path, StoreTooNew)
    assert path.read_bytes() == before


async def test_a_store_without_its_tables_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    await make_store(path)
    execute(path, "DROP TABLE store")
    assert "no such table: store" in await refused(path, StoreCorrupt)


async def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.touch()
    await make_store(path, a_head())


async def test_a_file_damaged_in_the_middle_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    await make_store(path, *[a_head(f"run-{n}") for n in range(50)])
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xff" * (len(content) - 4096 * 2)
    path.write_bytes(content)

    async def read_all() -> None:
        async with await SqliteStore.open(path) as store:
            for n in range(50):
                await store.load(f"run-{n}")

    with pytest.raises(StoreCorrupt, match=r"runs\.db is damaged"):
        await read_all()


async def test_an_opening_that_failed_leaves_nothing_locked(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.write_text("dear diary, " * 1000)
    await refused(path, StoreCorrupt)
    path.unlink()
    await make_store(path)


# Damaged files.


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("json_set(data, '$.schemaVersion', 5)", RecordTooNew),
        ("'{'", StoreCorrupt),
        ("CAST(x'7bff' AS TEXT)", StoreCorrupt),
    ],
)
async def test_a_run_that_cant_be_read_is_an_error_of_its_own(
    damage: str, kind: type[Exception], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "runs.db"
    good = a_head("good", next_due=2)
    await make_store(path, good, a_head("bad", next_due=1))
    execute(path, f"UPDATE heads SET data = {damage} WHERE id = 'bad'")
    async with await SqliteStore.open(path) as store:
        with pytest.raises(kind):
            await store.load("bad")
        assert (await store.list()).heads == await store.due(9) == (good,)
        assert "run bad is left out" in caplog.text
        assert await store.load("good") == Record(head=good, journal=a_journal())


async def test_runs_that_cant_be_read_hide_no_others_that_are_due(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    bad = [a_head(f"bad-{n}", next_due=1 + n % 3) for n in range(7)]
    good = [a_head(f"good-{n}", next_due=3 + n) for n in range(3)]
    await make_store(path, *bad, *good)
    execute(path, "UPDATE heads SET data = '{' WHERE id LIKE 'bad-%'")
    async with await SqliteStore.open(path) as store:
        for limit in (1, 2, 3, 4, 100):
            assert await store.due(9, limit) == tuple(good[:limit])
        assert await store.due(4, 1) == (good[0],)
        assert await store.due(2, 1) == ()


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("UPDATE journal SET schema_version = 5 WHERE n = 3", RecordTooNew),
        ("UPDATE journal SET data = '[]' WHERE n = 3", StoreCorrupt),
        ("DELETE FROM journal WHERE n = 3", StoreCorrupt),
        ("DELETE FROM journal WHERE n = 4", StoreCorrupt),
    ],
)
async def test_a_journal_that_cant_be_read_is_never_a_shorter_one(
    damage: str, kind: type[Exception], tmp_path: Path
) -> None:
    await make_store(tmp_path / "runs.db", a_head())
    execute(tmp_path / "runs.db", damage)
    async with await SqliteStore.open(tmp_path / "runs.db") as store:
        with pytest.raises(kind):
            await store.load("run")


# A disk that fails.


async def test_a_full_disk_is_said_and_loses_nothing(
    tmp_path: Path, patch_connection: Callable[[Callable[[sqlite3.Connection], None]], None]
) -> None:
    connections: list[sqlite3.Connection] = []
    patch_connection(connections.append)
    head = a_head()
    async with await SqliteStore.open(tmp_path / "runs.db") as store:
        await store.save(head, a_journal(), expected_version=0)
        connections[0].execute("PRAGMA max_page_count = 20")
        big = next_head(head, metadata={"big": "x" * 100_000})
        with pytest.raises(StoreUnavailable, match="the disk is full") as caught:
            await store.save(big, a_journal(), expected_version=1)
        assert caught.value.retryable
        assert await store.load("run") == Record(head=head, journal=a_journal())
        connections[0].execute("PRAGMA max_page_count = 1000")
        await store.save(big, a_journal(), expected_version=1)
        assert await store.load("run") == Record(head=big, journal=a_journal() * 2)


async def test_a_moved_file_takes_no_saves_until_it_is_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, elsewhere = tmp_path / "runs.db", tmp_path / "elsewhere.db"
    async with await SqliteStore.open(path) as store:
        head = a_head()
        path.rename(elsewhere)
        for _ in range(2):
            for call in (store.save(head, a_journal(), expected_version=0), store.load("run")):
                with pytest.raises(StoreUnavailable, match="moved away or replaced while it was in use"):
                    await call
            path.touch()
        elsewhere.rename(path)
        assert await store.load("run") is None
        await store.save(head, a_journal(), expected_version=0)
    said = [record.getMessage().removeprefix(f"{path}: ") for record in caplog.records]  # one record for each
    assert said == [
        "the file was moved away or replaced while it was in use; put it back, or start again without it",
        "saves again",
    ]
    async with await SqliteStore.open(path) as store:
        assert await store.load("run") is not None


async def test_another_programs_lock_is_waited_for_once_and_as_long_as_it_lasts_not_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    patch_connection: Callable[[Callable[[sqlite3.Connection], None]], None],
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_MS", 50)
    connections: list[sqlite3.Connection] = []
    patch_connection(connections.append)

    def busy_ms() -> int:
        return connections[0].execute("PRAGMA busy_timeout").fetchone()[0]

    async def save_refused(run_id: str) -> None:
        with pytest.raises(StoreUnavailable, match="another program has locked the file"):
            await store.save(a_head(run_id), expected_version=0)

    async with await SqliteStore.open(tmp_path / "runs.db") as store:
        assert busy_ms() == 50
        other = sqlite3.connect(tmp_path / "runs.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(save_refused, "first")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(save_refused, "behind it")
        assert busy_ms() == 0, "what waits behind it is told at once"
        assert await store.load("first") is None, "reading goes on"
        other.execute("ROLLBACK")
        other.close()
        await store.save(a_head("first"), expected_version=0)
        assert busy_ms() == 50


async def test_a_disk_that_hangs_holds_no_call_and_no_closing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    patch_connection: Callable[[Callable[[sqlite3.Connection], None]], None],
) -> None:
    monkeypatch.setattr(thread, "STUCK_S", 0.001)
    disk, waits = threading.Event(), threading.Event()
    disk.set()

    def reach(statement: str) -> None:
        waits.set()
        disk.wait()

    patch_connection(lambda connection: connection.set_trace_callback(reach))

    async def save_given_up(run_id: str) -> None:
        with pytest.raises(StoreUnavailable, match="not answered in time"):
            await store.save(a_head(run_id), expected_version=0)

    path = tmp_path / "runs.db"
    store = await SqliteStore.open(path)
    for given_up in ("first", "later"):
        disk.clear()
        waits.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(save_given_up, f"{given_up}, under way")
            await trio.to_thread.run_sync(waits.wait)
            nursery.start_soon(save_given_up, f"{given_up}, behind it")
            await trio.testing.wait_all_tasks_blocked()
            assert await store.load("first, behind it") is None, "reading goes on"
            assert store.give_up(0)
        if given_up == "first":
            disk.set()
            await store.save(a_head("after it"), expected_version=0)
            ids = {head.id for head in (await store.list()).heads}
            assert ids == {"first, under way", "after it"}
    await store.aclose()
    assert "is left open and locked: the disk does not answer" in caplog.text
    with pytest.raises(StoreInUse):
        await SqliteStore.open(path)
    disk.set()


# How data is written.


async def test_saves_that_wait_together_are_committed_together(
    tmp_path: Path, patch_connection: Callable[[Callable[[sqlite3.Connection], None]], None]
) -> None:
    statements: list[str] = []
    patch_connection(lambda connection: connection.set_trace_callback(statements.append))
    async with await SqliteStore.open(tmp_path / "runs.db") as store:
        async with trio.open_nursery() as nursery:
            for n in range(500):
                nursery.start_soon(lambda n: store.save(a_head(f"run-{n}"), a_journal(), expected_version=0), n)
        assert statements.count("COMMIT") <= 50
        assert len(statements) <= 50 * 20
        assert len((await store.list(limit=1000)).heads) == 500


async def test_a_returned_save_is_on_the_disk(
    tmp_path: Path, patch_connection: Callable[[Callable[[sqlite3.Connection], None]], None]
) -> None:
    connections: list[sqlite3.Connection] = []
    patch_connection(connections.append)
    async with await SqliteStore.open(tmp_path / "runs.db"):
        assert connections[0].execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connections[0].execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_closing_finishes_accepted_calls_and_ends_the_threads(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "runs.db")
    async with trio.open_nursery() as nursery:
        for n in range(20):
            nursery.start_soon(lambda n: store.save(a_head(f"run-{n}"), expected_version=0), n)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(store.aclose)
        nursery.start_soon(store.aclose)
    for each in threading.enumerate():
        if each.name.startswith("adjourn"):
            each.join(5)
            assert not each.is_alive()
    async with await SqliteStore.open(tmp_path / "runs.db") as again:
        assert len((await again.list()).heads) == 20


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collects the queries, with their values, of stores opened later."""
    asked: list[str] = []

    def connect_reader(path: str) -> sqlite3.Connection:
        connection = sqlite_file.connect_reader(path)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(sqlite, "connect_reader", connect_reader)
    return asked


def plans(path: Path, queries: list[str]) -> list[list[str]]:
    """Return SQLite's plan for each query."""
    connection = sqlite3.connect(path)
    found = [[row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + query)] for query in queries]
    connection.close()
    return found


async def test_no_query_looks_at_every_run(tmp_path: Path, queries: list[str]) -> None:
    path = tmp_path / "runs.db"
    async with await SqliteStore.open(path) as store:
        await store.load("run")
        await store.list()
        await store.list(status="paused", after="5.run")
        await store.due(5)
        await store.count("paused")
    for plan in plans(path, queries):
        assert any(step.startswith("SEARCH heads USING") for step in plan), plan
        assert not any(step.startswith("SCAN heads") or "TEMP B-TREE" in step for step in plan), plan
    assert len(queries) == 5


async def test_each_combination_of_filters_has_its_index(tmp_path: Path, queries: list[str]) -> None:
    path = tmp_path / "runs.db"
    by_status = "heads_by_status (status=? AND <expr>=? AND (created_at,id)<(?,?))"
    by_agent = "heads_by_agent (agent=? AND status=? AND <expr>=? AND (created_at,id)<(?,?))"
    combinations: list[tuple[dict[str, Any], str, int]] = [  # the index, and how many of its ranges are merged
        ({}, by_status, 10),
        ({"waiting": True}, by_status, 5),
        ({"status": "paused"}, by_status, 2),
        ({"status": "paused", "waiting": True}, by_status, 1),
        ({"agent": "a"}, by_agent, 10),
        ({"agent": "a", "waiting": True}, by_agent, 5),
        ({"agent": "a", "status": "paused"}, by_agent, 2),
        ({"agent": "a", "status": "paused", "waiting": True}, by_agent, 1),
    ]
    async with await SqliteStore.open(path) as store:
        for filters, _, _ in combinations:
            for after in (None, "5.run"):
                await store.list(**filters, after=after)
    found = [[step for step in plan if "heads" in step] for plan in plans(path, queries)]
    expected = [
        [f"SEARCH heads USING INDEX {index}"] * ranges for _, index, ranges in combinations for _ in ("first", "next")
    ]
    assert found == expected
    assert not any("TEMP B-TREE" in step for plan in plans(path, queries) for step in plan)
