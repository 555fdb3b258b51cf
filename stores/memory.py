"""A store in this process's memory, for tests and for runs that may be lost when the process ends."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from types import TracebackType
from typing import Self

import trio
from msgspec.structs import replace

from ..protocol.codec import from_json, to_json
from ..protocol.errors import StoreUnavailable, VersionConflict
from ..protocol.events import Status
from ..protocol.record import SCHEMA_VERSION, Entry, Head, Record, decode_entry, encode_entry
from .base import Acquired, Page, StoreClaims
from .ownership import Ownership
from .paging import check_limit, cursor_after, due_place, read_cursor

__all__ = ["MemoryStore"]


class _Run:
    """One run, and the fields that the store searches by.

    Callers share no values that can change: entries and metadata are kept encoded. The rest of a head is immutable, so
    the head itself is kept, with empty metadata.
    """

    __slots__ = ("agent", "created_at", "head", "journal", "metadata", "next_due", "status", "version", "waiting_since")

    head: Head

    def __init__(self, created_at: int) -> None:
        self.created_at = created_at
        self.version = 0
        self.next_due: int | None = None
        self.status: Status = "running"
        self.agent = ""
        self.waiting_since: int | None = None
        self.metadata = b""  # of the head, as JSON; empty: it has none
        self.journal: list[bytes] = []

    def whole_head(self) -> Head:
        """Return the head with its own copy of the metadata."""
        return replace(self.head, metadata=from_json(self.metadata, dict)) if self.metadata else self.head

    def passes(self, status: Status | None, agent: str | None, waiting: bool) -> bool:
        """Check whether the run passes the filters of `list`."""
        return (
            (status is None or self.status == status)
            and (agent is None or self.agent == agent)
            and (not waiting or self.waiting_since is not None)
        )


class MemoryStore:
    """Implements the Store contract in memory. Only `save` is not a checkpoint: it never waits and is never cancelled.

    `count` looks at all runs, and so does `list` if few runs pass its filters; `save`, `load` and `due` don't. The
    owner and the `is_clean` mark live as long as the object.
    """

    claims = StoreClaims(durable=False, fenced=True, exclusive=False)

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._order: list[tuple[int, str]] = []  # (createdAt, id) of every run
        self._due: list[tuple[int, str]] = []  # heap of (nextDue, id); may have outdated pairs
        self._ownership = Ownership()
        self._closed = False

    async def acquire(self, owner: str) -> Acquired:
        """Become the owner: start a new epoch, and refuse writes of earlier ones."""
        await trio.lowlevel.checkpoint()
        self._check_open()
        self._ownership, acquired = self._ownership.acquired()
        return acquired

    async def release(self, epoch: int) -> None:
        """Give up ownership: refuse later writes of this epoch. The next owner gets `is_clean`."""
        await trio.lowlevel.checkpoint()
        self._check_open()
        self._ownership = self._ownership.released(epoch)

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """Save as in the contract, without a checkpoint."""
        self._check_open()
        self._ownership.check_write(head.epoch)
        run = self._runs.get(head.id)
        stored = run.version if run else 0
        if stored != expected_version:
            raise VersionConflict(f"run {head.id}: expected version {expected_version}, stored is {stored}")
        if run and head.created_at != run.created_at:
            head = replace(head, created_at=run.created_at)
        # Encode before the first change, because encoding may fail.
        entries: list[bytes] = []
        for entry in append:
            entries.append(encode_entry(entry))
        metadata = b""
        if head.metadata:
            metadata, head = to_json(head.metadata), replace(head, metadata={})
        if run is None:
            run = self._runs[head.id] = _Run(head.created_at)
            insort(self._order, (run.created_at, head.id))
        run.head, run.metadata, run.version, run.status = head, metadata, head.version, head.status
        run.agent, run.waiting_since = head.agent, head.waiting_since
        run.journal += entries
        if head.next_due != run.next_due:
            run.next_due = head.next_due
            self._note_due(head.id, head.next_due)

    async def load(self, run_id: str) -> Record | None:
        """Return a new copy of the record, or None."""
        await trio.lowlevel.checkpoint()
        self._check_open()
        run = self._runs.get(run_id)
        if run is None:
            return None
        journal = tuple(decode_entry(entry, SCHEMA_VERSION) for entry in run.journal)
        return Record(head=run.whole_head(), journal=journal)

    async def delete(self, run_id: str, *, epoch: int) -> None:
        """Delete the run. Idempotent."""
        await trio.lowlevel.checkpoint()
        self._check_open()
        self._ownership.check_write(epoch)
        run = self._runs.pop(run_id, None)
        if run is not None:
            del self._order[bisect_left(self._order, (run.created_at, run_id))]

    async def list(
        self,
        *,
        status: Status | None = None,
        agent: str | None = None,
        waiting: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """Return a page of the heads that pass the filters, newest first."""
        await trio.lowlevel.checkpoint()
        self._check_open()
        check_limit(limit)
        end = len(self._order) if after is None else bisect_left(self._order, read_cursor(after))
        heads: list[Head] = []
        for place in range(end - 1, -1, -1):
            run = self._runs[self._order[place][1]]
            if not run.passes(status, agent, waiting):
                continue
            if len(heads) == limit:
                return Page(tuple(heads), cursor_after(heads[-1].created_at, heads[-1].id))
            heads.append(run.whole_head())
        return Page(tuple(heads), None)

    async def count(self, status: Status) -> int:
        """Count the runs with this status now."""
        await trio.lowlevel.checkpoint()
        self._check_open()
        return sum(run.status == status for run in self._runs.values())

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        """Return heads with `nextDue` <= now (ms), earliest first. Skipping the heads up to `after` takes O(n)."""
        await trio.lowlevel.checkpoint()
        self._check_open()
        check_limit(limit)
        start = due_place(after)
        passed: list[tuple[int, str]] = []
        found: list[tuple[int, str]] = []
        while len(found) < limit and (first := self._first_due()) is not None and first[0] <= now:
            heappop(self._due)
            group = passed if first <= start else found
            if not group or group[-1] != first:  # a deadline that was set, cleared and set again is in the heap twice
                group.append(first)
        for pair in passed + found:
            heappush(self._due, pair)
        return tuple(self._runs[run_id].whole_head() for _, run_id in found)

    def give_up(self, after_s: float) -> bool:
        """Return False: no call ever waits."""
        return False

    async def aclose(self) -> None:
        """Drop all data. Idempotent."""
        self._closed = True
        self._runs, self._order, self._due = {}, [], []
        await trio.lowlevel.checkpoint()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with trio.CancelScope(shield=True):  # aclose has only a checkpoint
            await self.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the memory store is closed")

    def _note_due(self, run_id: str, next_due: int | None) -> None:
        if next_due is not None:
            heappush(self._due, (next_due, run_id))
        if len(self._due) > 2 * len(self._runs) + 64:  # mostly outdated: rebuild the heap, on average O(1) a save
            self._due = [(run.next_due, key) for key, run in self._runs.items() if run.next_due is not None]
            heapify(self._due)

    def _first_due(self) -> tuple[int, str] | None:
        while self._due:
            next_due, run_id = self._due[0]
            run = self._runs.get(run_id)
            if run is not None and run.next_due == next_due:
                return self._due[0]
            heappop(self._due)
        return None
