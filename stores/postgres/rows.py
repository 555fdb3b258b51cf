"""Reads the rows of a PostgreSQL store for a check, in one read-only transaction. Also while nodes use the store."""

from collections.abc import Mapping, Sequence
from typing import Any

import trio
from psycopg import OperationalError

from ..checking import HeadRow, JournalRow
from .connection import Connection, Rows
from .statements import statement

__all__ = ["PAGE_S", "PostgresRows"]

HEADS, ENTRIES, RUNS = 500, 64, 1_000  # rows read at once
PAGE_S = 60  # the server ends a statement for a page that takes longer
ANSWER_S = PAGE_S + 10.0  # until a server that does not answer at all is given up
MOST_RUNLESS = 1_000  # runs without a head that are returned


class PostgresRows:
    """Implements `Rows` over a connection with an open transaction. `open_postgres_rows` translates errors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._after = ""

    async def damage(self) -> Sequence[str]:
        """Return nothing: PostgreSQL has no such check for everybody."""
        return ()

    async def heads(self) -> Sequence[HeadRow]:
        """Return the next rows of heads."""
        rows = await self._query("check_heads", [self._after, HEADS])
        if rows:
            self._after = _text(rows[-1][0])
        return [
            HeadRow(
                id=_text(run_id),
                # Claims raise the column of the epoch alone; `createdAt` may differ, see layout.sql.
                columns={
                    "version": int(version or 0),
                    "status": _text(status),
                    "agent": _text(agent),
                    "waiting_since": None if waiting_since is None else int(waiting_since),
                    "next_due": None if next_due is None else int(next_due),
                },
                entries=int(entries or 0),
                data=data or b"",
            )
            for run_id, entries, data, version, status, agent, waiting_since, next_due in rows
        ]

    async def journal(self, run_id: str, start: int) -> Sequence[JournalRow]:
        """Return the next rows of a run's journal."""
        rows = await self._query("check_journal", [run_id, start, ENTRIES])
        return [JournalRow(int(n or 0), int(version or 0), data or b"") for n, version, data in rows]

    async def runless(self) -> Mapping[str, int]:
        """Return the numbers of journal entries without a head."""
        found: dict[str, int] = {}
        after = ""
        while len(found) < MOST_RUNLESS:
            rows = await self._query("check_runless", [after, RUNS])
            if not rows:
                break
            after = _text(rows[-1][0])
            for run_id in [_text(each) for each, is_runless in rows if is_runless == b"t"]:
                [(count,)] = await self._query("check_entries", [run_id])
                found[run_id] = int(count or 0)
        return found

    async def _query(self, name: str, values: Sequence[Any]) -> Rows:
        with trio.move_on_after(ANSWER_S):
            return await self._connection.query(statement(name), values)
        raise OperationalError(f"no answer within {ANSWER_S:g} s")


def _text(value: bytes | None) -> str:
    return (value or b"").decode()
