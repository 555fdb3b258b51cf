"""A store with faults: it fails before or after a save takes effect, is slow, or hangs."""

from collections.abc import Sequence
from typing import Any, Self

import trio

from adjourn.protocol.errors import StoreUnavailable
from adjourn.protocol.events import Status
from adjourn.protocol.record import Entry, Head, Record
from adjourn.stores.base import Acquired, Page
from adjourn.stores.memory import MemoryStore


class FaultyStore:
    """A MemoryStore with faults. The attributes switch them on."""

    def __init__(self, inner: MemoryStore | None = None) -> None:
        self.inner = inner or MemoryStore()
        self.claims = self.inner.claims
        self.down = False  # every call fails
        self.hangs = False  # saves wait for ever
        self.shielded = False  # from cancellation, while they hang
        self._hanging: dict[trio.Event, float] = {}  # hanging saves, and since when
        self.slow = 0  # checkpoints before and after each save
        self.refuse: list[Exception] = []  # the next saves raise these, and are not saved
        self.lose: list[Exception] = []  # the next saves raise these, but are saved
        self.lose_nth = 0  # the nth save from now on is lost in the same way; 0 = none
        self.attempts = 0  # number of saves tried

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        self.attempts += 1
        self._reach()
        if self.hangs:
            await self._hang()
        for _ in range(self.slow):
            await trio.lowlevel.checkpoint()
        if self.refuse:
            raise self.refuse.pop(0)
        await self.inner.save(head, append, expected_version=expected_version)
        for _ in range(self.slow):
            await trio.lowlevel.checkpoint()
        self.lose_nth -= 1
        if self.lose_nth == 0:
            raise StoreUnavailable("the acknowledgement is lost")
        if self.lose:
            raise self.lose.pop(0)

    async def load(self, run_id: str) -> Record | None:
        self._reach()
        return await self.inner.load(run_id)

    async def delete(self, run_id: str, *, epoch: int) -> None:
        self._reach()
        await self.inner.delete(run_id, epoch=epoch)

    async def list(
        self,
        *,
        status: Status | None = None,
        agent: str | None = None,
        waiting: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        self._reach()
        return await self.inner.list(status=status, agent=agent, waiting=waiting, limit=limit, after=after)

    async def count(self, status: Status) -> int:
        return await self.inner.count(status)

    async def due(self, now: int, limit: int = 100, *, after: Head | None = None) -> tuple[Head, ...]:
        self._reach()
        return await self.inner.due(now, limit, after=after)

    async def acquire(self, owner: str) -> Acquired:
        return await self.inner.acquire(owner)

    async def release(self, epoch: int) -> None:
        self._reach()
        await self.inner.release(epoch)

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.aclose()

    def give_up(self, after_s: float) -> bool:
        old = [event for event, since in self._hanging.items() if since <= trio.current_time() - after_s]
        for event in old:
            event.set()
        return bool(old)

    async def _hang(self) -> None:
        given_up = trio.Event()
        self._hanging[given_up] = trio.current_time()
        try:
            with trio.CancelScope(shield=self.shielded):
                await given_up.wait()
        finally:
            del self._hanging[given_up]
        raise StoreUnavailable("given up")

    def _reach(self) -> None:
        if self.down:
            raise StoreUnavailable("the wire is cut")
