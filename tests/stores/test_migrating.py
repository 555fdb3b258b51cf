"""Migrating runs from one store to another: what is copied, what is refused, and going on after a kill."""

import re
import sqlite3
from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest
from msgspec.structs import replace
from shared_memory import Medium, SharedMemory

from adjourn.protocol.errors import InvalidParams, StaleEpoch, StoreInUse, StoreUnavailable
from adjourn.protocol.record import Record
from adjourn.stores import Claimed, MemoryStore, Migrated, Node, SharedStore, Store, migrate_runs, migrating, open_store
from adjourn.stores.testing import a_head, a_journal, next_head

RUNS = 25


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in {"PAGE": 4, "BATCH_RUNS": 3}.items():
        monkeypatch.setattr(migrating, name, number)


async def fill(store: Store, runs: int = RUNS) -> None:
    """Save runs with three times, of version 17, by an owner with epoch 9."""
    for _ in range(9):
        await store.acquire("one")
    for n in range(runs):
        head = a_head(f"run-{n}", version=17, epoch=9, created_at=1_000 + n % 3, updated_at=2_000)
        await store.save(head, a_journal(), expected_version=0)


async def records(store: Store) -> dict[str, Record]:
    """Return the store's records, by id, without their epochs."""
    found: dict[str, Record] = {}
    after: str | None = None
    while True:
        page = await store.list(limit=10, after=after)
        for head in page.heads:
            record = await store.load(head.id)
            assert record is not None
            assert record.head == head
            found[head.id] = Record(head=replace(record.head, epoch=0), journal=record.journal)
        after = page.after
        if after is None:
            return found


class Killed(Exception):
    """Stands for a process that is killed."""


def killed_after(batches: int) -> Callable[[Migrated], None]:
    left = batches

    def progress(_: Migrated) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    return progress


async def test_all_of_a_run_is_copied_and_the_source_stays() -> None:
    async with MemoryStore() as source, MemoryStore() as target:
        await fill(source)
        before = await records(source)
        assert await migrate_runs(source, target) == Migrated(total=RUNS, copied=RUNS)
        assert await records(source) == await records(target) == before
        assert len(before) == RUNS
        assert before["run-7"].head.version == 17


async def test_the_targets_next_owner_can_save_and_must_assume_a_crash() -> None:
    async with MemoryStore() as source, MemoryStore() as target:
        await fill(source, 1)
        await migrate_runs(source, target)
        owner = await target.acquire("two")
        assert not owner.is_clean
        record = await target.load("run-0")
        assert record is not None
        assert record.head.epoch < owner.epoch
        await target.save(next_head(replace(record.head, epoch=owner.epoch)), expected_version=17)


@pytest.mark.parametrize("batches", [1, 2, 5])
async def test_a_stopped_migration_goes_on_when_called_again(batches: int) -> None:
    async with MemoryStore() as source, MemoryStore() as target:
        await fill(source)
        with pytest.raises(Killed):
            await migrate_runs(source, target, progress=killed_after(batches))
        there = len(await records(target))
        assert 0 < there < RUNS
        told: list[Migrated] = []
        done = await migrate_runs(source, target, progress=told.append)
        assert done == Migrated(RUNS, copied=RUNS - there, present=there) == told[-1]
        assert len(told) > 3
        assert await records(source) == await records(target)


async def test_a_target_with_other_runs_is_refused_and_stays() -> None:
    async with MemoryStore() as source, MemoryStore() as target:
        await fill(source, 2)
        await target.save(a_head("other"), expected_version=0)
        with pytest.raises(InvalidParams, match="it has run other, which the source does not have"):
            await migrate_runs(source, target)
        assert list(await records(target)) == ["other"]


async def test_a_target_that_has_gone_on_with_a_run_is_refused() -> None:
    async with MemoryStore() as source, MemoryStore() as target:
        await fill(source, 2)
        await migrate_runs(source, target)
        record = await target.load("run-1")
        assert record is not None
        await target.save(next_head(record.head), expected_version=17)
        with pytest.raises(InvalidParams, match="it has run run-1, which the source has in another version"):
            await migrate_runs(source, target)


