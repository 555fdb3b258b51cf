"""Wakes watchers when a state changes; they then read the latest state. No I/O."""

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

import trio

__all__ = ["Changes"]

T = TypeVar("T")


class Changes(Generic[T]):
    """Wakes any number of tasks when `watched` has changed. A slow reader sees several changes as one."""

    def __init__(self, watched: T) -> None:
        self.watched = watched
        self.count = 0
        self._waiting = trio.lowlevel.ParkingLot()

    def note(self) -> None:
        """Wakes the watchers: `watched` has changed."""
        self.count += 1
        self._waiting.unpark_all()

    async def wait_beyond(self, count: int) -> None:
        """Returns once there have been more than `count` changes."""
        while self.count <= count:
            await self._waiting.park()

    def __aiter__(self) -> AsyncIterator[T]:
        """Yields `watched` now, and after changes. Never ends."""
        return _Watcher(self)


class _Watcher(AsyncIterator[T]):
    def __init__(self, changes: Changes[T]) -> None:
        self._changes = changes
        self._seen = -1

    async def __anext__(self) -> T:
        await trio.lowlevel.checkpoint()
        await self._changes.wait_beyond(self._seen)
        self._seen = self._changes.count
        return self._changes.watched
