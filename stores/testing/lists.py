"""The Store contract for lists and counts of a few runs: order, filters, and changes."""

from itertools import product
from typing import Any

from ...protocol.codec import MAX_INT
from ...protocol.errors import InvalidParams, VersionConflict
from ...protocol.record import Head
from ..base import Store
from .calling import all_pages, error_of, save_all
from .contract import Clause, Opener, a_head, clause, next_head

__all__ = ["CLAUSES"]


@clause()
async def list_gives_every_run_once_newest_first(opener: Opener) -> None:
    ages = {"b": 30, "a": 10, "d": 20, "c": 20, "e": 20}
    async with opener() as store:
        for run_id, created_at in ages.items():
            await store.save(a_head(run_id, created_at=created_at), expected_version=0)
        whole = await store.list()
        assert [head.id for head in whole.heads] == ["b", "e", "d", "c", "a"], (
            "ordered by createdAt, then by id, descending"
        )
        assert whole.after is None, "the last page has no cursor"
        for limit in (1, 2, 4, 5):
            assert await _ids(store, limit) == ["b", "e", "d", "c", "a"], f"same order in pages of {limit}"


@clause()
async def list_orders_times_as_numbers_to_the_millisecond(opener: Opener) -> None:
    now = 1_764_000_000_001
    times = (10, now, 0, MAX_INT, 9, now + 1, 2**31, 100, now - 1)
    heads = [a_head(f"run-{n}", created_at=at, updated_at=n) for n, at in enumerate(times)]
    async with opener() as store:
        await save_all(store, heads)
        for limit in (1, 4, 9):
            found = [head.created_at for head in await all_pages(store, limit)]
            assert found == sorted(times, reverse=True), f"ordered by createdAt in pages of {limit}; got {found}"


@clause()
async def list_keeps_its_order_whatever_later_saves_say(opener: Opener) -> None:
    times = {"a": 20, "b": 10, "c": 0}
    async with opener() as store:
        for version in range(1, 5):
            for run_id, created_at in times.items():
                later = created_at if version == 1 else 1_000 * version - created_at
                head = a_head(run_id, version, created_at=later, updated_at=later, next_due=1)
                await store.save(head, expected_version=version - 1)
            heads = (await store.list()).heads
            assert [head.id for head in heads] == ["a", "b", "c"], (
                f"ordered by the first createdAt, after save {version}"
            )
            loaded = [record.head for run_id in times if (record := await store.load(run_id))]
            for found in (heads, await store.due(1), loaded):
                assert {head.id: head.created_at for head in found} == times, (
                    f"createdAt stays as in the first save, after {version}"
                )


@clause()
async def list_goes_on_where_it_was_while_runs_come_and_go(opener: Opener) -> None:
    async with opener() as store:
        for n in range(1, 5):
            await store.save(a_head(f"run-{n}", created_at=n), expected_version=0)
        page = await store.list(limit=2)
        await store.delete("run-4", epoch=0)
        await store.delete("run-3", epoch=0)
        await store.save(a_head("run-9", created_at=9), expected_version=0)
        rest = await store.list(after=page.after)
        assert [head.id for head in rest.heads] == ["run-2", "run-1"], (
            "the next page has the runs older than the last one"
        )


@clause()
async def list_by_status_gives_the_runs_that_have_it_now(opener: Opener) -> None:
    async with opener() as store:
        for n in range(6):
            status = "running" if n % 2 else "paused"
            await store.save(a_head(f"run-{n}", created_at=n, status=status), expected_version=0)
        moved = next_head(a_head("run-0", created_at=0), status="completed")
        await store.save(moved, expected_version=1)
        assert await _ids(store, 1, status="paused") == ["run-4", "run-2"], "paused runs, without the one now completed"
        assert await _ids(store, 9, status="running") == ["run-5", "run-3", "run-1"], "all running runs"
        assert (await store.list(status="completed")).heads == (moved,), "the run that is now completed"
        assert (await store.list(status="failed")).heads == (), "no run has failed"


@clause()
async def list_by_agent_gives_the_runs_of_that_name(opener: Opener) -> None:
    async with opener() as store:
        for n, agent in enumerate(("support", "sales", "support", "support team", "a_b", "axb", "a-b", "A_B", "a_b-")):
            await store.save(a_head(f"run-{n}", created_at=n, agent=agent), expected_version=0)
        assert await _ids(store, 1, agent="support") == ["run-2", "run-0"], "an agent is found by its whole name"
        assert await _ids(store, 9, agent="Support") == await _ids(store, 9, agent="") == [], "no other name is found"
        assert await _ids(store, 9, agent="a_b") == ["run-4"], "no character of a name is a wildcard"
        await store.delete("run-2", epoch=0)
        assert await _ids(store, 9, agent="support") == ["run-0"], "without deleted runs"


