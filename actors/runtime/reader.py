"""A lossless reader of one run's events, in batches. `Run.events` hands them out one by one."""

from collections.abc import Sequence

from ...protocol.events import Envelope
from ...protocol.methods import RunSnapshot
from ...protocol.record import FINAL
from .cursor import Cursor
from .eventlog import EventLog
from .tenure import Tenure

__all__ = ["Reader"]

BATCH = 32  # events taken at once; the run counts them as read from then on


class Reader:
    """A reader that the run waits for. `Run.open_reader` makes it; it must be closed."""

    __slots__ = ("_cursor", "_log", "_tenure")

    def __init__(self, log: EventLog, cursor: Cursor, tenure: Tenure) -> None:
        self._log, self._cursor, self._tenure = log, cursor, tenure

    async def take(self) -> Sequence[Envelope | RunSnapshot]:
        """Waits for events and returns them; empty if none will follow.

        If cancelled, nothing was taken. No checkpoint if events are ready. Raises: StaleEpoch.
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
        """Ends the reader: the run does not wait for it any more. Idempotent."""
        self._cursor.close()
