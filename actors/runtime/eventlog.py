"""The bounded log of one run's events, with its snapshot and its watchers. No I/O; publishing never waits.

The log keeps the latest events in a ring (`ring.py`), and folds all events into a snapshot when it is needed. A watcher
is a cursor into the ring (`cursor.py`), not a queue. A *lossless* cursor keeps events in the ring until it has taken
them, and `wait_room` makes producers wait for it. A *live* cursor that falls behind the ring continues from a snapshot.
The `seq` of the events in the ring has no gaps.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import trio

from ...protocol.events import Event, MessageEnd, MessageStart, Status
from ...protocol.record import FINAL
from ...protocol.transcript import Transcript
from .booking import BOOK, Booking
from .cursor import BELOW, Cursor
from .item import Item
from .memory_budget import Share
from .ring import Ring
from .weight import EVENT, weigh_snapshot

__all__ = ["EventLog", "EventLogStatistics"]

MAX_EVENTS = 1024
MAX_BYTES = 1_000_000  # about the events' size on the wire
SPARE = 16  # a full ring drops a 16th of its bounds at once: to drop one event, the lists move all the others
IDLE_EVENTS = 8  # for a parked run without watchers, as there may be very many of them
IDLE_BYTES = 8_000
LOG_BYTES = 2_000  # the memory of an empty log and fold
MAX_LAG = 64  # events by which a lossless reader may lag before producers wait for it


@dataclass(frozen=True, slots=True)
class EventLogStatistics:
    """What a log held at one moment."""

    events: int
    """Events in the ring."""
    bytes: int
    """The size that the ring books for its events, about their size on the wire."""
    unfolded: int
    """Events that are not in the fold yet, without the pieces of messages that have ended."""
    encoded_bytes: int
    """The size of the events' kept encodings, in all wire formats."""
    cursors: int
    """Open cursors, live and lossless."""
    lossless_cursors: int
    """Open cursors that producers wait for."""
    status_waiters: int
    """Tasks in `wait_status`."""
    held_bytes: int
    """About how much memory ring, fold and encodings take, and the run itself if it is in memory."""


class Keeper(Protocol):
    """Keeps the logs of many runs, and is told about their watchers."""

    def watched_first(self, log: "EventLog") -> None:
        """Called before the first watcher is added."""
        ...

    def up_to_date(self, log: "EventLog") -> None:
        """Called when a watcher has taken all events."""
        ...

    def unwatched(self, log: "EventLog") -> None:
        """Called when the last watcher has gone."""
        ...


