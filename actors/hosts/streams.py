"""Readers of a run in other threads. Batches are fetched on the system's thread, and read item by item."""

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, Self, TypeVar

from ...protocol.errors import ShuttingDown
from .sources import Source
from .thread import SystemThread

__all__ = ["AsyncioStream", "BlockingStream"]

T = TypeVar("T")


class _Stream(Generic[T]):
    """The common part of both kinds of stream. Opens the source on first use."""

    def __init__(self, thread: SystemThread, opened: Callable[[], Awaitable[Source[T]]]) -> None:
        self._thread, self._opened = thread, opened
        self._source: Source[T] | None = None
        self._items: deque[T] = deque()
        self._is_over = False

    async def _open(self) -> None:
        if self._source is None and not self._is_over:
            self._source = await self._opened()

    async def _fetch(self) -> None:
        """Fetches the next items. They are kept here, so that a reader cancelled at the same moment doesn't lose
        them.
        """
        await self._open()
        items = () if self._source is None else await self._source.take()
        self._items.extend(items)
        if not items:
            await self._close()

    async def _close(self) -> None:
        self._is_over = True
        source, self._source = self._source, None
        if source is not None:
            await source.aclose()

    def __del__(self) -> None:
        if self._source is not None:  # dropped without being closed, as after a `break` out of its loop
            with suppress(Exception):
                self._thread.submit(self._source.aclose)


class BlockingStream(_Stream[T]):
    """An iterator over a run's events, for one thread. As a context manager, it reads from the start of the block.

    Once the iterator is closed or dropped, the run no longer waits for it. Iterating raises the errors of reading the
    run, such as RunNotFound, and ends when the system is closed.
    """

    def __enter__(self) -> Self:
        """Starts reading."""
        self._thread.block(self._open)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops reading."""
        self._items.clear()
        with suppress(ShuttingDown):
            self._thread.block(self._close)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        """Waits for the next item and returns it."""
        while not self._items:
            if self._is_over:
                raise StopIteration
            self._thread.block(self._fetch)
        return self._items.popleft()


class AsyncioStream(_Stream[T]):
    """An async iterator over a run's events, for one asyncio task. As an async context manager, it reads from the start
    of the block.

    Once the iterator is closed or dropped, the run no longer waits for it. Iterating raises the errors of reading the
    run, such as RunNotFound, and ends when the system is closed. A reader that was cancelled while it waited may read
    on, and has lost no events.
    """

    async def __aenter__(self) -> Self:
        """Starts reading."""
        await self._thread.awaited(self._open)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stops reading."""
        self._items.clear()
        with suppress(ShuttingDown):
            await self._thread.awaited(self._close)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Waits for the next item and returns it."""
        while not self._items:
            if self._is_over:
                raise StopAsyncIteration
            await self._thread.awaited(self._fetch)
        return self._items.popleft()
