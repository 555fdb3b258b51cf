"""The Store contract for one call after another."""

from collections.abc import Awaitable, Callable

from ...protocol.errors import StoreUnavailable, VersionConflict
from ...protocol.record import MessageEntry, Record
from .calling import error_of, lists_of
from .contract import Clause, Opener, a_head, a_journal, clause, next_head

__all__ = ["CLAUSES"]


@clause()
async def a_missing_run_is_none(opener: Opener) -> None:
    async with opener() as store:
        assert await store.load("missing") is None, "load returns None for a run that never existed"


@clause()
async def a_record_comes_back_as_it_was_saved(opener: Opener) -> None:
    journal = a_journal()
    first = a_head(metadata={"who": ["ann", 1, None]}, next_due=5)
    last = next_head(first, status="running", next_due=None)
    async with opener() as store:
        await store.save(first, journal[:2], expected_version=0)
        await store.save(last, journal[2:], expected_version=1)
        assert await store.load("run") == Record(head=last, journal=journal), (
            "load returns the last head, and every entry in order"
        )


@clause()
async def load_is_the_callers_own_copy(opener: Opener) -> None:
    saved, journal = a_head(metadata={"n": 1}), list(a_journal())
    async with opener() as store:
        await store.save(saved, journal, expected_version=0)
        saved.metadata["n"] = 2
        message = journal[2]
        assert isinstance(message, MessageEntry)
        message.message.calls[0].arguments["order"] = 8
        journal.clear()
        whole = Record(head=a_head(metadata={"n": 1}), journal=a_journal())
        record = await store.load("run")
        assert record == whole, "changing a saved object later does not change the store"
        assert record is not None
        record.head.metadata["n"] = 3
        message = record.journal[2]
        assert isinstance(message, MessageEntry)
        message.message.calls[0].arguments.clear()
        assert await store.load("run") == whole, "changing a loaded record does not change the store"


@clause()
async def created_at_is_kept_on_re_pause(opener: Opener) -> None:
    head = a_head(created_at=1_000)
    async with opener() as store:
        await store.save(head, expected_version=0)
        await store.save(next_head(head, created_at=2_000, updated_at=2_000), expected_version=1)
        record = await store.load("run")
        page = await store.list()
    assert record is not None, "load finds the run"
    assert record.head.created_at == 1_000, "createdAt stays as in the first save"
    assert (record.head.version, record.head.updated_at) == (2, 2_000), "the other fields are those of the second save"
    assert page.heads == (record.head,), "list returns the same head"


@clause()
async def delete_is_idempotent(opener: Opener) -> None:
    async with opener() as store:
        await store.delete("run", epoch=0)
        await store.save(a_head(next_due=1), a_journal(), expected_version=0)
        await store.delete("run", epoch=0)
        await store.delete("run", epoch=0)
        assert await store.load("run") is None, "a deleted run is not loaded"
        assert (await store.list()).heads == await store.due(9) == (), "a deleted run is not listed"


@clause()
async def a_deleted_run_may_begin_anew(opener: Opener) -> None:
    async with opener() as store:
        await store.save(a_head(agent="a", next_due=1, waiting_since=1), a_journal(), expected_version=0)
        await store.delete("run", epoch=0)
        anew = a_head(created_at=5_000, status="running")
        await store.save(anew, a_journal()[:1], expected_version=0)
        assert await store.load("run") == Record(head=anew, journal=a_journal()[:1]), (
            "load returns nothing of the deleted run"
        )
        for asked, heads in (await lists_of(store)).items():
            assert heads == ((anew,) if asked in ("all", "running") else ()), f"{asked}: lists only the new run"
        assert (await store.count("running"), await store.count("paused")) == (1, 0), "counts only the new run"


@clause()
async def a_late_save_brings_no_deleted_run_back(opener: Opener) -> None:
    head = a_head(next_due=1)
    late = next_head(head, status="running")
    async with opener() as store:
        await store.save(head, a_journal(), expected_version=0)
        await store.delete("run", epoch=0)
        for expected in (1, 2):
            error = await error_of(store.save(late, a_journal(), expected_version=expected))
            assert isinstance(error, VersionConflict), f"a deleted run has version 0, not {expected}"
            assert await store.load("run") is None, "a refused save creates no run"
            assert (await store.list()).heads == await store.due(9) == (), "a refused save lists no run"
            assert await store.count("running") == await store.count("paused") == 0, "a refused save counts no run"
        anew = a_head(version=3, created_at=7)
        await store.save(anew, expected_version=0)
        error = await error_of(store.save(late, a_journal(), expected_version=1))
        assert isinstance(error, VersionConflict), "a save for the deleted run is refused after a new run has its id"
        assert await store.load("run") == Record(head=anew, journal=()), "the new run stays unchanged"


@clause()
async def the_version_is_the_one_that_the_head_says(opener: Opener) -> None:
    head = a_head(version=4, status="completed")  # a finished run, too, is not started again
    async with opener() as store:
        await store.save(head, expected_version=0)
        for version in (5, 9):
            for expected in {0, 1, 2, 3, version} - {head.version}:
                error = await error_of(store.save(a_head(version=version), expected_version=expected))
                assert isinstance(error, VersionConflict), f"expected version {expected}, stored is {head.version}"
            after, head = head.version, a_head(version=version)
            await store.save(head, expected_version=after)
            assert await store.load("run") == Record(head=head, journal=()), f"load returns version {version}, as saved"
            assert (await store.list()).heads == (head,), "list returns the same head"


@clause()
async def a_save_on_another_version_is_refused_and_changes_nothing(opener: Opener) -> None:
    head = a_head()
    async with opener() as store:
        error = await error_of(store.save(next_head(head), a_journal(), expected_version=1))
        assert isinstance(error, VersionConflict), "a missing run has version 0"
        assert await store.load("run") is None, "a refused save creates no run"
        await store.save(head, expected_version=0)
        for expected in (0, 2):
            other = a_head(version=9, next_due=3, status="running")
            error = await error_of(store.save(other, a_journal(), expected_version=expected))
            assert isinstance(error, VersionConflict), f"expected version {expected}, stored is 1"
        assert await store.load("run") == Record(head=head, journal=()), "a refused save changes nothing"
        assert await store.due(9) == (), "a refused save does not change when the run is due"


@clause()
async def a_save_repeated_after_a_lost_acknowledgement_is_refused_and_load_tells(opener: Opener) -> None:
    head = a_head()
    record = Record(head=next_head(head), journal=a_journal())
    async with opener() as store:
        await store.save(head, expected_version=0)
        await store.save(record.head, record.journal, expected_version=1)
        error = await error_of(store.save(record.head, record.journal, expected_version=1))
        assert isinstance(error, VersionConflict), "the repeated save is refused"
        assert await store.load("run") == record, "the save happened only once"


@clause()
async def a_closed_store_is_unavailable(opener: Opener) -> None:
    async with opener() as store:
        epoch = (await store.acquire("early")).epoch
        await store.save(a_head(epoch=epoch), expected_version=0)
        await store.aclose()
        await store.aclose()
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: store.load("run"),
            lambda: store.save(a_head("late"), expected_version=0),
            lambda: store.delete("run", epoch=0),
            lambda: store.list(),
            lambda: store.count("paused"),
            lambda: store.due(1),
            lambda: store.acquire("late"),
            lambda: store.release(epoch),
        ]
        for call in calls:
            assert isinstance(await error_of(call()), StoreUnavailable), "a closed store raises StoreUnavailable"


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
