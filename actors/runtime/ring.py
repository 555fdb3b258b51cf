"""The latest events of a run, for as long as the log's bounds let them stay. Plain data; what a bound is, its log says.

An event's *place* is how many events were ever added before it. It stays the same while older events leave.
"""

from collections.abc import Sequence

from ...protocol.events import Event
from .item import Item
from .memory_budget import Share
from .weight import ALONE, EVENT

__all__ = ["Ring"]


class Ring:
    """A list of events with the place of its first and the bytes of all. Only its log adds to it.

    Most events are never read, so an event's item is made when a watcher first reads up to it.
    """

    __slots__ = ("_items", "_sizes", "_times", "base", "events", "size")

    def __init__(self) -> None:
        # Lists are as quick as deques at this size, and smaller when they hold little.
        self.events: list[Event] = []
        self._times: list[int] = []  # of each event, in ms since the epoch
        self._sizes: list[int] = []  # bytes that are booked for each event, about those that it takes on the wire
        self._items: list[Item] = []  # of the first events, as far as they were read
        self.base = 0  # the place of the first event: how many events have left
        self.size = 0  # bytes of the events: the sum of their sizes

    @property
    def top(self) -> int:
        """The place of the next event to come."""
        return self.base + len(self.events)

    def add(self, events: Sequence[Event], time: int, sizes: list[int]) -> None:
        """Add events of one time, with the bytes that are booked for each."""
        self.events += events
        self._times += [time] * len(sizes)
        self._sizes += sizes
        self.size += sum(sizes)

    def items(self, first: int, limit: int, run_id: str, seq: int, share: Share) -> list[Item]:
        """The items from index `first` on, at most `limit`. `seq`: of the latest event; the numbers have no gaps."""
        events, items = self.events, self._items
        if first == len(events):
            return []
        seq -= len(events) - 1
        for at in range(len(items), len(events)):
            items.append(Item(run_id, seq + at, self._times[at], events[at], share))
        return items[first : first + limit]

    def evict(self, max_events: int, max_bytes: int, most: int) -> tuple[list[Event], int]:
        """Remove the oldest events that exceed either bound, at most `most` of them.

        Returns them, and how many bytes they alone have held, their encodings included.
        """
        size, sizes = self.size, self._sizes
        count, excess = 0, len(sizes) - max_events
        while count < most and (count < excess or size > max_bytes):
            size -= sizes[count]
            count += 1
        return self._remove(count, size)

    def clear(self) -> int:
        """Remove all events. Returns how many bytes they alone have held, their encodings included."""
        return self._remove(len(self.events), 0)[1]

    @property
    def encoded_bytes(self) -> int:
        """The size of all encodings that are kept."""
        return sum(item.encoded_bytes for item in self._items)

    def _remove(self, count: int, size: int) -> tuple[list[Event], int]:
        removed = self.events[:count]
        held = sum([size if type(event) in ALONE else EVENT for event, size in zip(removed, self._sizes, strict=False)])
        for item in self._items[:count]:
            held += item.release()
        for column in (self.events, self._times, self._sizes, self._items):
            del column[:count]
        self.base += count
        self.size = size
        return removed, held
