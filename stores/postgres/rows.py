"""Reads the rows of a PostgreSQL store for a check, in one read-only transaction. Also while nodes use the store."""

from collections.abc import Mapping, Sequence

from ..checking import HeadRow, JournalRow
from .connection import Connection
from .statements import statement

__all__ = ["PostgresRows"]

HEADS, ENTRIES, RUNLESS = 500, 64, 1_000  # rows read at once


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
        rows = await self._connection.query(statement("check_heads"), [self._after, HEADS])
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
        rows = await self._connection.query(statement("check_journal"), [run_id, start, ENTRIES])
        return [JournalRow(int(n or 0), int(version or 0), data or b"") for n, version, data in rows]

    async def runless(self) -> Mapping[str, int]:
        """Return the numbers of journal entries without a head."""
        rows = await self._connection.query(statement("check_runless"), [RUNLESS])
        return {_text(run_id): int(count or 0) for run_id, count in rows}


def _text(value: bytes | None) -> str:
    return (value or b"").decode()
