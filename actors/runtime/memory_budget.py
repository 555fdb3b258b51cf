"""How many bytes the runs and logs of a system take in memory, against what they may take. Plain counting, in O(1).

Who leaves memory when it is too much, and in which order, is `resting.py`'s business.
"""

import trio

__all__ = ["MemoryBudget", "Share"]


class MemoryBudget:
    """The bytes that are held of `max_bytes`. `alarm` is set when something may have to leave memory."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held = 0
        self.alarm = trio.Event()

    @property
    def is_exceeded(self) -> bool:
        """Whether more is held than may be."""
        return self.held > self.max_bytes

    def add(self, size: int) -> None:
        """Count `size` bytes more, or fewer where it is negative."""
        self.held += size
        if self.held > self.max_bytes:
            self.alarm.set()


class Share:
    """What one log, and its run, take: counted in a budget from `enter` to `leave`."""

    __slots__ = ("_budget", "held")

    def __init__(self) -> None:
        self.held = 0
        self._budget: MemoryBudget | None = None

    def add(self, size: int) -> None:
        """Count `size` bytes more, or fewer where it is negative."""
        self.held += size
        budget = self._budget
        if budget is not None:  # not by its `add`: that doubles what this takes
            budget.held += size
            if budget.held > budget.max_bytes:
                budget.alarm.set()

    def enter(self, budget: MemoryBudget) -> None:
        """Count in this budget from now on. Idempotent."""
        if self._budget is None:
            self._budget = budget
            budget.add(self.held)

    def leave(self) -> None:
        """Count no longer in a budget: what is held is about to go. Idempotent."""
        if self._budget is not None:
            self._budget.add(-self.held)
            self._budget = None
