"""A system's time of day: the machine's wall clock, guarded against jumps. Both clocks are passed in."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

__all__ = ["DOUBT_S", "JUMP_S", "WallClock", "steady_clock"]

logger = logging.getLogger("adjourn.system")

JUMP_S = 60.0
DOUBT_S = 180.0
SLOWEST = 0.5  # the least that our time advances for each real second


@dataclass(frozen=True, slots=True)
class _Jump:
    offset: float  # wall clock minus steady clock
    since: float  # when the offset was first seen, on the steady clock


class WallClock:
    """Reads the wall clock, but ignores its short jumps.

    A jump of the wall clock by more than `JUMP_S` seconds against the steady clock is ignored until it has lasted
    `DOUBT_S` seconds: a clock set wrong for a moment, by a person or a bad time server, must not expire deadlines. A
    warning is logged when a jump begins, and when it is accepted or over. The wall clock's first value is accepted.

    Time never goes backwards, and never stands still, so that every deadline comes: after the wall clock was set back,
    time runs at half speed until the wall clock has caught up.

    `wall`: returns seconds since the epoch. `steady`: returns seconds of a clock that nobody can set. If it counts the
    machine's sleep, as `steady_clock` does where possible, sleep is no jump.
    """

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self._wall, self._steady = wall, steady
        self._told_at = steady()
        self._told = wall()
        self._offset = self._told - self._told_at  # the offset in use
        self._believed = self._offset  # jumps are measured from here; small steps don't change it, so can't add up
        self._doubted: _Jump | None = None

    def read(self) -> float:
        """Returns the time, in seconds since the epoch; never less than the previous call did."""
        read_steady, read_wall = self._steady, self._wall
        steady, now = read_steady(), read_wall()  # faster than calls of the attributes
        offset = now - steady
        if self._doubted is None and abs(offset - self._believed) <= JUMP_S:
            self._offset = offset
        else:
            self._judge(offset, steady)
            now = steady + self._offset
        slowest = self._told + (steady - self._told_at) * SLOWEST
        if now < slowest:
            now = slowest
        self._told_at, self._told = steady, now
        return now

    def _judge(self, offset: float, steady: float) -> None:
        """Uses the offset, unless it is a jump that has not lasted `DOUBT_S` yet."""
        away, doubted = offset - self._believed, self._doubted
        if abs(away) <= JUMP_S:
            self._offset, self._doubted = offset, None
            if doubted is not None:
                logger.warning("the wall clock is back; its jump was ignored")
        elif doubted is None or abs(offset - doubted.offset) > JUMP_S:
            self._doubted = _Jump(offset, steady)
            text = "the wall clock has jumped by %+.0f s; ignored until the jump has lasted %.0f s"
            logger.warning(text, away, DOUBT_S)
        elif steady - doubted.since >= DOUBT_S:
            self._offset = self._believed = offset
            self._doubted = None
            logger.warning("the wall clock's jump by %+.0f s has lasted: accepted", away)


def steady_clock() -> Callable[[], float]:
    """Returns this platform's best clock that nobody can set: if possible, one that counts the machine's sleep.

    Linux has CLOCK_BOOTTIME. On macOS, CLOCK_MONOTONIC counts sleep; `time.monotonic` doesn't. Elsewhere, sleep may
    look like a jump of the wall clock.
    """
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):
        if hasattr(time, name):
            return partial(time.clock_gettime, getattr(time, name))
    return time.monotonic
