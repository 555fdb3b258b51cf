"""The full Store over anything that can save, load and delete one record: three methods, the last write wins.

What such a backend can't do is done here, for as long as this process lives: versions are compared before each save,
lists and deadlines cover the runs seen since the store was made, and owners are known since then. It can promise
nothing across processes.
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
    """What a user brings. Each method does all or nothing, cancelled too; `load` gives the caller's own copy."""

    async def save(self, record: Record) -> None:
        """Keep the record under `record.head.id`, in place of any other."""
        ...

    async def load(self, run_id: str) -> Record | None:
        """The record, or None."""
        ...

    async def delete(self, run_id: str) -> None:
        """Delete it. Idempotent."""
        ...


class SimpleStore:
    """The Store contract over a backend. A save costs the whole record, so a run of n turns costs O(n²).

    After a restart it knows of a run only once that is loaded by its id: `list`, `due` and recovery don't see it
    before. One call at a time reaches the backend, and isn't cancelled unless it is given up.

    A backend has no place to keep how the last process ended, so the first owner in a process is told that it did not
    end in order. That charges a run whose tool was executing with one crash, also after an orderly stop. The other
    answer would never stop a run that kills its process each time.
    """

    claims = StoreClaims(durable=False, fenced=False, exclusive=False)

    def __init__(self, backend: SimpleBackend) -> None:
        self._backend = backend
        self._seen = MemoryStore()  # the heads, without journals, for lists and deadlines
        self._turn = trio.Lock()
        self._under_way: tuple[float, trio.CancelScope] | None = None  # since when on trio's clock, and what ends it
        self._given_up_before = -math.inf  # calls from before that time are not made any more
        self._ownership = Ownership(is_clean=False)  # nothing is known of processes before this one
        self._closed = False

    async def acquire(self, owner: str) -> Acquired:
        """An epoch above those before in this process, which alone it fences off."""
        async with self._turn:
            self._check_open()
            self._ownership, acquired = self._ownership.acquired()
            return acquired

    async def release(self, epoch: int) -> None:
        """Leave in order, behind the call under way. The next owner is told of it if it is in this process."""
        async with self._turn:
            self._check_open()
            self._ownership = self._ownership.released(epoch)

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        """As the contract says, within this process."""
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
        """The record, or None."""
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
        """A page of the heads seen that pass the filters, newest first."""
        return await self._seen.list(status=status, agent=agent, waiting=waiting, limit=limit, after=after)

    async def count(self, status: Status) -> int:
        """How many of the runs seen have the status now."""
        return await self._seen.count(status)

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        """Of the heads seen, those with `nextDue` <= now (ms), earliest first."""
        return await self._seen.due(now, limit, after=after)

    def give_up(self, after_s: float) -> bool:
        """Cancel the backend's call that takes too long; of those behind it, the ones as old are not made any more."""
        before = trio.current_time() - after_s
        if self._under_way is None or self._under_way[0] > before:
            return False
        self._given_up_before = before
        self._under_way[1].cancel()
        return True

    async def aclose(self) -> None:
        """Wait for the call under way, half a minute at most, and take no more. Idempotent.

        Closing the backend is up to who made it.
        """
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
        """The backend to oneself: not cancelled, and what it raises is StoreUnavailable."""
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
    """The same values, shared with nobody, so that a backend may be as simple as a dict."""
    journal = tuple(decode_entry(encode_entry(entry), SCHEMA_VERSION) for entry in record.journal)
    return Record(head=decode_head(encode_head(record.head)), journal=journal)
