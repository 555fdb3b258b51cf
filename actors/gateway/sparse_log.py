"""Rate-limits warnings, so that remote peers cannot fill the log."""

import logging
from collections.abc import Callable

__all__ = ["SparseLog"]

PERIOD_S = 10.0


class SparseLog:
    """Writes at most one warning of each kind in ten seconds. `clock`: seconds since any fixed moment."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float]) -> None:
        self._logger, self._clock = logger, clock
        self._kinds: dict[object, tuple[float, int]] = {}  # per kind: time of the last line, number left out since

    def warning(self, kind: object, text: str, *args: object) -> None:
        """Writes the line unless one of its kind was written in the last ten seconds. All kinds are kept, so use
        few.
        """
        now = self._clock()
        written_at, left_out = self._kinds.get(kind, (now - PERIOD_S, 0))
        if now - written_at < PERIOD_S:
            self._kinds[kind] = (written_at, left_out + 1)
            return
        self._kinds[kind] = (now, 0)
        self._logger.warning(text + (f" (and {left_out} more since the last such line)" if left_out else ""), *args)
