"""A full Store over a backend with three methods: save, load and delete one record, where the last write wins.

The store does in memory what the backend can't: it compares versions before each save, keeps the heads that it has
seen for lists and deadlines, and knows the owner. So it promises nothing across processes.
"""

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Protocol, Self

import msgspec
import trio

from ..protocol.errors import AdjournError, StoreUnavailable, VersionConflict
from ..protocol.events import Status
from ..protocol.record import SCHEMA_VERSION, Entry, Head, Record, decode_entry, decode_head, encode_entry, encode_head
from .base import Acquired, Page, StoreClaims
from .memory import MemoryStore
from .ownership import Ownership

__all__ = ["SimpleBackend", "SimpleStore"]

CLOSE_S = 30.0


class SimpleBackend(Protocol):
    """The interface that a user implements. Each method is atomic, also when cancelled. `load` returns a new copy."""

    async def save(self, record: Record) -> None:
        """Store the record under `record.head.id`, replacing any other."""
        ...

    async def load(self, run_id: str) -> Record | None:
        """Return the record, or None."""
        ...

    async def delete(self, run_id: str) -> None:
        """Delete the record. Idempotent."""
        ...


class SimpleStore:
    """Implements the Store contract over a backend. A save writes the whole record, so a run of n turns costs O(n²).

    After a restart, the store doesn't know a run until it is loaded by its id: until then `list`, `due` and recovery
    don't see the run. The store makes one backend call at a time, and cancels it only in `give_up`.

    A backend can't keep the mark of an orderly stop, so the first owner in a process always gets `is_clean` False.
    After any restart, a run whose tool was executing is therefore charged with one crash. Otherwise a run that kills
    its process at each start would never be stopped.

    Args:
        backend: where records are loaded from and saved to.
    """

    claims = StoreClaims(durable=False, fenced=False, exclusive=False)

    def __init__(self, backend: SimpleBackend) -> None:
        self._backend = backend
        self._seen = MemoryStore()  # the heads, without journals, for lists and deadlines
        self._turn = trio.Lock()
        self._under_way: tuple[float, trio.CancelScope] | None = None  # start on trio's clock; cancels it
        self._given_up_before = -math.inf  # queued calls from before this time raise instead of being made
        self._ownership = Ownership(is_clean=False)  # how the last process ended is unknown
        self._closed = False

    async def acquire(self, owner: str) -> Acquired:
        """Become the owner: start a new epoch. Only writes of earlier epochs in this process are refused."""
        async with self._turn:
            self._check_open()
            self._ownership, acquired = self._ownership.acquired()
            return acquired

    async def release(self, epoch: int) -> None:
        """Give up ownership, after the call under way. A next owner in this process gets `is_clean`."""
        async with self._turn:
            self._check_open()
            self._ownership = self._ownership.released(epoch)

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """Save as in the contract, within this process."""
        new = _copy(Record(head=head, journal=tuple(append)))
        async with self._alone():
            self._ownership.check_write(head.epoch)
            old = await self._backend.load(head.id)
            stored = old.head.version if old else 0
            if stored != expected_version:
                raise VersionConflict(f"run {head.id}: expected version {expected_version}, stored is {stored}")
            if old:
                first = msgspec.structs.replace(new.head, created_at=old.head.created_at)
                new = Record(head=first, journal=old.journal + new.journal)
            await self._backend.save(new)
            await self._see(head.id, new)

    async def load(self, run_id: str) -> Record | None:
        """Return the record, or None."""
        async with self._alone():
            found = await self._backend.load(run_id)
            await self._see(run_id, found)
            return found and _copy(found)

    async def delete(self, run_id: str, *, epoch: int) -> None:
        """Delete the run. Idempotent."""
        async with self._alone():
            self._ownership.check_write(epoch)
            await self._backend.delete(run_id)
            await self._see(run_id, None)

    async def list(
        self,
        *,
        status: Status | None = None,
        agent: str | None = None,
        waiting: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """Return a page of the known heads that pass the filters, newest first."""
        return await self._seen.list(status=status, agent=agent, waiting=waiting, limit=limit, after=after)

    async def count(self, status: Status) -> int:
        """Count the known runs with this status now."""
        return await self._seen.count(status)

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        """Return the known heads with `nextDue` <= now (ms), earliest first."""
        return await self._seen.due(now, limit, after=after)

    def give_up(self, after_s: float) -> bool:
        """Cancel a backend call that takes too long. Queued calls that are as old raise StoreUnavailable too."""
        before = trio.current_time() - after_s
        if self._under_way is None or self._under_way[0] > before:
            return False
        self._given_up_before = before
        self._under_way[1].cancel()
        return True

    async def aclose(self) -> None:
        """Wait for the call under way, at most 30 s, and refuse later ones. Idempotent. Doesn't close the backend."""
        with trio.move_on_after(CLOSE_S, shield=True):
            async with self._turn:
                self._closed = True
                await self._seen.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[None]:
        """Give the block exclusive, uncancelled use of the backend. Its exceptions become StoreUnavailable."""
        since = trio.current_time()
        async with self._turn:
            self._check_open()
            if since <= self._given_up_before:
                raise StoreUnavailable("the store's backend has not answered in time")
            with trio.CancelScope(shield=True) as scope:
                self._under_way = since, scope
                try:
                    yield
                except AdjournError:
                    raise
                except Exception as error:
                    raise StoreUnavailable(f"the store's backend failed: {error}") from error
                finally:
                    self._under_way = None
            if scope.cancelled_caught:
                raise StoreUnavailable("the store's backend has not answered in time")

    async def _see(self, run_id: str, record: Record | None) -> None:
        await self._seen.delete(run_id, epoch=0)
        if record:
            await self._seen.save(record.head, expected_version=0)


def _copy(record: Record) -> Record:
    """Return a deep copy, so that a backend may be as simple as a dict."""
    journal = tuple(decode_entry(encode_entry(entry), SCHEMA_VERSION) for entry in record.journal)
    return Record(head=decode_head(encode_head(record.head)), journal=journal)
