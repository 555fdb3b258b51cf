"""The latest events of a run, for as long as the log's bounds let them stay. Plain data; what a bound is, its log says.

An event's *place* is how many events were ever added before it. It stays the same while older events leave.
"""

from .item import Item

__all__ = ["Ring"]


class Ring:
    """A list of items with the place of its first and the bytes of all. Only its log adds to it."""

    __slots__ = ("base", "items", "size")

    def __init__(self) -> None:
        self.items: list[Item] = []  # as quick as a deque at this size, and smaller when it holds little
        self.base = 0  # the place of the first item: how many events have left
        self.size = 0  # bytes of the items: the sum of their `size`

    @property
    def top(self) -> int:
        """The place of the next event to come."""
        return self.base + len(self.items)

    def evict(self, max_events: int, max_bytes: int, most: int) -> list[Item]:
        """Remove and return the oldest items that exceed either bound, at most `most` of them."""
        items, size = self.items, self.size
        count, excess = 0, len(items) - max_events
        while count < most and (count < excess or size > max_bytes):
            size -= items[count].size
            count += 1
        evicted = items[:count]
        for item in evicted:
            item.release()
        del items[:count]
        self.base += count
        self.size = size
        return evicted

    def clear(self) -> None:
        """Remove all items."""
        self.base += len(self.items)
        for item in self.items:
            item.release()
        self.items.clear()
        self.size = 0
