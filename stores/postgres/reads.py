"""The queries of the store over one connection. No tasks here."""

from collections.abc import Sequence

from ...protocol.errors import StoreCorrupt
from ...protocol.events import Status
from ...protocol.record import Head, Record, decode_entry
from ..base import Page
from ..heads import head_in, readable
from ..paging import cursor_after
from .connection import Connection
from .statements import statement

__all__ = ["count", "due", "load", "page", "versions"]


async def load(connection: Connection, run_id: str) -> Record | None:
    """Return the record, or None. Raises: RecordTooNew, StoreCorrupt."""
    rows = await connection.query(statement("load"), [run_id])
    if not rows or rows[0][0] != b"-1":
        return None
    _, entries, created_at, data = rows[0]
    journal = rows[1:]
    if [int(row[0] or 0) for row in journal] != list(range(int(entries or 0))):
        expected = int(entries or 0)
        raise StoreCorrupt(f"run {run_id}: its journal should have {expected} entries and has {len(journal)}")
    return Record(
        head=head_in(created_at, data),
        journal=tuple(decode_entry(data or b"", int(version or 0)) for _, version, _, data in journal),
    )


async def page(
    connection: Connection,
    *,
    status: Status | None,
    agent: str | None,
    waiting: bool,
    limit: int,
    cursor: tuple[int, str] | None,
) -> Page:
    """Return a page of heads. Heads that can't be read are skipped, so a short page may not be the last."""
    created_at, run_id = cursor or (None, None)
    rows = await connection.query(statement("page"), [status, agent, waiting, created_at, run_id, limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    heads = tuple(readable((run_id, created_at, data) for created_at, run_id, data in rows))
    if not more:
        return Page(heads, None)
    created, last = rows[-1][:2]
    return Page(heads, cursor_after(int(created or 0), _text(last)))


async def count(connection: Connection, status: Status) -> int:
    """Count the runs with this status."""
    [(number,)] = await connection.query(statement("count"), [status])
    return int(number or 0)


async def versions(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """Return the stored versions of these runs, by id."""
    rows = await connection.query(statement("versions"), [list(run_ids)])
    return {_text(run_id): int(version or 0) for run_id, version in rows}


async def due(connection: Connection, now: int, limit: int, cursor: tuple[int, str]) -> tuple[Head, ...]:
    """Return the first `limit` readable heads that are due, earliest first. Holds at most 2 * `limit` in memory."""
    found: dict[str, Head] = {}  # by id: a run that is saved between two statements may appear twice
    while True:
        rows = await connection.query(statement("due"), [now, *cursor, limit])
        for head in readable((run_id, created_at, data) for _, run_id, created_at, data in rows):
            found.setdefault(head.id, head)
        if len(rows) < limit or len(found) >= limit:
            return tuple(found.values())[:limit]
        last_due, last = rows[-1][:2]
        cursor = int(last_due or 0), _text(last)


def _text(value: bytes | None) -> str:
    return (value or b"").decode()
