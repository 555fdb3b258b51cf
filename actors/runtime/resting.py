"""Decides when parked runs and unused event logs leave memory.

They leave after a time at rest. While the memory budget is exceeded they leave at once, the longest at rest first.
"""

from collections import OrderedDict
from collections.abc import Callable

import trio

from ..core.mailbox import Mailbox
from .memory_budget import MemoryBudget

__all__ = ["Resting"]

BATCH = 100  # runs and logs that leave memory before a checkpoint


class Resting:
    """The runs and logs at rest, by run id. `after_s`: seconds until they leave memory."""

    def __init__(self, budget: MemoryBudget, after_s: float) -> None:
        self.budget = budget
        self._after_s = after_s
        self._clock = trio.lowlevel.current_clock()
        self._order: OrderedDict[str, float] = OrderedDict()  # since when each is at rest, on trio's clock
        self._looks_at = float("-inf")  # when `run` looks next, on trio's clock; -inf before it has looked

    def add(self, run_id: str) -> None:
        """Notes that a run or its log is at rest from now on.

        It is told to leave at most once. A run that was active in between is added again when it rests again.
        """
        now, budget, order = self._clock.current_time(), self.budget, self._order
        if now + self._after_s < self._looks_at or budget.is_exceeded:
            budget.ring()
        order.pop(run_id, None)
        order[run_id] = now

    def remove(self, run_id: str) -> None:
        """Notes that neither the run nor its log is at rest. Idempotent."""
        self._order.pop(run_id, None)

    async def run(self, mailbox: Mailbox[None], leave: Callable[[str], None]) -> None:
        """The actor that takes runs and logs out of memory when their time has come.

        `leave`: called with a run's id, takes the run or its log out of memory, if still at rest.
        """
        while True:
            alarm = self.budget.next_alarm()
            if self._let_go(leave):
                await trio.lowlevel.checkpoint()
                continue
            self._looks_at = self._next_at()
            with trio.move_on_at(self._looks_at):
                await alarm.wait()

    def _let_go(self, leave: Callable[[str], None]) -> bool:
        """Takes what is due out of memory, at most a batch. Returns whether more may be due."""
        now = trio.current_time()
        for _ in range(BATCH):
            if not self._order:
                return False
            run_id, since = next(iter(self._order.items()))
            if since + self._after_s > now and not self.budget.is_exceeded:
                return False
            del self._order[run_id]
            leave(run_id)
        return True

    def _next_at(self) -> float:
        """Returns when the run or log that is longest at rest is due, on trio's clock."""
        for since in self._order.values():
            return since + self._after_s
        return float("inf")
