"""The delay before a restart: it doubles with each quick crash, up to a bound, and is jittered. No I/O, no clock."""

import random

import msgspec

__all__ = ["Backoff", "Delays"]


class Backoff(msgspec.Struct, frozen=True):
    """How long a supervisor waits before it restarts a child.

    Attributes:
        first_s: seconds before the first restart. Each quick crash doubles the delay.
        max_s: the longest delay, in seconds. A child that has run for this long begins at `first_s` again.
        jitter: the share of the delay that is random, from 0 to 1, so that many children do not come back at once.
    """

    first_s: float = 0.1
    max_s: float = 30.0
    jitter: float = 0.5

    def delay_s(self, crashes: int, chance: float) -> float:
        """Returns the delay in seconds after so many quick crashes, at least 1. `chance`: from 0 to 1."""
        whole = min(self.first_s * 2.0 ** min(crashes - 1, 64), self.max_s)
        return whole * (1 - self.jitter * chance)


class Delays:
    """The next delay of each child of one supervisor."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._streaks: dict[str, tuple[int, float]] = {}  # quick crashes, and when the child was last started
        self._chance = random.Random()  # noqa: S311  # jitter is no secret

    def next_s(self, name: str, now: float) -> float:
        """Counts an end of the child at the time `now`, and returns the delay before its restart, in seconds."""
        crashes, started_at = self._streaks.get(name, (0, now))
        if now - started_at >= self._backoff.max_s:
            crashes = 0
        delay_s = self._backoff.delay_s(crashes + 1, self._chance.random())
        self._streaks[name] = crashes + 1, now + delay_s
        return delay_s

    def forget(self, name: str) -> None:
        """Drops what is known of a child that ended for good."""
        self._streaks.pop(name, None)
