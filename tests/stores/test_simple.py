"""The full Store over three methods: what differs from a store of its own."""

import pytest

from adjourn.protocol.errors import StoreUnavailable
from adjourn.protocol.record import Record
from adjourn.stores import SimpleStore
from adjourn.stores.testing import a_head, a_journal


class Backend:
    """Keeps records in a dict, and breaks when told to."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.broken = False

    async def save(self, record: Record) -> None:
        if self.broken:
            raise OSError("no route to host")
        self.records[record.head.id] = record

    async def load(self, run_id: str) -> Record | None:
        return self.records.get(run_id)

    async def delete(self, run_id: str) -> None:
        self.records.pop(run_id, None)


async def test_the_backend_gets_whole_records() -> None:
    backend = Backend()
    async with SimpleStore(backend) as store:
        await store.save(a_head(), a_journal()[:2], expected_version=0)
        await store.save(a_head(version=2), a_journal()[2:], expected_version=1)
    assert backend.records == {"run": Record(head=a_head(version=2), journal=a_journal())}


async def test_what_the_backend_raises_is_store_unavailable_and_nothing_is_listed_that_isnt_there() -> None:
    backend = Backend()
    async with SimpleStore(backend) as store:
        backend.broken = True
        with pytest.raises(StoreUnavailable, match="no route to host"):
            await store.save(a_head(next_due=1), expected_version=0)
        assert (await store.list()).heads == await store.due(9) == ()
        backend.broken = False
        await store.save(a_head(next_due=1), expected_version=0)
        assert (await store.list()).heads == await store.due(9) == (a_head(next_due=1),)


async def test_a_run_from_before_is_known_once_it_is_loaded() -> None:
    backend = Backend()
    backend.records["run"] = Record(head=a_head(next_due=1), journal=a_journal())
    async with SimpleStore(backend) as store:
        assert (await store.list()).heads == ()
        assert await store.load("run") == backend.records["run"]
        assert (await store.list()).heads == await store.due(9) == (a_head(next_due=1),)
