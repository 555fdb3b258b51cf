"""Reads the rows of an SQLite store for a check, over a read-only connection. Also while a process uses the store."""

import sqlite3
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import trio

from ..protocol.errors import StoreCorrupt
from .checking import HeadRow, JournalRow
from .sqlite_file import check_exists, translated
from .sqlite_layout import layout_of

__all__ = ["SqliteRows", "open_sqlite_rows"]

Result = TypeVar("Result")

HEADS, ENTRIES, RUNLESS = 500, 64, 1_000  # rows read at once
# The columns that copy fields of a head, by layout.
_FIRST = ("version", "epoch", "status", "next_due", "created_at")
_SECOND = (*_FIRST, "agent", "waiting_since")
_COLUMNS: dict[int, tuple[str, ...]] = {1: _FIRST, 2: _SECOND, 3: _SECOND}
_OLD_JOURNAL = "SELECT n, schema_version, data FROM journal WHERE run_id = :run"  # of layouts 1 and 2
_JOURNAL = """
SELECT 0 AS n, specs.schema_version, specs.data FROM heads JOIN specs ON specs.n = heads.spec WHERE heads.id = :run
UNION ALL SELECT journal.n, journal.schema_version, journal.data
FROM heads JOIN journal ON journal.run = heads.n WHERE heads.id = :run
"""
_OLD_RUNLESS = "SELECT run_id, count(*) FROM journal WHERE run_id NOT IN (SELECT id FROM heads) GROUP BY run_id"
_RUNLESS = "SELECT 'number ' || run, count(*) FROM journal WHERE run NOT IN (SELECT n FROM heads) GROUP BY run"


@asynccontextmanager
async def open_sqlite_rows(path: str) -> AsyncGenerator["SqliteRows"]:
    """Open the file for reading, in its present state, and close it after the block. An older layout stays.

    Raises:
        StoreUnavailable: the file doesn't exist or can't be read.
        StoreCorrupt: the file is damaged, or no adjourn store.
        StoreTooNew: a newer adjourn made the file.
    """
    check_exists(path)
    rows = await _in_thread(path, lambda: SqliteRows(path))
    try:
        yield rows
    finally:
        rows.close()


class SqliteRows:
    """Implements `Rows`. All is read in one transaction."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection = sqlite3.connect(
            f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.text_factory = _decoded
            layout = layout_of(self._connection, path)
            if layout == 0:
                raise StoreCorrupt(f"{path} is empty: no adjourn store", path=path)
            self._columns = _COLUMNS[layout]
            self._journal, self._runless = (_JOURNAL, _RUNLESS) if layout >= 3 else (_OLD_JOURNAL, _OLD_RUNLESS)
            self._connection.execute("BEGIN")
            self._heads = self._connection.execute(
                f"SELECT id, entries, CAST(data AS BLOB), {', '.join(self._columns)} FROM heads ORDER BY id"  # noqa: S608
            )
        except BaseException:
            self._connection.close()
            raise

    async def damage(self) -> Sequence[str]:
        """Return what SQLite says is damaged, at most 100 texts."""
        found = await self._run(lambda: self._connection.execute("PRAGMA quick_check(100)").fetchall())
        return [text for (text,) in found if text != "ok"]

    async def heads(self) -> Sequence[HeadRow]:
        """Return the next rows of heads."""
        rows = await self._run(lambda: self._heads.fetchmany(HEADS))
        return [
            HeadRow(run_id, dict(zip(self._columns, columns, strict=True)), entries, data)
            for run_id, entries, data, *columns in rows
        ]

    async def journal(self, run_id: str, start: int) -> Sequence[JournalRow]:
        """Return the next rows of a run's journal."""
        sql = (
            f"SELECT n, schema_version, CAST(data AS BLOB) FROM ({self._journal}) "  # noqa: S608
            "WHERE n >= :start ORDER BY n LIMIT :most"
        )
        asked = {"run": run_id, "start": start, "most": ENTRIES}
        rows = await self._run(lambda: self._connection.execute(sql, asked).fetchall())
        return [JournalRow(*row) for row in rows]

    async def runless(self) -> Mapping[str, int]:
        """Return the numbers of journal entries without a head."""
        sql = f"{self._runless} LIMIT ?"
        return dict(await self._run(lambda: self._connection.execute(sql, (RUNLESS,)).fetchall()))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    async def _run(self, read: Callable[[], list[Any]]) -> list[Any]:
        return await _in_thread(self._path, read)


async def _in_thread(path: str, work: Callable[[], Result]) -> Result:
    try:
        return await trio.to_thread.run_sync(work)
    except sqlite3.Error as error:
        raise translated(error, path) from error


def _decoded(data: bytes) -> str:
    return data.decode(errors="replace")  # a damaged file may hold any bytes
