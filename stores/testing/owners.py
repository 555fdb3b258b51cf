"""The Store contract for owners: one after another, each with its own epoch, with and without `release`."""

from itertools import count

from ...protocol.errors import StaleEpoch
from ...protocol.record import Record
from ..base import Acquired
from .calling import cancelled_at, error_of, errors_of
from .contract import Clause, Opener, a_head, a_journal, clause, next_head

__all__ = ["CLAUSES"]


@clause()
async def each_owner_has_a_greater_epoch(opener: Opener) -> None:
    async with opener() as store:
        last = 0
        for name in ("one", "two", "two", "one", "", "zoë" * 100):
            epoch = (await store.acquire(name)).epoch
            assert epoch > last, f"each epoch is greater than {last}, also for an owner with the same name; got {epoch}"
            last = epoch


@clause()
async def owners_that_come_at_once_have_epochs_of_their_own(opener: Opener) -> None:
    async with opener() as store:
        await store.release((await store.acquire("before")).epoch)
        acquired: list[Acquired] = []

        async def come(name: str) -> None:
            acquired.append(await store.acquire(name))

        errors = await errors_of([come(f"owner {n}") for n in range(10)])
        assert errors == [None] * 10, "no acquire is refused"
        epochs = sorted(each.epoch for each in acquired)
        assert len(set(epochs)) == 10, f"ten owners get ten epochs; got {epochs}"
        clean = [each.epoch for each in acquired if each.is_clean]
        assert clean == epochs[:1], f"only the first owner follows a release; got {clean}"
        for epoch in epochs[:-1]:
            error = await error_of(store.release(epoch))
            assert isinstance(error, StaleEpoch), f"epoch {epoch} is refused: the owner has {epochs[-1]}"
        await store.release(epochs[-1])


@clause("fenced")
async def an_older_epoch_may_not_save(opener: Opener) -> None:
    async with opener() as store:
        old = (await store.acquire("old")).epoch
        head = a_head(epoch=old)
        await store.save(head, expected_version=0)
        new = (await store.acquire("new")).epoch
        error = await error_of(store.save(next_head(head), a_journal(), expected_version=1))
        assert isinstance(error, StaleEpoch), "the old owner's save is refused"
        assert await store.load("run") == Record(head=head, journal=()), "a refused save changes nothing"
        await store.save(next_head(head, epoch=new), expected_version=1)


@clause("fenced")
async def however_old_an_epoch_is_it_may_not_save(opener: Opener) -> None:
    async with opener() as store:
        older = [0, *[(await store.acquire(f"owner {n}")).epoch for n in range(4)]]
        head = a_head(epoch=older.pop())
        await store.save(head, expected_version=0)
        for epoch in older:
            for late, expected in ((next_head(head, epoch=epoch), 1), (a_head("late", epoch=epoch), 0)):
                error = await error_of(store.save(late, a_journal(), expected_version=expected))
                assert isinstance(error, StaleEpoch), f"epoch {epoch} is refused: it ended with {older[-1]} or before"
        assert await store.load("run") == Record(head=head, journal=()), "refused saves change nothing"
        assert (await store.list()).heads == (head,), "refused saves create no run"


@clause("fenced")
async def an_older_epoch_may_not_delete(opener: Opener) -> None:
    async with opener() as store:
        old = (await store.acquire("old")).epoch
        await store.save(a_head(epoch=old), a_journal(), expected_version=0)
        new = (await store.acquire("new")).epoch
        record = Record(head=a_head("other", epoch=new), journal=a_journal())
        await store.save(record.head, record.journal, expected_version=0)
        for run_id in ("run", "other", "never was"):
            assert isinstance(await error_of(store.delete(run_id, epoch=old)), StaleEpoch), (
                f"the old owner's delete of {run_id} is refused"
            )
        assert await store.load("other") == record, "a refused delete deletes nothing"
        assert await store.load("run") is not None, "a refused delete keeps the old owner's run"
        await store.delete("run", epoch=new)
        await store.release(new)
        assert isinstance(await error_of(store.delete("other", epoch=new)), StaleEpoch), (
            "a delete after the release is refused"
        )
        assert await store.load("other") == record


@clause("fenced")
async def saves_beside_a_change_of_owner_are_whole_or_refused(opener: Opener) -> None:
    async with opener() as store:
        old = (await store.acquire("old")).epoch
        heads = [a_head(f"run-{n}", epoch=old) for n in range(40)]
        saves = [store.save(head, expected_version=0) for head in heads]
        results = await errors_of([*saves[:20], store.acquire("new"), *saves[20:]])
        del results[20]
        for head, error in zip(heads, results, strict=True):
            assert error is None or isinstance(error, StaleEpoch), "a save happens before the new owner, or is refused"
            found = await store.load(head.id)
            assert (found is None) == (error is not None), "exactly the accepted saves are loaded"
        late = await error_of(store.save(a_head("late", epoch=old), expected_version=0))
        assert isinstance(late, StaleEpoch), "a save after the new owner got its epoch is refused"
        assert await store.load("late") is None, "a refused save creates no run"


