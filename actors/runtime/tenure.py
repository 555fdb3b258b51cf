"""Whether this system still owns its store. It learns of a new owner when the store refuses a write, and then stops."""

import logging
from collections.abc import Callable

import trio

from ...protocol.errors import StaleEpoch

__all__ = ["Tenure"]

logger = logging.getLogger("adjourn.system")


class Tenure:
    """This system's ownership of the store, with its `epoch`. Calls `lost` once, when the ownership is over."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.lost: Callable[[], None] = _nothing
        self._over = trio.Event()

    @property
    def is_over(self) -> bool:
        """Whether this system knows that the store has another owner."""
        return self._over.is_set()

    def check(self) -> None:
        """Checks that this system still owns the store, as far as it knows. Raises: StaleEpoch."""
        if self.is_over:
            raise StaleEpoch("the store has a new owner: this process can't read or change its runs any more")

    def end(self, refusal: StaleEpoch) -> None:
        """Notes that the store has refused a write. Idempotent."""
        if not self.is_over:
            logger.error("this process has lost its store; the new owner carries on all runs: %s", refusal)
            self._over.set()
            self.lost()

    async def wait_over(self) -> None:
        """Waits until this system knows that the store has another owner."""
        await self._over.wait()


def _nothing() -> None: ...
