"""Copies the runs of a store into another store. Uses only the Store contract, and opens no store.

Heads are read in pages, records one by one, and the records of a batch are saved at once, so that a store can write
them in one transaction.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import trio
from msgspec.structs import replace

from ..protocol.errors import AdjournError, InvalidParams, RecordTooNew, StoreCorrupt, StoreInUse, VersionConflict
from ..protocol.events import Status
from ..protocol.record import Head, Record, encode_entry
from .base import Store
from .shared import SharedStore

__all__ = ["Migrated", "migrate_runs"]

_LOG = logging.getLogger("adjourn.stores")

PAGE = 1_000  # heads
BATCH_RUNS, BATCH_BYTES = 256, 8 * 2**20  # a batch ends with the record that reaches one of these


@dataclass(frozen=True, slots=True)
class Migrated:
    """The progress of a migration; after its end, the result.

    Attributes:
        total: runs in the source.
        copied: runs that this call has copied.
        present: runs that the target had already.
        unreadable: runs of the source that can't be read, and so were not copied. Known only at the end.
    """

    total: int
    copied: int = 0
    present: int = 0
    unreadable: int = 0


async def migrate_runs(
    source: Store, target: Store, *, merge: bool = False, progress: Callable[[Migrated], None] | None = None
) -> Migrated:
    """Copy all runs from `source` to `target`. The source is only read.

    A run is copied in one save, with its version, its times and its whole journal. Its epoch becomes the target's. If
    this is cancelled or its process is killed, call it again: it copies the rest. Runs that can't be read are logged
    and left out.

    Call this only while no system uses either store. It acquires the target, and does not release it: how the
    source's last owner stopped is unknown, so the target's next owner must assume a crash.

    Args:
        merge: True: copy only the runs whose ids the target doesn't have, and keep the target's other runs. False: the
            target must be empty, or have only runs that an earlier call has copied.
        progress: called after each batch.

    Raises:
        InvalidParams: the target has other runs, and `merge` is False. Nothing was copied.
        StoreInUse: a node uses one of the stores, or began to during the migration.
        StoreUnavailable: as the methods of the stores. Call again later.
        StaleEpoch: another process has acquired the target.
    """
    await _check_unused(source, target)
    if not merge:
        await _check_target(source, target)
    epoch = (await target.acquire("adjourn store migrate")).epoch
    result = await _Copying(source, target, epoch, await _count(source), progress).run()
    await _check_unused(source, target)
    return result


class _Heads:
    """Reads the heads of a store one by one, in the order of `Store.list`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: deque[Head] = deque()
        self._after: str | None = None
        self._is_last = False

    async def next(self) -> Head | None:
        """Return the next head; None after the last."""
        while not self._read and not self._is_last:
            page = await self._store.list(limit=PAGE, after=self._after)
            self._read.extend(page.heads)
            self._after, self._is_last = page.after, page.after is None
        return self._read.popleft() if self._read else None


class _Pairs:
    """Reads the heads of two stores at once. `Store.list` has one order, so a run that is in both comes as a pair.

    Runs that are saved into the target meanwhile are before its place in that order, so they aren't read.
    """

    def __init__(self, source: Store, target: Store) -> None:
        self._source, self._target = _Heads(source), _Heads(target)
        self._next: list[Head | None] | None = None

    async def next(self) -> tuple[Head | None, Head | None]:
        """Return a run's heads in the source and the target, None where it isn't; twice None after the last run."""
        if self._next is None:
            self._next = [await self._source.next(), await self._target.next()]
        left, right = self._next
        newest = max([_place(head) for head in (left, right) if head is not None], default=None)
        if left is not None and _place(left) == newest:
            self._next[0] = await self._source.next()
        else:
            left = None
        if right is not None and _place(right) == newest:
            self._next[1] = await self._target.next()
        else:
            right = None
        return left, right


class _Copying:
    """One migration: copies the runs that the target doesn't have."""

    def __init__(
        self, source: Store, target: Store, epoch: int, total: int, progress: Callable[[Migrated], None] | None
    ) -> None:
        self._source, self._target, self._epoch = source, target, epoch
        self._total, self._progress = total, progress
        self._batch: list[Record] = []
        self._batch_bytes = 0
        self._copied = self._present = 0
        self._failed: AdjournError | None = None  # of a save

    async def run(self) -> Migrated:
        """Copy the runs, and return the result."""
        pairs = _Pairs(self._source, self._target)
        seen = 0
        while (pair := await pairs.next()) != (None, None):
            head, existing = pair
            if head is None:
                continue
            seen += 1
            if existing is None:
                await self._add(head.id)
            else:
                self._present += 1
            if seen % PAGE == 0 or len(self._batch) >= BATCH_RUNS or self._batch_bytes >= BATCH_BYTES:
                await self._save_batch()
        await self._save_batch()
        total = max(self._total, seen)  # a damaged status isn't counted
        return Migrated(total, self._copied, self._present, total - self._copied - self._present)

    async def _add(self, run_id: str) -> None:
        try:
            record = await self._source.load(run_id)
        except (RecordTooNew, StoreCorrupt) as error:
            _LOG.warning("run %s is not copied: %s", run_id, error)
            return
        if record is None:
            raise StoreInUse(f"run {run_id} was deleted from the source meanwhile: another process uses the store")
        self._batch.append(record)
        self._batch_bytes += sum([len(encode_entry(entry)) for entry in record.journal])

    async def _save_batch(self) -> None:
        async with trio.open_nursery() as nursery:
            for record in self._batch:
                nursery.start_soon(self._save, record)
        self._batch, self._batch_bytes = [], 0
        if self._failed is not None:
            raise self._failed
        if self._progress is not None:
            self._progress(self._so_far())

    async def _save(self, record: Record) -> None:
        try:
            await self._target.save(replace(record.head, epoch=self._epoch), record.journal, expected_version=0)
            self._copied += 1
        except VersionConflict:  # the target has a run with this id and another `createdAt`, or an unreadable head
            self._present += 1
        except AdjournError as error:
            self._failed = error

    def _so_far(self) -> Migrated:
        return Migrated(self._total, self._copied, self._present)


async def _check_unused(*stores: Store) -> None:
    for store in stores:
        if isinstance(store, SharedStore) and (nodes := await store.nodes()):
            known = ", ".join(node.url or node.id for node in nodes[:5])
            raise StoreInUse(f"a store is in use: stop its {len(nodes)} nodes first ({known})")


async def _check_target(source: Store, target: Store) -> None:
    """Check that the target has only runs as the source has them: those of an earlier call. Raises: InvalidParams."""
    stored, seen = await _count(target), 0
    if stored == 0:
        return
    pairs = _Pairs(source, target)
    while (pair := await pairs.next()) != (None, None):
        head, existing = pair
        if existing is None:
            continue
        seen += 1
        if head is None or replace(existing, epoch=0) != replace(head, epoch=0):
            lacks = "does not have" if head is None else "has in another version"
            raise InvalidParams(
                f"the target is not empty: it has run {existing.id}, which the source {lacks}; "
                "merge=True, or --merge, adds only the runs that the target does not have"
            )
    if seen < stored:
        raise InvalidParams(f"the target is not empty: {stored - seen} of its runs can't be read")


async def _count(store: Store) -> int:
    return sum([await store.count(status) for status in get_args(Status)])


def _place(head: Head) -> tuple[int, str]:
    return head.created_at, head.id