class EventLog:
    """The log of one run. While somebody watches, it outlives the run's actor.

    `seq`: the latest event's, up to which `fold` has the state. Without a `fold` the run is new, and its first event
    gets the next number.
    """

    __slots__ = (
        "_begin",
        "_closed",
        "_cursors",
        "_fold",
        "_kept",
        "_lossless",
        "_pieces",
        "_room",
        "_snapshot",
        "_streamed",
        "_turn",
        "_turn_bytes",
        "_unfolded",
        "_waiting",
        "is_loaded",
        "keeper",
        "ring",
        "run_id",
        "seq",
        "share",
        "status",
    )

    def __init__(self, run_id: str, *, seq: int = 0, fold: Transcript | None = None) -> None:
        self.run_id = run_id
        self.seq = seq  # of the latest event
        self.ring = Ring()  # cursors read it
        self.share = Share()  # the memory of the log, and of its run while that is in memory
        self._begin = seq if fold is None else 0  # the `seq` before the run's first event; 0: unknown
        self._fold = fold  # created when first needed: most runs never need it while they stream
        self._unfolded: list[Event] | None = None  # events to be folded
        self._pieces = 0  # how many of the last of them are pieces of the message now being streamed
        self._kept = self._streamed = 0  # bytes of the run's state; bytes in it of the message now being streamed
        self._turn_bytes: int | None = None  # of the turn's message and results; None: the turn began before this log
        if fold is None:
            self._kept = self.share.held = LOG_BYTES
        else:
            self._weigh_fold(fold)
        self.status: Status = "running" if fold is None else fold.status
        self._cursors: dict[Cursor, None] = {}  # in the order in which they were opened
        self._lossless: tuple[Cursor, ...] = ()  # the lossless ones of `_cursors`
        self.keeper: Keeper | None = None
        self.is_loaded = True  # whether the fold has the run's state
        self._room: trio.Event | None = None  # set when lossless readers have caught up
        self._turn: trio.Event | None = None  # set when the status changes, or no event will follow
        self._waiting = 0  # tasks that wait for `_turn`
        self._snapshot: Item | None = None  # at the latest event, for all cursors
        self._closed = False

    # For the run.

    def publish(self, events: Sequence[Event], time: int) -> None:
        """Adds events with the next numbers, and wakes the watchers. Never waits. `time`: in ms since the epoch."""
        if not events:
            return
        to = Booking(self._streamed, self._turn_bytes)
        sizes: list[int] = []
        for event in events:
            sizes.append(BOOK[type(event)](event, to))
        # From here on nothing can fail.
        self._streamed, self._turn_bytes = to.streamed, to.turn
        if self._unfolded is not None and self._pieces:
            if type(events[0]) is MessageEnd:  # brings the whole message, so its pieces need not be folded
                del self._unfolded[-self._pieces :]
            self._pieces = 0
        if to.status is not None:
            self._set_status(to.status)
        self._add(events, time, sizes, sum(sizes), to.kept, to.alone)

    def publish_pieces(self, events: Sequence[Event], time: int, sizes: list[int]) -> None:
        """Adds pieces of one message as `publish` does, in less time. `sizes`: bytes of each event beside `EVENT`."""
        size = kept = sum(sizes)
        if type(events[0]) is MessageStart:
            kept -= self._streamed
            self._streamed = 0
        self._streamed += size
        self._pieces += len(sizes)
        self._add(events, time, sizes, size, kept)

    def _add(self, events: Sequence[Event], time: int, sizes: list[int], size: int, kept: int, alone: int = 0) -> None:
        """Adds events. `size`: the sum of `sizes`. `kept`, `alone`: bytes of memory in the state and in the ring."""
        ring = self.ring
        count = len(sizes)
        self.seq += count
        ring.events.extend(events)
        ring.times.extend([time] * count)
        ring.sizes.extend(sizes)
        ring.size += size + EVENT * count
        if self._unfolded is None:
            self._unfolded = list(events)
        else:
            self._unfolded += events
        self._kept += kept
        self.share.add(EVENT * count + kept + alone)
        if self._snapshot is not None:
            self._drop_snapshot()
        if self.status == "paused" or len(ring.events) > MAX_EVENTS or ring.size > MAX_BYTES:
            self._evict()
        if self._cursors:
            self._wake()

    def skip_to(self, seq: int) -> None:
        """Makes the next event's number larger than `seq`; watchers below `seq` get a snapshot."""
        if seq > self.seq:
            self._folded()
            self._empty(seq)

    def restart(self, seq: int, fold: Transcript) -> None:
        """Replaces the state, after changes that were not published here; watchers get a snapshot."""
        self._empty(max(seq, self.seq))  # numbers published ahead of a save stay used, even if the save failed
        self.ring.base += 1  # puts every cursor below the ring
        self.load(fold)
        self._set_status(fold.status)
        self._wake()

    def unload(self) -> None:
        """Drops the run's state and events, which must all be saved; `load` brings the state back."""
        self._empty(self.seq)
        self.load(Transcript())
        self.is_loaded = False

    def load(self, fold: Transcript) -> None:
        """Sets the run's state at the latest event."""
        self._fold = fold
        self._weigh_fold(fold)
        self.is_loaded = True

    def close(self) -> None:
        """Ends the log, as the run was deleted or the system closes. Watchers still get the events already in it."""
        self._closed = True
        self._set_status(self.status)
        self._wake()

    @property
    def closed(self) -> bool:
        """Whether no event will follow."""
        return self._closed or self.status in FINAL

    @property
    def floor(self) -> int:
        """The `seq` after which the ring has all events."""
        return self.seq - len(self.ring.events)

    @property
    def has_room(self) -> bool:
        """Whether all lossless readers lag by little enough for a producer to publish."""
        if not self._lossless:
            return True
        slowest = min(cursor.place for cursor in self._lossless)
        return self.ring.top - slowest < MAX_LAG and self.ring.size <= MAX_BYTES

    async def wait_room(self) -> None:
        """Waits until `has_room`. No checkpoint if there is room already."""
        while not self.has_room:
            if self._room is None:
                self._room = trio.Event()
            await self._room.wait()

    # For the watchers.

    @contextmanager
    def watch(
        self, after: int | None = None, *, lossless: bool = False, wake: Callable[[], None] | None = None
    ) -> Generator[Cursor]:
        """Returns a cursor that the block's end closes. `after`, `wake`: see `Cursor`."""
        cursor = self.open_cursor(after, lossless=lossless, wake=wake)
        try:
            yield cursor
        finally:
            cursor.close()

    def open_cursor(
        self, after: int | None, *, lossless: bool = False, wake: Callable[[], None] | None = None
    ) -> Cursor:
        """Returns a cursor that the caller must close. `after`, `wake`: see `Cursor`."""
        if after == 0:
            after = self._begin
        place = BELOW if after is None or after > self.seq else self.ring.top - (self.seq - after)
        cursor = Cursor(self, place, lossless, wake)
        if self.keeper is not None and not self.watched:
            self.keeper.watched_first(self)
        self._cursors[cursor] = None
        if lossless:
            self._lossless += (cursor,)
        return cursor

    async def wait_status(self) -> None:
        """Waits until the status changes, or no event will follow. The waiting task counts as a watcher."""
        if self._turn is None:
            self._turn = trio.Event()
        if self.keeper is not None and not self.watched:
            self.keeper.watched_first(self)
        self._waiting += 1
        try:
            await self._turn.wait()
        finally:
            self._waiting -= 1
            self._report_unwatched()

    @property
    def watched(self) -> bool:
        """Whether there are any watchers."""
        return bool(self._cursors) or self._waiting > 0

    @property
    def is_needed(self) -> bool:
        """Whether a watcher may need the state, or an event in the ring, before the next event comes."""
        behind = any(cursor.place != self.ring.top for cursor in self._cursors)
        return behind or bool(self._lossless) or self._waiting > 0

    def snapshot(self) -> Item:
        """Returns the snapshot at the latest event. The log must be loaded."""
        assert self.is_loaded
        if self._snapshot is not None:
            return self._snapshot
        item = Item(self.run_id, self.seq, 0, self._folded().snapshot())
        if self._cursors:  # without them, nobody shares the snapshot and its encodings
            item.share = self.share
            self._snapshot = item
        return item

    def statistics(self) -> EventLogStatistics:
        """Returns what the log holds now. Costs O(events in the ring)."""
        return EventLogStatistics(
            events=len(self.ring.events),
            bytes=self.ring.size,
            unfolded=len(self._unfolded or ()),
            encoded_bytes=self.ring.encoded_bytes,
            cursors=len(self._cursors),
            lossless_cursors=len(self._lossless),
            status_waiters=self._waiting,
            held_bytes=self.share.held,
        )

    # For the cursors.

    def cursor_waits(self) -> None:
        """Notes that a cursor has taken all items."""
        if self.keeper is not None:
            self.keeper.up_to_date(self)

    def caught_up(self) -> None:
        """Evicts events that no lossless cursor needs any more, and wakes producers if there is room again."""
        self._evict()
        if self._room is not None and self.has_room:
            self._room.set()
            self._room = None

    def remove_cursor(self, cursor: Cursor) -> None:
        """Removes a cursor from the watchers. Idempotent."""
        if cursor not in self._cursors:
            return
        del self._cursors[cursor]
        if cursor.lossless:
            self._lossless = tuple([each for each in self._lossless if each is not cursor])
        if not self._cursors:
            self._cursors.clear()  # frees the dict's memory, which `del` of its last key does not
            self._drop_snapshot()
        self.caught_up()
        self._report_unwatched()

    # Inside.

    def _empty(self, seq: int) -> None:
        self.share.add(-self.ring.clear())
        self._unfolded, self._pieces = None, 0
        self._drop_snapshot()
        self.seq = seq

    def _drop_snapshot(self) -> None:
        if self._snapshot is not None:
            self.share.add(-self._snapshot.release())
            self._snapshot = None

    def _weigh_fold(self, fold: Transcript) -> None:
        kept = LOG_BYTES + weigh_snapshot(fold.snapshot())
        self.share.add(kept - self._kept)
        self._kept, self._streamed, self._turn_bytes = kept, 0, None

    def _folded(self) -> Transcript:
        """Returns the fold of all events so far."""
        if self._fold is None:
            self._fold = Transcript()
        if self._unfolded:
            self._fold.extend(self._unfolded)
            self._unfolded, self._pieces = None, 0
        return self._fold

    def _evict(self) -> None:
        ring = self.ring
        max_events, max_bytes = MAX_EVENTS, MAX_BYTES
        idle = self.status == "paused" and not self._cursors
        if idle:
            max_events, max_bytes = IDLE_EVENTS, IDLE_BYTES
        if len(ring.events) <= max_events and ring.size <= max_bytes:
            return
        if not idle:
            max_events -= max_events // SPARE
            max_bytes -= max_bytes // SPARE
        # Pieces may leave the ring unfolded, as they count as the run's state until their message ends.
        if idle or len(self._unfolded or ()) > self._pieces or self._pieces > max_events:
            self._folded()
        self.share.add(-ring.evict(max_events, max_bytes, self._evictable() if self._lossless else len(ring.events)))

    def _evictable(self) -> int:
        """Returns how many of the oldest events no lossless reader needs. A reader below the ring gets a snapshot, so
        it needs none."""
        ring = self.ring
        return min((c.place for c in self._lossless if c.place >= ring.base), default=ring.top) - ring.base

    def _wake(self) -> None:
        for cursor in list(self._cursors):
            cursor.notify()

    def _report_unwatched(self) -> None:
        if self.keeper is not None and not self.watched:
            self.keeper.unwatched(self)

    def _set_status(self, status: Status) -> None:
        self.status = status
        if self._turn is not None:
            self._turn.set()
            self._turn = None
