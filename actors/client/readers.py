"""The client's readers: bounded buffers between the connection and whoever iterates over a run's events or the list of
runs. No I/O.

A reader that lost its connection, or lagged too far behind, is *detached*: nothing is buffered for it, and it attaches
itself again when its owner reads on. So a reader that nobody reads costs at most one full buffer.
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
    """An async iterator over the items that come in while the reader is attached.

    `attach` subscribes at the server; the reader's `attached` is then called with the connection.
    """

    def __init__(self, attach: Callable[[], Awaitable[object]], backoff: Backoff) -> None:
        self.session: Session | None = None  # the connection that the items come over; None: detached
        self.ended = False  # whether nothing follows the items in the buffer
        self.fault: AdjournError | None = None  # why nothing does, unless the run is over
        self.attach = attach
        self._backoff = backoff
        self._came = trio.Event()

    def detach(self) -> None:
        """Take in no more items, until the reader attaches itself again."""
        self.session = None
        self._came.set()

    def fail(self, error: AdjournError) -> None:
        """End with this error, once what is buffered has been read."""
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
    """The events of a run after `after`, each once, in order. A snapshot stands for all events up to its `seq`."""

    def __init__(self, attach: Callable[[], Awaitable[object]], backoff: Backoff, after: int | None) -> None:
        super().__init__(attach, backoff)
        self.after = after  # the last seq that came in; None: a snapshot must come first
        self._items: deque[tuple[Envelope | RunSnapshot, int]] = deque()
        self._bytes = 0

    def attached(self, session: Session, position: Position) -> None:
        """Take in what comes over this connection from now on."""
        self.session = session
        self.ended = position.status in FINAL and position.seq == self.after
        self._came.set()

    def take_in(self, item: Envelope | RunSnapshot, size: int) -> None:
        """Buffer an item of about `size` bytes, unless it is old. When the buffer is full, drop it all and detach: a
        snapshot will stand for what was dropped. A snapshot at the head of it has no weight: it would only come again.
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
    """The latest summary of each run that changed, the change that has waited longest first."""

    def __init__(self, attach: Callable[[], Awaitable[object]], backoff: Backoff) -> None:
        super().__init__(attach, backoff)
        self._items: OrderedDict[str, RunSummary] = OrderedDict()

    def attached(self, session: Session) -> None:
        """Take in what comes over this connection from now on."""
        self.session = session

    def take_in(self, summary: RunSummary) -> None:
        """Buffer a change. When there are too many, drop them all and detach: a new list will replace them."""
        if self.session is None:
            return
        self._items.setdefault(summary.run_id, summary)
        self._items[summary.run_id] = summary
        if len(self._items) > MAX_RUNS:
            self._items.clear()
            self.detach()
        self._came.set()

    def fill_in(self, page: RunPage) -> None:
        """Add the runs of a page, newest first, except those for which a change, which is newer, has come in."""
        for summary in reversed(page.runs):
            self._items.setdefault(summary.run_id, summary)
        self._came.set()

    def _has_items(self) -> bool:
        return bool(self._items)

    def _next_item(self) -> RunSummary:
        return self._items.popitem(last=False)[1]
