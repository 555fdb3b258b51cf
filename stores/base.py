"""The Store contract: a store holds the records of runs, for one owner at a time. No implementation here.

For each run, a store keeps the latest head and the whole journal. It may look at a head's id, version, epoch, status,
agent, `nextDue`, `waitingSince` and times, and at nothing else. Ids and agents' names are compared and ordered by code
points. A journal may have tens of thousands of entries, an entry several megabytes. `check_store` in
`adjourn.stores.testing` tests this contract.
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
    """The result of `Store.acquire`.

    Attributes:
        epoch: the new owner's epoch, greater than all before.
        is_clean: True: the last owner called `release`, or there never was one. False also where the store can't
            know.
    """

    epoch: int
    is_clean: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of heads, newest `createdAt` first (for equal times, greater id first), and the cursor of the next page.

    A page may have fewer heads than its limit, although more pages follow. It is empty only if no run is left, or if
    none of its heads can be read.

    Attributes:
        heads: the heads.
        after: the cursor of the next page, opaque. None: this is the last page.
    """

    heads: tuple[Head, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class StoreClaims:
    """A store's promises beyond the contract within one process. `check_store` tests those that are made.

    Attributes:
        durable: what was saved is there after the process was killed.
        fenced: a save or delete with an older epoch is refused, also across processes.
        exclusive: a second process can't open the store.
        shared: several nodes may use the store at once, each owning some of the runs: the store is a `SharedStore`.
    """

    durable: bool
    fenced: bool
    exclusive: bool
    shared: bool = False


class Store(Protocol):
    """Stores the records of runs. Every method is a checkpoint unless the store says otherwise.

    A save is atomic, also when it is cancelled or fails. The record that `load` returns is a copy of the caller's own.
    Every method raises `StoreUnavailable` when the medium fails. After a failed `save` the caller doesn't know whether
    the data was saved, and must load.

    A medium may also hang. Callers set no deadlines, and may shield a save from cancellation. Instead, the system
    calls `give_up` at intervals, which ends calls that take too long.
    """

    @property
    def claims(self) -> StoreClaims:
        """The promises of this store."""
        ...

    async def acquire(self, owner: str) -> Acquired:
        """Become the owner. From now on, saves and deletes with an older epoch are refused.

        `Acquired.is_clean` says whether the last owner called `release`. Reading and clearing this mark is one
        transaction, so it is False after a process that was killed. It is also False if the store can't know: a run
        that kills its process at each start is stopped by counting unclean starts, and this guard must fail closed.

        Args:
            owner: the owner's name, for people.
        """
        ...

    async def release(self, epoch: int) -> None:
        """Give up ownership in an orderly stop: the next owner gets `is_clean`. Idempotent.

        This is the owner's last write. Saves accepted earlier are stored first; later saves and deletes with this epoch
        are refused. To go on, acquire again. `aclose` alone doesn't release the ownership.

        Raises: StaleEpoch for an epoch that isn't the current owner's; then nothing changes.
        """
        ...

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """Write `head` and append to the run's journal, both or neither.

        Args:
            head: with the new version and the writer's epoch, which are stored unchanged. `createdAt` of the first
                save is kept, whatever `head` says.
            append: the new entries.
            expected_version: the version that is stored now; 0: the run must not exist.

        Raises:
            VersionConflict: another version is stored.
            StaleEpoch: the store has a newer owner, or this one has called `release`.
        """
        ...

    async def load(self, run_id: str) -> Record | None:
        """Return the record, or None if the run doesn't exist.

        Raises:
            RecordTooNew: a newer adjourn wrote the record.
            StoreCorrupt: the record can't be decoded.
        """
        ...

    async def delete(self, run_id: str, *, epoch: int) -> None:
        """Delete the run, as the owner with that epoch. Idempotent.

        Raises: StaleEpoch as in `save`, whether the run exists or not; then nothing is deleted.
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
        """Return a page of the heads that pass all given filters. Heads that can't be read are skipped and logged.

        Args:
            status: only runs with this status now.
            agent: only runs of the agent with this name.
            waiting: only runs with `waitingSince`: a call waits for a decision. False: no filter.
            limit: maximum number of heads, at least 1.
            after: the cursor of the last page, which was read with the same filters; None: the first page.

        Raises: InvalidParams for a limit below 1, or an invalid cursor.
        """
        ...

    async def count(self, status: Status) -> int:
        """Count the runs with this status now, including runs whose heads can't be read."""
        ...

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        """Return the heads with `nextDue` <= `now` (ms), earliest first; for equal times, smaller id first.

        Heads that can't be read are skipped and logged; the next ones take their places.

        Args:
            limit: maximum number of heads. Fewer come only if no more are due.
            after: a head that `due` returned earlier: only heads after its place in that order, even if its run has
                changed or was deleted. None: from the earliest.
        """
        ...

    def give_up(self, after_s: float) -> bool:
        """Make every call that has been under way for more than `after_s` seconds raise StoreUnavailable, soon.

        Never waits. The work of such a call may have happened, may happen later, or never. However late it happens, a
        save is still atomic and still checks versions and epochs. Other calls go on as usual. `aclose` no longer waits
        for calls that were given up.

        Returns: whether any call was given up.
        """
        ...

    async def aclose(self) -> None:
        """Finish the accepted calls, then free all resources. Idempotent. Bounded in time, even if the medium hangs."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
