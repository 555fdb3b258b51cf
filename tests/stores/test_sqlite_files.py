"""SQLite stores whose files are linked, removed, cut or replaced while they are open."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adjourn.protocol.errors import StoreInUse, StoreUnavailable
from adjourn.stores import SqliteStore, sqlite_files
from adjourn.stores.testing import a_head, a_journal

OTHER_PROGRAM = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute(sys.argv[2]).fetchall())
connection.close()
"""
REFUSED = "import sys, trio\nfrom adjourn.stores import SqliteStore\ntrio.run(SqliteStore.open, sys.argv[1])"


def refusal_in_another_process(path: Path) -> str:
    return subprocess.run([sys.executable, "-c", REFUSED, str(path)], capture_output=True, text=True).stderr


@contextmanager
def locked_by_an_earlier_version(path: Path) -> Iterator[None]:
    with open(f"{path}.lock", "w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def ask_as_another_program(path: Path, sql: str) -> str:
    command = [sys.executable, "-c", OTHER_PROGRAM, str(path), sql]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


async def saved(store: SqliteStore, count: int) -> set[str]:
    """Save that many runs, one by one. Return their ids."""
    ids = [f"run-{n}" for n in range(count)]
    for run_id in ids:
        await store.save(a_head(run_id, metadata={"ballast": "x" * 2000}), a_journal(), expected_version=0)
    return set(ids)


async def left_by_a_killed_process(path: Path, folder: Path) -> set[str]:
    """Return the runs that the next process would find in the files at that path, if this process were killed now."""
    copy = folder / "left.db"
    for name in (path, log_of(path)):
        if name.exists():
            copy.with_name(name.name.replace(path.name, copy.name)).write_bytes(name.read_bytes())
    async with await SqliteStore.open(copy) as store:
        found = {head.id for head in (await store.list(limit=1000)).heads}
        for run_id in found:
            record = await store.load(run_id)
            assert record is not None
            assert record.journal == a_journal()
    return found


# Two stores at once.


async def test_a_hard_link_does_not_open_a_store_twice(tmp_path: Path) -> None:
    path, link = tmp_path / "runs.db", tmp_path / "link.db"
    async with await SqliteStore.open(path) as store:
        link.hardlink_to(path)
        with pytest.raises(StoreInUse, match="under another name"):
            await SqliteStore.open(link)
        assert f"{link} is open already in another process, under another name" in refusal_in_another_process(link)
        ids = await saved(store, 3)
        ask_as_another_program(path, "SELECT count(*) FROM heads")  # the last one to close would remove the log
        assert log_of(path).exists(), "this process still holds SQLite's own locks"
    async with await SqliteStore.open(link) as store:
        assert {head.id for head in (await store.list()).heads} == ids


async def test_a_process_of_an_earlier_version_has_the_lock_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with locked_by_an_earlier_version(path):
        with pytest.raises(StoreInUse, match="in process 4711"):
            await SqliteStore.open(path)
    async with await SqliteStore.open(path):
        pass


async def test_a_file_system_without_such_locks_has_the_lock_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    async with await SqliteStore.open(tmp_path / "runs.db") as store:
        assert await saved(store, 1) == {"run-0"}
        with pytest.raises(StoreInUse):
            await SqliteStore.open(tmp_path / "runs.db")


# Damage to open files.


def remove_log(path: Path) -> None:
    log_of(path).unlink()


def replace_log_by_nothing(path: Path) -> None:
    log_of(path).unlink()
    log_of(path).touch()


def replace_log(path: Path) -> None:
    old = log_of(path).read_bytes()
    log_of(path).unlink()
    log_of(path).write_bytes(old[: len(old) // 2])


def cut_log(path: Path) -> None:
    os.truncate(log_of(path), log_of(path).stat().st_size - 1)


def empty_log(path: Path) -> None:
    os.truncate(log_of(path), 0)


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    path.unlink()
    path.write_text("dear diary, " * 1000)


def remove_all(path: Path) -> None:
    for name in path.parent.glob("runs.db*"):
        name.unlink()


WHOLE: dict[str, Callable[[Path], None]] = {
    "the log was removed": remove_log,
    "an empty log took its place": replace_log_by_nothing,
    "another log took its place": replace_log,
    "the file was removed": remove,
    "another file took its place": replace,
    "all files were removed": remove_all,
}


@pytest.mark.parametrize("harm", WHOLE.values(), ids=WHOLE)
async def test_nothing_more_is_acknowledged_and_all_that_was_is_saved_when(
    harm: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "runs.db"
    async with await SqliteStore.open(path) as store:
        ids = await saved(store, 5)
        harm(path)
        late = [store.save(a_head("late"), expected_version=0), store.load("run-0"), store.acquire("me")]
        for call in late:
            with pytest.raises(StoreUnavailable, match="while it was in use; all that was saved is in"):
                await call
        rescued = [*tmp_path.glob("runs.db.rescued-*")]
        place = rescued[0] if rescued else path
        assert await left_by_a_killed_process(place, tmp_path) == ids
        (said,) = [record.getMessage() for record in caplog.records if record.name == "adjourn.stores"]
        assert (str(place) if rescued else "in the file: start again") in said
    if path.exists() and not rescued:
        async with await SqliteStore.open(path) as store:
            assert {head.id for head in (await store.list()).heads} == ids


@pytest.mark.parametrize("harm", [cut_log, empty_log], ids=["it lacks a byte", "it is empty"])
async def test_a_cut_log_is_reported_and_the_rest_of_the_store_stays_intact(
    harm: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "runs.db"
    async with await SqliteStore.open(path) as store:
        early = await saved(store, 5)
    async with await SqliteStore.open(path) as store:
        for run_id in early:
            await store.save(a_head(run_id, version=2), expected_version=1)
        before = path.read_bytes()
        harm(path)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="was cut while it was in use"):
                await store.save(a_head("late"), expected_version=0)
    assert path.read_bytes() == before, "closing it moves no half of a log into the file"
    assert await left_by_a_killed_process(path, tmp_path) == early


async def test_a_file_that_was_cut_is_told(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    async with await SqliteStore.open(path) as store:
        await saved(store, 5)
    async with await SqliteStore.open(path) as store:
        await store.acquire("me")
        os.truncate(path, path.stat().st_size // 2)
        with pytest.raises(StoreUnavailable, match="the file was cut while it was in use"):
            await store.save(a_head("late"), expected_version=0)


async def test_files_that_cant_be_looked_at_take_no_saves_until_they_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(path)

    async with await SqliteStore.open(tmp_path / "runs.db") as store:
        with monkeypatch.context() as patch:
            patch.setattr(sqlite_files.os, "stat", refuse)
            with pytest.raises(StoreUnavailable, match="its files can't be checked"):
                await store.save(a_head(), expected_version=0)
        await store.save(a_head(), expected_version=0)
        assert await store.load("run") is not None


@pytest.mark.parametrize("sql", ["PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "DELETE FROM journal WHERE n = 99"])
async def test_harmless_statements_of_another_program_change_nothing(sql: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    async with await SqliteStore.open(path) as store:
        ids = await saved(store, 20)
        ask_as_another_program(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        for run_id in sorted(ids)[5:]:
            await store.delete(run_id, epoch=0)
        for n in range(3):
            ask_as_another_program(path, sql)
            ask_as_another_program(path, "PRAGMA wal_checkpoint(TRUNCATE)")
            await store.save(a_head(f"later-{n}"), expected_version=0)
        assert len((await store.list()).heads) == 8
