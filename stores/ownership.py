"""Who owns a store, and how the last owner left: the rules that all stores here share. Pure; no storage."""

from dataclasses import dataclass

from ..protocol.errors import StaleEpoch
from .base import Acquired

__all__ = ["Ownership"]


@dataclass(frozen=True, slots=True)
class Ownership:
    """The present owner. Each method gives the ownership after it, or refuses."""

    epoch: int = 0  # of the present owner; 0: there never was one
    is_clean: bool = True  # it has released the store, or there never was one

    def acquired(self) -> tuple["Ownership", Acquired]:
        """A new owner's, and what that one is told."""
        epoch = self.epoch + 1
        return Ownership(epoch, is_clean=False), Acquired(epoch, self.is_clean)

    def released(self, epoch: int) -> "Ownership":
        """The same, left in order. Raises: StaleEpoch unless `epoch` is the present owner's."""
        if epoch != self.epoch or epoch == 0:
            raise StaleEpoch(f"epoch {epoch} can't release the store, which is at {self.epoch}")
        return Ownership(epoch, is_clean=True)

    def check_write(self, epoch: int) -> None:
        """Raises: StaleEpoch for a write of an owner before the present one, or of this one after its release."""
        if epoch < self.epoch:
            raise StaleEpoch(f"epoch {epoch} has ended: the store is at {self.epoch}")
        if epoch == self.epoch > 0 and self.is_clean:  # at 0 there is no owner: such writes are for tests and tools
            raise StaleEpoch(f"epoch {epoch} has released the store: acquire it again")
