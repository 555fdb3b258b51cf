"""The Store contract for many callers at once, for cancelled ones, and for what only some stores claim."""

from itertools import count

import trio

from ...protocol.errors import StoreInUse, VersionConflict
from ...protocol.record import Record
from ..base import Store
from .calling import cancelled_at, errors_of
from .contract import Clause, Opener, a_head, a_journal, clause, next_head

__all__ = ["CLAUSES"]


@clause()
async def of_many_writers_one_wins_and_the_others_are_told(opener: Opener) -> None:
    async with opener() as store:
        for version in range(3):
            heads = [a_head(version=version + 1, metadata={"writer": n}) for n in range(10)]
            results = await errors_of([store.save(head, a_journal()[:1], expected_version=version) for head in heads])
            assert [type(error) for error in results if error] == [VersionConflict] * 9, "all but one are refused"
            record = await store.load("run")
            assert record == Record(head=heads[results.index(None)], journal=a_journal()[:1] * (version + 1))


@clause()
async def concurrent_saves_never_tear(opener: Opener) -> None:
    async def write(store: Store, scope: trio.CancelScope) -> None:
        for version in range(1, 31):
            head = a_head(version=version, metadata={"version": version})
            await store.save(head, a_journal()[:1], expected_version=version - 1)
            await trio.lowlevel.checkpoint()
        scope.cancel()

    async def read(store: Store, torn: list[Record]) -> None:
        while True:
            record = await store.load("run")
            if record and not record.head.version == len(record.journal) == record.head.metadata["version"]:
                torn.append(record)
            await trio.lowlevel.checkpoint()

    async with opener() as store:
        torn: list[Record] = []
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(read, store, torn)
            nursery.start_soon(write, store, nursery.cancel_scope)
        assert torn == [], "head and journal of one save"


@clause()
async def saves_of_many_runs_at_once_all_land(opener: Opener) -> None:
    async with opener() as store:
        heads = [a_head(f"run-{n:03}", created_at=n) for n in range(100)]
        assert await errors_of([store.save(head, a_journal(), expected_version=0) for head in heads]) == [None] * 100
        assert (await store.list()).heads == tuple(reversed(heads))
        for head in heads[::10]:
            assert await store.load(head.id) == Record(head=head, journal=a_journal())


@clause()
async def a_cancelled_save_has_happened_or_has_not(opener: Opener) -> None:
    async with opener() as store:
        for stop in count():
            head = a_head(f"run-{stop}")
            before, after = Record(head=head, journal=()), Record(head=next_head(head), journal=a_journal())
            await store.save(head, expected_version=0)
            done, reached = await cancelled_at(stop, store.save(after.head, after.journal, expected_version=1))
            found = await store.load(head.id)
            assert found is not None
            assert found == after or (found == before and not done), f"before or after, cancelled at stop {stop}"
            version = found.head.version
            await store.save(a_head(head.id, version=version + 1), expected_version=version)
            if not reached:
                break


@clause()
async def a_cancelled_first_save_or_delete_has_happened_or_has_not(opener: Opener) -> None:
    async with opener() as store:
        for stop in count():
            record = Record(head=a_head(f"run-{stop}"), journal=a_journal())
            saved, more = await cancelled_at(stop, store.save(record.head, record.journal, expected_version=0))
            found = await store.load(record.head.id)
            assert found == record or (found is None and not saved), f"a first save cancelled at stop {stop}"
            if found is None:
                await store.save(record.head, record.journal, expected_version=0)
            deleted, reached = await cancelled_at(stop, store.delete(record.head.id, epoch=0))
            found = await store.load(record.head.id)
            assert found is None or (found == record and not deleted), f"a delete cancelled at stop {stop}"
            if not more and not reached:
                break


@clause()
async def abort_during_a_save_leaves_no_orphan_and_no_stray_error(opener: Opener) -> None:
    records = [Record(head=a_head(f"run-{n}", created_at=n), journal=a_journal()) for n in range(20)]
    async with opener() as store:
        async with trio.open_nursery() as nursery:
            for record in records:
                nursery.start_soon(lambda r: store.save(r.head, r.journal, expected_version=0), record)
            await trio.lowlevel.checkpoint()  # some have begun
            nursery.cancel_scope.cancel()
        listed = {head.id for head in (await store.list()).heads}
        for record in records:
            found = await store.load(record.head.id)
            assert found == (record if record.head.id in listed else None), "whole and listed, or not there at all"


# What only some stores claim.


@clause("durable")
async def what_was_saved_is_there_when_opened_again(opener: Opener) -> None:
    record = Record(head=a_head(next_due=7), journal=a_journal())
    async with opener() as store:
        await store.save(record.head, record.journal, expected_version=0)
        await store.save(a_head("gone"), expected_version=0)
        await store.delete("gone", epoch=0)
    async with opener() as store:
        assert await store.load("run") == record
        assert (await store.list()).heads == await store.due(7) == (record.head,)


@clause("exclusive")
async def only_one_may_have_it_open(opener: Opener) -> None:
    async with opener():
        error = None
        try:
            async with opener():
                pass
        except StoreInUse as refused:
            error = refused
        assert error is not None, "StoreInUse for the second"
    async with opener():
        pass


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
