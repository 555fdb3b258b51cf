"""One transaction for many writes, with an outcome for each."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adjourn.protocol.errors import StaleEpoch, StoreUnavailable, VersionConflict
from adjourn.protocol.messages import ModelDescriptor
from adjourn.protocol.record import Spec, SpecEntry, encode_entry, encode_head
from adjourn.stores import Acquired
from adjourn.stores.sqlite_file import connect, connect_reader
from adjourn.stores.sqlite_reads import load
from adjourn.stores.sqlite_writes import Acquire, Delete, GroupWriter, Release, Save
from adjourn.stores.testing import a_head, a_journal

DESCRIPTOR = ModelDescriptor(id="m", api="a", provider="p")


def a_save(run_id: str = "run", version: int = 1, *, spec: bytes | None = None, **fields: Any) -> Save:
    head = a_head(run_id, version, **{"epoch": 0, **fields})
    return Save(head, version - 1, encode_head(head), spec, (encode_entry(a_journal()[1]),))


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "runs.db")


@pytest.fixture
def connection(path: str) -> Iterator[sqlite3.Connection]:
    connection = connect(path)
    yield connection
    connection.close()


@pytest.fixture
def write(connection: sqlite3.Connection, path: str) -> GroupWriter:
    return GroupWriter(connection, path)


def stored(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Return each run's version and number of entries."""
    rows = connection.execute(
        "SELECT id, version, (SELECT count(*) FROM journal WHERE run = heads.n) FROM heads ORDER BY id"
    )
    return {run_id: (version, entries) for run_id, version, entries in rows}


def kinds(outcomes: list[Any]) -> list[Any]:
    return [type(outcome) if isinstance(outcome, Exception) else outcome for outcome in outcomes]


def test_each_write_counts_for_the_next_in_its_group(connection: sqlite3.Connection, write: GroupWriter) -> None:
    writes = [
        a_save(version=1),
        a_save(version=2),
        a_save(version=2),  # conflicts with another writer's save
        a_save(version=3),
        a_save("other"),
        Delete("other", 0),
        a_save("again"),
        Delete("again", 0),
        a_save("again"),
    ]
    assert kinds(write(writes)) == [None, None, VersionConflict, *[None] * 6]
    assert stored(connection) == {"again": (1, 1), "run": (3, 3)}
    record = load(connection, "run")
    assert record is not None
    assert record.head.version == 3
    assert kinds(write([Delete("run", 0), a_save("run")])) == [None, None]
    assert stored(connection) == {"again": (1, 1), "run": (1, 1)}


def test_an_acquire_fences_later_writes_of_its_group(connection: sqlite3.Connection, write: GroupWriter) -> None:
    writes = [a_save("before"), Acquire("me"), a_save("after"), a_save("mine", epoch=1), Acquire("you")]
    owners = [Acquired(1, is_clean=True), Acquired(2, is_clean=False)]
    assert kinds(write(writes)) == [None, owners[0], StaleEpoch, None, owners[1]]
    assert kinds(write([a_save("late", epoch=1)])) == [StaleEpoch]
    assert kinds(write([Delete("run", epoch=1)])) == [StaleEpoch]
    assert stored(connection) == {"before": (1, 1), "mine": (1, 1)}


def test_a_release_keeps_its_place_in_its_group(connection: sqlite3.Connection, write: GroupWriter) -> None:
    writes = [Acquire("me"), a_save("mine", epoch=1), Release(1), a_save("late", epoch=1), Release(0), Acquire("you")]
    outcomes = kinds(write(writes))
    assert outcomes[1:] == [None, None, StaleEpoch, StaleEpoch, Acquired(2, is_clean=True)]
    assert stored(connection) == {"mine": (1, 1)}
    assert kinds(write([Release(2)])) == [None]
    assert connection.execute("SELECT epoch, owner, is_clean FROM store").fetchone() == (2, "you", 1)
    outcomes = kinds(write([a_save("late", epoch=2), Acquire("them")]))
    assert outcomes == [StaleEpoch, Acquired(3, is_clean=True)]
    assert connection.execute("SELECT epoch, owner, is_clean FROM store").fetchone() == (3, "them", 0)


