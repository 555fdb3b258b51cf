"""Whether this system still owns its store. Another owner is noticed when it refuses a write; then all of this ends."""

import logging
from collections.abc import Callable

import trio

from ...protocol.errors import StaleEpoch

__all__ = ["Tenure"]

logger = logging.getLogger("adjourn.system")


class Tenure:
    """The time for which this system owns the store, with its `epoch`. `lost` is called once, when that is over."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.lost: Callable[[], None] = _nothing
        self._over = trio.Event()

    @property
    def is_over(self) -> bool:
        """Whether the store has another owner, as far as is known."""
        return self._over.is_set()

    def check(self) -> None:
        """Check that what is in memory still counts. Raises: StaleEpoch."""
        if self.is_over:
            raise StaleEpoch("the store has a newer owner: this process neither shows nor changes its runs any more")

    def end(self, refusal: StaleEpoch) -> None:
        """Note that the store has refused a write. Idempotent."""
        if not self.is_over:
            logger.error("this process has lost its store, and leaves all runs to the new owner: %s", refusal)
            self._over.set()
            self.lost()

    async def wait_over(self) -> None:
        """Wait until the store has another owner."""
        await self._over.wait()


def _nothing() -> None: ...
