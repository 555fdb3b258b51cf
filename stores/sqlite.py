"""The durable default store: all runs in one SQLite file. This module implements the Store contract.

The store has two threads, each with its own connection. One writes, and commits all waiting saves in one transaction.
The other reads. With WAL and `synchronous=FULL`, a save survives a power cut once `save` has returned.
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

import trio

from ..protocol.errors import StoreCorrupt, StoreUnavailable
from ..protocol.events import Status
from ..protocol.record import Entry, Head, Record, SpecEntry, encode_entry, encode_head
from . import sqlite_reads
from .base import Acquired, Page, StoreClaims
from .gil import thread_friendly
from .paging import check_limit, due_place, read_cursor
from .sqlite_file import Patience, check_place, connect, connect_reader, translated
from .sqlite_files import StoreFiles, Trouble
from .sqlite_rescue import rescue
from .sqlite_space import give_back, offer_compacting
from .sqlite_writes import Acquire, Delete, GroupWriter, Release, Save, Write
from .thread import GroupThread

__all__ = ["SqliteStore"]

_LOG = logging.getLogger("adjourn.stores")

_Read = Callable[[sqlite3.Connection], Any]


class SqliteStore:
    """Implements the Store contract in an SQLite file. Open it with `open`, or by its address with `open_store`.

    Once a thread has a call, the call can't be cancelled: it returns its outcome, unless `give_up` ends it. A save
    that was given up may still happen when the disk answers again.
    """

    claims = StoreClaims(durable=True, fenced=True, exclusive=True)

    def __init__(self, path: str, files: StoreFiles, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self._path, self._files = path, files
        writing = _Writing(writer, path, files)
        self._writer: GroupThread[Write] = GroupThread(f"adjourn writes {path}", writing, writer.close, writing.spare)
        reading = _Reading(reader, path, writing)
        self._reader: GroupThread[_Read] = GroupThread(f"adjourn reads {path}", reading, reader.close)
        self._closing = trio.Lock()
        self._closed = False

    @classmethod
    async def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open the store in that file, and create the file if it doesn't exist.

        Opening takes constant time. Only after an update of adjourn that changes the table layout, the first opening
        migrates the file: this takes some minutes for a million runs, and free disk of three times the file's size. If
        the process is killed meanwhile, the file keeps the old layout.

        Raises:
            StoreInUse: another process has the file open.
            StoreUnavailable: the file can't be opened or created.
            StoreCorrupt: the file is damaged, or no adjourn store. It is left unchanged.
            StoreTooNew: a newer adjourn made the file. It is left unchanged.
        """
        with thread_friendly():
            opened = await trio.to_thread.run_sync(_open, path, limiter=trio.CapacityLimiter(1))
        return cls(*opened)

    async def acquire(self, owner: str) -> Acquired:
        """Become the owner: start a new epoch, and refuse writes of earlier ones."""
        return await self._writer.run(Acquire(owner))

    async def release(self, epoch: int) -> None:
        """Give up ownership, after all accepted saves; refuse later writes of this epoch. Returns once on the disk."""
        await self._writer.run(Release(epoch))

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """Save as in the contract. Returns when the save is on the disk."""
        entries = [encode_entry(entry) for entry in append]
        is_new = expected_version == 0 and append and type(append[0]) is SpecEntry
        spec = entries.pop(0) if is_new else None
        await self._writer.run(Save(head, expected_version, encode_head(head), spec, tuple(entries)))

    async def load(self, run_id: str) -> Record | None:
        """Return the record, or None."""
        return await self._reader.run(partial(sqlite_reads.load, run_id=run_id))

    async def delete(self, run_id: str, *, epoch: int) -> None:
        """Delete the run. Idempotent."""
        await self._writer.run(Delete(run_id, epoch))

    async def list(
        self,
        *,
        status: Status | None = None,
        agent: str | None = None,
        waiting: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """Return a page of the heads that pass the filters, newest first. Merges at most ten ranges of an index."""
        check_limit(limit)
        cursor = None if after is None else read_cursor(after)
        return await self._reader.run(
            partial(sqlite_reads.page, status=status, agent=agent, waiting=waiting, limit=limit, cursor=cursor)
        )

    async def count(self, status: Status) -> int:
        """Count the runs with this status now."""
        return await self._reader.run(partial(sqlite_reads.count, status=status))

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        """Return heads with `nextDue` <= now (ms), earliest first."""
        check_limit(limit)
        return await self._reader.run(partial(sqlite_reads.due, now=now, limit=limit, cursor=due_place(after)))

    def give_up(self, after_s: float) -> bool:
        """End the calls that wait for a hanging disk. Calls that no thread has begun never happen."""
        return self._reader.give_up(after_s) | self._writer.give_up(after_s)

    async def aclose(self) -> None:
        """Finish the accepted calls, close the file and unlock it. Idempotent. Can't be cancelled.

        If the disk hangs, the file stays open and locked until this process ends.
        """
        with trio.CancelScope(shield=True):
            async with self._closing:
                if self._closed:
                    return
                self._closed = True
                # The writer's connection closes last: SQLite then moves the write-ahead log into the file.
                if all([await each.aclose() for each in (self._reader, self._writer)]):
                    self._files.close()
                else:
                    _LOG.warning("%s is left open and locked: the disk does not answer", self._path)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _open(name: str | os.PathLike[str]) -> tuple[str, StoreFiles, sqlite3.Connection, sqlite3.Connection]:
    path = os.path.realpath(name)  # so that a file with several names has one lock
    check_place(path)
    files = StoreFiles(path)
    connections: list[sqlite3.Connection] = []
    try:
        for make in (connect, connect_reader):
            connections.append(make(path))
        files.watch()
        offer_compacting(connections[0], path)
    except BaseException:
        for connection in connections:
            connection.close()
        files.close()
        raise
    return path, files, connections[0], connections[1]


class _Writing:
    """Writes as long as the files are unchanged by others. Logs when writing begins to fail and when it works again.

    The errors go to callers too, but operators may not see those.
    """

    def __init__(self, connection: sqlite3.Connection, path: str, files: StoreFiles) -> None:
        self._connection, self._path, self._files = connection, path, files
        self._write = GroupWriter(connection, path)
        self._patience = Patience(connection)
        self._told: str | None = None
        self._may_be_free = True  # the file may have free pages to give back
        self.fault: str | None = None  # what is wrong with the files, for people
        self._is_lasting = False  # the fault lasts until the store is opened again

    def __call__(self, writes: Sequence[Write]) -> Sequence[Any]:
        outcomes: Sequence[Any] = ()
        if self.is_sound():
            outcomes = self._write(writes)
            self._patience.note(outcomes[-1])
            self._may_be_free = self._may_be_free or any(isinstance(write, Delete) for write in writes)
        if not self.is_sound():  # an acknowledged save must be on the disk
            outcomes = [StoreUnavailable(f"{self._path}: {self.fault}", path=self._path) for _ in writes]
        faults = [str(each) for each in outcomes if isinstance(each, StoreUnavailable | StoreCorrupt)]
        self._tell(faults[0] if faults else None)
        return outcomes

    def is_sound(self) -> bool:
        """Check whether the files are intact. If they have lost data, rescue it, once."""
        if not self._is_lasting:
            trouble = self._files.check()
            self.fault = trouble and trouble.value
            if trouble is not None and not trouble.passes:
                self._save_rest(trouble)
        return self.fault is None

    def refusal(self) -> str | None:
        """Return why reading must fail now; None if it may go on. The reader's thread calls this."""
        return self.fault if self._is_lasting or (self.fault and self._files.check()) else None

    def spare(self) -> bool:
        """Give some freed pages back to the disk. Returns: whether there may be more."""
        if not (self._may_be_free and self.is_sound()):
            return False
        try:
            self._may_be_free = give_back(self._connection)
        except sqlite3.Error as error:
            self._may_be_free = False  # the next delete tries again
            self._patience.note(translated(error, self._path))
        return self._may_be_free

    def _save_rest(self, trouble: Trouble) -> None:
        self._is_lasting = True
        self.fault = f"{trouble.value}; {rescue(self._connection, self._path, trouble)}"
        if trouble.is_cut:
            self._files.leave_as_it_is()

    def _tell(self, trouble: str | None) -> None:
        if trouble != self._told:
            _LOG.warning("%s", trouble or f"{self._path}: saves again")
            self._told = trouble


class _Reading:
    """Reads, unless the files were moved, replaced or cut: no reader may see as saved what isn't on the disk."""

    def __init__(self, connection: sqlite3.Connection, path: str, writing: _Writing) -> None:
        self._connection, self._path, self._writing = connection, path, writing
        self._patience = Patience(connection)

    def __call__(self, reads: Sequence[_Read]) -> Sequence[Any]:
        return [self._read(read) for read in reads]

    def _read(self, read: _Read) -> Any:
        try:
            if (fault := self._writing.refusal()) is not None:
                raise StoreUnavailable(f"{self._path}: {fault}", path=self._path)
            outcome = read(self._connection)
        except Exception as error:
            outcome = translated(error, self._path)
        self._patience.note(outcome)
        return outcome
