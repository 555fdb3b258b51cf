"""The Store contract: where records live, for one owner at a time. No implementation here.

A store keeps, per run, the latest head and every journal entry ever appended. It knows a head's id, version, epoch,
status, `nextDue` and times; the rest is opaque to it. `check_store` in `adjourn.stores.testing` is this contract as a
test suite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from ..protocol.events import Status
from ..protocol.record import Entry, Head, Record

__all__ = ["Page", "Store", "StoreClaims"]


@dataclass(frozen=True, slots=True)
class Page:
    """Some heads, newest `createdAt` first (of equal ones the greater id), and the cursor to the next page."""

    heads: tuple[Head, ...]
    after: str | None  # opaque; None: no more


@dataclass(frozen=True, slots=True)
class StoreClaims:
    """What a store promises beyond the sequential contract; decides which clauses of the suite apply."""

    durable: bool  # what was saved is there after the process was killed
    fenced: bool  # a save with an older epoch is refused, also across processes
    exclusive: bool  # a second process can't open it


class Store(Protocol):
    """One method a verb; every method is a checkpoint unless the store says otherwise.

    A save has happened or has not: cancellation and errors leave no half save. What `load` returns is the caller's own.
    Any method raises `StoreUnavailable` when the medium fails; after a failed `save` the caller doesn't know whether
    it happened, and must load.
    """

    @property
    def claims(self) -> StoreClaims:
        """What this store promises."""
        ...

    async def acquire(self, owner: str) -> int:
        """Become the owner: returns an epoch above all before. Saves with an older one are refused from now on."""
        ...

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """Write `head` and append to its journal, both or neither.

        `expected_version`: the version that is stored now, 0 = the run must not exist; `head.version` is the new one,
        `head.epoch` the writer's. `createdAt` of the first save stays, whatever `head` says.

        Raises:
            VersionConflict: something else is stored.
            StaleEpoch: the store has a newer owner.
        """
        ...

    async def load(self, run_id: str) -> Record | None:
        """The record, or None. Raises `RecordTooNew` or `StoreCorrupt` where it can't be read."""
        ...

    async def delete(self, run_id: str) -> None:
        """Forget the run. Idempotent."""
        ...

    async def list(self, *, status: Status | None = None, limit: int = 100, after: str | None = None) -> Page:
        """A page of heads. A head that can't be read is left out, and logged."""
        ...

    async def count(self, status: Status) -> int:
        """How many runs have the status now, those with unreadable heads too."""
        ...

    async def due(self, now: int, limit: int = 100) -> tuple[Head, ...]:
        """The first `limit` heads with `nextDue` <= now (ms), earliest first.

        A head that can't be read is left out, and logged; it hides none of those behind it.
        """
        ...

    async def aclose(self) -> None:
        """Finish what was accepted, then release everything. Idempotent."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