def test_a_bad_save_fails_alone(connection: sqlite3.Connection, write: GroupWriter) -> None:
    connection.execute(
        "CREATE TRIGGER no BEFORE INSERT ON journal WHEN NEW.run = (SELECT n FROM heads WHERE id = 'no') "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    writes = [a_save("a"), a_save("unbindable", next_due=2**63), a_save("no"), a_save("b"), a_save("b", version=2)]
    outcomes = kinds(write(writes))
    assert outcomes == [None, OverflowError, StoreUnavailable, None, None]
    assert stored(connection) == {"a": (1, 1), "b": (2, 2)}


def test_groups_of_every_size_are_written_whole(connection: sqlite3.Connection, write: GroupWriter) -> None:
    sizes = (1, 2, 3, 511, 512, 513, 1100)
    for size in sizes:
        writes = [a_save(f"{size}-{n}") for n in range(size)]
        assert write(writes) == [None] * size
    assert set(stored(connection).values()) == {(1, 1)}
    assert len(stored(connection)) == sum(sizes)


def test_runs_with_the_same_spec_share_it_until_the_last_is_deleted(
    connection: sqlite3.Connection, write: GroupWriter
) -> None:
    spec, other = [encode_entry(SpecEntry(spec=Spec(agent=name, model=DESCRIPTOR))) for name in ("a", "b")]
    first = [a_save("1", spec=spec), a_save("2", spec=other), a_save("3", spec=spec)]
    for writes in (first, [a_save("4", spec=spec), a_save("gone", spec=spec), Delete("gone", 0)]):
        assert set(write(writes)) == {None}
    for run_id, entry in {"1": spec, "2": other, "3": spec, "4": spec}.items():
        record = load(connection, run_id)
        assert record is not None
        assert [encode_entry(each) for each in record.journal] == [entry, encode_entry(a_journal()[1])]
    for run_ids, left in (("12", 1), ("3", 1), ("4", 0)):
        write([Delete(run_id, 0) for run_id in run_ids])
        assert connection.execute("SELECT count(*) FROM specs").fetchone() == (left,)


def test_a_spec_is_kept_for_a_run_of_the_group_that_deletes_the_others(
    connection: sqlite3.Connection, write: GroupWriter
) -> None:
    spec = encode_entry(SpecEntry(spec=Spec(agent="a", model=DESCRIPTOR)))
    write([a_save("old", spec=spec)])
    write([a_save("new", spec=spec), Delete("old", 0)])
    record = load(connection, "new")
    assert record is not None
    assert encode_entry(record.journal[0]) == spec


def test_a_save_is_found_by_what_it_changed(connection: sqlite3.Connection, write: GroupWriter) -> None:
    found = "SELECT status, agent, waiting_since, next_due FROM heads"
    changes: list[dict[str, Any]] = [
        {"status": "paused"},
        {"waiting_since": 5},
        {"waiting_since": 5, "next_due": 7},
        {"waiting_since": 5, "next_due": 7},
        {"agent": "other"},
        {"status": "completed", "next_due": 8},
    ]
    for version, fields in enumerate(changes, 1):
        save = a_save(version=version, **fields)
        assert write([save]) == [None]
        head = save.head
        assert connection.execute(found).fetchone() == (head.status, head.agent, head.waiting_since, head.next_due)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_another_program_changed_is_read_anew(path: str, write: GroupWriter) -> None:
    assert write([a_save("a"), a_save("b")]) == [None, None]
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("UPDATE heads SET version = 7 WHERE id = 'a'")
    other.close()
    assert kinds(write([a_save("a", version=2), a_save("b", version=2)])) == [VersionConflict, None]


def test_what_a_failed_group_wrote_is_not_remembered(
    connection: sqlite3.Connection, write: GroupWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert write([a_save("a")]) == [None]
    with monkeypatch.context() as patch:
        patch.setattr(write, "_connection", FailingCommit(connection))
        assert kinds(write([a_save("a", version=2), a_save("b"), Delete("a", 0)])) == [StoreUnavailable] * 3
    assert write([a_save("a", version=2), a_save("b")]) == [None, None]
    assert stored(connection) == {"a": (2, 2), "b": (1, 1)}


def test_another_programs_lock_is_waited_for_once_and_loses_nothing(
    connection: sqlite3.Connection, path: str, write: GroupWriter
) -> None:
    connection.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcomes = write([a_save("a"), a_save("b")])
    assert kinds(outcomes) == [StoreUnavailable] * 2
    assert "another program has locked the file" in str(outcomes[0])
    other.close()
    assert write([a_save("a"), a_save("b")]) == [None, None]


class FailingCommit:
    """A connection whose disk fails at the commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error
        return self._connection.execute(sql, *values)

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction


def test_a_commit_that_fails_fails_every_write_and_leaves_no_transaction(
    connection: sqlite3.Connection, path: str, write: GroupWriter
) -> None:
    outcomes = GroupWriter(FailingCommit(connection), path)([a_save("a"), Acquire("me")])  # type: ignore[arg-type]
    assert kinds(outcomes) == [StoreUnavailable] * 2
    assert "reading or writing the disk failed" in str(outcomes[0])
    assert stored(connection) == {}
    assert write([a_save("a")]) == [None]


def test_a_reader_sees_whole_groups_only(connection: sqlite3.Connection, path: str, write: GroupWriter) -> None:
    reader = connect_reader(path)
    write([a_save("a")])
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM journal")
    record = load(reader, "a")
    connection.execute("ROLLBACK")
    reader.close()
    assert record is not None
    assert len(record.journal) == 1
