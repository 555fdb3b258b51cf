"""The contract suite can fail: for every clause there is a store that breaks it. Each store is wrong in one way.

Stores with obvious mistakes are here; those with subtle ones are in the `wrong_….py` files, by subject.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import trio
import wrong_journals as journals
import wrong_lists as lists
import wrong_nodes as nodes
import wrong_owners as owners
import wrong_races as races
import wrong_records as records
import wrong_reopened as reopened
import wrong_values as values
from shared_memory import Medium, SharedMemory

from adjourn.protocol.errors import AdjournError, InvalidParams, StoreUnavailable, VersionConflict
from adjourn.protocol.record import Entry, Head, Record
from adjourn.stores import Acquired, MemoryStore, Page, StoreClaims
from adjourn.stores.ownership import Ownership
from adjourn.stores.testing import CLAUSES, Clause, Opener


class MissingIsAnError(MemoryStore):
    async def load(self, run_id: str) -> Record | None:
        if (record := await super().load(run_id)) is None:
            raise KeyError(run_id)
        return record


class DropsTheJournal(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append[:1], expected_version=expected_version)


class Shares(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        self.shared = Record(head=head, journal=tuple(append))

    async def load(self, run_id: str) -> Record | None:
        return self.shared


class TakesCreatedAt(MemoryStore):
    async def load(self, run_id: str) -> Record | None:
        record = await super().load(run_id)
        assert record is not None
        return msgspec.structs.replace(record, head=msgspec.structs.replace(record.head, created_at=2_000))


class DeletesOnce(MemoryStore):
    async def delete(self, run_id: str, *, epoch: int) -> None:
        if await self.load(run_id) is None:
            raise StoreUnavailable("no such run")
        await super().delete(run_id, epoch=epoch)


class KeepsTheDeletedJournal(MemoryStore):
    async def delete(self, run_id: str, *, epoch: int) -> None:
        kept = self._runs[run_id].journal
        await super().delete(run_id, epoch=epoch)
        self.kept = kept

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        self._runs[head.id].journal = [*getattr(self, "kept", []), *self._runs[head.id].journal]


class LastWriteWins(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        run = self._runs.get(head.id)
        await super().save(head, append, expected_version=run.version if run else 0)


class OldestFirst(MemoryStore):
    async def list(self, **query: Any) -> Page:
        page = await super().list(**query)
        return Page(tuple(reversed(page.heads)), page.after)


class CountsPages(MemoryStore):
    """The cursor is a position, which shifts when runs are added or deleted."""

    async def list(self, *, limit: int = 100, after: str | None = None, **filters: Any) -> Page:
        whole = (await super().list(limit=10_000, **filters)).heads
        start = int(after or 0)
        return Page(whole[start : start + limit], str(start + limit) if len(whole) > start + limit else None)


class ListsAnyStatus(MemoryStore):
    async def list(self, *, status: Any = None, **query: Any) -> Page:
        return await super().list(**query)


class ListsLikeNames(MemoryStore):
    async def list(self, *, agent: Any = None, **query: Any) -> Page:
        page = await super().list(**query)
        return Page(tuple(head for head in page.heads if head.agent.startswith(agent or "")), page.after)


class WaitsForEver(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        waited = head.id in self._runs and self._runs[head.id].waiting_since is not None
        await super().save(head, append, expected_version=expected_version)
        if waited:
            self._runs[head.id].waiting_since = 1


class TakesOneFilter(MemoryStore):
    async def list(self, *, agent: Any = None, waiting: bool = False, **query: Any) -> Page:
        return await super().list(agent=agent, waiting=waiting and agent is None, **query)


class CountsAnyStatus(MemoryStore):
    async def count(self, status: Any) -> int:
        return len(self._runs)


class TakesAnyCursor(MemoryStore):
    async def list(self, **query: Any) -> Page:
        try:
            return await super().list(**query)
        except InvalidParams:
            return Page((), None)


class DueOnce(MemoryStore):
    async def due(self, now: int, limit: int = 100) -> tuple[Head, ...]:
        heads = await super().due(now, limit)
        for head in heads:
            self._runs[head.id].next_due = None
        return heads


class NeverUndue(MemoryStore):
    def _note_due(self, run_id: str, next_due: int | None) -> None:
        self._runs[run_id].next_due = next_due or self._due[0][0]
        super()._note_due(run_id, self._runs[run_id].next_due)


class OneEpoch(MemoryStore):
    async def acquire(self, owner: str) -> Acquired:
        return Acquired(epoch=1, is_clean=True)


class NeverCloses(MemoryStore):
    def _check_open(self) -> None:
        pass


class ChecksThenWaits(MemoryStore):
    """Two writers may both pass the version check."""

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        run = self._runs.get(head.id)
        if (run.version if run else 0) != expected_version:
            raise VersionConflict("too late")
        await trio.lowlevel.checkpoint()
        run = self._runs.get(head.id)
        await super().save(head, append, expected_version=run.version if run else 0)


class SavesInTwoSteps(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, (), expected_version=expected_version)
        await trio.lowlevel.checkpoint()
        await super().save(head, append, expected_version=head.version)


class DropsWhenBusy(MemoryStore):
    busy = False

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if self.busy:
            return
        self.busy = True
        await super().save(head, append, expected_version=expected_version)
        await trio.lowlevel.checkpoint()
        self.busy = False


class DeletesInTwoSteps(MemoryStore):
    async def delete(self, run_id: str, *, epoch: int) -> None:
        if run := self._runs.get(run_id):
            run.journal = []
        await super().delete(run_id, epoch=epoch)


class Unfenced(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        head = msgspec.structs.replace(head, epoch=max(head.epoch, self._ownership.epoch))
        await super().save(head, append, expected_version=expected_version)


class SavesForAnybody(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        ownership, self._ownership = self._ownership, Ownership()
        await super().save(head, append, expected_version=expected_version)
        self._ownership = ownership


class RefusesButSaves(SavesForAnybody):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        self._ownership.check_write(head.epoch)


class DeletesForAnybody(MemoryStore):
    async def delete(self, run_id: str, *, epoch: int) -> None:
        ownership, self._ownership = self._ownership, Ownership()
        await super().delete(run_id, epoch=0)
        self._ownership = ownership


class NeverClean(MemoryStore):
    async def acquire(self, owner: str) -> Acquired:
        return Acquired((await super().acquire(owner)).epoch, is_clean=False)


class AlwaysClean(MemoryStore):
    async def acquire(self, owner: str) -> Acquired:
        return Acquired((await super().acquire(owner)).epoch, is_clean=True)


class AnybodyReleases(MemoryStore):
    async def release(self, epoch: int) -> None:
        await super().release(self._ownership.epoch or epoch)


class ChecksTheOwnerThenWaits(SavesForAnybody):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        self._ownership.check_write(head.epoch)
        for _ in range(5):
            await trio.lowlevel.checkpoint()
        await super().save(head, append, expected_version=expected_version)


class ReleasesInTwoSteps(SavesForAnybody):
    """`release` marks the store as clean before it stops its owner's saves."""

    at_rest = False

    async def release(self, epoch: int) -> None:
        await super().release(epoch)
        self.at_rest = False
        await trio.lowlevel.checkpoint()
        self.at_rest = True

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if self.at_rest:
            self._ownership.check_write(head.epoch)
        await super().save(head, append, expected_version=expected_version)


