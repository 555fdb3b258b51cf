"""Counts a supervisor's restarts over a period. No I/O, no clock."""

from collections import deque

__all__ = ["Intensity"]


class Intensity:
    """At most `max_restarts` restarts in any `within_s` seconds, counted over all children of a supervisor."""

    __slots__ = ("_restarted_at", "_within_s", "max_restarts", "total")

    def __init__(self, max_restarts: int, within_s: float) -> None:
        self.max_restarts = max_restarts
        self.total = 0  # restarts allowed so far
        self._within_s = within_s
        self._restarted_at: deque[float] = deque()

    def allows(self, now: float) -> bool:
        """Counts one restart at the time `now`, in seconds. Returns False if that is one too many."""
        self._restarted_at.append(now)
        allowed = self.recent(now) <= self.max_restarts
        self.total += allowed
        return allowed

    def recent(self, now: float) -> int:
        """Returns how many restarts the period that ends at `now` has."""
        while self._restarted_at and self._restarted_at[0] < now - self._within_s:
            self._restarted_at.popleft()
        return len(self._restarted_at)
