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

__all__ = ["CLAUSES", "joined", "saved"]

LONG_S = 1_000.0  # a lease that does not end during a clause; a lease of 0 seconds has ended at once


async def joined(store: Store, name: str, lease_s: float = LONG_S) -> tuple[SharedStore, int]:
    """Joins as a node; returns the store, and the epoch for first saves."""
    assert isinstance(store, SharedStore), "a store that claims to be shared has all methods of SharedStore"
    return store, await store.join(Node(name, f"ws://{name}.test"), lease_s)


async def saved(store: SharedStore, epoch: int, run_id: str = "run", **fields: Any) -> Head:
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
        one, epoch = await joined(first, "one")
        two, _ = await joined(second, "two")
        await saved(one, epoch)
        assert await two.claim("run") == Owned("one", "ws://one.test"), "another node's claim names the owner"
        assert isinstance(await one.claim("run"), Claimed), "the owner itself may claim again"


@clause("shared")
async def a_claim_has_a_greater_epoch_and_fences_the_owner_before(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await joined(first, "one", 0)
        two, _ = await joined(second, "two")
        head = await saved(one, epoch)
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
        one, epoch = await joined(first, "one")
        two, _ = await joined(second, "two")
        await saved(one, epoch)
        await one.let_go([("run", epoch - 1), ("run", epoch + 1), ("missing", epoch)])
        assert isinstance(await two.claim("run"), Owned), "only the epoch of the claim lets a run go"
        await two.let_go([("run", epoch)])
        assert isinstance(await two.claim("run"), Owned), "only the owner lets a run go"
        await one.let_go([("run", epoch)])
        assert (await _claimed(two)).is_clean, "the owner before has let the run go"


@clause("shared")
async def a_run_whose_owners_lease_ended_is_free_and_not_clean(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await joined(first, "one", 0)
        two, _ = await joined(second, "two")
        await saved(one, epoch)
        assert not (await _claimed(two)).is_clean, "the owner before has not let the run go"


@clause("shared")
async def a_lease_is_renewed_until_it_has_ended(opener: Opener) -> None:
    async with opener() as first:
        one, _ = await joined(first, "one")
        node = Node("one", "ws://elsewhere.test")
        assert await one.renew(node, LONG_S), "a lease that has not ended is renewed"
        assert await one.renew(node, 0), "also to a shorter one"
        assert not await one.renew(node, LONG_S), "a lease that has ended is not renewed"
        assert not await one.renew(Node("other"), LONG_S), "a node that never joined has no lease"


@clause("shared")
async def a_renewal_tells_the_new_url(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await joined(first, "one")
        two, _ = await joined(second, "two")
        await saved(one, epoch)
        await one.renew(Node("one", "ws://elsewhere.test"), LONG_S)
        assert await two.claim("run") == Owned("one", "ws://elsewhere.test"), "the url of the last renewal"
        await one.renew(Node("one", None), LONG_S)
        assert await two.claim("run") == Owned("one", None), "no url"


@clause("shared")
async def a_node_that_leaves_lets_all_its_runs_go(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        one, epoch = await joined(first, "one")
        two, other = await joined(second, "two")
        for n in range(3):
            await saved(one, epoch, f"run-{n}", status="paused" if n else "running")
        await saved(two, other, "kept")
        await one.leave()
        await one.leave()  # idempotent
        for n in range(3):
            assert (await _claimed(two, f"run-{n}")).is_clean, "the owner before has left in order"
        third, _ = await joined(first, "three")
        assert isinstance(await third.claim("kept"), Owned), "the runs of other nodes stay theirs"


@clause("shared")
async def a_run_that_is_over_or_missing_is_not_claimed(opener: Opener) -> None:
    async with opener() as first:
        one, epoch = await joined(first, "one")
        assert await one.claim("missing") is None, "None for a missing run"
        for status in ("completed", "failed", "aborted"):
            await saved(one, epoch, status, status=status)
            assert await one.claim(status) is None, f"None for a run that is {status}"


@clause("shared")
async def of_claims_at_once_one_wins(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        nodes = [(await joined(first, "one"))[0], (await joined(second, "two"))[0]]
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
async def owners_are_the_live_nodes_of_runs_that_are_not_over(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        dead, epoch = await joined(first, "dead", 0)
        await saved(dead, epoch, "orphan")
        one, epoch = await joined(first, "one")
        two, _ = await joined(second, "two")
        for run_id in ("owned", "freed", "other"):
            await saved(one, epoch, run_id)
        await saved(one, epoch, "over", status="completed")
        await one.let_go([("freed", epoch)])
        node = Node("one", "ws://one.test")
        found = await two.owners(["owned", "orphan", "freed", "over", "missing"])
        assert found == {"owned": node}, f"by run id, without runs that no live node owns; got {found}"
        assert await one.owners(["owned"]) == {"owned": node}, "also for the owner itself"
        assert await two.owners([]) == {}, "no ids, no owners"


@clause("shared")
async def orphans_are_running_runs_without_a_live_owner(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        dead, epoch = await joined(first, "dead", 0)
        await saved(dead, epoch, "old", created_at=3)
        await saved(dead, epoch, "older", created_at=2)
        await saved(dead, epoch, "freed", created_at=1)
        await dead.let_go([("freed", epoch)])
        await saved(dead, epoch, "paused", status="paused")
        await saved(dead, epoch, "over", status="completed")
        await saved(dead, epoch, "foreign", agent="other")
        live, epoch = await joined(first, "live")
        await saved(live, epoch, "owned")
        two, _ = await joined(second, "two")
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
        node, epoch = await joined(first, "node")
        other, foreign = await joined(second, "other")
        for run_id in ("known", "unknown"):
            await saved(node, epoch, run_id)
        await saved(node, epoch, "paused", status="paused")
        await saved(node, epoch, "over", status="completed")
        await saved(other, foreign, "owned")
        assert await node.orphans(["support"], 10) == (), "without `known`, only runs without a live owner"
        found = await node.orphans(["support"], 10, known=["known"])
        unknown = {each.head.id: each.claimed.is_clean for each in found}
        assert unknown == {"unknown": True, "paused": True}, "unfinished runs beside `known`, as clean"
        await node.save(next_head(found[0].head, epoch=found[0].claimed.epoch), expected_version=1)


@clause("shared")
async def each_orphan_goes_to_one_node(opener: Opener) -> None:
    async with opener() as first, opener() as second:
        dead, epoch = await joined(first, "dead", 0)
        ids = {f"run-{n}" for n in range(60)}
        for run_id in ids:
            await saved(dead, epoch, run_id)
        nodes = [(await joined(first, "one"))[0], (await joined(second, "two"))[0]]
        taken: list[str] = []

        async def take(store: SharedStore) -> None:
            for _ in range(20):
                taken.extend([each.head.id for each in await store.orphans(["support"], 7)])

        async with trio.open_nursery() as nursery:
            for store in nodes:
                nursery.start_soon(take, store)
        assert sorted(taken) == sorted(ids), "every run is taken, and none twice"


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
