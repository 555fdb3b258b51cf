"""The Store contract for owners: one after another, each with an epoch of its own."""

from ...protocol.errors import StaleEpoch
from ...protocol.record import Record
from .calling import error_of, errors_of
from .contract import Clause, Opener, a_head, a_journal, clause, next_head

__all__ = ["CLAUSES"]


@clause()
async def each_owner_has_a_greater_epoch(opener: Opener) -> None:
    async with opener() as store:
        first, second = await store.acquire("one"), await store.acquire("two")
        assert 0 < first < second


@clause("fenced")
async def an_older_epoch_may_not_save(opener: Opener) -> None:
    async with opener() as store:
        old = await store.acquire("old")
        head = a_head(epoch=old)
        await store.save(head, expected_version=0)
        new = await store.acquire("new")
        error = await error_of(store.save(next_head(head), a_journal(), expected_version=1))
        assert isinstance(error, StaleEpoch), "the old owner's save"
        assert await store.load("run") == Record(head=head, journal=()), "it changed nothing"
        await store.save(next_head(head, epoch=new), expected_version=1)


@clause("fenced")
async def saves_beside_a_change_of_owner_are_whole_or_refused(opener: Opener) -> None:
    async with opener() as store:
        old = await store.acquire("old")
        heads = [a_head(f"run-{n}", epoch=old) for n in range(40)]
        saves = [store.save(head, expected_version=0) for head in heads]
        results = await errors_of([*saves[:20], store.acquire("new"), *saves[20:]])
        del results[20]
        for head, error in zip(heads, results, strict=True):
            assert error is None or isinstance(error, StaleEpoch)
            found = await store.load(head.id)
            assert (found is None) == (error is not None), "refused saves are not there, the others are"
        late = await error_of(store.save(a_head("late", epoch=old), expected_version=0))
        assert isinstance(late, StaleEpoch), "none after the new owner was told its epoch"
        assert await store.load("late") is None, "and nothing of it"


@clause("durable")
async def epochs_grow_when_opened_again(opener: Opener) -> None:
    async with opener() as store:
        first = await store.acquire("one")
    async with opener() as store:
        assert await store.acquire("two") > first


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
