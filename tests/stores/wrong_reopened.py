"""Stores that are wrong when they are opened again, each in one way, and the clause that finds it.

Their base, `KeptStore`, is right.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Self

import trio

from adjourn.protocol.errors import StoreInUse
from adjourn.protocol.record import Entry, Head
from adjourn.stores import Acquired, MemoryStore, StoreClaims
from adjourn.stores.ownership import Ownership

KEPT = ("_runs", "_order", "_due", "_ownership")


class KeptStore(MemoryStore):
    """A durable store for tests: another store with the same medium has the same runs."""

    claims = StoreClaims(durable=True, fenced=True, exclusive=False)

    def __init__(self, medium: dict[str, Any]) -> None:
        super().__init__()
        self.medium = medium
        vars(self).update({name: deepcopy(medium[name]) for name in KEPT if name in medium})

    async def aclose(self) -> None:
        if not self._closed:
            self.keep()
        await super().aclose()

    def keep(self) -> None:
        self.medium.update({name: getattr(self, name) for name in KEPT})


class CountsEntriesFromZero(KeptStore):
    """Entries are numbered by a count that isn't saved, so that they overwrite earlier ones."""

    def __init__(self, medium: dict[str, Any]) -> None:
        super().__init__(medium)
        self.counts: dict[str, int] = {}

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        count = self.counts.setdefault(head.id, 0)
        journal = self._runs[head.id].journal
        journal[count : count + len(append)] = journal[len(journal) - len(append) :]
        del journal[max(count + len(append), len(journal) - len(append)) :]
        self.counts[head.id] += len(append)

    async def delete(self, run_id: str, *, epoch: int) -> None:
        await super().delete(run_id, epoch=epoch)
        self.counts.pop(run_id, None)


class TakesCreatedAtWhenOpenedAgain(KeptStore):
    """createdAt is kept only in memory."""

    def __init__(self, medium: dict[str, Any]) -> None:
        super().__init__(medium)
        self.seen: set[str] = set()

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if head.id in self._runs and head.id not in self.seen:
            self._runs[head.id].created_at = head.created_at
        await super().save(head, append, expected_version=expected_version)
        self.seen.add(head.id)


class BelievesTheFirstVersion(KeptStore):
    """Versions are kept only in memory. For other runs, any version is accepted."""

    def __init__(self, medium: dict[str, Any]) -> None:
        super().__init__(medium)
        self.seen: set[str] = set()

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if head.id in self._runs and head.id not in self.seen and expected_version:
            expected_version = self._runs[head.id].version
        await super().save(head, append, expected_version=expected_version)
        self.seen.add(head.id)


class ForgetsFilters(KeptStore):
    def keep(self) -> None:
        super().keep()
        for run in self._runs.values():
            run.waiting_since = None


class ForgetsDeadlines(KeptStore):
    def keep(self) -> None:
        super().keep()
        self.medium["_due"] = self._due[:1]


class ForgetsThatItMoved(KeptStore):
    """The saved index of a run stays as at its first save, which shows after reopening."""

    def __init__(self, medium: dict[str, Any]) -> None:
        super().__init__(medium)
        self.first: dict[str, str] = {}

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        self.first.setdefault(head.id, head.agent)

    def keep(self) -> None:
        super().keep()
        for run_id, agent in self.first.items():
            if run_id in self._runs:
                self._runs[run_id].agent = agent


class DropsTheLastSave(KeptStore):
    """A save returns before it is written, and closing doesn't wait for it."""

    def __init__(self, medium: dict[str, Any]) -> None:
        super().__init__(medium)
        self.kept = deepcopy(self._runs), list(self._order)

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        before = deepcopy(self._runs), list(self._order)
        await super().save(head, append, expected_version=expected_version)
        self.kept = before

    def keep(self) -> None:
        super().keep()
        self.medium["_runs"], self.medium["_order"] = self.kept


class KeepsNothingWhenCancelled(KeptStore):
    """The store writes at its close, but not if an exception of this kind leaves its block."""

    kind: type[BaseException] = trio.Cancelled

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.dropped = kind is not None and issubclass(kind, self.kind)
        with trio.move_on_after(1, shield=True):
            await super().__aexit__(kind, error, traceback)

    def keep(self) -> None:
        if not self.dropped:
            super().keep()


class KeepsNothingAfterAnError(KeepsNothingWhenCancelled):
    kind = Exception


class ReplaysDeletesLast(KeptStore):
    """The log of saves and deletes is replayed at opening, with all deletes last."""

    def __init__(self, medium: dict[str, Any]) -> None:
        super().__init__(medium)
        self.deleted: set[str] = set()

    async def delete(self, run_id: str, *, epoch: int) -> None:
        await super().delete(run_id, epoch=epoch)
        self.deleted.add(run_id)

    def keep(self) -> None:
        super().keep()
        self.medium["_runs"] = {run_id: run for run_id, run in self._runs.items() if run_id not in self.deleted}
        self.medium["_order"] = [pair for pair in self._order if pair[1] not in self.deleted]


class KeepsOut(KeptStore):
    """A second opening is refused."""

    claims = StoreClaims(durable=True, fenced=True, exclusive=True)

    async def __aenter__(self) -> Self:
        if "lock" in self.medium:
            raise StoreInUse("it is open already")
        self.medium["lock"] = self
        return self

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> None:
        with trio.move_on_after(1, shield=True):
            await super().__aexit__(kind, error, traceback)
        del self.medium["lock"]


class LetsInWhoComesTwice(KeepsOut):
    """A refused second opening closes its file, which releases the first one's lock. So a third opening succeeds."""

    async def __aenter__(self) -> Self:
        try:
            return await super().__aenter__()
        except StoreInUse:
            del self.medium["lock"]
            raise


class ForgetsTheOwners(KeptStore):
    def keep(self) -> None:
        super().keep()
        del self.medium["_ownership"]


class LetsOwnersBeWhenOpenedAgain(KeptStore):
    """Epochs grow, but after reopening old ones are refused only once the next owner has acquired the store."""

    def __init__(self, medium: dict[str, Any]) -> None:
        super().__init__(medium)
        self.kept, self._ownership = self._ownership, Ownership()

    async def acquire(self, owner: str) -> Acquired:
        if not self._ownership.epoch:
            self._ownership = self.kept
        return await super().acquire(owner)

    def keep(self) -> None:
        if not self._ownership.epoch:
            self._ownership = self.kept
        super().keep()


class ForgetsTheRelease(KeptStore):
    """An owner that released the store may save after reopening."""

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if self.medium:
            self._ownership = Ownership(self._ownership.epoch, is_clean=False)
        await super().save(head, append, expected_version=expected_version)


WRONG: dict[type[KeptStore], str] = {
    CountsEntriesFromZero: "a run goes on when opened again",
    TakesCreatedAtWhenOpenedAgain: "a run goes on when opened again",
    BelievesTheFirstVersion: "a run goes on when opened again",
    ForgetsFilters: "lists are the same when opened again",
    ForgetsDeadlines: "lists are the same when opened again",
    ForgetsThatItMoved: "lists are the same when opened again",
    DropsTheLastSave: "saves beside a close are whole or refused",
    KeepsNothingWhenCancelled: "what was saved is there however the store was left",
    KeepsNothingAfterAnError: "what was saved is there however the store was left",
    ReplaysDeletesLast: "lists are the same when opened again",
    LetsInWhoComesTwice: "only one may have it open",
    ForgetsTheOwners: "epochs grow when opened again",
    LetsOwnersBeWhenOpenedAgain: "older epochs are refused when opened again",
    ForgetsTheRelease: "older epochs are refused when opened again",
}
