"""A cursor: one watcher's place in the ring of an event log (`eventlog.py`)."""

from collections.abc import Callable
from typing import Protocol

import trio

from .item import Item
from .memory_budget import Share
from .ring import Ring

__all__ = ["BELOW", "Cursor"]

BELOW = -1  # a place below every ring
MAX_TAKEN = 1024  # the default limit of `take`


class Watched(Protocol):
    """The part of an event log that its cursors use."""

    ring: Ring
    seq: int
    run_id: str
    share: Share

    @property
    def closed(self) -> bool:
        """Whether no event will follow."""
        ...

    def snapshot(self) -> Item:
        """Returns the state at the latest event."""
        ...

    def cursor_waits(self) -> None:
        """Notes that a cursor has taken all items."""
        ...

    def caught_up(self) -> None:
        """Notes that a lossless cursor has advanced."""
        ...

    def remove_cursor(self, cursor: "Cursor") -> None:
        """Removes a cursor from the watchers."""
        ...


class Cursor:
    """One watcher's place in a log. `EventLog.watch` and `EventLog.open_cursor` make it.

    `after`: the `seq` of the last event that the watcher has seen; 0: none seen. If the ring has all later events, the
    watcher gets exactly those. If not, if `after` is above the latest `seq`, or None: it gets a snapshot first.

    `wake`: called once after `take` returned nothing, when there is something to take or no event will follow. It must
    neither wait nor raise.
    """

    __slots__ = ("_armed", "_log", "_waiting", "_wake", "lossless", "place")

    def __init__(self, log: "Watched", place: int, lossless: bool, wake: Callable[[], None] | None) -> None:
        self._log = log
        self.place = place  # of the next event to take, in the log's ring
        self.lossless = lossless
        self._wake = wake
        self._armed = False  # whether the last `take` returned nothing, and nothing has come since
        self._waiting: trio.lowlevel.Task | None = None  # the task in `wait_more`

    def take(self, limit: int = MAX_TAKEN) -> list[Item]:
        """Returns the next items, at most `limit`. If there are none, `wake` will be called at the next change."""
        log = self._log
        ring = log.ring
        first = self.place - ring.base
        if first == len(ring.events):
            items: list[Item] = []
            self._armed = True
            log.cursor_waits()
        elif first < 0:
            self.place = ring.top
            items = [log.snapshot()]
        else:
            items = ring.items(first, limit, log.run_id, log.seq, log.share)
            self.place += len(items)
        if self.lossless:
            log.caught_up()
        return items

    async def wait_more(self) -> None:
        """Waits, after `take` returned nothing, until `take` has something or no event will follow. For a cursor
        without its own `wake`.

        If cancelled, nothing was taken.
        """
        if self._armed:
            self._waiting = trio.lowlevel.current_task()  # a `trio.Event` would take three times as long
            await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)

    def _stop_waiting(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._waiting = None
        return trio.lowlevel.Abort.SUCCEEDED

    @property
    def finished(self) -> bool:
        """Whether all events have been taken and none will follow."""
        return self.place == self._log.ring.top and self._log.closed

    def notify(self) -> None:
        """Wakes the watcher, if it has taken all items."""
        if not self._armed:
            return
        self._armed = False
        if self._waiting is not None:
            task, self._waiting = self._waiting, None
            trio.lowlevel.reschedule(task)
        elif self._wake is not None:
            self._wake()

    def close(self) -> None:
        """Stops watching; `wake` is not called any more. Idempotent."""
        self._armed = False
        self._log.remove_cursor(self)
