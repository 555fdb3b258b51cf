"""The Store contract for stores that several nodes share: claims, leases, and runs without an owner."""

from functools import partial
from typing import Any

import trio

from ...protocol.errors import StaleEpoch
from ...protocol.record import Head, Record
from ..base import Store
from ..shared import Claimed, Node, Owned, SharedStore
from .calling import error_of, errors_of
from .contract import Clause, Opener, a_head, a_journal, clause, next_head

__all__ = ["CLAUSES"]

LONG_S = 1_000.0  # a lease that does not end during a clause; a lease of 0 seconds has ended at once


async def _joined(store: Store, name: str, lease_s: float = LONG_S) -> tuple[SharedStore, int]:
    """Joins as a node; returns the store, and the epoch for first saves."""
    assert isinstance(store, SharedStore), "a store that claims to be shared has all methods of SharedStore"
    return store, await store.join(Node(name, f"ws://{name}.test"), lease_s)


async def _saved(store: SharedStore, epoch: int, run_id: str = "run", **fields: Any) -> Head:
    given: dict[str, Any] = {"status": "running", **fields}
    head = a_head(run_id, epoch=epoch, **given)
    await store.save(head, a_journal(), expected_version=0)
    return head


async def _claimed(store: SharedStore, run_id: str = "run") -> Claimed:
    claimed = await store.claim(run_id)
    assert isinstance(claimed, Claimed), f"the run is free, so it is claimed; got {claimed}"
    return claimed


