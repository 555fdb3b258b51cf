"""What this system owns: the whole store, or in a shared store those runs that it has claimed (`membership.py`)."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import trio

from ...protocol.errors import StaleEpoch
from ...protocol.record import Head
from ...stores.base import Acquired, Store
from ...stores.shared import Claimed

__all__ = ["SoleTenure", "Tenure"]

logger = logging.getLogger("adjourn.system")

RELEASE_S = 5.0  # for the store to save that its owner left in order


class Tenure(Protocol):
    """This system's ownership of runs.

    `is_shared`: other systems own runs of the same store. `is_clean`: the owner before, if any, left in order. `epoch`:
    for runs that are saved first. `lost`: called when all runs are lost.
    """

    is_shared: bool
    is_clean: bool
    epoch: int
    lost: Callable[[], None]

    @property
    def is_over(self) -> bool:
        """Whether this system knows that the store has another owner."""
        ...

    @property
    def is_held(self) -> bool:
        """Whether effects may start."""
        ...

    def check_held(self) -> None:
        """Checks that effects may start. Raises: StoreUnavailable."""
        ...

    def doubting(self) -> AbstractContextManager[None]:
        """Returns a block that makes runs its own: if the store fails in it, nobody knows whether it did."""
        ...

    def check(self) -> None:
        """Checks that this system may use the store, as far as it knows. Raises: StaleEpoch."""
        ...

    def refused(self, refusal: StaleEpoch) -> None:
        """Notes that the store has refused a write. Idempotent."""
        ...

    async def wait_over(self) -> None:
        """Waits until this system knows that the store has another owner."""
        ...

    async def wait_held(self) -> None:
        """Waits until effects may start."""
        ...

    async def claim(self, run_id: str) -> Claimed | None:
        """Owns a run; None for a run that is over or missing. Raises: RunElsewhere, StoreUnavailable."""
        ...

    def let_go(self, run_id: str, epoch: int) -> None:
        """Gives up the claim on a run that is not in memory: any system may own it."""
        ...

    def epoch_to_delete(self, head: Head) -> int:
        """Returns the epoch with which a run that is over is deleted."""
        ...

    async def leave(self) -> None:
        """Leaves the store in order, so that the next owner does not count running runs as crashed. Bounded in time."""
        ...


class SoleTenure:
    """The ownership of a whole store. It ends when the store refuses a write, because it has a new owner."""

    is_shared = False
    is_held = True

    def __init__(self, store: Store, acquired: Acquired) -> None:
        self._store = store
        self.epoch, self.is_clean = acquired.epoch, acquired.is_clean
        self.lost: Callable[[], None] = _nothing
        self._claimed = Claimed(acquired.epoch, acquired.is_clean)
        self.is_over = False  # an attribute beside the event, because nearly every call of a run reads it
        self._over = trio.Event()

    def check(self) -> None:
        if self.is_over:
            raise StaleEpoch("the store has a new owner: this process can't read or change its runs any more")

    def refused(self, refusal: StaleEpoch) -> None:
        if not self.is_over:
            logger.error("this process has lost its store; the new owner continues all runs: %s", refusal)
            self.is_over = True
            self._over.set()
            self.lost()

    def check_held(self) -> None:
        """Does nothing: a whole store has no lease."""

    def doubting(self) -> AbstractContextManager[None]:
        """Does nothing: this system knows that it owns all runs."""
        return _DOUBTLESS

    async def wait_over(self) -> None:
        await self._over.wait()

    async def wait_held(self) -> None:
        """Returns at once."""

    async def claim(self, run_id: str) -> Claimed:
        """Returns the claim on the whole store, without a checkpoint."""
        return self._claimed

    def let_go(self, run_id: str, epoch: int) -> None:
        """Does nothing: no other system may own the run."""

    def epoch_to_delete(self, head: Head) -> int:
        return self.epoch

    async def leave(self) -> None:
        if self.is_over:
            return
        with trio.move_on_after(RELEASE_S, shield=True):
            try:
                await self._store.release(self.epoch)
            except StaleEpoch as refusal:
                self.refused(refusal)
            except Exception as error:
                logger.warning("could not save that this process left the store in order: %s", error)


_DOUBTLESS = nullcontext()


def _nothing() -> None: ...
