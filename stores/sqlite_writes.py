"""Makes all waiting writes in one SQLite transaction, with an outcome for each. Blocking; runs on the writer's thread.

The transaction reads the stored versions, plain Python decides the outcome of each write, and `sqlite_rows` writes the
rows.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec

from ..protocol.errors import StaleEpoch, VersionConflict
from ..protocol.record import SCHEMA_VERSION, Head, encode_head
from .base import Acquired
from .ownership import Ownership
from .sqlite_file import translated
from .sqlite_rows import (
    CHANGED_HEADS,
    JOURNAL,
    NEW_HEADS,
    SAME_HEADS,
    as_json,
    delete_runs,
    insert,
    number_specs,
)

__all__ = ["Acquire", "Delete", "GroupWriter", "Release", "Save", "Write"]

MAX_KNOWN = 4_096  # runs remembered between two groups; about 400 bytes each


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
    """Save a head and the entries to append."""

    head: Head
    expected_version: int
    data: bytes  # the head, encoded
    spec: bytes | None  # a new run's first entry, encoded, if that is a spec
    entries: tuple[bytes, ...]  # the other entries, encoded


Write = Acquire | Release | Delete | Save


class _Run(msgspec.Struct):
    """The stored fields of a run that decide the next write to it."""

    n: int
    version: int
    created_at: int
    entries: int
    indexed: list[Any] | None  # the head's fields in indexes; None: the run is new


class _Group:
    """Decides the writes of a group one after another, and collects the rows to write.

    `last`: the greatest number of a stored run. `runs`: the stored runs by id, at least those that the group saves. The
    group changes them to what it writes.
    """

    def __init__(self, ownership: Ownership, last: int, runs: dict[str, _Run]) -> None:
        self.read = self.ownership = ownership
        self.owner: str | None = None  # the name of the new owner, if there is one
        self.last, self.runs = last, runs
        self.deleted: set[str] = set()
        self.specs: dict[int, bytes] = {}  # of new runs, by the run's number
        self.heads: dict[int, tuple[_Run, Head, bytes]] = {}  # by number, with the head's JSON
        self.journal: dict[int, list[Any]] = {}  # by the run's number, the values of its rows one after another

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
        head = save.head
        self.ownership.check_write(head.epoch)
        run = self.runs.get(head.id)
        stored = run.version if run else 0
        if stored != save.expected_version:
            raise VersionConflict(f"run {head.id}: expected version {save.expected_version}, stored is {stored}")
        data = save.data
        if run is None:
            run = self._new_run(save)
        elif run.created_at != head.created_at:
            data = encode_head(msgspec.structs.replace(head, created_at=run.created_at))
        if save.entries:
            values = self.journal.setdefault(run.n, [])
            for entry in save.entries:
                values += (run.n, run.entries, SCHEMA_VERSION, entry.decode())
                run.entries += 1
        run.version = head.version
        self.heads[run.n] = run, head, data

    def _new_run(self, save: Save) -> _Run:
        self.last += 1
        if save.spec is not None:
            self.specs[self.last] = save.spec
        run = _Run(self.last, 0, save.head.created_at, 0 if save.spec is None else 1, None)
        self.runs[save.head.id] = run
        return run

    def _delete(self, delete: Delete) -> None:
        self.ownership.check_write(delete.epoch)
        run = self.runs.pop(delete.id, None)
        if run is None or run.indexed is not None:
            self.deleted.add(delete.id)
        if run is not None:
            for rows in (self.specs, self.heads, self.journal):
                rows.pop(run.n, None)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write everything into the open transaction. Deletions first: a run may be saved again after its deletion."""
        if self.ownership != self.read:
            sql = "UPDATE store SET epoch = ?, is_clean = ?, owner = coalesce(?, owner)"
            connection.execute(sql, (self.ownership.epoch, self.ownership.is_clean, self.owner))
        if self.deleted:
            delete_runs(connection, self.deleted)
        numbers = number_specs(connection, set(self.specs.values())) if self.specs else {}
        new: list[Any] = []
        same: list[Any] = []
        changed: list[Any] = []
        for run, head, data in self.heads.values():
            row = (run.n, head.id, head.version, head.epoch, head.agent, run.created_at, run.entries, data.decode())
            indexed = [head.agent, head.status, head.waiting_since, head.next_due]
            if run.indexed is None:
                new += (*row, *indexed[1:], numbers[self.specs[run.n]] if run.n in self.specs else None)
            elif run.indexed == indexed:
                same += (*row, head.status)
            else:
                changed += (*row, *indexed[1:])
            run.indexed = indexed
        for into, values in ((NEW_HEADS, new), (SAME_HEADS, same), (CHANGED_HEADS, changed)):
            insert(connection, into, values)
        insert(connection, JOURNAL, list(chain.from_iterable(self.journal.values())))


class GroupWriter:
    """Makes groups of writes, each in one transaction. Remembers the runs of the last groups, so that it reads less."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection, self._path = connection, path
        self._known: dict[str, _Run] = {}  # as stored
        self._data_version = 0  # SQLite changes it when another connection has changed the file

    def __call__(self, writes: Sequence[Write]) -> list[Any]:
        """Make the writes. Return the outcome of each, in order: None, an `Acquired`, or the exception to raise."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            return [translated(error, self._path) for _ in writes]
        try:
            outcomes = self._fill(writes)
        except Exception as error:  # also values that SQLite can't bind
            self._roll_back()
            if len(writes) == 1:
                return [translated(error, self._path)]
            return [self([write])[0] for write in writes]  # one bad write must not fail the others
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            return [translated(error, self._path) for _ in writes]
        return outcomes

    def _fill(self, writes: Sequence[Write]) -> list[Any]:
        (data_version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if data_version != self._data_version or len(self._known) > MAX_KNOWN:
            self._data_version = data_version
            self._known.clear()
        unknown = {write.head.id for write in writes if type(write) is Save and write.head.id not in self._known}
        epoch, is_clean, last, rows = self._connection.execute(_STORED, (as_json(unknown),)).fetchone()
        self._known.update((run_id, _Run(*fields)) for run_id, *fields in msgspec.json.decode(rows))
        group = _Group(Ownership(epoch, bool(is_clean)), last, self._known)
        outcomes = [group.decide(write) for write in writes]
        group.write(self._connection)
        return outcomes

    def _roll_back(self) -> None:
        self._known.clear()
        if self._connection.in_transaction:  # some errors have already rolled it back
            self._connection.execute("ROLLBACK")


_STORED = """
SELECT epoch, is_clean, (SELECT coalesce(max(n), 0) FROM heads), (
    SELECT json_group_array(
        json_array(id, n, version, created_at, entries, json_array(agent, status, waiting_since, next_due))
    ) FROM heads WHERE id IN (SELECT value FROM json_each(?))
) FROM store
"""
