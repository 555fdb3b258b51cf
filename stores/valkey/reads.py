"""The queries of the store over one connection. Each request asks for a bounded part. No tasks here."""

from collections.abc import Sequence
from typing import Any

from ...protocol.errors import StoreCorrupt
from ...protocol.events import Status
from ...protocol.record import Entry, Head, Record, decode_entry
from ..base import Page
from ..heads import head_in, readable
from ..paging import cursor_after
from .connection import Connection
from .places import place, placed

__all__ = ["count", "due", "load", "page", "split_entry", "versions"]

HEADS, ENTRIES, VERSIONS = 200, 100, 500  # asked for at once

_Row = Sequence[Any]


async def load(connection: Connection, run_id: str) -> Record | None:
    """Return the record, or None. Raises: RecordTooNew, StoreCorrupt."""
    run, journal = connection.key("run", run_id), connection.key("journal", run_id)
    while True:
        [birth, count, created_at, data], entries = await connection.transaction(
            [("HMGET", run, "birth", "entries", "created", "data"), ("LRANGE", journal, 0, ENTRIES - 1)]
        )
        if data is None:
            return None
        expected = int(count)
        # Entries never change, so later requests may read the rest, unless the run is deleted meanwhile.
        for start in range(ENTRIES, expected, ENTRIES):
            end = min(start + ENTRIES, expected) - 1
            entries += await connection.call("LRANGE", journal, start, end)
        if expected <= ENTRIES or birth == await connection.call("HGET", run, "birth"):
            break
    if len(entries) != expected:
        raise StoreCorrupt(f"run {run_id}: its journal should have {expected} entries and has {len(entries)}")
    return Record(head=head_in(created_at, data), journal=tuple([_entry(entry) for entry in entries]))


def _entry(stored: bytes) -> Entry:
    version, data = split_entry(stored)
    return decode_entry(data, version)


def split_entry(stored: bytes) -> tuple[int, bytes]:
    """Return the schema version and the JSON of a stored entry. The version of an unreadable one is 0."""
    version, _, data = stored.partition(b" ")
    return (int(version) if version.isdigit() else 0), data


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
    words = ["list", "waiting" if waiting else "all", status or ""] + ([] if agent is None else [agent])
    rows: list[_Row] = []
    start = "+" if cursor is None else f"({place(*cursor)}"
    while len(rows) <= limit:
        asked = min(HEADS, limit + 1 - len(rows))
        more = await connection.call(
            *connection.script("heads", ":".join(words), start, "-", asked, "REV", "created", "data")
        )
        rows += more
        if len(more) < asked:
            break
        start = f"({more[-1][0].decode()}"
    heads = tuple(readable((member[17:], created_at, data) for member, created_at, data in rows[:limit]))
    return Page(heads, cursor_after(*placed(rows[limit - 1][0])) if len(rows) > limit else None)


async def count(connection: Connection, status: Status) -> int:
    """Count the runs with this status."""
    return await connection.call("ZCARD", connection.key("list", "all", status))


async def versions(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """Return the stored versions of these runs, by id."""
    found: dict[str, int] = {}
    for start in range(0, len(run_ids), VERSIONS):
        some = run_ids[start : start + VERSIONS]
        answers = await connection.transaction([("HGET", connection.key("run", each), "version") for each in some])
        for run_id, answer in zip(some, answers, strict=True):
            if answer is not None:
                found[run_id] = int(answer)
    return found


async def due(connection: Connection, now: int, limit: int, cursor: tuple[int, str]) -> tuple[Head, ...]:
    """Return the first `limit` readable heads that are due, earliest first. Holds at most `limit` in memory."""
    found: dict[str, Head] = {}  # by id: a run that is saved between two requests may appear twice
    start = f"({place(*cursor)}"
    while len(found) < limit:
        asked = min(HEADS, limit - len(found))
        rows = await connection.call(
            *connection.script("heads", "due", start, f"({place(now + 1)}", asked, "", "created", "data")
        )
        for head in readable((member[17:], created_at, data) for member, created_at, data in rows):
            found.setdefault(head.id, head)
        if len(rows) < asked:
            break
        start = f"({rows[-1][0].decode()}"
    return tuple(found.values())
