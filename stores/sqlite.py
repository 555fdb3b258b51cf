"""Runs in one SQLite file: the durable default. The Store contract here; the file and the writing beside it.

Two threads of the store's own, each with a connection: one writes, committing all saves that wait for it in one
transaction; one reads. WAL and `synchronous=FULL`: what `save` has returned from survives a power cut.
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
from ..protocol.record import Entry, Head, Record, encode_entry, encode_head
from . import sqlite_reads
from .base import Acquired, Page, StoreClaims
from .gil import thread_friendly
from .paging import check_limit, due_place, read_cursor
from .sqlite_file import Patience, check_place, connect, connect_reader, translated
from .sqlite_files import StoreFiles, Trouble
from .sqlite_rescue import rescue
from .sqlite_space import give_back, offer_compacting
from .sqlite_writes import Acquire, Delete, Release, Save, Write, write_group
from .thread import GroupThread

__all__ = ["SqliteStore"]

_LOG = logging.getLogger("adjourn.stores")

_Read = Callable[[sqlite3.Connection], Any]


class SqliteStore:
    """The Store contract in an SQLite file. Opened by `open`, or by its address with `open_store`.

    A call that has been handed to a thread isn't cancelled any more: it comes back with what happened, unless it is
    given up. A save that was given up may still be made when the disk comes back.
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
        """The store in that file, made if it isn't there.

        Opening takes the same time however many runs it holds, but for the first time after an update of adjourn that
        changes the layout of its tables: half a minute then for a million runs, and as much free disk as the heads
        take. Killed meanwhile, it leaves the old layout.

        Raises:
            StoreInUse: another process has it open.
            StoreUnavailable: it can't be opened or made.
            StoreCorrupt: it is damaged, or not ours; it is left as it is.
            StoreTooNew: a newer adjourn made it; it is left as it is.
        """
        with thread_friendly():
            opened = await trio.to_thread.run_sync(_open, path, limiter=trio.CapacityLimiter(1))
        return cls(*opened)

    async def acquire(self, owner: str) -> Acquired:
        """A new epoch, and how the last owner left; earlier epochs may not save any more."""
        return await self._writer.run(Acquire(owner))

    async def release(self, epoch: int) -> None:
        """Leave in order, behind all saves accepted before: the epoch may not save any more. It is on the disk then."""
        await self._writer.run(Release(epoch))

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """As the contract says. It comes back when the save is on the disk."""
        entries = tuple([encode_entry(entry) for entry in append])
        await self._writer.run(
            Save(
                id=head.id,
                version=head.version,
                epoch=head.epoch,
                status=head.status,
                agent=head.agent,
                waiting_since=head.waiting_since,
                next_due=head.next_due,
                created_at=head.created_at,
                expected_version=expected_version,
                data=encode_head(head),
                entries=entries,
            )
        )

    async def load(self, run_id: str) -> Record | None:
        """The record, or None."""
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
        """A page of the heads that pass the filters, newest first; each combination of filters has its index."""
        check_limit(limit)
        cursor = None if after is None else read_cursor(after)
        return await self._reader.run(
            partial(sqlite_reads.page, status=status, agent=agent, waiting=waiting, limit=limit, cursor=cursor)
        )

    async def count(self, status: Status) -> int:
        """How many runs have the status now."""
        return await self._reader.run(partial(sqlite_reads.count, status=status))

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        """Heads with `nextDue` <= now (ms), earliest first."""
        check_limit(limit)
        return await self._reader.run(partial(sqlite_reads.due, now=now, limit=limit, cursor=due_place(after)))

    def give_up(self, after_s: float) -> bool:
        """End the calls that a hanging disk holds; what of them a thread has not begun never happens."""
        return self._reader.give_up(after_s) | self._writer.give_up(after_s)

    async def aclose(self) -> None:
        """Finish what was accepted, close the file, let another process have it. Idempotent; not cancelled.

        Where the disk hangs, it leaves the file open and locked, for as long as this process lives.
        """
        with trio.CancelScope(shield=True):
            async with self._closing:
                if self._closed:
                    return
                self._closed = True
                # The writer's is the last connection: closing it moves what the log holds into the file.
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
    path = os.path.realpath(name)  # one lock for all names of the file
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
    """Writes for as long as the files are those that were opened. The log tells when writing begins and ceases to
    fail: what callers are told of it need not reach whoever can help."""

    def __init__(self, connection: sqlite3.Connection, path: str, files: StoreFiles) -> None:
        self._connection, self._path, self._files = connection, path, files
        self._patience = Patience(connection)
        self._told: str | None = None
        self._may_be_free = True  # pages of the file, more than are kept
        self.fault: str | None = None  # what happened to the files
        self._is_lasting = False  # it can't be put right while this process has them open

    def __call__(self, writes: Sequence[Write]) -> Sequence[Any]:
        outcomes: Sequence[Any] = ()
        if self.is_sound():
            outcomes = write_group(self._connection, self._path, writes)
            self._patience.note(outcomes[-1])
            self._may_be_free = self._may_be_free or any(isinstance(write, Delete) for write in writes)
        if not self.is_sound():  # nothing is acknowledged that may not be on the disk
            outcomes = [StoreUnavailable(f"{self._path}: {self.fault}", path=self._path) for _ in writes]
        faults = [str(each) for each in outcomes if isinstance(each, StoreUnavailable | StoreCorrupt)]
        self._tell(faults[0] if faults else None)
        return outcomes

    def is_sound(self) -> bool:
        """Whether the files are all right now. What they lost is saved once."""
        if not self._is_lasting:
            trouble = self._files.check()
            self.fault = trouble and trouble.value
            if trouble is not None and not trouble.passes:
                self._save_rest(trouble)
        return self.fault is None

    def refusal(self) -> str | None:
        """Why nothing is read at this moment, as far as it is known. For the other thread."""
        return self.fault if self._is_lasting or (self.fault and self._files.check()) else None

    def spare(self) -> bool:
        """Give back some of what deletes have freed; returns whether there may be more."""
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
    """Reads, unless the files are known to be other ones: what isn't on the disk is not shown as saved."""

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
