"""Bounded buffers between the connection and a reader of a run's events or of the list of runs. No I/O.

A reader that lost its connection, or is too far behind, is *detached*: nothing is buffered for it until its owner reads
on; then it subscribes again. So a reader that nobody reads costs at most one full buffer.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from ...protocol.errors import AdjournError, ConnectionLost
from ...protocol.events import AgentEnd, Envelope
from ...protocol.methods import Position, RunPage, RunSnapshot, RunSummary
from ...protocol.record import FINAL
from .dial import Backoff
from .session import Session

__all__ = ["ListReader", "RunReader"]

T = TypeVar("T")

MAX_ITEMS = 1024
MAX_BYTES = 8_000_000
MAX_RUNS = 10_000


class Reader(ABC, Generic[T]):
    """An async iterator over the items that arrive while the reader is attached.

    `attach` subscribes at the server; the reader's `attached` is then called with the connection.
    """

    def __init__(self, attach: Callable[[], Awaitable[object]], backoff: Backoff) -> None:
        self.session: Session | None = None  # the connection that brings the items; None: detached
        self.ended = False  # whether the buffer holds the last item
        self.fault: AdjournError | None = None  # an error that ends the reader once the buffer is empty
        self.attach = attach
        self._backoff = backoff
        self._came = trio.Event()

    def detach(self) -> None:
        """Takes no more items until the reader attaches itself again."""
        self.session = None
        self._came.set()

    def fail(self, error: AdjournError) -> None:
        """Ends the reader with this error, once the buffered items have been read."""
        self.fault = error
        self._came.set()

    def __aiter__(self) -> "Reader[T]":
        return self

    async def __anext__(self) -> T:
        await trio.lowlevel.checkpoint()
        while not self._has_items():
            if self.fault is not None:
                raise self.fault
            if self.ended:
                raise StopAsyncIteration
            if self.session is None:
                await self._attach_again()
            else:
                self._came = trio.Event()
                await self._came.wait()
        return self._next_item()

    async def _attach_again(self) -> None:
        failures = 0
        while True:
            try:
                await self.attach()
            except AdjournError as error:
                if isinstance(error, ConnectionLost) or not error.retryable:
                    raise
            else:
                return
            await trio.sleep(self._backoff.delay_s(failures))
            failures += 1

    @abstractmethod
    def _has_items(self) -> bool: ...

    @abstractmethod
    def _next_item(self) -> T: ...


class RunReader(Reader[Envelope | RunSnapshot]):
    """The events of a run after `after`, each once, in order. A snapshot replaces all events up to its `seq`."""

    def __init__(self, attach: Callable[[], Awaitable[object]], backoff: Backoff, after: int | None) -> None:
        super().__init__(attach, backoff)
        self.after = after  # seq of the last buffered item; None: a snapshot must come first
        self._items: deque[tuple[Envelope | RunSnapshot, int]] = deque()
        self._bytes = 0

    def attached(self, session: Session, position: Position) -> None:
        """Takes items from this connection from now on."""
        self.session = session
        self.ended = position.status in FINAL and position.seq == self.after
        self._came.set()

    def take_in(self, item: Envelope | RunSnapshot, size: int) -> None:
        """Buffers an item of about `size` bytes, unless it is old. When the buffer is full, drops everything and
        detaches; a snapshot will replace the dropped items. A snapshot at the buffer's start counts 0 bytes: dropping
        it would only fetch it again.
        """
        is_snapshot = isinstance(item, RunSnapshot)
        if self.session is None or not (is_snapshot or (self.after is not None and item.seq > self.after)):
            return
        if self._items and (len(self._items) >= MAX_ITEMS or self._bytes + size > MAX_BYTES):
            self._items.clear()
            self._bytes, self.after = 0, None
            self.detach()
            return
        size = 0 if is_snapshot and not self._items else size
        self._items.append((item, size))
        self._bytes += size
        self.after = item.seq
        self.ended = item.snapshot.status in FINAL if is_snapshot else isinstance(item.event, AgentEnd)
        self._came.set()

    def _has_items(self) -> bool:
        return bool(self._items)

    def _next_item(self) -> Envelope | RunSnapshot:
        item, size = self._items.popleft()
        self._bytes -= size
        return item


class ListReader(Reader[RunSummary]):
    """The latest summary of each changed run; the change that has waited longest comes first."""

    def __init__(self, attach: Callable[[], Awaitable[object]], backoff: Backoff) -> None:
        super().__init__(attach, backoff)
        self._items: OrderedDict[str, RunSummary] = OrderedDict()

    def attached(self, session: Session) -> None:
        """Takes changes from this connection from now on."""
        self.session = session

    def take_in(self, summary: RunSummary) -> None:
        """Buffers a change. When there are too many, drops all and detaches; a new list will replace them."""
        if self.session is None:
            return
        self._items.setdefault(summary.run_id, summary)
        self._items[summary.run_id] = summary
        if len(self._items) > MAX_RUNS:
            self._items.clear()
            self.detach()
        self._came.set()

    def fill_in(self, page: RunPage) -> None:
        """Adds the runs of a page (newest first), except runs with a change in the buffer, which is newer."""
        for summary in reversed(page.runs):
            self._items.setdefault(summary.run_id, summary)
        self._came.set()

    def _has_items(self) -> bool:
        return bool(self._items)

    def _next_item(self) -> RunSummary:
        return self._items.popitem(last=False)[1]