@clause()
async def list_of_what_waits_follows_every_save_and_delete(opener: Opener) -> None:
    head = a_head()
    async with opener() as store:
        await store.save(head, expected_version=0)
        for since in (None, 0, 700, None, None, 5):
            head = next_head(head, waiting_since=since)
            await store.save(head, expected_version=head.version - 1)
            found = () if since is None else (head,)
            assert (await store.list(waiting=True)).heads == found, f"waiting=True with waitingSince {since}"
            assert (await store.list(waiting=False)).heads == (head,), "waiting=False does not filter"
        head = next_head(head, waiting_since=None, status="aborted")
        await store.save(head, expected_version=head.version - 1)
        assert (await store.list(waiting=True)).heads == (), "a finished run does not wait"
        await store.save(next_head(head, waiting_since=9), expected_version=head.version)
        await store.delete("run", epoch=0)
        assert (await store.list(waiting=True)).heads == (), "a deleted run does not wait"


@clause()
async def list_takes_filters_together_on_pages_of_any_size(opener: Opener) -> None:
    heads: list[Head] = []
    for n, (status, agent, since) in enumerate(product(("paused", "running"), ("a", "b"), (None, 1, 2))):
        for copy in range(2):
            run_id, at = f"run-{n:02}-{copy}", n % 3  # only three times: many runs start at the same moment
            heads.append(a_head(run_id, status=status, agent=agent, waiting_since=since, created_at=at))
    async with opener() as store:
        for head in heads:
            await store.save(head, expected_version=0)
        heads.sort(key=lambda head: (head.created_at, head.id), reverse=True)
        for status, agent, waiting in product((None, "paused", "running", "failed"), (None, "a", "c"), (False, True)):
            asked = f"status {status}, agent {agent}, waiting {waiting}"
            expected = [
                head.id
                for head in heads
                if status in (None, head.status)
                and agent in (None, head.agent)
                and (head.waiting_since is not None or not waiting)
            ]
            for limit in (1, 2, 3, 100):
                found = await _ids(store, limit, status=status, agent=agent, waiting=waiting)
                assert found == expected, f"{asked}, in pages of {limit}"


@clause()
async def count_follows_every_save_and_delete(opener: Opener) -> None:
    async with opener() as store:
        assert await store.count("paused") == 0, "an empty store has no paused run"
        for n in range(3):
            await store.save(a_head(f"run-{n}"), expected_version=0)
        await store.save(next_head(a_head("run-0"), status="running"), expected_version=1)
        assert (await store.count("paused"), await store.count("running")) == (2, 1), (
            "counts runs by their current status"
        )
        await store.save(next_head(a_head("run-2")), expected_version=1)
        late = await error_of(store.save(next_head(a_head("run-2"), status="running"), expected_version=1))
        assert isinstance(late, VersionConflict), "expected version 1, stored is 2"
        assert (await store.count("paused"), await store.count("running")) == (2, 1), "a refused save changes no count"
        for _ in range(2):
            await store.delete("run-1", epoch=0)
            assert (await store.count("paused"), await store.count("failed")) == (1, 0), (
                "a deleted run is not counted, also after a second delete"
            )


@clause()
async def lists_tell_nothing_of_a_refused_save(opener: Opener) -> None:
    head = a_head(next_due=20)
    async with opener() as store:
        await store.save(head, expected_version=0)
        other = a_head(version=3, status="running", agent="sales", waiting_since=1, next_due=10, created_at=1)
        error = await error_of(store.save(other, expected_version=2))
        assert isinstance(error, VersionConflict), "expected version 2, stored is 1"
        for found in (
            (await store.list()).heads,
            (await store.list(status="paused")).heads,
            (await store.list(agent="support")).heads,
            await store.due(20),
        ):
            assert found == (head,), "list returns the run unchanged"
        for found in (
            (await store.list(status="running")).heads,
            (await store.list(agent="sales")).heads,
            (await store.list(waiting=True)).heads,
            await store.due(10),
        ):
            assert found == (), "no list shows the refused save"
        assert (await store.count("paused"), await store.count("running")) == (1, 0), "counts are unchanged"


@clause()
async def heads_of_lists_are_the_callers_own_copies(opener: Opener) -> None:
    async with opener() as store:
        await store.save(a_head(next_due=1, metadata={"deep": {"n": 1}}), expected_version=0)
        for _ in range(2):
            record = await store.load("run")
            assert record is not None, "load finds the run"
            for head in (record.head, *(await store.list()).heads, *await store.due(1)):
                assert head.metadata == {"deep": {"n": 1}}, "changing a listed head does not change the store"
                head.metadata["deep"]["n"] = 2


@clause()
async def list_and_due_say_what_they_expected(opener: Opener) -> None:
    async with opener() as store:
        await store.save(a_head(), expected_version=0)
        for limit in (0, -1):
            assert isinstance(await error_of(store.list(limit=limit)), InvalidParams), (
                f"list refuses a limit of {limit}"
            )
            assert isinstance(await error_of(store.due(1, limit=limit)), InvalidParams), (
                f"due refuses a limit of {limit}"
            )
        for cursor in ("nonsense", "", "1e3.run", f"{10**30}.run"):
            assert isinstance(await error_of(store.list(after=cursor)), InvalidParams), "list refuses an invalid cursor"


async def _ids(store: Store, limit: int, **filters: Any) -> list[str]:
    """Returns the ids of all pages of this size."""
    return [head.id for head in await all_pages(store, limit, **filters)]


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
