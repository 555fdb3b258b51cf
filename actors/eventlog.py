"""The bounded log of one run's events, its fold, and its watchers. No I/O; it never waits, its watchers do.

The log keeps the latest events in a ring, and behind it a fold of all that has left. A watcher is a cursor into the
ring, not a queue of its own. A *lossless* cursor holds events in the ring until it has taken them, and `wait_room`
makes producers wait for it; a *live* one that falls behind the ring gets a snapshot and goes on from there.
"""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Literal

import trio

from ..protocol import codec
from ..protocol.events import AgentEnd, AgentPaused, AgentResume, Envelope, Event, MessageUpdate, Status
from ..protocol.messages import Wire
from ..protocol.record import FINAL
from ..protocol.transcript import Snapshot, Transcript

__all__ = ["Cursor", "EventLog", "Item", "SnapshotEnvelope", "read"]

MAX_EVENTS = 1024
MAX_BYTES = 1_000_000
MAX_LAG = 64  # events by which a lossless reader may trail before producers wait for it
_DELTA_BYTES = 160  # of an encoded message_update, beside its text

Format = Literal["json", "msgpack"]


class SnapshotEnvelope(Wire, frozen=True):
    """The whole visible state of a run at `seq`; later events go on from it."""

    run_id: str
    seq: int
    snapshot: Snapshot


class Item:
    """An event or a snapshot in the log, encoded once per wire format, when first wanted."""

    __slots__ = ("_json", "_msgpack", "envelope", "size")

    def __init__(self, envelope: Envelope | SnapshotEnvelope, size: int = 0) -> None:
        self.envelope = envelope
        self.size = size
        self._json: bytes | None = None
        self._msgpack: bytes | None = None

    @property
    def is_snapshot(self) -> bool:
        """Whether this is a snapshot, not an event."""
        return isinstance(self.envelope, SnapshotEnvelope)

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

    def __init__(self, run_id: str, *, seq: int = 0, fold: Transcript | None = None) -> None:
        self.run_id = run_id
        self.seq = seq  # of the latest event
        self.floor = seq  # the ring has all events after this one
        self._fold = fold or Transcript()
        self.status: Status = self._fold.status
        self._folded = 0  # events of the ring that are in the fold
        self._ring: deque[Item] = deque()
        self._base = 0  # how many events have left the ring
        self._bytes = 0
        self._cursors: set[Cursor] = set()
        self.watched_first: Callable[[EventLog], None] | None = None  # called when the first watcher comes
        self.unwatched: Callable[[EventLog], None] | None = None  # called when the last watcher goes
        self._lossless = 0
        self._room: trio.Event | None = None
        self._snapshot: Item | None = None
        self._closed = False

    # The run's side.

    def publish(self, events: Sequence[Event], time: int) -> None:
        """Add events, numbered on from the latest, and wake whoever waits for them. Never waits."""
        for event in events:
            self.seq += 1
            item = Item(Envelope(run_id=self.run_id, seq=self.seq, time=time, event=event))
            item.size = _DELTA_BYTES if isinstance(event, MessageUpdate) else len(item.encoded("json"))
            self._ring.append(item)
            self._bytes += item.size
            if isinstance(event, AgentPaused | AgentResume | AgentEnd):
                self.status = _status_after(event)
        self._snapshot = None
        self._evict()
        self._wake()

    def skip_to(self, seq: int) -> None:
        """Never use numbers up to `seq` again; whoever stands below gets a snapshot."""
        if seq > self.seq:
            self._fold_all()
            self._base += len(self._ring)
            self._ring.clear()
            self._bytes = self._folded = 0
            self.seq = self.floor = seq
            self._snapshot = None

    def restart(self, seq: int, fold: Transcript) -> None:
        """Go on from another state, after changes that were not seen here; watchers get a snapshot."""
        self._base += len(self._ring) + 1
        self._ring.clear()
        self._bytes = self._folded = 0
        self._fold, self.status = fold, fold.status
        self.seq = self.floor = seq
        self._snapshot = None
        self._wake()

    def close(self) -> None:
        """Let every watcher finish with what is in: the run was deleted, or the process leaves."""
        self._closed = True
        self._wake()

    @property
    def closed(self) -> bool:
        """Whether nothing will follow."""
        return self._closed or self.status in FINAL

    @property
    def has_room(self) -> bool:
        """Whether no lossless reader trails by too much."""
        return not self._lossless or self._top - self._slowest() < MAX_LAG

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
        if not self._cursors and self.watched_first is not None:
            self.watched_first(self)
        self._cursors.add(cursor)
        self._lossless += lossless
        return cursor

    @property
    def watched(self) -> bool:
        """Whether there are any watchers."""
        return bool(self._cursors)

    def snapshot(self) -> Item:
        """The snapshot at the latest event; made once for all who want it at that event."""
        if self._snapshot is None:
            self._fold_all()
            envelope = SnapshotEnvelope(run_id=self.run_id, seq=self.seq, snapshot=self._fold.snapshot())
            self._snapshot = Item(envelope)
        return self._snapshot

    @property
    def _top(self) -> int:
        return self._base + len(self._ring)

    def _slowest(self) -> int:
        return min((cursor.place for cursor in self._cursors if cursor.lossless), default=self._top)

    def _place_after(self, after: int | None) -> int | None:
        """Where a reader that has seen `after` goes on; None: it needs a snapshot."""
        if after is None or after < self.floor or after > self.seq:
            return None
        behind = sum(1 for _ in _until(reversed(self._ring), after))
        return self._top - behind

    def _take(self, place: int, limit: int) -> list[Item]:
        return list(islice(self._ring, place - self._base, place - self._base + limit))

    def _fold_all(self) -> None:
        for item in islice(self._ring, self._folded, None):
            assert isinstance(item.envelope, Envelope)
            self._fold.apply(item.envelope.event)
        self._folded = len(self._ring)

    def _evict(self) -> None:
        if len(self._ring) <= MAX_EVENTS and self._bytes <= MAX_BYTES:
            return
        keep_from = self._slowest() if self._lossless else self._top
        while self._ring and (len(self._ring) > MAX_EVENTS or self._bytes > MAX_BYTES) and self._base < keep_from:
            item = self._ring.popleft()
            assert isinstance(item.envelope, Envelope)
            if self._folded:
                self._folded -= 1
            else:
                self._fold.apply(item.envelope.event)
            self._base += 1
            self._bytes -= item.size
            self.floor = item.envelope.seq

    def _wake(self) -> None:
        for cursor in tuple(self._cursors):
            cursor.notify()

    def _moved(self) -> None:
        if self._room is not None and self.has_room:
            self._room.set()
            self._room = None

    def _leave(self, cursor: "Cursor") -> None:
        if cursor in self._cursors:
            self._cursors.remove(cursor)
            self._lossless -= cursor.lossless
            self._moved()
            if not self._cursors and self.unwatched is not None:
                self.unwatched(self)


