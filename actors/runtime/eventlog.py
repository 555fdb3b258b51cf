"""The bounded log of one run's events, its fold, and its watchers. No I/O; it never waits, its watchers do.

The log keeps the latest events in a ring, and behind it a fold of all that has left. A watcher is a cursor into the
ring, not a queue of its own. A *lossless* cursor holds events in the ring until it has taken them, and `wait_room`
makes producers wait for it; a *live* one that falls behind the ring gets a snapshot and goes on from there.
The numbers of the events in the ring have no gaps.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Literal, cast

import msgspec
import trio

from ...protocol import codec
from ...protocol.events import (
    AgentEnd,
    AgentPaused,
    AgentResume,
    Envelope,
    Event,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    Status,
    TextDelta,
    ThinkingDelta,
    ToolcallDelta,
)
from ...protocol.methods import RunSnapshot
from ...protocol.record import FINAL
from ...protocol.transcript import Snapshot, Transcript

__all__ = ["Cursor", "EventLog", "Item"]

MAX_EVENTS = 1024
MAX_BYTES = 1_000_000  # of the events as JSON
IDLE_EVENTS = 8  # of a parked run that nobody watches: there may be very many of those
IDLE_BYTES = 8_000
AT_ONCE = 64  # events that are folded together, before they leave the ring
MAX_LAG = 64  # events by which a lossless reader may trail before producers wait for it
BELOW = -1  # a place below every ring
_DELTA_BYTES = 200  # of an encoded delta, beside its text
_ENVELOPE_BYTES = 100  # around an encoded event, beside the run's id

_GROWING = frozenset({TextDelta, ThinkingDelta, ToolcallDelta})

# Sets of exact types: to find that a struct is an instance of none of three classes takes seven times as long.
_TURNING = frozenset({AgentPaused, AgentResume, AgentEnd})
_PIECES = frozenset({MessageStart, MessageUpdate})

Format = Literal["json", "msgpack"]


class Item(msgspec.Struct, eq=False, gc=False):
    """An event or a snapshot in the log, encoded once per wire format, when first wanted."""

    run_id: str
    seq: int
    time: int  # ms since the epoch
    content: Event | Snapshot
    size: int = 0  # bytes, about; known once it is in the ring
    frames: dict[Format, bytes] | None = None  # as the gateway sends it, made once for all its clients
    _json: bytes | None = None
    _msgpack: bytes | None = None

    @property
    def is_snapshot(self) -> bool:
        """Whether this is a snapshot, not an event."""
        return isinstance(self.content, Snapshot)

    @property
    def envelope(self) -> Envelope | RunSnapshot:
        """What is said on the wire; made anew each time, for most events nobody asks."""
        if isinstance(self.content, Snapshot):
            return RunSnapshot(run_id=self.run_id, seq=self.seq, snapshot=self.content)
        return Envelope(run_id=self.run_id, seq=self.seq, time=self.time, event=self.content)

    def encoded(self, form: Format) -> bytes:
        """The envelope in a wire format."""
        if form == "json":
            if self._json is None:
                self._json = codec.to_json(self.envelope)
            return self._json
        if self._msgpack is None:
            self._msgpack = codec.to_msgpack(self.envelope)
        return self._msgpack


class EventLog:
    """The log of one run. It outlives the run's actor for as long as somebody watches."""

    __slots__ = (
        "_base",
        "_bytes",
        "_closed",
        "_cursors",
        "_fold",
        "_folded",
        "_lossless",
        "_ring",
        "_room",
        "_snapshot",
        "_turn",
        "_waiting",
        "run_id",
        "seq",
        "status",
        "unwatched",
        "watched_first",
    )

    def __init__(self, run_id: str, *, seq: int = 0, fold: Transcript | None = None) -> None:
        self.run_id = run_id
        self.seq = seq  # of the latest event
        self._fold = fold or Transcript()
        self.status: Status = self._fold.status
        self._folded = 0  # events of the ring that are in the fold
        self._ring: list[Item] = []  # as quick as a deque at this size, and small when there is little in it
        self._base = 0  # how many events have left the ring
        self._bytes = 0
        self._cursors: dict[Cursor, None] = {}  # in the order in which they came
        self._lossless: dict[Cursor, None] = {}  # those of them that the run waits for
        self.watched_first: Callable[[EventLog], None] | None = None  # called when the first watcher comes
        self.unwatched: Callable[[EventLog], None] | None = None  # called when the last watcher goes
        self._room: trio.Event | None = None
        self._turn: trio.Event | None = None  # set when the status changes, or nothing will follow
        self._waiting = 0  # for that
        self._snapshot: Item | None = None
        self._closed = False

    # The run's side.

    def publish(self, events: Sequence[Event], time: int) -> None:
        """Add events, numbered on from the latest, and wake whoever waits for them. Never waits."""
        if not events:
            return
        keep = bool(self._cursors)
        turning: Event | None = None
        items: list[Item] = []
        whole: list[Event] = []
        size, run_id = 0, self.run_id
        for seq, event in enumerate(events, self.seq + 1):
            item = Item(run_id, seq, time, event)
            items.append(item)
            if type(event) is MessageUpdate and type(event.assistant_message_event) in _GROWING:
                item.size = _DELTA_BYTES + len(cast(TextDelta, event.assistant_message_event).delta)
                size += item.size
            elif keep:
                item.size = len(item.encoded("json"))
                size += item.size
            else:
                whole.append(event)
            if type(event) in _TURNING:
                turning = event
        if whole:
            weight = self._weigh(whole)
            items[-1].size += weight
            size += weight
        # From here on nothing can fail.
        self.seq += len(items)
        self._ring += items
        self._bytes += size
        self._snapshot = None
        if turning is not None:
            self._set_status(_status_after(cast("AgentPaused | AgentResume | AgentEnd", turning)))
        if len(self._ring) > IDLE_EVENTS or self._bytes > IDLE_BYTES:
            self._evict()
        if keep:
            self._wake()

    def _weigh(self, events: list[Event]) -> int:
        """How many bytes these take as JSON, or a few more. All at once, which takes a fifth of the time; the last of
        them bears the weight of all, so that the ring never takes what is left in it for less than it is."""
        return len(codec.ENCODER_JSON.encode(events)) + len(events) * (_ENVELOPE_BYTES + len(self.run_id))

    def skip_to(self, seq: int) -> None:
        """Never use numbers up to `seq` again; whoever stands below gets a snapshot."""
        if seq > self.seq:
            self._fold_all()
            self._empty(seq)

    def restart(self, seq: int, fold: Transcript) -> None:
        """Go on from another state, after changes that were not seen here; watchers get a snapshot."""
        self._empty(max(seq, self.seq))  # what was shown ahead of a save that never came has used its numbers
        self._base += 1  # so that nobody is up to date
        self._fold = fold
        self._set_status(fold.status)
        self._wake()

    def close(self) -> None:
        """Let every watcher finish with what is in: the run was deleted, or the process leaves."""
        self._closed = True
        self._set_status(self.status)
        self._wake()

    @property
    def closed(self) -> bool:
        """Whether nothing will follow."""
        return self._closed or self.status in FINAL

    @property
    def floor(self) -> int:
        """The ring has all events after this one."""
        return self.seq - len(self._ring)

    @property
    def has_room(self) -> bool:
        """Whether no lossless reader trails by too much."""
        if not self._lossless:
            return True
        slowest = min(cursor.place for cursor in self._lossless)
        return self._top - slowest < MAX_LAG and self._bytes <= MAX_BYTES

    async def wait_room(self) -> None:
        """Wait until every lossless reader has caught up enough. Not a checkpoint when they have."""
        while not self.has_room:
            if self._room is None:
                self._room = trio.Event()
            await self._room.wait()

    # The watchers' side.

    @contextmanager
    def watch(
        self, after: int | None = None, *, lossless: bool = False, wake: Callable[[], None] | None = None
    ) -> Generator["Cursor"]:
        """A cursor; see `Cursor` for what `after` does."""
        cursor = self.open_cursor(after, lossless=lossless, wake=wake)
        try:
            yield cursor
        finally:
            cursor.close()

    def open_cursor(
        self, after: int | None, *, lossless: bool = False, wake: Callable[[], None] | None = None
    ) -> "Cursor":
        """A cursor that must be closed by hand."""
        cursor = Cursor(self, after, lossless, wake)
        if not self.watched and self.watched_first is not None:
            self.watched_first(self)
        self._cursors[cursor] = None
        if lossless:
            self._lossless[cursor] = None
        return cursor

    async def wait_status(self) -> None:
        """Wait until the status changes, or nothing will follow. Whoever waits is a watcher."""
        if self._turn is None:
            self._turn = trio.Event()
        if not self.watched and self.watched_first is not None:
            self.watched_first(self)
        self._waiting += 1
        try:
            await self._turn.wait()
        finally:
            self._waiting -= 1
            self._unwatch()

    @property
    def watched(self) -> bool:
        """Whether there are any watchers."""
        return bool(self._cursors) or self._waiting > 0

    def snapshot(self) -> Item:
        """The snapshot at the latest event; made once for all who want it at that event."""
        if self._snapshot is None:
            self._fold_all()
            self._snapshot = Item(self.run_id, self.seq, 0, self._fold.snapshot())
        return self._snapshot

    @property
    def _top(self) -> int:
        return self._base + len(self._ring)

    def _place_after(self, after: int | None) -> int:
        """Where a reader that has seen `after` goes on; below the ring, it is to get a snapshot."""
        if after is None or after > self.seq:
            return BELOW
        return self._top - (self.seq - after)

    def _take(self, place: int, limit: int) -> list[Item]:
        first = place - self._base
        return self._ring[first : first + limit]

    def _empty(self, seq: int) -> None:
        self._base += len(self._ring)
        self._ring.clear()
        self._bytes = self._folded = 0
        self._snapshot = None
        self.seq = seq

    def _fold_all(self) -> None:
        self._fold_first(len(self._ring))

    def _fold_first(self, count: int) -> None:
        if count > self._folded:
            fold = self._fold
            for event in _without_void([cast(Event, item.content) for item in self._ring[self._folded : count]]):
                fold.apply(event)
            self._folded = count

    def _evict(self) -> None:
        idle = self.status == "paused" and not self._cursors
        events, size = (IDLE_EVENTS, IDLE_BYTES) if idle else (MAX_EVENTS, MAX_BYTES)
        if len(self._ring) <= events and self._bytes <= size:
            return
        if idle:
            self._fold_all()  # or the fold would keep the pieces of a message whose end is still in the ring
        most = len(self._ring)
        if self._lossless:  # a reader that is to get a snapshot anyway holds nothing
            most = min((c.place for c in self._lossless if c.place >= self._base), default=self._top) - self._base
        count = 0
        while count < most and (len(self._ring) - count > events or self._bytes > size):
            self._bytes -= self._ring[count].size
            count += 1
        if count > self._folded:
            self._fold_first(min(count + AT_ONCE, len(self._ring)))
        self._folded -= count
        self._base += count
        del self._ring[:count]

    def _wake(self) -> None:
        for cursor in tuple(self._cursors):
            cursor.notify()

    def _moved(self) -> None:
        """A lossless reader has gone on, or away."""
        self._evict()
        if self._room is not None and self.has_room:
            self._room.set()
            self._room = None

    def _leave(self, cursor: "Cursor") -> None:
        if cursor not in self._cursors:
            return
        del self._cursors[cursor]
        self._lossless.pop(cursor, None)
        if not self._cursors:
            self._cursors.clear()  # which also gives its memory back, as deleting the last does not
            self._lossless.clear()
            self._snapshot = None  # with its bytes
        self._moved()
        self._unwatch()

    def _unwatch(self) -> None:
        if not self.watched and self.unwatched is not None:
            self.unwatched(self)

    def _set_status(self, status: Status) -> None:
        self.status = status
        if self._turn is not None:
            self._turn.set()
            self._turn = None


