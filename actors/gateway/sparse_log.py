"""A log that nobody can fill from outside: of each kind of line one in a while, with the number of those left out."""

import logging
from collections.abc import Callable

__all__ = ["SparseLog"]

PERIOD_S = 10.0


class SparseLog:
    """Warnings about what strangers do. `clock`: seconds since anything."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float]) -> None:
        self._logger, self._clock = logger, clock
        self._kinds: dict[object, tuple[float, int]] = {}  # when a line was written, and how many were left out since

    def warning(self, kind: object, text: str, *args: object) -> None:
        """Write the line, unless there was one of its kind in the last ten seconds. Kinds must be few: all are kept."""
        now = self._clock()
        written_at, left_out = self._kinds.get(kind, (now - PERIOD_S, 0))
        if now - written_at < PERIOD_S:
            self._kinds[kind] = (written_at, left_out + 1)
            return
        self._kinds[kind] = (now, 0)
        self._logger.warning(text + (f" (and {left_out} more since the last such line)" if left_out else ""), *args)
