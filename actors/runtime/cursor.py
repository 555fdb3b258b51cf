"""One watcher of an event log: its place in the ring. What a log keeps for its watchers is `eventlog.py`'s business."""

from collections.abc import Callable
from typing import Protocol

import trio

from .item import Item
from .ring import Ring

__all__ = ["BELOW", "Cursor"]

BELOW = -1  # a place below every ring
MAX_TAKEN = 1024  # items at once, unless the watcher says how many


class Watched(Protocol):
    """What a cursor needs of the log that it is a place in."""

    ring: Ring

    @property
    def closed(self) -> bool:
        """Whether no event will follow."""
        ...

    def items(self, first: int, limit: int) -> list[Item]:
        """The items of the ring from index `first` on, at most `limit`."""
        ...

    def snapshot(self) -> Item:
        """The state at the latest event."""
        ...

    def cursor_waits(self) -> None:
        """Hear that a cursor has taken all there is."""
        ...

    def caught_up(self) -> None:
        """Hear that a lossless cursor has moved on."""
        ...

    def remove_cursor(self, cursor: "Cursor") -> None:
        """Take a cursor off the watchers."""
        ...


class Cursor:
    """One watcher's place in a log. `EventLog.watch` and `EventLog.open_cursor` make it.

    `after`: the last event that the watcher has seen; 0: it has seen none. Within the ring, the watcher gets exactly
    the events that follow; below the floor, above the latest, or None: a snapshot first.

    `wake`: called once, after `take` gave nothing, when there is something to take again or no event will follow. It
    must neither wait nor raise.
    """

    __slots__ = ("_armed", "_log", "_wake", "lossless", "place")

    def __init__(self, log: "Watched", place: int, lossless: bool, wake: Callable[[], None] | None) -> None:
        self._log = log
        self.place = place  # in the log's ring, of the next event to take
        self.lossless = lossless
        self._wake = wake
        self._armed = False

    def take(self, limit: int = MAX_TAKEN) -> list[Item]:
        """The next items, at most `limit`; empty when the watcher is up to date, and then `wake` is armed."""
        log = self._log
        ring = log.ring
        first = self.place - ring.base
        if first < 0:
            self.place = ring.top
            items = [log.snapshot()]
        else:
            items = log.items(first, limit)
            self.place += len(items)
        if not items:
            self._armed = True
            log.cursor_waits()
        if self.lossless:
            log.caught_up()
        return items

    async def wait_more(self) -> None:
        """Wait, after `take` gave nothing, until it is worth another call. For a cursor without a `wake` of its own.

        Cancelled, it has taken nothing.
        """
        if self._armed:
            woken = trio.Event()
            self._wake = woken.set
            await woken.wait()

    @property
    def finished(self) -> bool:
        """Whether all events have been taken and no other will follow."""
        return self._log.closed and self.place == self._log.ring.top

    def notify(self) -> None:
        """Call `wake`, if the watcher waits for it."""
        if self._armed and self._wake is not None:
            self._armed = False
            self._wake()

    def close(self) -> None:
        """Stop watching; `wake` isn't called any more. Idempotent."""
        self._armed = False
        self._log.remove_cursor(self)