@clause("durable")
async def epochs_grow_when_opened_again(opener: Opener) -> None:
    async with opener() as store:
        first = await store.acquire("one")
    async with opener() as store:
        assert (await store.acquire("two")).epoch > first.epoch, f"the epoch is greater than {first.epoch}"


# Owners that call `release`.


@clause("fenced")
async def a_store_that_never_had_an_owner_is_clean(opener: Opener) -> None:
    async with opener() as store:
        assert (await store.acquire("first")).is_clean, "a store without an earlier owner is clean"


@clause()
async def a_release_makes_the_store_clean_for_one_owner(opener: Opener) -> None:
    async with opener() as store:
        first = await store.acquire("one")
        await store.save(a_head(epoch=first.epoch), expected_version=0)
        await store.release(first.epoch)
        await store.release(first.epoch)  # idempotent
        second = await store.acquire("two")
        assert second.is_clean, "the previous owner has released"
        assert second.epoch > first.epoch, f"the epoch is greater than {first.epoch}"
        assert not (await store.acquire("three")).is_clean, (
            "the previous owner has not released; earlier ones don't count"
        )


@clause()
async def an_owner_that_does_not_release_leaves_the_store_unclean(opener: Opener) -> None:
    async with opener() as store:
        first = await store.acquire("one")
        await store.save(a_head(epoch=first.epoch), expected_version=0)
        for name in ("two", "three"):
            assert not (await store.acquire(name)).is_clean, "a missing release stays known for all later owners"


@clause()
async def only_the_present_owner_may_release(opener: Opener) -> None:
    async with opener() as store:
        assert isinstance(await error_of(store.release(0)), StaleEpoch), "a release without an owner is refused"
        old, new = (await store.acquire("old")).epoch, (await store.acquire("new")).epoch
        for epoch, whose in ((old, "the previous owner's"), (new + 1, "no owner's"), (0, "no owner's")):
            assert isinstance(await error_of(store.release(epoch)), StaleEpoch), f"epoch {epoch} is {whose}"
        await store.save(a_head(epoch=new), expected_version=0)
        assert not (await store.acquire("next")).is_clean, "a refused release changes nothing"


@clause()
async def who_has_released_saves_no_more(opener: Opener) -> None:
    async with opener() as store:
        old = (await store.acquire("old")).epoch
        head = a_head(epoch=old)
        await store.save(head, expected_version=0)
        await store.release(old)
        for late, expected in ((next_head(head), 1), (a_head("late", epoch=old), 0)):
            error = await error_of(store.save(late, a_journal(), expected_version=expected))
            assert isinstance(error, StaleEpoch), "a save after the release is refused"
        assert await store.load("run") == Record(head=head, journal=()), "a refused save changes nothing"
        assert await store.load("late") is None, "a refused save creates no run"
        acquired = await store.acquire("new")
        assert acquired.is_clean, "the release still counts"
        await store.save(next_head(head, epoch=acquired.epoch), expected_version=1)


@clause()
async def saves_beside_a_release_are_whole_or_refused(opener: Opener) -> None:
    async with opener() as store:
        epoch = (await store.acquire("old")).epoch
        heads = [a_head(f"run-{n}", epoch=epoch) for n in range(40)]
        saves = [store.save(head, expected_version=0) for head in heads]
        at_rest: set[str] = set()

        async def leave() -> None:
            await store.release(epoch)
            at_rest.update(head.id for head in (await store.list()).heads)

        results = await errors_of([*saves[:20], leave(), *saves[20:]])
        assert results.pop(20) is None, "the release succeeds"
        assert all(error is None or isinstance(error, StaleEpoch) for error in results), (
            "a save happens before the release, or is refused"
        )
        saved = {head.id for head, error in zip(heads, results, strict=True) if error is None}
        found = {head.id for head in (await store.list()).heads}
        assert found == saved, "exactly the accepted saves are loaded"
        assert found == at_rest, "no save happens after the release has returned"
        assert (await store.acquire("new")).is_clean, "the previous owner has released"


@clause()
async def a_cancelled_release_has_happened_or_has_not(opener: Opener) -> None:
    async with opener() as store:
        for stop in count():
            epoch = (await store.acquire("old")).epoch
            done, reached = await cancelled_at(stop, store.release(epoch))
            head = a_head(f"run-{stop}", epoch=epoch)
            refused = await error_of(store.save(head, expected_version=0))
            is_clean = (await store.acquire("new")).is_clean
            assert is_clean == (refused is not None), (
                f"the release ends the epoch or does nothing, cancelled at stop {stop}"
            )
            assert is_clean or not done, "the release has happened if it returned"
            if not reached:
                break


@clause("durable")
async def how_the_last_owner_left_is_known_when_opened_again(opener: Opener) -> None:
    async with opener() as store:
        await store.release((await store.acquire("in order")).epoch)
    async with opener() as store:
        assert (await store.acquire("not in order")).is_clean, "the previous owner has released"
    async with opener() as store:
        assert not (await store.acquire("last")).is_clean, "closing the store does not release it"


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
