"""What is in memory and at rest: parked runs, and the logs of ended ones. When it leaves memory is decided here.

It leaves when it has been at rest for long; while the memory budget is exceeded at once, the longest at rest first.
"""

from collections import OrderedDict
from collections.abc import Callable

import trio

from ..core.mailbox import Mailbox
from .memory_budget import MemoryBudget

__all__ = ["Resting"]

BATCH = 100  # that leave memory before others get their turn


class Resting:
    """All that rests, by run id. `after_s`: how long it may."""

    def __init__(self, budget: MemoryBudget, after_s: float) -> None:
        self.budget = budget
        self._after_s = after_s
        self._order: OrderedDict[str, tuple[float, Callable[[str], None]]] = OrderedDict()
        self._looks_at = float("-inf")  # when `run` looks next, on trio's clock; -inf before it has looked

    def add(self, run_id: str, leave: Callable[[str], None]) -> None:
        """Note that something of a run begins to rest. `leave`, called with the id, takes it out of memory if it rests.

        `leave` is called at most once: what has gone on meanwhile is added again when it rests again.
        """
        now = trio.current_time()
        if self.budget.is_exceeded or now + self._after_s < self._looks_at:
            self.budget.alarm.set()
        self._order[run_id] = (now, leave)
        self._order.move_to_end(run_id)

    def remove(self, run_id: str) -> None:
        """Note that nothing of a run rests any more. Idempotent."""
        self._order.pop(run_id, None)

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor that takes out of memory what has to leave."""
        while True:
            self.budget.alarm = trio.Event()
            if self._let_go():
                await trio.lowlevel.checkpoint()
                continue
            self._looks_at = self._next_at()
            with trio.move_on_at(self._looks_at):
                await self.budget.alarm.wait()

    def _let_go(self) -> bool:
        """Take out of memory what has to leave, at most a batch. Whether there may be more."""
        now = trio.current_time()
        for _ in range(BATCH):
            if not self._order:
                return False
            run_id, (since, leave) = next(iter(self._order.items()))
            if since + self._after_s > now and not self.budget.is_exceeded:
                return False
            del self._order[run_id]
            leave(run_id)
        return True

    def _next_at(self) -> float:
        """When the longest at rest has been so for long, on trio's clock."""
        for since, _ in self._order.values():
            return since + self._after_s
        return float("inf")
