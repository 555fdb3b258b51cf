"""Counts the unfinished runs, makes the first save of each, and enforces `max_runs`."""

from collections.abc import Sequence
from contextlib import suppress

from ...protocol.errors import LimitExceeded, StaleEpoch, StoreUnavailable, VersionConflict
from ...protocol.record import FINAL, Entry, Head
from ...stores.base import Store

__all__ = ["RunCount"]


class RunCount:
    """Counts the unfinished runs, in memory or not, and those whose first save is pending."""

    def __init__(self, store: Store, maximum: int) -> None:
        self._store, self._maximum = store, maximum
        self._open = 0

    async def read(self) -> None:
        """Reads the count from the store. Raises: StoreUnavailable."""
        self._open = await self._store.count("running") + await self._store.count("paused")

    def left(self, head: Head) -> None:
        """Notes that a run has left memory: if it is over, it does not count any more."""
        self._open -= head.status in FINAL

    def check_room(self) -> None:
        """Checks that one more run may begin. Raises: LimitExceeded."""
        if self._open >= self._maximum:
            text = f"the limit of {self._maximum} unfinished runs is reached: no new run can begin"
            raise LimitExceeded(text, limit="maxRuns", maximum=self._maximum)

    async def save_first(self, head: Head, append: Sequence[Entry]) -> bool:
        """Saves a new run. False: the id is taken.

        Safe to repeat: a saved run is recognised by its nonce. Raises: LimitExceeded, StaleEpoch, StoreUnavailable.
        """
        self.check_room()
        self._open += 1  # before the save, as other runs may begin during it
        is_new = False
        failure: Exception | None = None
        try:
            try:
                await self._store.save(head, append, expected_version=0)
                is_new = True
            except VersionConflict:
                pass
            except StaleEpoch:
                raise
            except Exception as error:
                failure = error
            if failure is not None:
                is_new = await self._was_saved(head)
                if not is_new:
                    raise StoreUnavailable(f"the store did not save: {failure}", runId=head.id) from failure
        finally:
            self._open -= not is_new
        return is_new

    async def _was_saved(self, head: Head) -> bool:
        """Whether the store has this new run, although saving it raised an error. False if the store fails again."""
        with suppress(Exception):
            record = await self._store.load(head.id)
            return record is not None and record.head.nonce == head.nonce
        return False
