"""The Store contract for pages, counts and deadlines."""

from itertools import product
from typing import Any

from ...protocol.errors import InvalidParams
from ...protocol.record import Head
from ..base import Store
from .calling import error_of
from .contract import Clause, Opener, a_head, clause, next_head

__all__ = ["CLAUSES"]


@clause()
async def list_gives_every_run_once_newest_first(opener: Opener) -> None:
    ages = {"b": 30, "a": 10, "d": 20, "c": 20, "e": 20}
    async with opener() as store:
        for run_id, created_at in ages.items():
            await store.save(a_head(run_id, created_at=created_at), expected_version=0)
        whole = await store.list()
        assert [head.id for head in whole.heads] == ["b", "e", "d", "c", "a"], "by createdAt, then by id, descending"
        assert whole.after is None, "no cursor where nothing is left"
        for limit in (1, 2, 4, 5):
            assert await _pages(store, limit) == ["b", "e", "d", "c", "a"], f"the same in pages of {limit}"


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
        assert [head.id for head in rest.heads] == ["run-2", "run-1"], "what is older than the last one seen"


@clause()
async def list_by_status_gives_the_runs_that_have_it_now(opener: Opener) -> None:
    async with opener() as store:
        for n in range(6):
            status = "running" if n % 2 else "paused"
            await store.save(a_head(f"run-{n}", created_at=n, status=status), expected_version=0)
        moved = next_head(a_head("run-0", created_at=0), status="completed")
        await store.save(moved, expected_version=1)
        assert await _pages(store, 1, status="paused") == ["run-4", "run-2"]
        assert await _pages(store, 9, status="running") == ["run-5", "run-3", "run-1"]
        assert (await store.list(status="completed")).heads == (moved,)
        assert (await store.list(status="failed")).heads == ()


@clause()
async def list_by_agent_gives_the_runs_of_that_name(opener: Opener) -> None:
    async with opener() as store:
        for n, agent in enumerate(("support", "sales", "support", "support team")):
            await store.save(a_head(f"run-{n}", created_at=n, agent=agent), expected_version=0)
        assert await _pages(store, 1, agent="support") == ["run-2", "run-0"], "the whole name"
        assert await _pages(store, 9, agent="Support") == await _pages(store, 9, agent="") == [], "and nothing but it"
        await store.delete("run-2", epoch=0)
        assert await _pages(store, 9, agent="support") == ["run-0"], "without those that are gone"


@clause()
async def list_of_what_waits_follows_every_save_and_delete(opener: Opener) -> None:
    head = a_head()
    async with opener() as store:
        await store.save(head, expected_version=0)
        for since in (None, 0, 700, None, None, 5):
            head = next_head(head, waiting_since=since)
            await store.save(head, expected_version=head.version - 1)
            found = () if since is None else (head,)
            assert (await store.list(waiting=True)).heads == found, f"a run that waits since {since}"
            assert (await store.list(waiting=False)).heads == (head,), "False asks for nothing"
        head = next_head(head, waiting_since=None, status="aborted")
        await store.save(head, expected_version=head.version - 1)
        assert (await store.list(waiting=True)).heads == (), "a run that is over"
        await store.save(next_head(head, waiting_since=9), expected_version=head.version)
        await store.delete("run", epoch=0)
        assert (await store.list(waiting=True)).heads == (), "a run that is gone"


@clause()
async def list_takes_filters_together_on_pages_of_any_size(opener: Opener) -> None:
    heads: list[Head] = []
    for n, (status, agent, since) in enumerate(product(("paused", "running"), ("a", "b"), (None, 1, 2))):
        for copy in range(2):
            run_id, at = f"run-{n:02}-{copy}", n % 3  # three times for all: many runs begin at the same moment
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
                found = await _pages(store, limit, status=status, agent=agent, waiting=waiting)
                assert found == expected, f"{asked}, in pages of {limit}"


@clause()
async def count_follows_every_save_and_delete(opener: Opener) -> None:
    async with opener() as store:
        assert await store.count("paused") == 0
        for n in range(3):
            await store.save(a_head(f"run-{n}"), expected_version=0)
        await store.save(next_head(a_head("run-0"), status="running"), expected_version=1)
        assert (await store.count("paused"), await store.count("running")) == (2, 1)
        await store.delete("run-1", epoch=0)
        assert (await store.count("paused"), await store.count("failed")) == (1, 0)


@clause()
async def list_and_due_say_what_they_expected(opener: Opener) -> None:
    async with opener() as store:
        await store.save(a_head(), expected_version=0)
        for cursor in ("nonsense", "", "1e3.run", f"{10**30}.run"):
            assert isinstance(await error_of(store.list(after=cursor)), InvalidParams), "a cursor from nowhere"
        assert isinstance(await error_of(store.list(limit=0)), InvalidParams), "a page of nothing"
        assert isinstance(await error_of(store.due(1, limit=-1)), InvalidParams), "less than nothing"


@clause()
async def due_gives_what_is_due_now_earliest_first(opener: Opener) -> None:
    dues = {"a": 30, "b": 10, "c": None, "d": 20, "e": 31}
    async with opener() as store:
        assert await store.due(30) == (), "nothing is due in an empty store"
        for run_id, next_due in dues.items():
            await store.save(a_head(run_id, next_due=next_due), expected_version=0)
        assert await store.due(9) == ()
        for _ in range(2):
            assert [head.id for head in await store.due(30)] == ["b", "d", "a"], "up to now, however often asked"
        assert [head.id for head in await store.due(30, limit=2)] == ["b", "d"], "the earliest of them"


@clause()
async def due_follows_every_save_and_delete(opener: Opener) -> None:
    head = a_head(next_due=10)
    async with opener() as store:
        await store.save(head, expected_version=0)
        for next_due in (None, 10, 25, 5, None, 10):
            head = next_head(head, next_due=next_due)
            await store.save(head, expected_version=head.version - 1)
            found = () if next_due is None or next_due > 10 else (head,)
            assert await store.due(10) == found, f"due at 10, nextDue is {next_due}"
            found = () if next_due is None else (head,)
            assert await store.due(25) == found, f"due at 25, nextDue is {next_due}"
        await store.delete("run", epoch=0)
        assert await store.due(25) == (), "a run that is gone"


async def _pages(store: Store, limit: int, **filters: Any) -> list[str]:
    """The ids of all pages of this size."""
    page = await store.list(limit=limit, **filters)
    found = [head.id for head in page.heads]
    while page.after is not None:
        page = await store.list(limit=limit, after=page.after, **filters)
        assert 0 < len(page.heads) <= limit, f"a page of 1 to {limit}"
        found += [head.id for head in page.heads]
    return found


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
