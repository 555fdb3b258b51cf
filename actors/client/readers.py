"""The client's readers: what was sent of a run, or of the list of runs, and has not been read yet. Bounded; no I/O.

A reader that lost its connection, or lagged too far behind, is *detached*: nothing is kept for it, and it attaches
itself again when it reads on. So a reader that never reads costs nothing but its last bounded buffer.
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
    """An async iterator over what comes in while its reader is attached.

    `attach` has the server send to this reader, over the connection that is then named to `attached`.
    """

    def __init__(self, attach: Callable[[], Awaitable[object]], backoff: Backoff) -> None:
        self.session: Session | None = None  # over which the server sends
        self.ended = False
        self.attach = attach
        self._backoff = backoff
        self._came = trio.Event()

    def detach(self) -> None:
        """Nothing more will come, unless the reader attaches itself again."""
        self.session = None
        self._came.set()

    def __aiter__(self) -> "Reader[T]":
        return self

    async def __anext__(self) -> T:
        await trio.lowlevel.checkpoint()
        while not self._has_items():
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
    """The events of a run behind `after`, each once. Never goes back, but to the snapshot that a server sends."""

    def __init__(self, attach: Callable[[], Awaitable[object]], backoff: Backoff, after: int | None) -> None:
        super().__init__(attach, backoff)
        self.after = after  # the last seq that came in; None: only a snapshot can be understood
        self._items: deque[tuple[Envelope | RunSnapshot, int]] = deque()
        self._bytes = 0

    def attached(self, session: Session, position: Position) -> None:
        """From here on, what this connection brings is meant for this reader too."""
        self.session = session
        self.ended = position.status in FINAL and position.seq == self.after
        self._came.set()

    def take_in(self, item: Envelope | RunSnapshot, size: int) -> None:
        """Keep what came in, unless it is old. Too much of it: drop all, for a snapshot later."""
        is_snapshot = isinstance(item, RunSnapshot)
        if self.session is None or not (is_snapshot or (self.after is not None and item.seq > self.after)):
            return
        if self._items and (len(self._items) >= MAX_ITEMS or self._bytes + size > MAX_BYTES):
            self._items.clear()
            self._bytes, self.after = 0, None
            self.detach()
            return
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
        """From here on, what this connection brings is meant for this reader too."""
        self.session = session

    def take_in(self, summary: RunSummary) -> None:
        """Keep a change. Too many of them: drop all, for a new list later."""
        if self.session is None:
            return
        self._items.setdefault(summary.run_id, summary)
        self._items[summary.run_id] = summary
        if len(self._items) > MAX_RUNS:
            self._items.clear()
            self.detach()
        self._came.set()

    def fill_in(self, page: RunPage) -> None:
        """Add the runs of a list, newest first, of which nothing newer has come in since it was asked for."""
        for summary in reversed(page.runs):
            self._items.setdefault(summary.run_id, summary)
        self._came.set()

    def _has_items(self) -> bool:
        return bool(self._items)

    def _next_item(self) -> RunSummary:
        return self._items.popitem(last=False)[1]
