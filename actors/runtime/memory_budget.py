"""Counts the bytes of memory that a system's runs and logs take, against a budget. Each count is O(1).

`resting.py` decides what leaves memory when the budget is exceeded.
"""

import msgspec
import trio

__all__ = ["MemoryBudget", "Share"]


class MemoryBudget:
    """The bytes in use, of `max_bytes`. `alarm` is set when something may have to leave memory."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held = 0
        self.alarm = trio.Event()

    @property
    def is_exceeded(self) -> bool:
        """Whether more than `max_bytes` are in use."""
        return self.held > self.max_bytes

    def add(self, size: int) -> None:
        """Adds `size` bytes; a negative size subtracts."""
        self.held += size
        if self.held > self.max_bytes:
            self.alarm.set()


class Share(msgspec.Struct, eq=False, gc=False):
    """The bytes of one log and its run, counted in a budget from `enter` to `leave`."""

    held: int = 0
    _budget: MemoryBudget | None = None

    def add(self, size: int) -> None:
        """Adds `size` bytes; a negative size subtracts."""
        self.held += size
        budget = self._budget
        if budget is not None:  # without calling its `add`, which would double the time
            budget.held += size
            if budget.held > budget.max_bytes:
                budget.alarm.set()

    def enter(self, budget: MemoryBudget) -> None:
        """Counts in this budget from now on. Idempotent."""
        if self._budget is None:
            self._budget = budget
            budget.add(self.held)

    def leave(self) -> None:
        """Stops counting in the budget, as the memory is about to be freed. Idempotent."""
        if self._budget is not None:
            self._budget.add(-self.held)
            self._budget = None