class Cursor:
    """One watcher's place in a log.

    `after`: the last event that the watcher has seen. Within the ring, it gets exactly the events that follow; below
    the floor, above the latest, or None: a snapshot first. After `take` gave nothing, `wake` is called, once, when
    there is something to take again or nothing will follow. It must neither wait nor raise.
    """

    __slots__ = ("_armed", "_log", "_wake", "lossless", "place")

    def __init__(self, log: EventLog, after: int | None, lossless: bool, wake: Callable[[], None] | None) -> None:
        self._log = log
        self.place = log._place_after(after)
        self.lossless = lossless
        self._wake = wake
        self._armed = False

    def take(self, limit: int = MAX_EVENTS) -> list[Item]:
        """What comes next, at most `limit`; empty when the watcher is up to date, and then `wake` is armed."""
        log = self._log
        if self.place < log._base:
            self.place = log._top
            items = [log.snapshot()]
        else:
            items = log._take(self.place, limit)
            self.place += len(items)
        self._armed = not items
        if self.lossless:
            log._moved()
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
        """Whether all has been taken and nothing will follow."""
        return self._log.closed and self.place == self._log._top

    def notify(self) -> None:
        """Call `wake`, if the watcher waits for it."""
        if self._armed and self._wake is not None:
            self._armed = False
            self._wake()

    def close(self) -> None:
        """Stop watching; `wake` isn't called any more. Idempotent."""
        self._armed = False
        self._log._leave(self)


def _without_void(events: list[Event]) -> list[Event]:
    """The same, but for the pieces of messages whose end is there: that brings the whole."""
    for at in range(len(events) - 1, -1, -1):
        if type(events[at]) is MessageEnd:
            return [event for event in events[:at] if type(event) not in _PIECES] + events[at:]
    return events


def _status_after(event: AgentPaused | AgentResume | AgentEnd) -> Status:
    if isinstance(event, AgentEnd):
        return event.status
    return "paused" if isinstance(event, AgentPaused) else "running"
