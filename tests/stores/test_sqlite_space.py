"""The disk space of deleted runs: new files release it automatically, old files after a command."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from adjourn.protocol.errors import StoreCorrupt, StoreInUse, StoreUnavailable
from adjourn.stores import Compacted, SqliteStore, compact_store, sqlite_file, sqlite_space
from adjourn.stores.testing import a_head, a_journal

RUNS = 200


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, pages in {"SLICE": 16, "RESERVE": 8, "WORTH_PAGES": 64}.items():
        monkeypatch.setattr(sqlite_space, name, pages)


def make_old_file(path: Path) -> None:
    """Make a store as earlier versions did."""
    sqlite_file.connect(str(path)).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA auto_vacuum = NONE")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("VACUUM")
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    connection.close()


async def fill_and_delete(path: Path) -> None:
    """Save many runs, and delete all but ten."""
    async with await SqliteStore.open(path) as store:
        async with trio.open_nursery() as nursery:
            for n in range(RUNS):
                head = a_head(f"run-{n}", metadata={"ballast": "x" * 20_000})
                nursery.start_soon(lambda head: store.save(head, a_journal(), expected_version=0), head)
        for n in range(10, RUNS):
            await store.delete(f"run-{n}", epoch=0)


async def left(path: Path) -> set[str]:
    async with await SqliteStore.open(path) as store:
        found = {head.id for head in (await store.list()).heads}
        for run_id in found:
            record = await store.load(run_id)
            assert record is not None
            assert record.journal == a_journal()
    return found


def free_pages(path: Path) -> int:
    connection = sqlite3.connect(path)
    [free] = connection.execute("PRAGMA freelist_count").fetchone()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return free


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return how many slices of space were released."""
    more: list[bool] = []
    give_back = sqlite_space.give_back

    def counted(connection: sqlite3.Connection) -> bool:
        more.append(give_back(connection))
        return more[-1]

    monkeypatch.setattr("adjourn.stores.sqlite.give_back", counted)
    return lambda: len(more)


async def until_all_is_given_back(store: SqliteStore, path: Path) -> None:
    while free_pages(path) > sqlite_space.RESERVE:
        await store.delete("nobody", epoch=0)


async def test_a_new_file_returns_freed_space_while_no_call_waits(tmp_path: Path, slices: Callable[[], int]) -> None:
    path = tmp_path / "runs.db"
    await fill_and_delete(path)
    async with await SqliteStore.open(path) as store:
        await until_all_is_given_back(store, path)
    assert path.stat().st_size < RUNS * 20_000 / 4
    assert slices() > 3, "a slice at a time"
    assert await left(path) == {f"run-{n}" for n in range(10)}


async def test_an_old_file_stays_as_it_is_and_compacting_is_offered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "runs.db"
    make_old_file(path)
    await fill_and_delete(path)
    assert caplog.records == [], "nothing to offer yet"
    free, size = free_pages(path), path.stat().st_size
    assert free > RUNS
    assert await left(path) == {f"run-{n}" for n in range(10)}
    assert (free_pages(path), path.stat().st_size) == (free, size)
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{path}: ")
    assert f"unused; stop the process, then run `adjourn store compact {path}` to free them" in said


async def test_compacting_an_old_file_makes_it_small_and_a_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "runs.db"
    make_old_file(path)
    await fill_and_delete(path)
    before = path.stat().st_size
    done = await trio.to_thread.run_sync(compact_store, str(path))
    assert done == Compacted(before, path.stat().st_size)
    assert done.after < before / 4
    assert free_pages(path) == 0
    assert await left(path) == {f"run-{n}" for n in range(10)}
    assert caplog.records == []
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    connection.close()


async def test_a_store_that_is_open_is_not_compacted(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    async with await SqliteStore.open(path):
        with pytest.raises(StoreInUse):
            await trio.to_thread.run_sync(compact_store, str(path))


def test_a_file_that_is_not_a_store_is_not_compacted(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with pytest.raises(StoreUnavailable, match="there is no such file"):
        compact_store(str(path))
    assert not path.exists()
    path.write_text("dear diary, " * 1000)
    with pytest.raises(StoreCorrupt):
        compact_store(str(path))
    assert path.read_text() == "dear diary, " * 1000
