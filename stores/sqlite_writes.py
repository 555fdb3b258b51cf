"""Makes all waiting writes in one SQLite transaction, with an outcome for each. Blocking; runs on the writer's thread.

The transaction reads the stored versions, and plain Python decides the outcome of each write. Then a few statements
write many rows each: few, because each statement releases the GIL and must wait to get it back.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ..protocol.errors import StaleEpoch, VersionConflict
from ..protocol.events import Status
from ..protocol.record import SCHEMA_VERSION, decode_head, encode_head
from .base import Acquired
from .ownership import Ownership
from .sqlite_file import translated

__all__ = ["Acquire", "Delete", "Release", "Save", "Write", "write_group"]


class Acquire(msgspec.Struct, frozen=True):
    """A new owner acquires the store. Its outcome is an `Acquired`."""

    owner: str


class Release(msgspec.Struct, frozen=True):
    """The owner releases the store."""

    epoch: int


class Delete(msgspec.Struct, frozen=True):
    """Delete a run."""

    id: str
    epoch: int


class Save(msgspec.Struct, frozen=True):
    """Save an encoded head and the entries to append."""

    id: str
    version: int
    epoch: int
    status: Status
    agent: str
    waiting_since: int | None
    next_due: int | None
    created_at: int
    expected_version: int
    data: bytes
    entries: tuple[bytes, ...]


Write = Acquire | Release | Delete | Save


class _Stored(msgspec.Struct):
    """The stored fields of a run that decide the next write to it."""

    version: int
    created_at: int
    entries: int


class _Group:
    """Decides the writes of a group one after another, and collects the rows to write."""

    def __init__(self, ownership: Ownership, stored: dict[str, _Stored]) -> None:
        self.read = self.ownership = ownership
        self.owner: str | None = None  # the name of the new owner, if there is one
        self.stored = stored
        self.deleted: set[str] = set()
        self.heads: dict[str, tuple[Any, ...]] = {}
        self.journal: dict[str, list[tuple[Any, ...]]] = {}

    def decide(self, write: Write) -> Acquired | Exception | None:
        """Return the outcome of the write, valid if the transaction commits."""
        try:
            match write:
                case Save():
                    self._save(write)
                case Delete():
                    self._delete(write)
                case Acquire():
                    self.ownership, acquired = self.ownership.acquired()
                    self.owner = write.owner
                    return acquired
                case Release():
                    self.ownership = self.ownership.released(write.epoch)
        except (StaleEpoch, VersionConflict) as refused:
            return refused
        return None

    def _save(self, save: Save) -> None:
        self.ownership.check_write(save.epoch)
        run = self.stored.get(save.id)
        stored = run.version if run else 0
        if stored != save.expected_version:
            raise VersionConflict(f"run {save.id}: expected version {save.expected_version}, stored is {stored}")
        data = save.data
        if run is None:
            run = self.stored[save.id] = _Stored(0, save.created_at, 0)
        elif run.created_at != save.created_at:
            data = encode_head(msgspec.structs.replace(decode_head(data), created_at=run.created_at))
        rows = self.journal.setdefault(save.id, [])
        rows += [(save.id, n, SCHEMA_VERSION, entry) for n, entry in enumerate(save.entries, run.entries)]
        run.version = save.version
        run.entries += len(save.entries)
        self.heads[save.id] = (
            *(save.id, save.version, save.epoch, save.status, save.agent, save.waiting_since, save.next_due),
            *(run.created_at, run.entries, data),
        )

    def _delete(self, delete: Delete) -> None:
        self.ownership.check_write(delete.epoch)
        self.deleted.add(delete.id)
        for known in (self.stored, self.heads, self.journal):
            known.pop(delete.id, None)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write everything into the open transaction. Deletions first: a run may be saved again after its deletion."""
        if self.ownership != self.read:
            sql = "UPDATE store SET epoch = ?, is_clean = ?, owner = coalesce(?, owner)"
            connection.execute(sql, (self.ownership.epoch, self.ownership.is_clean, self.owner))
        if self.deleted:
            ids = (_json(self.deleted),)
            connection.execute("DELETE FROM heads WHERE id IN (SELECT value FROM json_each(?))", ids)
            connection.execute("DELETE FROM journal WHERE run_id IN (SELECT value FROM json_each(?))", ids)
        _insert(connection, _INTO_HEADS, list(self.heads.values()))
        _insert(connection, _INTO_JOURNAL, [row for rows in self.journal.values() for row in rows])


# The parts of a statement: before the rows, one row's values, after the rows.
_INTO_HEADS = (
    "INSERT INTO heads (id, version, epoch, status, agent, waiting_since, next_due, created_at, entries, data) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT))",
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version, epoch = excluded.epoch, status = excluded.status, "
    "agent = excluded.agent, waiting_since = excluded.waiting_since, next_due = excluded.next_due, "
    "entries = excluded.entries, data = excluded.data",
)
_INTO_JOURNAL = (
    "INSERT INTO journal (run_id, n, schema_version, data) VALUES ",
    "(?, ?, ?, CAST(? AS TEXT))",
    "",
)
_MOST_ROWS = 512  # rows in a statement; times 10 values, far below SQLite's limit of 32,766


def write_group(connection: sqlite3.Connection, path: str, writes: Sequence[Write]) -> list[Any]:
    """Make the writes. Return the outcome of each, in order: None, an `Acquired`, or the exception to raise."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return [translated(error, path) for _ in writes]
    try:
        outcomes = _fill(connection, writes)
    except Exception as error:  # also values that SQLite can't bind
        _roll_back(connection)
        if len(writes) == 1:
            return [translated(error, path)]
        return [write_group(connection, path, [write])[0] for write in writes]  # one bad write must not fail the others
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(connection)
        return [translated(error, path) for _ in writes]
    return outcomes


def _fill(connection: sqlite3.Connection, writes: Sequence[Write]) -> list[Any]:
    ids = {write.id for write in writes if isinstance(write, Save)}
    epoch, is_clean, rows = connection.execute(
        "SELECT epoch, is_clean, (SELECT json_group_array(json_array(id, version, created_at, entries)) FROM heads "
        "WHERE id IN (SELECT value FROM json_each(?))) FROM store",
        (_json(ids),),
    ).fetchone()
    stored = {run_id: _Stored(*numbers) for run_id, *numbers in msgspec.json.decode(rows)}
    group = _Group(Ownership(epoch, bool(is_clean)), stored)
    outcomes = [group.decide(write) for write in writes]
    group.write(connection)
    return outcomes


def _insert(connection: sqlite3.Connection, sql: tuple[str, str, str], rows: Sequence[tuple[Any, ...]]) -> None:
    # Row counts are powers of two, so there are few different statements, and the connection caches them all compiled.
    before, values, after = sql
    done, most = 0, _MOST_ROWS
    while done < len(rows):
        while most > len(rows) - done:
            most //= 2
        statement = before + ", ".join([values] * most) + after
        connection.execute(statement, [value for row in rows[done : done + most] for value in row])
        done += most


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # some errors have already rolled it back
        connection.execute("ROLLBACK")


def _json(ids: Iterable[str]) -> str:
    return msgspec.json.encode(list(ids)).decode()
