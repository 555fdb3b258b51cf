"""Counts the bytes of memory that a system's runs and logs take, against a budget. Each count is O(1).

`resting.py` decides what leaves memory when the budget is exceeded.
"""

import weakref

import msgspec
import trio

__all__ = ["MemoryBudget", "Share"]


class MemoryBudget:
    """The bytes in use, of `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held = 0
        # Weak, because an event refers to the tasks that wait for it. The budget must reach no task: structs that the
        # garbage collector does not track refer to the budget, and a cycle through them would never be freed.
        self._alarm: weakref.ref[trio.Event] | None = None

    def next_alarm(self) -> trio.Event:
        """Returns an event that is set when something may have to leave memory. Only the latest event is set."""
        alarm = trio.Event()
        self._alarm = weakref.ref(alarm)
        return alarm

    def ring(self) -> None:
        """Sets the event of `next_alarm`, if a task still has it."""
        alarm = self._alarm and self._alarm()
        if alarm is not None:
            alarm.set()

    @property
    def is_exceeded(self) -> bool:
        """Whether more than `max_bytes` are in use."""
        return self.held > self.max_bytes

    def add(self, size: int) -> None:
        """Adds `size` bytes; a negative size subtracts."""
        self.held += size
        if self.held > self.max_bytes:
            self.ring()


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
                budget.ring()

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