class Forgets(MemoryStore):
    claims = StoreClaims(durable=True, fenced=True, exclusive=True)


BROKEN: dict[str, type[MemoryStore]] = {
    "a missing run is none": MissingIsAnError,
    "a record comes back as it was saved": DropsTheJournal,
    "load is the callers own copy": Shares,
    "created at is kept on re pause": TakesCreatedAt,
    "delete is idempotent": DeletesOnce,
    "a deleted run may begin anew": KeepsTheDeletedJournal,
    "a save on another version is refused and changes nothing": LastWriteWins,
    "a save repeated after a lost acknowledgement is refused and load tells": LastWriteWins,
    "list gives every run once newest first": OldestFirst,
    "list goes on where it was while runs come and go": CountsPages,
    "list by status gives the runs that have it now": ListsAnyStatus,
    "list by agent gives the runs of that name": ListsLikeNames,
    "list of what waits follows every save and delete": WaitsForEver,
    "list takes filters together on pages of any size": TakesOneFilter,
    "count follows every save and delete": CountsAnyStatus,
    "list and due say what they expected": TakesAnyCursor,
    "due gives what is due now earliest first": DueOnce,
    "due follows every save and delete": NeverUndue,
    "each owner has a greater epoch": OneEpoch,
    "a closed store is unavailable": NeverCloses,
    "of many writers one wins and the others are told": ChecksThenWaits,
    "concurrent saves never tear": SavesInTwoSteps,
    "saves of many runs at once all land": DropsWhenBusy,
    "a cancelled save has happened or has not": SavesInTwoSteps,
    "a cancelled first save or delete has happened or has not": DeletesInTwoSteps,
    "abort during a save leaves no orphan and no stray error": SavesInTwoSteps,
    "an older epoch may not save": Unfenced,
    "an older epoch may not delete": DeletesForAnybody,
    "saves beside a change of owner are whole or refused": RefusesButSaves,
    "what was saved is there when opened again": Forgets,
    "epochs grow when opened again": Forgets,
    "a store that never had an owner is clean": NeverClean,
    "a release makes the store clean for one owner": AlwaysClean,
    "an owner that does not release leaves the store unclean": AlwaysClean,
    "only the present owner may release": AnybodyReleases,
    "who has released saves no more": SavesForAnybody,
    "saves beside a release are whole or refused": ChecksTheOwnerThenWaits,
    "a cancelled release has happened or has not": ReleasesInTwoSteps,
    "how the last owner left is known when opened again": Forgets,
    "only one may have it open": Forgets,
}


