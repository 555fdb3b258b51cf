"""The Store contract: where records live, for one owner at a time. No implementation here.

A store keeps, per run, the latest head and every journal entry ever appended. It knows a head's id, version, epoch,
status, agent, `nextDue`, `waitingSince` and times; the rest is opaque to it. Ids and agents' names are compared and
ordered by code points. A journal grows to tens of thousands of entries, an entry to some megabytes. `check_store` in
`adjourn.stores.testing` is this contract as a test suite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from ..protocol.events import Status
from ..protocol.record import Entry, Head, Record

__all__ = ["Acquired", "Page", "Store", "StoreClaims"]


@dataclass(frozen=True, slots=True)
class Acquired:
    """What a new owner learns."""

    epoch: int  # its own, greater than all before
    is_clean: bool  # the last owner called `release`, or there never was one; False where the store can't know


@dataclass(frozen=True, slots=True)
class Page:
    """Some heads, newest `createdAt` first (of equal ones the greater id), and the cursor to the next page.

    A page may have fewer heads than were asked for and yet a cursor, but none at all only if they can't be read.
    """

    heads: tuple[Head, ...]
    after: str | None  # opaque; None: no more


@dataclass(frozen=True, slots=True)
class StoreClaims:
    """What a store promises beyond the sequential contract; decides which clauses of the suite apply."""

    durable: bool  # what was saved is there after the process was killed
    fenced: bool  # a save or delete with an older epoch is refused, also across processes
    exclusive: bool  # a second process can't open it


class Store(Protocol):
    """One method a verb; every method is a checkpoint unless the store says otherwise.

    A save has happened or has not: cancellation and errors leave no half save. What `load` returns is the caller's own.
    Any method raises `StoreUnavailable` when the medium fails; after a failed `save` the caller doesn't know whether
    it happened, and must load.

    A medium may also hang. Nobody puts a deadline around a call, and a save may be shielded from cancellation; but a
    system looks at its store now and then, and calls `give_up` for what takes too long.
    """

    @property
    def claims(self) -> StoreClaims:
        """What this store promises."""
        ...

    async def acquire(self, owner: str) -> Acquired:
        """Become the owner. From now on, saves and deletes with an older epoch are refused.

        `is_clean` tells how the last owner left. The transaction that reads it clears it, so a process that is killed
        leaves nothing behind: the owner after it is told False. A store that can't know says False too, because the
        guard that stops a run which kills its process again and again counts such starts, and must fail closed.
        """
        ...

    async def release(self, epoch: int) -> None:
        """Leave in order: the next owner is told `is_clean`, unless another one has come in between. Idempotent.

        It is an owner's last write: saves accepted before it are stored before it, and it ends the epoch, so that later
        saves and deletes are refused and the mark stays true. To go on, acquire again. `aclose` alone releases nothing.

        Raises: StaleEpoch for an epoch that isn't the present owner's; then nothing changes.
        """
        ...

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """Write `head` and append to its journal, both or neither.

        `expected_version`: the version that is stored now, 0 = the run must not exist; `head.version` is the new one,
        `head.epoch` the writer's; both are kept as they are. `createdAt` of the first save stays, whatever `head` says.

        Raises:
            VersionConflict: something else is stored.
            StaleEpoch: the store has a newer owner, or this one has called `release`.
        """
        ...

    async def load(self, run_id: str) -> Record | None:
        """The record, or None. Raises `RecordTooNew` or `StoreCorrupt` where it can't be read."""
        ...

    async def delete(self, run_id: str, *, epoch: int) -> None:
        """Delete the run, as the owner with that epoch. Idempotent.

        Raises: StaleEpoch as `save`, whether the run exists or not; then nothing is deleted.
        """
        ...

    async def list(
        self,
        *,
        status: Status | None = None,
        agent: str | None = None,
        waiting: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """A page of the heads that pass all filters given. A head that can't be read is left out, and logged.

        Args:
            status: only runs that have it now.
            agent: only runs of the agent with that name.
            waiting: only runs with `waitingSince`, that is, in which a call waits for somebody's decision; False asks
                for nothing, so it gives waiting runs too.
            limit: how many heads at most, from 1.
            after: the cursor of the page before, read with the same filters; None: the first page.

        Raises: InvalidParams for a limit below 1, or a cursor that no store gave out.
        """
        ...

    async def count(self, status: Status) -> int:
        """How many runs have the status now, those with unreadable heads too."""
        ...

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        """The first `limit` heads with `nextDue` <= now (ms), earliest first, of equal ones the smaller id: fewer only
        if no more are due.

        A head that can't be read is left out, and logged; it hides none of those behind it.

        Args:
            after: a head that `due` gave before: only heads behind it in that order, whatever became of its run. None:
                from the earliest.
        """
        ...

    def give_up(self, after_s: float) -> bool:
        """Let every call that has been under way for more than `after_s` seconds raise StoreUnavailable, soon.

        Returns whether there was one. It never waits. What was given up has happened, will happen or never happens: a
        save is still whole and still compares versions and epochs, however late it is made, and the calls after it are
        made as if it had raised that by itself. Once calls were given up, `aclose` waits for them no longer.
        """
        ...

    async def aclose(self) -> None:
        """Finish what was accepted, then release everything. Idempotent, and bounded also where the medium hangs."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
