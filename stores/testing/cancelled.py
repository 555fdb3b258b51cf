"""The Store contract for calls that are cancelled, at each point where they wait."""

from collections.abc import Awaitable, Callable
from itertools import count

import trio

from ...protocol.errors import StaleEpoch
from ...protocol.record import Head, Record
from ..base import Store
from .calling import cancelled_at, error_of, lists_of
from .contract import Clause, Opener, a_head, a_journal, a_large_journal, clause, next_head
from .expecting import expect_record

__all__ = ["CLAUSES"]


@clause()
async def a_cancelled_save_has_happened_or_has_not(opener: Opener) -> None:
    async with opener() as store:
        for stop in count():
            head = a_head(f"run-{stop}")
            before, after = Record(head=head, journal=()), Record(head=next_head(head), journal=a_journal())
            await store.save(head, expected_version=0)
            done, reached = await cancelled_at(stop, store.save(after.head, after.journal, expected_version=1))
            found = await store.load(head.id)
            assert found is not None, f"load finds the run, save cancelled at stop {stop}"
            assert found == after or (found == before and not done), (
                f"the save happened completely or not at all, cancelled at stop {stop}"
            )
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
            await trio.lowlevel.checkpoint()  # some calls have started
            nursery.cancel_scope.cancel()
        listed = {head.id for head in (await store.list()).heads}
        for record in records:
            found = await store.load(record.head.id)
            assert found == (record if record.head.id in listed else None), (
                "a cancelled first save is complete and listed, or absent"
            )


@clause()
async def a_cancelled_save_is_whole_or_not_at_all_when_it_is_large(opener: Opener) -> None:
    large = a_large_journal()
    async with opener() as store:
        for stop in count():
            before = Record(head=a_head(f"run-{stop}"), journal=a_journal())
            after = Record(head=next_head(before.head), journal=a_journal() + large)
            await store.save(before.head, before.journal, expected_version=0)
            done, reached = await cancelled_at(stop, store.save(after.head, large, expected_version=1))
            found = await store.load(before.head.id)
            expected = before if found is not None and found.head == before.head and not done else after
            expect_record(found, expected, f"a large save cancelled at stop {stop}")
            last = Record(head=next_head(expected.head), journal=expected.journal + a_journal())
            await store.save(last.head, a_journal(), expected_version=expected.head.version)
            expect_record(await store.load(last.head.id), last, "the next save appends after the existing entries")
            if not reached:
                break


@clause()
async def lists_agree_with_a_cancelled_call(opener: Opener) -> None:
    async with opener() as store:
        for stop in count():
            head = a_head(f"run-{stop}", status="running", agent="a", next_due=1, waiting_since=1)
            moved = next_head(head, status="paused", agent="b", next_due=2, waiting_since=None)
            _, first = await cancelled_at(stop, store.save(head, expected_version=0))
            if await _listed_as_loaded(store, head.id) is None:
                await store.save(head, expected_version=0)
            _, second = await cancelled_at(stop, store.save(moved, expected_version=1))
            await _listed_as_loaded(store, head.id)
            _, third = await cancelled_at(stop, store.delete(head.id, epoch=0))
            if await _listed_as_loaded(store, head.id):
                await store.delete(head.id, epoch=0)
            if not first and not second and not third:
                break


async def _listed_as_loaded(store: Store, run_id: str) -> Head | None:
    """Returns the store's one run, if any. Checks that all lists and counts agree with `load`."""
    record = await store.load(run_id)
    head = record.head if record else None
    expected = {
        "all": head,
        "running": head if head and head.status == "running" else None,
        "paused": head if head and head.status == "paused" else None,
        "agent a": head if head and head.agent == "a" else None,
        "agent b": head if head and head.agent == "b" else None,
        "waiting": head if head and head.waiting_since is not None else None,
        "due at 1": head if head and head.next_due == 1 else None,
        "due at 2": head,
    }
    for asked, heads in (await lists_of(store)).items():
        told = expected[asked]
        assert heads == ((told,) if told else ()), f"{asked}: agrees with load, which returned {head}"
    counts = await store.count("running"), await store.count("paused")
    assert counts == (bool(expected["running"]), bool(expected["paused"])), (
        f"counts agree with load, which returned {head}"
    )
    return head


@clause()
async def a_cancelled_read_leaves_the_store_in_order(opener: Opener) -> None:
    record = Record(head=a_head(next_due=1), journal=a_journal())
    async with opener() as store:
        await store.save(record.head, record.journal, expected_version=0)
        reads: list[Callable[[], Awaitable[object]]] = [
            lambda: store.load("run"),
            lambda: store.list(),
            lambda: store.count("paused"),
            lambda: store.due(1),
        ]
        for read in reads:
            for stop in count():
                stops = [await cancelled_at(stop, read()) for _ in range(25)]  # more calls than a pool has connections
                assert await store.load("run") == record, (
                    f"load returns the record after a read cancelled at stop {stop}"
                )
                record = Record(head=next_head(record.head), journal=record.journal)
                await store.save(record.head, expected_version=record.head.version - 1)
                if not any(reached for _, reached in stops):
                    break
        assert (await store.list()).heads == await store.due(1) == (record.head,), "list and due still return the head"


@clause()
async def a_cancelled_acquire_has_happened_or_has_not(opener: Opener) -> None:
    async with opener() as store:
        for stop in count():
            old = await store.acquire("old")
            done, reached = await cancelled_at(stop, store.acquire("cancelled"))
            error = await error_of(store.release(old.epoch))
            assert error is None or isinstance(error, StaleEpoch), (
                "the release succeeds, or is refused because the owner has changed"
            )
            assert error or not done, f"acquire has happened if it returned, cancelled at stop {stop}"
            new = await store.acquire("new")
            assert new.epoch > old.epoch, "the epoch is greater than all earlier ones"
            assert new.is_clean == (error is None), (
                f"is_clean tells whether the previous owner released, cancelled at stop {stop}"
            )
            if not reached:
                break


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
