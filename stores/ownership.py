"""The rules of ownership that all stores here share: epochs, and the mark of an orderly stop. Pure; no storage."""

from dataclasses import dataclass

from ..protocol.errors import StaleEpoch
from .base import Acquired

__all__ = ["Ownership"]


@dataclass(frozen=True, slots=True)
class Ownership:
    """The current state of a store's ownership."""

    epoch: int = 0  # the current owner's epoch; 0: the store has had no owner yet
    is_clean: bool = True  # the owner has released the store, or the store has had no owner yet

    def acquired(self) -> tuple["Ownership", Acquired]:
        """Return the ownership after a new owner has acquired the store, and the answer for that owner."""
        epoch = self.epoch + 1
        return Ownership(epoch, is_clean=False), Acquired(epoch, self.is_clean)

    def released(self, epoch: int) -> "Ownership":
        """Return the ownership after its release. Raises: StaleEpoch unless `epoch` is the current owner's."""
        if epoch != self.epoch or epoch == 0:
            raise StaleEpoch(f"epoch {epoch} can't release the store, which is at {self.epoch}")
        return Ownership(epoch, is_clean=True)

    def check_write(self, epoch: int) -> None:
        """Check that an owner with this epoch may write.

        Raises: StaleEpoch if the store has a newer owner, or this owner has released it.
        """
        if epoch < self.epoch:
            raise StaleEpoch(f"epoch {epoch} has ended: the store is at {self.epoch}")
        if self.is_clean and epoch == self.epoch > 0:  # epoch 0 may write without an owner, for tests and tools
            raise StaleEpoch(f"epoch {epoch} has released the store: acquire it again")
