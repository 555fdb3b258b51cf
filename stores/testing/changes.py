"""The Store contract for stores that several nodes share: what other nodes have changed, and the hints of it."""

import trio

from ..shared import Changed, SharedStore
from .contract import Clause, Opener, clause, next_head
from .nodes import joined, saved

__all__ = ["CLAUSES"]

SAVES = 20  # in clauses about hints, which may come late


async def _marked(store: SharedStore) -> str:
    return (await store.changed(None, 10)).mark


@clause("shared")
async def versions_are_those_of_the_last_saves(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await joined(first, "one")
        two, _ = await joined(second, "two")
        head = await saved(one, epoch)
        await saved(one, epoch, "other")
        await one.save(next_head(head), expected_version=1)
        assert await two.versions(["run", "missing", "other"]) == {"run": 2, "other": 1}, "by id, without missing runs"
        assert await two.versions([]) == {}, "no ids, no versions"


@clause("shared")
async def changes_since_a_mark_are_the_saves_of_other_nodes(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await joined(first, "one")
        two, own = await joined(second, "two")
        await saved(one, epoch, "before")
        mark = await _marked(two)
        head = await saved(one, epoch)
        await saved(two, own, "own")
        await one.save(next_head(head), expected_version=1)
        found = await two.changed(mark, 10)
        assert found.saved == (next_head(head),), f"the present head of each run, once; got {found.saved}"
        assert (found.deleted, found.is_complete) == ((), True), "nothing was deleted, and all is told"
        again = await two.changed(found.mark, 10)
        assert again.saved == (), f"nothing was saved since the second mark; got {again.saved}"


@clause("shared")
async def a_deletion_is_a_change(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await joined(first, "one")
        two, own = await joined(second, "two")
        head = await saved(one, epoch)
        await saved(two, own, "own")
        mark = await _marked(two)
        await one.delete("run", epoch=epoch)
        await one.delete("missing", epoch=epoch)
        await two.delete("own", epoch=own)
        found = await two.changed(mark, 10)
        assert (found.saved, found.deleted) == ((), (head,)), f"the last head of the deleted run; got {found}"


@clause("shared")
async def changes_above_the_limit_are_not_left_out_unsaid(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await joined(first, "one")
        two, _ = await joined(second, "two")
        mark = await _marked(two)
        for n in range(4):
            await saved(one, epoch, f"run-{n}")
        found = await two.changed(mark, 3)
        assert (len(found.saved), found.is_complete) == (3, False), f"three of four runs, and it says so; got {found}"
        assert (await two.changed(mark, 4)).is_complete, "four runs are not more than four"


@clause("shared")
async def no_change_is_missed_beside_saves(opener: Opener) -> None:
    async with opener() as first, opener() as second, opener() as third:
        writers = [await joined(first, "one"), await joined(second, "two")]
        reader, _ = await joined(third, "three")
        found = await reader.changed(None, 100)
        told: set[str] = set()
        saving = len(writers)

        async def save(store: SharedStore, epoch: int, name: str) -> None:
            nonlocal saving
            for n in range(30):
                await saved(store, epoch, f"{name}-{n}")
                await trio.lowlevel.checkpoint()  # some stores save without one
            saving -= 1

        async with trio.open_nursery() as nursery:
            for n, (store, epoch) in enumerate(writers):
                nursery.start_soon(save, store, epoch, f"node-{n}")
            while saving:
                found = await reader.changed(found.mark, 100)
                told |= {head.id for head in found.saved}
        told |= {head.id for head in (await reader.changed(found.mark, 100)).saved}
        missed = {f"node-{n}-{m}" for n in range(len(writers)) for m in range(30)} - told
        assert not missed, f"every save is told in the end; missed {sorted(missed)}"


@clause("shared")
async def a_hint_comes_after_its_change(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await joined(first, "one")
        two, _ = await joined(second, "two")
        mark = await _marked(two)
        hinted = two.hinted("changed")
        assert not hinted.is_set(), "nothing has changed yet"
        renewed: list[bool] = []
        found: list[Changed] = []

        async def look() -> None:
            await hinted.wait()
            renewed.append(two.hinted("changed") is not hinted)
            found.append(await two.changed(mark, SAVES))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            for n in range(SAVES):
                await saved(one, epoch, f"run-{n}")
                await trio.lowlevel.checkpoint()  # some stores save without one
            nursery.cancel_scope.cancel()  # a hint may never come
        assert all(renewed), "the next hint has another event"
        assert all(each.saved for each in found), "who looks after a hint finds the change"


@clause("shared")
async def a_node_gets_no_hints_of_its_own_changes(opener: Opener) -> None:
    async with opener() as first:
        one, epoch = await joined(first, "one")
        hinted = one.hinted("changed")
        for n in range(SAVES):
            await saved(one, epoch, f"run-{n}")
        await one.delete("run-0", epoch=epoch)
        await one.load("run-1")
        assert not hinted.is_set(), "the node knows what it has changed itself"


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