@clause("shared")
async def a_first_save_makes_its_node_the_owner(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await _joined(first, "one")
        two, _ = await _joined(second, "two")
        await _saved(one, epoch)
        assert await two.claim("run") == Owned("one", "ws://one.test"), "another node's claim names the owner"
        assert isinstance(await one.claim("run"), Claimed), "the owner itself may claim again"


@clause("shared")
async def a_claim_has_a_greater_epoch_and_fences_the_owner_before(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await _joined(first, "one", 0)
        two, _ = await _joined(second, "two")
        head = await _saved(one, epoch)
        claimed = await _claimed(two)
        assert claimed.epoch > epoch, f"the epoch is greater than {epoch}; got {claimed.epoch}"
        for late in (partial(one.save, next_head(head), expected_version=1), partial(one.delete, "run", epoch=epoch)):
            error = await error_of(late())
            assert isinstance(error, StaleEpoch), f"a write with the epoch before is refused; got {error!r}"
        assert await two.load("run") == Record(head=head, journal=a_journal()), "refused writes change nothing"
        await two.save(next_head(head, epoch=claimed.epoch), expected_version=1)
        await two.delete("run", epoch=claimed.epoch)


@clause("shared")
async def a_run_that_was_let_go_is_free_and_clean(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await _joined(first, "one")
        two, _ = await _joined(second, "two")
        await _saved(one, epoch)
        await one.let_go([("run", epoch - 1), ("run", epoch + 1), ("missing", epoch)])
        assert isinstance(await two.claim("run"), Owned), "only the epoch of the claim lets a run go"
        await two.let_go([("run", epoch)])
        assert isinstance(await two.claim("run"), Owned), "only the owner lets a run go"
        await one.let_go([("run", epoch)])
        assert (await _claimed(two)).is_clean, "the owner before has let the run go"


@clause("shared")
async def a_run_whose_owners_lease_ended_is_free_and_not_clean(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await _joined(first, "one", 0)
        two, _ = await _joined(second, "two")
        await _saved(one, epoch)
        assert not (await _claimed(two)).is_clean, "the owner before has not let the run go"


@clause("shared")
async def a_lease_is_renewed_until_it_has_ended(opener: Opener) -> None:
    async with opener() as first:
        one, _ = await _joined(first, "one")
        node = Node("one", "ws://elsewhere.test")
        assert await one.renew(node, LONG_S), "a lease that has not ended is renewed"
        assert await one.renew(node, 0), "also to a shorter one"
        assert not await one.renew(node, LONG_S), "a lease that has ended is not renewed"
        assert not await one.renew(Node("other"), LONG_S), "a node that never joined has no lease"


@clause("shared")
async def a_renewal_tells_the_new_url(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await _joined(first, "one")
        two, _ = await _joined(second, "two")
        await _saved(one, epoch)
        await one.renew(Node("one", "ws://elsewhere.test"), LONG_S)
        assert await two.claim("run") == Owned("one", "ws://elsewhere.test"), "the url of the last renewal"
        await one.renew(Node("one", None), LONG_S)
        assert await two.claim("run") == Owned("one", None), "no url"


@clause("shared")
async def a_node_that_leaves_lets_all_its_runs_go(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await _joined(first, "one")
        two, other = await _joined(second, "two")
        for n in range(3):
            await _saved(one, epoch, f"run-{n}", status="paused" if n else "running")
        await _saved(two, other, "kept")
        await one.leave()
        await one.leave()  # idempotent
        for n in range(3):
            assert (await _claimed(two, f"run-{n}")).is_clean, "the owner before has left in order"
        third, _ = await _joined(first, "three")
        assert isinstance(await third.claim("kept"), Owned), "the runs of other nodes stay theirs"


@clause("shared")
async def a_run_that_is_over_or_missing_is_not_claimed(opener: Opener) -> None:
    async with opener() as first:
        one, epoch = await _joined(first, "one")
        assert await one.claim("missing") is None, "None for a missing run"
        for status in ("completed", "failed", "aborted"):
            await _saved(one, epoch, status, status=status)
            assert await one.claim(status) is None, f"None for a run that is {status}"


@clause("shared")
async def of_claims_at_once_one_wins(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        nodes = [(await _joined(first, "one"))[0], (await _joined(second, "two"))[0]]
        for n in range(20):
            await first.save(a_head(f"run-{n}", epoch=0, status="running"), expected_version=0)
            await nodes[0].let_go([(f"run-{n}", 0)])
            found: list[object] = []

            async def claim(store: SharedStore, run_id: str = f"run-{n}", found: list[object] = found) -> None:
                found.append(await store.claim(run_id))

            assert await errors_of([claim(store) for store in nodes]) == [None, None]
            owners = [each for each in found if isinstance(each, Claimed)]
            assert len(owners) == 1, f"one claim wins, the other is told the owner; got {found}"


@clause("shared")
async def versions_are_those_of_the_last_saves(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await _joined(first, "one")
        two, _ = await _joined(second, "two")
        head = await _saved(one, epoch)
        await _saved(one, epoch, "other")
        await one.save(next_head(head), expected_version=1)
        assert await two.versions(["run", "missing", "other"]) == {"run": 2, "other": 1}, "by id, without missing runs"
        assert await two.versions([]) == {}, "no ids, no versions"


@clause("shared")
async def owners_are_the_live_nodes_of_runs_that_are_not_over(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        dead, epoch = await _joined(first, "dead", 0)
        await _saved(dead, epoch, "orphan")
        one, epoch = await _joined(first, "one")
        two, _ = await _joined(second, "two")
        for run_id in ("owned", "freed", "other"):
            await _saved(one, epoch, run_id)
        await _saved(one, epoch, "over", status="completed")
        await one.let_go([("freed", epoch)])
        node = Node("one", "ws://one.test")
        found = await two.owners(["owned", "orphan", "freed", "over", "missing"])
        assert found == {"owned": node}, f"by run id, without runs that no live node carries on; got {found}"
        assert await one.owners(["owned"]) == {"owned": node}, "also for the owner itself"
        assert await two.owners([]) == {}, "no ids, no owners"


async def _mark(store: SharedStore) -> str:
    return (await store.changed(None, 10)).mark


@clause("shared")
async def changes_since_a_mark_are_the_saves_of_other_nodes(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await _joined(first, "one")
        two, own = await _joined(second, "two")
        await _saved(one, epoch, "before")
        mark = await _mark(two)
        head = await _saved(one, epoch)
        await _saved(two, own, "own")
        await one.save(next_head(head), expected_version=1)
        found = await two.changed(mark, 10)
        assert found.saved == (next_head(head),), f"the present head of each run, once; got {found.saved}"
        assert (found.deleted, found.is_complete) == ((), True), "nothing was deleted, and all is told"
        again = await two.changed(found.mark, 10)
        assert again.saved == (), f"nothing was saved since the second mark; got {again.saved}"


@clause("shared")
async def a_deletion_is_a_change(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await _joined(first, "one")
        two, own = await _joined(second, "two")
        head = await _saved(one, epoch)
        await _saved(two, own, "own")
        mark = await _mark(two)
        await one.delete("run", epoch=epoch)
        await one.delete("missing", epoch=epoch)
        await two.delete("own", epoch=own)
        found = await two.changed(mark, 10)
        assert (found.saved, found.deleted) == ((), (head,)), f"the last head of the deleted run; got {found}"


@clause("shared")
async def changes_above_the_limit_are_not_left_out_unsaid(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await _joined(first, "one")
        two, _ = await _joined(second, "two")
        mark = await _mark(two)
        for n in range(4):
            await _saved(one, epoch, f"run-{n}")
        found = await two.changed(mark, 3)
        assert (len(found.saved), found.is_complete) == (3, False), f"three of four runs, and it says so; got {found}"
        assert (await two.changed(mark, 4)).is_complete, "four runs are not more than four"


@clause("shared")
async def no_change_is_missed_beside_saves(opener: Opener) -> None:
    async with opener() as first, opener() as second, opener() as third:
        writers = [await _joined(first, "one"), await _joined(second, "two")]
        reader, _ = await _joined(third, "three")
        found = await reader.changed(None, 100)
        told: set[str] = set()
        saving = len(writers)

        async def save(store: SharedStore, epoch: int, name: str) -> None:
            nonlocal saving
            for n in range(30):
                await _saved(store, epoch, f"{name}-{n}")
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
async def orphans_are_running_runs_without_a_live_owner(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        dead, epoch = await _joined(first, "dead", 0)
        await _saved(dead, epoch, "old", created_at=3)
        await _saved(dead, epoch, "older", created_at=2)
        await _saved(dead, epoch, "freed", created_at=1)
        await dead.let_go([("freed", epoch)])
        await _saved(dead, epoch, "paused", status="paused")
        await _saved(dead, epoch, "over", status="completed")
        await _saved(dead, epoch, "foreign", agent="other")
        live, epoch = await _joined(first, "live")
        await _saved(live, epoch, "owned")
        two, _ = await _joined(second, "two")
        some = await two.orphans(["support", "unused"], 2)
        assert [each.head.id for each in some] == ["freed", "older"], "the oldest first, at most `limit`"
        assert [each.claimed.is_clean for each in some] == [True, False], "clean if the owner let the run go"
        rest = await two.orphans(["support"], 10)
        assert [each.head.id for each in rest] == ["old"], "each once; neither paused, ended, foreign nor owned runs"
        await two.save(next_head(rest[0].head, epoch=rest[0].claimed.epoch), expected_version=1)
        assert await two.orphans([], 10) == (), "no agent, no runs"


@clause("shared")
async def orphans_are_also_the_nodes_own_unknown_runs(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        node, epoch = await _joined(first, "node")
        other, foreign = await _joined(second, "other")
        for run_id in ("known", "unknown"):
            await _saved(node, epoch, run_id)
        await _saved(node, epoch, "paused", status="paused")
        await _saved(other, foreign, "owned")
        assert await node.orphans(["support"], 10) == (), "without `known`, only runs without a live owner"
        found = await node.orphans(["support"], 10, known=["known"])
        assert [(each.head.id, each.claimed.is_clean) for each in found] == [("unknown", True)], "beside `known`"
        await node.save(next_head(found[0].head, epoch=found[0].claimed.epoch), expected_version=1)


@clause("shared")
async def each_orphan_goes_to_one_node(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        dead, epoch = await _joined(first, "dead", 0)
        ids = {f"run-{n}" for n in range(60)}
        for run_id in ids:
            await _saved(dead, epoch, run_id)
        nodes = [(await _joined(first, "one"))[0], (await _joined(second, "two"))[0]]
        taken: list[str] = []

        async def take(store: SharedStore) -> None:
            for _ in range(20):
                taken.extend([each.head.id for each in await store.orphans(["support"], 7)])

        async with trio.open_nursery() as nursery:
            for store in nodes:
                nursery.start_soon(take, store)
        assert sorted(taken) == sorted(ids), "every run is taken, and none twice"


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
