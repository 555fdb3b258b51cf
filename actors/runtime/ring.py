"""The latest events of a run, within bounds that its log gives. Plain data.

An event's *place* is the number of events that were ever added before it. It does not change when older events leave.
"""

import msgspec

from ...protocol.events import Event
from .booking import ALONE
from .item import Item
from .memory_budget import Share
from .weight import EVENT

__all__ = ["Ring"]


class Ring(msgspec.Struct, eq=False, gc=False):
    """A list of events with their sizes. Only the log adds events: it extends the lists itself, to save a call.

    Most events are never read, so an event's item is made when a watcher first reads that far.

    The garbage collector need not track a ring: events are plain data, and shares reach no task (`memory_budget.py`).
    """

    # Lists are as fast as deques at this size, and smaller when short.
    events: list[Event] = []
    # Lists take more memory than arrays, within what `EVENT` counts, but an array converts each integer, which takes
    # more time than all else here.
    times: list[int] = []  # of each event, in ms since the epoch
    sizes: list[int] = []  # bytes booked for each event beside `EVENT`
    _items: list[Item] | None = None  # of the first events, up to the last one that was read
    base: int = 0  # the place of the first event: the number of events that have left
    size: int = 0  # bytes booked for all events, about their size on the wire

    @property
    def top(self) -> int:
        """The place of the next event to be added."""
        return self.base + len(self.events)

    def items(self, first: int, limit: int, run_id: str, seq: int, share: Share) -> list[Item]:
        """Returns the items from index `first` on, at most `limit`. `seq`: of the latest event; it has no gaps."""
        events = self.events
        items = self._items = self._items or []
        seq -= len(events) - 1
        for at in range(len(items), len(events)):
            items.append(Item(run_id, seq + at, self.times[at], events[at], share))
        return items[first : first + limit]

    def evict(self, max_events: int, max_bytes: int, most: int) -> int:
        """Removes the oldest events while a bound is exceeded, at most `most` of them.

        Returns how many bytes of memory this frees, their encodings included.
        """
        sizes = self.sizes
        count = max(0, min(len(sizes) - max_events, most))
        size = self.size - EVENT * count - sum(sizes[:count])
        while count < most and size > max_bytes:
            size -= EVENT + sizes[count]
            count += 1
        return self._remove(count, size) if count else 0

    def clear(self) -> int:
        """Removes all events. Returns how many bytes of memory this frees, their encodings included."""
        return self._remove(len(self.events), 0)

    @property
    def encoded_bytes(self) -> int:
        """The size of all encodings that are kept."""
        return sum(item.encoded_bytes for item in self._items or ())

    def _remove(self, count: int, size: int) -> int:
        held, removed = EVENT * count, self.events[:count]
        if not ALONE.isdisjoint(map(type, removed)):
            for event, booked in zip(removed, self.sizes, strict=False):
                if type(event) in ALONE:
                    held += booked
        if self._items is not None:
            for item in self._items[:count]:
                held += item.release()
            self._items = self._items[count:] or None
        # Not with `del`, which keeps spare room: as much as a parked run's lists hold.
        self.events, self.times, self.sizes = self.events[count:], self.times[count:], self.sizes[count:]
        self.base += count
        self.size = size
        return held
