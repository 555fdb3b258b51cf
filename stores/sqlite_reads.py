"""The queries of an SQLite store. Blocking; run on the reader's thread.

Each statement returns one row, because SQLite releases the GIL at each row and a busy loop is slow to give it back. So
the rows come as one JSON array. Heads and entries in it are hex, because a damaged file may hold any bytes. Data that
must come from one state of the file is read by one statement.
"""

import logging
import sqlite3
from collections.abc import Iterable
from typing import Any, get_args

import msgspec

from ..protocol.errors import RecordTooNew, StoreCorrupt
from ..protocol.events import Status
from ..protocol.record import Head, Record, decode_entry, decode_head
from .base import Page
from .paging import cursor_after

__all__ = ["count", "due", "load", "page"]

_LOG = logging.getLogger(__name__)
_STATUSES: tuple[Status, ...] = get_args(Status)
_END = (2**63 - 1, "")  # sorts after every run

_LOAD = """
SELECT hex(data), entries,
    (SELECT json_group_array(json_array(n, schema_version, hex(data))) FROM (
        SELECT 0 AS n, schema_version, data FROM specs WHERE specs.n = heads.spec
        UNION ALL SELECT n, schema_version, data FROM journal WHERE run = heads.n
    ))
FROM heads WHERE id = ?
"""
# Merges ranges of one index, each of them in order.
_PAGE = """
SELECT json_group_array(json_array(created_at, id, hex(data))) FROM (
    {ranges}
    ORDER BY created_at DESC, id DESC LIMIT :limit
)
"""
_RANGE = (
    "SELECT created_at, id, data FROM heads "
    "WHERE {agent} status = '{status}' AND (waiting_since IS NOT NULL) = {waits} AND (created_at, id) < (:at, :id)"
)
_DUE = """
SELECT json_group_array(json_array(next_due, id, hex(data))) FROM (
    SELECT next_due, id, data FROM heads WHERE (next_due, id) > (?, ?) AND next_due <= ?
    ORDER BY next_due, id LIMIT ?
)
"""


def load(connection: sqlite3.Connection, run_id: str) -> Record | None:
    """Return the record, or None. Raises: RecordTooNew, StoreCorrupt."""
    row = connection.execute(_LOAD, (run_id,)).fetchone()
    if row is None:
        return None
    head, count, journal = row
    entries = sorted(msgspec.json.decode(journal))
    if [n for n, _, _ in entries] != list(range(count)):
        raise StoreCorrupt(f"run {run_id}: its journal should have {count} entries and has {len(entries)}")
    return Record(
        head=decode_head(bytes.fromhex(head)),
        journal=tuple(decode_entry(bytes.fromhex(data), version) for _, version, data in entries),
    )


def page(
    connection: sqlite3.Connection,
    *,
    status: Status | None,
    agent: str | None,
    waiting: bool,
    limit: int,
    cursor: tuple[int, str] | None,
) -> Page:
    """Return a page of heads. Heads that can't be read are skipped, so a short page may not be the last."""
    of_agent = "" if agent is None else "agent = :agent AND"
    ranges = [
        _RANGE.format(agent=of_agent, status=each, waits=waits)
        for each in _STATUSES
        if status in (None, each)
        for waits in ((1,) if waiting else (0, 1))
    ]
    if not ranges:
        return Page((), None)
    query = _PAGE.format(ranges=" UNION ALL ".join(ranges))
    at, last_id = cursor or _END
    values = {"agent": agent, "at": at, "id": last_id, "limit": limit + 1}
    rows = sorted(msgspec.json.decode(connection.execute(query, values).fetchone()[0]), reverse=True)
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(_readable(rows), cursor_after(rows[-1][0], rows[-1][1]) if more else None)


def count(connection: sqlite3.Connection, status: Status) -> int:
    """Count the runs with this status. Reads only the index: under 0.1 s for a million runs in the cache."""
    return connection.execute("SELECT count(*) FROM heads WHERE status = ?", (status,)).fetchone()[0]


def due(connection: sqlite3.Connection, now: int, limit: int, cursor: tuple[int, str]) -> tuple[Head, ...]:
    """Return the first `limit` readable heads that are due, earliest first. Holds at most 2 * `limit` in memory."""
    found: dict[str, Head] = {}  # by id: a run that is saved between two statements may appear twice
    while True:
        row = connection.execute(_DUE, (*cursor, now, limit)).fetchone()
        rows = sorted(msgspec.json.decode(row[0]))
        found.update((head.id, head) for head in _readable(rows) if head.id not in found)
        if len(rows) < limit or len(found) >= limit:
            return tuple(found.values())[:limit]
        cursor = rows[-1][:2]


def _readable(rows: Iterable[Any]) -> tuple[Head, ...]:
    heads: list[Head] = []
    for _, run_id, data in rows:
        try:
            heads.append(decode_head(bytes.fromhex(data)))
        except (RecordTooNew, StoreCorrupt) as error:
            _LOG.warning("run %s is left out: %s", run_id, error)
    return tuple(heads)
