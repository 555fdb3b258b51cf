"""A lossless reader of one run's events, in batches. `Run.events` hands them out one by one."""

from collections.abc import Sequence

from ...protocol.events import Envelope
from ...protocol.methods import RunSnapshot
from ...protocol.record import FINAL
from .cursor import Cursor
from .eventlog import EventLog
from .tenure import Tenure

__all__ = ["Reader"]

BATCH = 32  # events that a lossless reader takes at once; until it asks for more, the run takes them for read


class Reader:
    """A reader that the run waits for. `Run.open_reader` makes it; it must be closed."""

    __slots__ = ("_cursor", "_log", "_tenure")

    def __init__(self, log: EventLog, cursor: Cursor, tenure: Tenure) -> None:
        self._log, self._cursor, self._tenure = log, cursor, tenure

    async def take(self) -> Sequence[Envelope | RunSnapshot]:
        """The next events, as soon as there are any; empty when no other will follow.

        Cancelled, it has taken nothing. Not a checkpoint where it need not wait. Raises: StaleEpoch.
        """
        while not self._cursor.finished:
            items = self._cursor.take(BATCH)
            if items:
                return [item.envelope for item in items]
            await self._cursor.wait_more()
        if self._log.status not in FINAL:
            self._tenure.check()
        return ()

    def close(self) -> None:
        """Free the run. Idempotent."""
        self._cursor.close()
