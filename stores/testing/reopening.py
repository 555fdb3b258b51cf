"""The Store contract for stores that are closed and reopened, and for stores that only one process may open."""

from itertools import product

import trio

from ...protocol.errors import StaleEpoch, StoreInUse, StoreUnavailable, VersionConflict
from ...protocol.record import Record
from ..base import Store
from .calling import error_of, errors_of, lists_of, save_all
from .contract import Clause, Opener, a_head, a_journal, clause, next_head
from .expecting import expect_record

__all__ = ["CLAUSES"]


@clause("durable")
async def what_was_saved_is_there_when_opened_again(opener: Opener) -> None:
    record = Record(head=a_head(next_due=7), journal=a_journal())
    async with opener() as store:
        await store.save(record.head, record.journal, expected_version=0)
        await store.save(a_head("gone"), expected_version=0)
        await store.delete("gone", epoch=0)
    async with opener() as store:
        assert await store.load("run") == record, "saves before the close are still there"
        assert (await store.list()).heads == await store.due(7) == (record.head,), (
            "only the run that was not deleted is listed"
        )


@clause("durable")
async def what_was_saved_is_there_however_the_store_was_left(opener: Opener) -> None:
    record = Record(head=a_head(), journal=a_journal())
    with trio.CancelScope() as scope:
        async with opener() as store:
            await store.save(record.head, record.journal, expected_version=0)
            scope.cancel()
            await trio.lowlevel.checkpoint()
    after = Record(head=next_head(record.head), journal=record.journal)
    try:
        async with opener() as store:
            expect_record(await store.load("run"), record, "saves before the block was cancelled")
            await store.save(after.head, expected_version=1)
            raise _Left
    except* _Left:  # alone, or in the group of the store's nursery
        pass
    async with opener() as store:
        expect_record(await store.load("run"), after, "saves before the block raised")


class _Left(Exception):
    pass


@clause("exclusive")
async def only_one_may_have_it_open(opener: Opener) -> None:
    async with opener() as store:
        head = a_head(version=0)
        for _ in range(2):
            error = None
            try:
                async with opener():
                    pass
            except StoreInUse as refused:
                error = refused
            assert error is not None, "every other opening raises StoreInUse"
            head = next_head(head)
            await store.save(head, expected_version=head.version - 1)
            assert (await store.list()).heads == (head,), "the first opening still works"
    async with opener():
        pass


@clause("durable")
async def a_run_goes_on_when_opened_again(opener: Opener) -> None:
    journal, done = a_journal() * 5, 0
    head = a_head(version=0, created_at=1)
    for ends in (1, 2, 12, 25):
        stored, head = head.version, next_head(head)
        async with opener() as store:
            for other in {0, stored + 1} - {stored}:
                error = await error_of(store.save(head, journal, expected_version=other))
                assert isinstance(error, VersionConflict), f"expected version {other}, stored is {stored}"
            late = a_head(version=head.version, created_at=head.version)  # the first save's createdAt must stay
            await store.save(late, journal[done:ends], expected_version=stored)
            whole = Record(head=head, journal=journal[:ends])
            expect_record(await store.load("run"), whole, "the saves of all openings")
            assert (await store.list()).heads == (head,), "list returns the same head"
        done = ends


@clause("durable")
async def lists_are_the_same_when_opened_again(opener: Opener) -> None:
    heads = [
        a_head(f"run-{n}", created_at=n // 3, status=status, agent=agent, waiting_since=since, next_due=due)
        for n, (status, agent, since, due) in enumerate(
            product(("running", "paused"), ("a", "b"), (None, 1), (None, 1, 2, 3))
        )
    ]
    async with opener() as store:
        await save_all(store, heads)
        moved = next_head(heads[0], status="paused", agent="b", waiting_since=1, next_due=2)
        await store.save(moved, expected_version=1)
        moved = next_head(heads[7], status="running", waiting_since=None, next_due=None)
        await store.save(moved, expected_version=1)
        await store.delete("run-9", epoch=0)
        await store.delete("run-10", epoch=0)
        await store.save(a_head("run-10", agent="a", next_due=1), expected_version=0)
        before = await lists_of(store)
    async with opener() as store:
        after = await lists_of(store)
        for asked, found in before.items():
            assert after[asked] == found, f"{asked}: same as before the close"


@clause("durable")
async def saves_beside_a_close_are_whole_or_refused(opener: Opener) -> None:
    records = [Record(head=a_head(f"run-{n}"), journal=a_journal()) for n in range(40)]
    async with opener() as store:
        await store.save(records[0].head, records[0].journal, expected_version=0)  # a save that surely comes before it
        saves = [store.save(record.head, record.journal, expected_version=0) for record in records[1:]]
        errors = [None, *await errors_of([*saves[:20], store.aclose(), *saves[20:]])]
    assert errors.pop(21) is None, "the close succeeds"
    async with opener() as store:
        for record, error in zip(records, errors, strict=True):
            assert error is None or isinstance(error, StoreUnavailable), (
                "a save happens before the close, or is refused"
            )
            if (found := await store.load(record.head.id)) or error is None:
                expect_record(found, record, "a save that returned before the store was closed")


@clause("durable", "fenced")
async def older_epochs_are_refused_when_opened_again(opener: Opener) -> None:
    async with opener() as store:
        epochs = [0, (await store.acquire("one")).epoch, (await store.acquire("two")).epoch]
        await store.save(a_head(epoch=epochs[2]), expected_version=0)
    async with opener() as store:
        for epoch in epochs[:2]:
            await _expect_stale(store, epoch, "an owner before the last")
        epochs.append((await store.acquire("three")).epoch)
        await store.release(epochs[3])
    async with opener() as store:
        for epoch in epochs:
            await _expect_stale(store, epoch, "an owner that was replaced or has released")


async def _expect_stale(store: Store, epoch: int, whose: str) -> None:
    for late, expected in ((a_head(version=2, epoch=epoch), 1), (a_head("late", epoch=epoch), 0)):
        error = await error_of(store.save(late, a_journal(), expected_version=expected))
        assert isinstance(error, StaleEpoch), f"StaleEpoch for epoch {epoch}, of {whose}"
    assert await store.load("late") is None, "a refused save changes nothing"


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
