"""The full Store over a backend's three methods: where it differs from other stores."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from adjourn.protocol.errors import StaleEpoch, StoreUnavailable
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


async def test_errors_of_the_backend_are_store_unavailable_and_missing_runs_are_not_listed() -> None:
    backend = Backend()
    async with SimpleStore(backend) as store:
        backend.broken = True
        with pytest.raises(StoreUnavailable, match="no route to host"):
            await store.save(a_head(next_due=1), expected_version=0)
        assert (await store.list()).heads == await store.due(9) == ()
        backend.broken = False
        await store.save(a_head(next_due=1), expected_version=0)
        assert (await store.list()).heads == await store.due(9) == (a_head(next_due=1),)


async def test_an_owner_before_deletes_nothing_within_this_process() -> None:
    backend = Backend()
    async with SimpleStore(backend) as store:
        old = (await store.acquire("old")).epoch
        await store.save(a_head(epoch=old), expected_version=0)
        new = (await store.acquire("new")).epoch
        with pytest.raises(StaleEpoch):
            await store.delete("run", epoch=old)
        assert "run" in backend.records
        await store.delete("run", epoch=new)
        assert backend.records == {}


async def test_a_run_from_before_is_known_once_it_is_loaded() -> None:
    backend = Backend()
    backend.records["run"] = Record(head=a_head(next_due=1), journal=a_journal())
    async with SimpleStore(backend) as store:
        assert (await store.list()).heads == ()
        assert await store.load("run") == backend.records["run"]
        assert (await store.list()).heads == await store.due(9) == (a_head(next_due=1),)


async def test_the_first_owner_in_a_process_is_not_told_that_all_is_clean() -> None:
    backend = Backend()
    async with SimpleStore(backend) as store:
        first = await store.acquire("one")
        assert not first.is_clean  # an earlier process may have been killed
        await store.release(first.epoch)
        assert (await store.acquire("two")).is_clean  # the release happened in this process
    async with SimpleStore(backend) as store:
        assert not (await store.acquire("three")).is_clean


async def test_a_release_waits_for_the_save_under_way() -> None:
    go_on = trio.Event()

    class Slow(Backend):
        async def save(self, record: Record) -> None:
            await go_on.wait()
            await super().save(record)

    backend = Slow()
    async with SimpleStore(backend) as store, trio.open_nursery() as nursery:
        epoch = (await store.acquire("one")).epoch
        nursery.start_soon(lambda: store.save(a_head(epoch=epoch), expected_version=0))
        await wait_all_tasks_blocked()
        nursery.start_soon(store.release, epoch)
        await wait_all_tasks_blocked()
        assert backend.records == {}
        go_on.set()
    assert list(backend.records) == ["run"]


async def test_give_up_ends_a_hanging_backend_call_and_those_waiting_behind_it() -> None:
    class Hangs(Backend):
        async def load(self, run_id: str) -> Record | None:
            if run_id == "hangs":
                await trio.sleep_forever()
            return await super().load(run_id)

    told = list[str]()

    async def load(store: SimpleStore, run_id: str) -> None:
        with pytest.raises(StoreUnavailable, match="has not answered in time"):
            await store.load(run_id)
        told.append(run_id)

    async with SimpleStore(Hangs()) as store:
        assert not store.give_up(0)
        async with trio.open_nursery() as nursery:
            for run_id in ("hangs", "behind it"):
                nursery.start_soon(load, store, run_id)
                await wait_all_tasks_blocked()
            assert not store.give_up(3600)
            assert store.give_up(0)
        assert told == ["hangs", "behind it"]
        assert await store.load("later") is None