async def test_merging_adds_only_ids_that_the_target_does_not_have() -> None:
    async with MemoryStore() as source, MemoryStore() as target:
        await fill(source)
        theirs = a_head("run-3", version=5, created_at=500, updated_at=2_000)
        await target.save(theirs, expected_version=0)
        await target.save(a_head("other"), expected_version=0)
        assert await migrate_runs(source, target, merge=True) == Migrated(RUNS, copied=RUNS - 1, present=1)
        found = await records(target)
        assert len(found) == RUNS + 1
        assert found["run-3"] == Record(head=theirs, journal=())


async def test_a_store_with_a_live_node_is_refused() -> None:
    async with SharedMemory(Medium()) as shared, MemoryStore() as other:
        await shared.join(Node("one", "ws://one"), 1)
        for stores in ((shared, other), (other, shared)):
            with pytest.raises(StoreInUse, match=re.escape("stop its 1 nodes first (ws://one)")):
                await migrate_runs(*stores)


async def test_a_node_that_joins_during_the_migration_is_told() -> None:
    async with SharedMemory(Medium()) as shared, MemoryStore() as other:
        await fill(other)

        def join(_: Migrated) -> None:
            shared.medium.nodes["one"] = (Node("one"), inf)

        with pytest.raises(StoreInUse):
            await migrate_runs(other, shared, progress=join)


async def test_a_target_that_another_process_acquires_is_left() -> None:
    class Acquired(MemoryStore):
        async def acquire(self, owner: str):
            mine = await super().acquire(owner)
            await super().acquire("another process")
            return mine

    async with MemoryStore() as source, Acquired() as target:
        await fill(source, 1)
        with pytest.raises(StaleEpoch):
            await migrate_runs(source, target)


# Real stores.


async def test_an_unreadable_run_is_left_out_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "runs.db"
    async with open_store(f"sqlite:///{path}") as source:
        await fill(source)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE heads SET data = '{' WHERE id = 'run-3'")
    connection.execute("DELETE FROM journal WHERE n = 1 AND run = (SELECT n FROM heads WHERE id = 'run-4')")
    connection.commit()
    connection.close()
    async with open_store(f"sqlite:///{path}", create=False) as source, MemoryStore() as target:
        assert await migrate_runs(source, target) == Migrated(RUNS, copied=RUNS - 2, unreadable=2)
        assert {"run-3", "run-4"}.isdisjoint(await records(target))
    said = [record.getMessage() for record in caplog.records]
    assert any(each.startswith("run run-4 is not copied: ") for each in said)


async def test_a_source_that_does_not_exist_is_not_created(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with pytest.raises(StoreUnavailable, match="there is no such file"):
        async with open_store(f"sqlite:///{path}", create=False):
            pass
    assert not path.exists()


@pytest.fixture(params=["postgres", "valkey"])
def server(request: pytest.FixtureRequest) -> str:
    """The address of an empty store on a server."""
    return request.getfixturevalue(request.param)


@pytest.mark.slow
async def test_a_store_on_a_server_that_does_not_exist_is_not_created(server: str) -> None:
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="there is no adjourn store"):
            async with open_store(server, create=False):
                pass


@pytest.mark.slow
async def test_runs_come_back_from_a_server_as_they_went(server: str, tmp_path: Path) -> None:
    one, two = (f"sqlite:///{tmp_path / name}" for name in ("one.db", "two.db"))
    async with open_store(one) as source:
        await fill(source)
        before = await records(source)
    for start, end in ((one, server), (server, two)):
        async with open_store(start, create=False) as source, open_store(end) as target:
            assert await migrate_runs(source, target) == Migrated(RUNS, copied=RUNS)
            assert await records(target) == before


@pytest.mark.slow
async def test_nodes_own_continue_and_delete_migrated_runs(server: str) -> None:
    async with MemoryStore() as source, open_store(server) as target:
        await fill(source, 2)
        await migrate_runs(source, target)
        assert isinstance(target, SharedStore)
        await target.join(Node("one"), 60)
        assert [node.id for node in await target.nodes()] == ["one"]
        claimed = await target.claim("run-0")
        assert isinstance(claimed, Claimed)
        record = await target.load("run-0")
        assert record is not None
        await target.save(next_head(replace(record.head, epoch=claimed.epoch)), expected_version=17)
        unowned = await target.load("run-1")
        assert unowned is not None
        await target.delete("run-1", epoch=unowned.head.epoch)
        with pytest.raises(StoreInUse):
            await migrate_runs(source, target)
        await target.leave()
        assert await target.nodes() == ()
