"""Stores that are wrong about long journals and large entries, each in one way, and the clause that finds it."""

from collections.abc import Sequence

import msgspec

from adjourn.protocol.record import Entry, Head, Record, encode_entry, encode_head
from adjourn.stores import MemoryStore


class OrdersEntriesAsText(MemoryStore):
    async def load(self, run_id: str) -> Record | None:
        if record := await super().load(run_id):
            order = sorted(range(len(record.journal)), key=str)
            record = Record(head=record.head, journal=tuple(record.journal[n] for n in order))
        return record


class LoadsAHundred(MemoryStore):
    most = 100  # entries

    async def load(self, run_id: str) -> Record | None:
        record = await super().load(run_id)
        return record and Record(head=record.head, journal=record.journal[: self.most])


class LoadsAThousand(LoadsAHundred):
    most = 1_000


class LoadsTenThousand(LoadsAHundred):
    most = 10_000


class WritesAThousand(MemoryStore):
    """A save writes only its first thousand entries."""

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append[:1_000], expected_version=expected_version)


class AppendsNothingAsAllNew(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        if not append:
            self._runs[head.id].journal.clear()


class LeavesOutLargeEntries(MemoryStore):
    most = 2**16 - 1  # bytes

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        small = [entry for entry in append if len(encode_entry(entry)) <= self.most]
        await super().save(head, small, expected_version=expected_version)


class LeavesOutEntriesOfAMegabyte(LeavesOutLargeEntries):
    most = 1_000_000


class LoadsAMegabyte(MemoryStore):
    """A load returns at most a megabyte of entries, like a query whose answer has pages."""

    async def load(self, run_id: str) -> Record | None:
        if record := await super().load(run_id):
            size, journal = 0, list[Entry]()
            for entry in record.journal:
                size += len(encode_entry(entry))
                if size <= 2**20:
                    journal.append(entry)
            record = Record(head=record.head, journal=tuple(journal))
        return record


class CutsLargeHeads(MemoryStore):
    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        if len(encode_head(head)) > 2**16:
            head = msgspec.structs.replace(head, calls=head.calls[:100])
        await super().save(head, append, expected_version=expected_version)


class DeletesAThousandEntries(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.left: dict[str, list[bytes]] = {}

    async def save(self, head: Head, append: Sequence[Entry] = (), *, expected_version: int) -> None:
        await super().save(head, append, expected_version=expected_version)
        self._runs[head.id].journal += self.left.pop(head.id, [])

    async def delete(self, run_id: str, *, epoch: int) -> None:
        if run := self._runs.get(run_id):
            self.left[run_id] = run.journal[1_000:]
        await super().delete(run_id, epoch=epoch)


WRONG: dict[type[MemoryStore], str] = {
    OrdersEntriesAsText: "a long journal comes back in order",
    LoadsAHundred: "a long journal comes back in order",
    LoadsAThousand: "a long journal comes back in order",
    LoadsTenThousand: "a long journal comes back in order",
    WritesAThousand: "a long journal comes back in order",
    AppendsNothingAsAllNew: "a long journal comes back in order",
    LeavesOutLargeEntries: "a large entry comes back whole",
    LeavesOutEntriesOfAMegabyte: "a large entry comes back whole",
    LoadsAMegabyte: "a large entry comes back whole",
    CutsLargeHeads: "a large head comes back whole",
    DeletesAThousandEntries: "a long journal is deleted whole",
}