CLAUSE_OF_NAME = {clause.name: clause for clause in CLAUSES}
FILES = (records, values, journals, lists, nodes, owners, races, reopened)
WRONG = [
    *((store, name) for name, store in BROKEN.items()),
    *(
        pair
        for each in (records, values, journals, lists, nodes, owners, races, reopened)
        for pair in each.WRONG.items()
    ),
]


def opener_of(store: type[MemoryStore]) -> Opener:
    """Return a function that opens the store: empty at first, and then, if it is durable, with the runs kept so far."""
    if issubclass(store, SharedMemory):
        shared = Medium()
        return lambda: store(shared)
    if not issubclass(store, reopened.KeptStore):
        return store
    medium: dict[str, Any] = {}
    return lambda: store(medium)


@pytest.mark.parametrize(("store", "name"), WRONG, ids=[f"{store.__name__}: {name}" for store, name in WRONG])
async def test_a_wrong_store_is_found_by_a_clause(store: type[MemoryStore], name: str, autojump_clock: object) -> None:
    with pytest.raises((AssertionError, KeyError, AdjournError)) as found:
        await CLAUSE_OF_NAME[name].check(opener_of(store))
    assert found.value.__notes__ == [f"The clause of the Store contract: {name}"]
    if isinstance(found.value, AssertionError):
        assert str(found.value).split("\n")[0], "it says what was expected"


@pytest.mark.parametrize("clause", CLAUSES, ids=str)
async def test_the_store_that_wrong_ones_are_made_of_keeps_the_contract(clause: Clause) -> None:
    await clause.check(opener_of(SharedMemory if clause.needs == ("shared",) else reopened.KeepsOut))


def test_each_clause_finds_a_wrong_store() -> None:
    assert {name for _, name in WRONG} == set(CLAUSE_OF_NAME)
