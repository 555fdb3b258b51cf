"""Stores that are wrong about owners, each in one way, and the clause that finds it."""

from collections.abc import Sequence

import msgspec
import trio

from adjourn.protocol.errors import StaleEpoch
from adjourn.protocol.record import Entry, Head
from adjourn.stores import Acquired, MemoryStore
from adjourn.stores.ownership import Ownership


class FencesOffTheLastOwnerOnly(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if head.epoch < self._ownership.epoch - 1:
            head = msgspec.structs.replace(head, epoch=self._ownership.epoch)
        await super().save(head, append, expected_version=expected_version)


class TakesNoEpochForAny(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        epoch = head.epoch or self._ownership.epoch
        await super().save(msgspec.structs.replace(head, epoch=epoch), append, expected_version=expected_version)


class FencesOffNewRunsOnly(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if expected_version:
            head = msgspec.structs.replace(head, epoch=self._ownership.epoch)
        await super().save(head, append, expected_version=expected_version)


class FencesOffEachRun(MemoryStore):
    """An epoch is compared only with that of the run's last save."""

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        record = await self.load(head.id)
        if record and head.epoch < record.head.epoch:
            raise StaleEpoch("an older one")
        ownership, self._ownership = self._ownership, Ownership()
        await super().save(head, append, expected_version=expected_version)
        self._ownership = ownership


class AcquiresWithAGap(MemoryStore):
    """Two owners that acquire at once get the same epoch."""

    async def acquire(self, owner: str) -> Acquired:
        self._check_open()
        before = self._ownership
        await trio.lowlevel.checkpoint()
        self._ownership, acquired = before.acquired()
        return acquired


class TellsTwoThatItIsClean(MemoryStore):
    """Two owners that acquire at once get different epochs, but both are told that the store was clean."""

    async def acquire(self, owner: str) -> Acquired:
        is_clean = self._ownership.is_clean
        await trio.lowlevel.checkpoint()
        return Acquired((await super().acquire(owner)).epoch, is_clean)


class KnowsTheOwner(MemoryStore):
    """An owner that acquires again under the same name keeps its epoch."""

    owner = ""

    async def acquire(self, owner: str) -> Acquired:
        if owner == self.owner:
            return Acquired(self._ownership.epoch, is_clean=False)
        self.owner = owner
        return await super().acquire(owner)


class AcquiresInTwoSteps(MemoryStore):
    """`acquire` saves the epoch first. Cancelled then, the store has the new epoch, but still claims to be clean."""

    async def acquire(self, owner: str) -> Acquired:
        self._check_open()
        ownership, acquired = self._ownership.acquired()
        self._ownership = Ownership(ownership.epoch, is_clean=True)
        await trio.lowlevel.checkpoint()
        self._ownership = ownership
        return acquired


WRONG: dict[type[MemoryStore], str] = {
    FencesOffTheLastOwnerOnly: "however old an epoch is it may not save",
    TakesNoEpochForAny: "however old an epoch is it may not save",
    FencesOffNewRunsOnly: "however old an epoch is it may not save",
    FencesOffEachRun: "however old an epoch is it may not save",
    AcquiresWithAGap: "owners that come at once have epochs of their own",
    TellsTwoThatItIsClean: "owners that come at once have epochs of their own",
    KnowsTheOwner: "each owner has a greater epoch",
    AcquiresInTwoSteps: "a cancelled acquire has happened or has not",
}