class Cursor:
    """One watcher's place in a log.

    `after`: the last event that the watcher has seen. Within the ring, it gets exactly the events that follow; below
    the floor, above the latest, or None: a snapshot first. `wake` is called, once, when there is something to take
    again after `take` gave nothing.
    """

    __slots__ = ("_armed", "_log", "_wake", "lossless", "place")

    def __init__(self, log: EventLog, after: int | None, lossless: bool, wake: Callable[[], None] | None) -> None:
        place = log._place_after(after)
        self._log = log
        self.place = -1 if place is None else place  # -1: below everything
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

    @property
    def finished(self) -> bool:
        """Whether all has been taken and nothing will follow."""
        return self._log.closed and self.place >= self._log._top

    def notify(self) -> None:
        """Call `wake`, if the watcher waits for it."""
        if self._armed and self._wake is not None:
            self._armed = False
            self._wake()

    def close(self) -> None:
        """Stop watching. Idempotent."""
        self._log._leave(self)


async def read(log: EventLog, after: int | None, *, lossless: bool) -> AsyncGenerator[list[Item]]:
    """What a cursor takes, in batches, until nothing will follow. Close it (`aclosing`) when leaving early."""
    waiting: list[trio.Event] = []

    def wake() -> None:
        if waiting:
            waiting.pop().set()

    with log.watch(after, lossless=lossless, wake=wake) as cursor:
        while True:
            items = cursor.take()
            if items:
                yield items
            elif cursor.finished:
                return
            else:
                waiting.append(trio.Event())
                await waiting[0].wait()


def _until(items: Iterator[Item], after: int) -> Iterator[Item]:
    for item in items:
        if item.envelope.seq <= after:
            return
        yield item


def _status_after(event: AgentPaused | AgentResume | AgentEnd) -> Status:
    if isinstance(event, AgentEnd):
        return event.status
    return "paused" if isinstance(event, AgentPaused) else "running"
