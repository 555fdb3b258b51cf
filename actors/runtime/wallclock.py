"""The time of day that a system goes by: the machine's wall clock, guarded against jumps. Both clocks are passed in."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

__all__ = ["DOUBT_S", "JUMP_S", "WallClock", "steady_clock"]

logger = logging.getLogger("adjourn.system")

JUMP_S = 60.0
DOUBT_S = 180.0
SLOWEST = 0.5  # seconds a second


@dataclass(frozen=True, slots=True)
class _Jump:
    offset: float  # what the wall clock shows, less the steady one
    since: float  # by the steady clock: when that was first seen


class WallClock:
    """Seconds since the epoch when called: the wall clock's, as long as it goes on like the steady one.

    A wall clock that leaves by more than `JUMP_S` seconds is not believed at first: time goes on as if it had not,
    so that no deadline comes due by a clock that somebody, or a bad time server, sets for a moment. It is believed
    when it has stayed there for `DOUBT_S` seconds. The log says when that begins, and how it ends. What it shows at the
    start is believed.

    Time never goes backwards, and it never stands still, for deadlines must come: where the wall clock was set back,
    time goes at half its speed until the wall clock has caught up.

    `wall`: seconds since the epoch. `steady`: seconds since anything, by a clock that nobody can set; if it counts the
    machine's sleep, as `steady_clock` does where there is such a clock, sleep is no jump.
    """

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self._wall, self._steady = wall, steady
        self._told_at = steady()
        self._told = wall()
        self._offset = self._told - self._told_at  # in use: the latest one that was no jump
        self._believed = self._offset  # jumps are measured by it; small steps leave it, so that they don't add up
        self._doubted: _Jump | None = None

    def __call__(self) -> float:
        """The time, in seconds since the epoch; at least what the call before this one has said."""
        steady = self._steady()
        offset = self._wall() - steady
        if self._doubted is None and -JUMP_S <= offset - self._believed <= JUMP_S:
            self._offset = offset
        else:
            self._judge(offset, steady)
        now, slowest = steady + self._offset, self._told + (steady - self._told_at) * SLOWEST
        self._told_at, self._told = steady, now if now > slowest else slowest
        return self._told

    def _judge(self, offset: float, steady: float) -> None:
        """Take the offset into use, unless it is a jump that has to prove itself first."""
        away, doubted = offset - self._believed, self._doubted
        if abs(away) <= JUMP_S:
            self._offset, self._doubted = offset, None
            if doubted is not None:
                logger.warning("the wall clock is back; its jump was passed over")
        elif doubted is None or abs(offset - doubted.offset) > JUMP_S:
            self._doubted = _Jump(offset, steady)
            text = "the wall clock has jumped by %+.0f s; that is believed once it has lasted %.0f s"
            logger.warning(text, away, DOUBT_S)
        elif steady - doubted.since >= DOUBT_S:
            self._offset = self._believed = offset
            self._doubted = None
            logger.warning("the wall clock's jump by %+.0f s has lasted: believed", away)


def steady_clock() -> Callable[[], float]:
    """The best clock of this platform that nobody can set: one that counts the machine's sleep, where there is one.

    Linux has CLOCK_BOOTTIME. On macOS CLOCK_MONOTONIC counts sleep, and `time.monotonic` doesn't. Elsewhere sleep may
    look like a jump of the wall clock.
    """
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):
        if hasattr(time, name):
            return partial(time.clock_gettime, getattr(time, name))
    return time.monotonic
