"""Stores that are wrong about one record, each in one way, and the clause that finds it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from adjourn.protocol.errors import VersionConflict
from adjourn.protocol.record import FINAL, Entry, Head, Record, ResultEntry, encode_entry
from adjourn.stores import MemoryStore, Page


class RemembersTheDeleted(MemoryStore):
    """The version of a deleted run is kept, so that a later save of the run is accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: dict[str, int] = {}

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if head.id not in self._runs and self.deleted.get(head.id) == expected_version:
            expected_version = 0
        await super().save(head, append, expected_version=expected_version)

    async def delete(self, run_id: str, *, epoch: int) -> None:
        if run := self._runs.get(run_id):
            self.deleted[run_id] = run.version
        await super().delete(run_id, epoch=epoch)


class MakesVersions(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        head = msgspec.structs.replace(head, version=expected_version + 1)
        await super().save(head, append, expected_version=expected_version)


class CountsSavesAsVersions(MemoryStore):
    """`load` returns the version in the head, but saves compare with a count of saves."""

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        self._runs[head.id].version = expected_version + 1


class TakesAnyLaterVersion(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        run = self._runs.get(head.id)
        if run and expected_version and head.version > run.version:
            expected_version = run.version
        await super().save(head, append, expected_version=expected_version)


class KeepsTheSaversEntries(MemoryStore):
    """Entries are encoded only at a load, and may have changed by then."""

    def __init__(self) -> None:
        super().__init__()
        self.appended: dict[str, list[Sequence[Entry]]] = {}

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        self.appended.setdefault(head.id, []).append(append)

    async def load(self, run_id: str) -> Record | None:
        if run := self._runs.get(run_id):
            run.journal = [encode_entry(entry) for append in self.appended[run_id] for entry in append]
        return await super().load(run_id)


class SharesListedHeads(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.cache: dict[tuple[str, int], Head] = {}

    def shared(self, heads: Sequence[Head]) -> tuple[Head, ...]:
        return tuple(self.cache.setdefault((head.id, head.version), head) for head in heads)

    async def list(self, **query: Any) -> Page:
        page = await super().list(**query)
        return Page(self.shared(page.heads), page.after)


class SharesDueHeads(SharesListedHeads):
    async def list(self, **query: Any) -> Page:
        return await MemoryStore.list(self, **query)

    async def due(self, now: int, limit: int = 100) -> tuple[Head, ...]:
        return self.shared(await super().due(now, limit))


class TakesALaterCreatedAt(MemoryStore):
    """The second save keeps createdAt, the third replaces it."""

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if expected_version >= 2:
            self._runs[head.id].created_at = head.created_at
        await super().save(head, append, expected_version=expected_version)


class TakesZeroForNoCreatedAt(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        run = self._runs.get(head.id)
        if run and not run.created_at:
            run.created_at = head.created_at
        await super().save(head, append, expected_version=expected_version)


class CreatesAnewInTheList(MemoryStore):
    """`load` returns the first createdAt, lists that of the last save."""

    def __init__(self) -> None:
        super().__init__()
        self.index: dict[str, int] = {}

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        self.index[head.id] = head.created_at

    async def list(self, **query: Any) -> Page:
        page = await super().list(**query)
        return Page(
            tuple(sorted(page.heads, key=lambda head: (self.index[head.id], head.id), reverse=True)), page.after
        )


class AppendsBeforeItRefuses(MemoryStore):
    """Entries of a refused save are written with the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Entry] = []

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        try:
            await super().save(head, [*self.waiting, *append], expected_version=expected_version)
        except VersionConflict:
            self.waiting += append
            raise
        self.waiting.clear()


class BeginsAnewWhatIsOver(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        run = self._runs.get(head.id)
        if run and run.status in FINAL and not expected_version:
            expected_version = run.version
        await super().save(head, append, expected_version=expected_version)


class KeepsTheDeadlineOfTheDeleted(MemoryStore):
    """A new run with a deleted run's id keeps the old deadline until it gets its own."""

    def __init__(self) -> None:
        super().__init__()
        self.left: dict[str, int | None] = {}

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        if head.next_due is None and self.left.get(head.id) is not None:
            self._runs[head.id].next_due = self.left[head.id]
            self._note_due(head.id, self.left[head.id])

    async def delete(self, run_id: str, *, epoch: int) -> None:
        if run := self._runs.get(run_id):
            self.left[run_id] = run.next_due
        await super().delete(run_id, epoch=epoch)


class HasNoColumnForSome(MemoryStore):
    """Fields without a column in the table are lost."""

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        head = msgspec.structs.replace(head, expires_at=None, recoveries=0)
        await super().save(head, append, expected_version=expected_version)


class LosesWhoDeclined(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        kept = [msgspec.structs.replace(e, by=None) if isinstance(e, ResultEntry) else e for e in append]
        await super().save(head, kept, expected_version=expected_version)


class ListsARefusedSave(MemoryStore):
    """A save changes the indexes before it compares versions."""

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if run := self._runs.get(head.id):
            run.agent, run.waiting_since = head.agent, head.waiting_since
        await super().save(head, append, expected_version=expected_version)


class CountsARefusedSave(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if run := self._runs.get(head.id):
            run.status = head.status
        await super().save(head, append, expected_version=expected_version)


WRONG: dict[type[MemoryStore], str] = {
    RemembersTheDeleted: "a late save brings no deleted run back",
    MakesVersions: "the version is the one that the head says",
    CountsSavesAsVersions: "the version is the one that the head says",
    TakesAnyLaterVersion: "the version is the one that the head says",
    KeepsTheSaversEntries: "load is the callers own copy",
    SharesListedHeads: "heads of lists are the callers own copies",
    SharesDueHeads: "heads of lists are the callers own copies",
    TakesALaterCreatedAt: "list keeps its order whatever later saves say",
    TakesZeroForNoCreatedAt: "list keeps its order whatever later saves say",
    CreatesAnewInTheList: "list keeps its order whatever later saves say",
    AppendsBeforeItRefuses: "what a refused save would append never comes up",
    BeginsAnewWhatIsOver: "the version is the one that the head says",
    KeepsTheDeadlineOfTheDeleted: "a deleted run may begin anew",
    HasNoColumnForSome: "every field comes back",
    LosesWhoDeclined: "every field comes back",
    ListsARefusedSave: "lists tell nothing of a refused save",
    CountsARefusedSave: "count follows every save and delete",
}
