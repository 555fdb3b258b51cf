"""Stores that are wrong when calls meet or are cancelled, each in one way, and the clause that finds it."""

from bisect import insort
from collections.abc import Sequence
from typing import Any

import trio

from adjourn.protocol.errors import StoreUnavailable, VersionConflict
from adjourn.protocol.events import Status
from adjourn.protocol.record import Entry, Head, Record
from adjourn.stores import MemoryStore, Page


class SavesLargeOnesInParts(MemoryStore):
    """A save of more than 500 entries takes several requests."""

    most = 500  # entries

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append[: self.most], expected_version=expected_version)
        for start in range(self.most, len(append), self.most):
            await trio.lowlevel.checkpoint()
            await super().save(head, append[start : start + self.most], expected_version=head.version)


class SavesInPartsOfAThousand(SavesLargeOnesInParts):
    most = 1_000


class LoadsLargeOnesInParts(MemoryStore):
    """A load reads the head, then the journal, a hundred entries at a time."""

    async def load(self, run_id: str) -> Record | None:
        record = await super().load(run_id)
        if record is None or len(record.journal) <= 100:
            return record
        await trio.lowlevel.checkpoint()
        later = await super().load(run_id)
        return later and Record(head=record.head, journal=later.journal)


class AppendsBeforeTheHead(MemoryStore):
    """A cancelled save leaves entries, which appear with the next save."""

    def __init__(self) -> None:
        super().__init__()
        self.orphans: dict[str, list[Entry]] = {}

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        written = [*self.orphans.pop(head.id, []), *append]
        try:
            for _ in range(len(append) // 500):
                await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            self.orphans[head.id] = written
            raise
        await super().save(head, written, expected_version=expected_version)


class BringsBackWhatIsDeleted(MemoryStore):
    """A save checks the version, waits, and then overwrites even a deleted run."""

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        run = self._runs.get(head.id)
        if (run.version if run else 0) != expected_version:
            raise VersionConflict("too late")
        if run:
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            self._runs.setdefault(head.id, run)
            if (run.created_at, head.id) not in self._order:
                self._order.append((run.created_at, head.id))
        await super().save(head, append, expected_version=expected_version)


class MovesTheIndexFirst(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        run = self._runs.get(head.id)
        if run and run.version == expected_version:
            self.move(head)
            await trio.lowlevel.checkpoint()
        await super().save(head, append, expected_version=expected_version)

    def move(self, head: Head) -> None:
        run = self._runs[head.id]
        run.status, run.agent, run.waiting_since = head.status, head.agent, head.waiting_since


class MovesDeadlinesFirst(MovesTheIndexFirst):
    def move(self, head: Head) -> None:
        self._runs[head.id].next_due = head.next_due
        self._note_due(head.id, head.next_due)


class ListsARunFirst(MemoryStore):
    """A cancelled save leaves a run in lists and counts that doesn't exist."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: set[str] = set()

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        self.listed.add(head.id)
        await trio.lowlevel.checkpoint()
        await super().save(head, append, expected_version=expected_version)

    async def count(self, status: Status) -> int:
        return await super().count(status) + len(self.listed - set(self._runs)) * (status == "running")


class DeletesFromTheCountLast(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.counted: set[str] = set()

    async def delete(self, run_id: str, *, epoch: int) -> None:
        if run_id in self._runs:
            self.counted.add(run_id)
        await super().delete(run_id, epoch=epoch)
        await trio.lowlevel.checkpoint()
        self.counted.discard(run_id)

    async def count(self, status: Status) -> int:
        return await super().count(status) + len(self.counted) * (status == "paused")


class TakesARunOutToSaveIt(MemoryStore):
    """During a save, the run is missing from lists."""

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if run := self._runs.get(head.id):
            place = run.created_at, head.id
            self._order.remove(place)
            await trio.lowlevel.cancel_shielded_checkpoint()
            insort(self._order, place)
        await super().save(head, append, expected_version=expected_version)


class FiltersThenReads(MemoryStore):
    """A list filters runs, then reads them one by one. They may have changed since."""

    async def list(self, **query: Any) -> Page:
        page = await super().list(**query)
        records = [await self.load(head.id) for head in page.heads]
        return Page(tuple(record.head for record in records if record), page.after)


class KeepsTheLock(MemoryStore):
    """A cancelled read never releases the lock."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = trio.Semaphore(1)

    async def load(self, run_id: str) -> Record | None:
        await self.lock.acquire()
        record = await super().load(run_id)
        self.lock.release()
        return record


class RunsOutOfConnections(MemoryStore):
    """A cancelled list never returns its connection."""

    def __init__(self) -> None:
        super().__init__()
        self.free = 20

    async def list(self, **query: Any) -> Page:
        if not self.free:
            raise StoreUnavailable("no connection is left")
        self.free -= 1
        try:
            return await super().list(**query)
        finally:
            self.free += trio.current_effective_deadline() > 0  # in a cancelled scope it is -inf


WRONG: dict[type[MemoryStore], str] = {
    SavesLargeOnesInParts: "concurrent saves never tear when they are large",
    SavesInPartsOfAThousand: "a cancelled save is whole or not at all when it is large",
    LoadsLargeOnesInParts: "concurrent saves never tear when they are large",
    AppendsBeforeTheHead: "a cancelled save is whole or not at all when it is large",
    BringsBackWhatIsDeleted: "a save beside a delete brings nothing back",
    MovesTheIndexFirst: "lists agree with a cancelled call",
    MovesDeadlinesFirst: "lists agree with a cancelled call",
    ListsARunFirst: "lists agree with a cancelled call",
    DeletesFromTheCountLast: "lists agree with a cancelled call",
    TakesARunOutToSaveIt: "lists give every run as one save left it",
    FiltersThenReads: "lists give every run as one save left it",
    KeepsTheLock: "a cancelled read leaves the store in order",
    RunsOutOfConnections: "a cancelled read leaves the store in order",
}
