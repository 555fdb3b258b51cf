"""The Store contract for many runs: pages of every size, even if many runs start or are due at the same moment."""

from typing import Any

from ...protocol.record import Head
from .calling import all_pages, save_all
from .contract import Clause, Opener, a_head, clause, next_head

__all__ = ["CLAUSES"]

MANY = 1_050  # finds a store that returns at most 1,000 at once


@clause()
async def pages_give_every_run_of_many_once(opener: Opener) -> None:
    heads = _many()
    expected = [head.id for head in sorted(heads, key=lambda head: (head.created_at, head.id), reverse=True)]
    async with opener() as store:
        await save_all(store, heads)
        first = await store.list()
        assert [head.id for head in first.heads] == expected[:100], "the default limit is 100 runs"
        assert first.after is not None, "the page has a cursor, because there are more runs"
        for limit in (100, 999, MANY, 5 * MANY):
            found = [head.id for head in await all_pages(store, limit)]
            assert found == expected, f"{MANY} runs in pages of {limit}; got {_differs(found, expected)}"


@clause()
async def pages_find_the_few_runs_that_pass_a_filter(opener: Opener) -> None:
    heads = _many()
    expected = [head.id for head in reversed(heads) if head.agent == "rare"]
    async with opener() as store:
        await save_all(store, heads)
        for limit in (1, 2, 100, MANY):
            page = await store.list(agent="rare", status="failed", waiting=True, limit=limit)
            found = [head.id for head in page.heads]
            assert found == expected[:limit], f"filters apply before the limit of {limit}; got {found}"
        found = [head.id for head in await all_pages(store, 2, agent="rare")]
        assert found == expected, f"all filtered runs in pages of 2; got {found}"


@clause()
async def count_and_due_take_many_runs(opener: Opener) -> None:
    heads = _many()
    async with opener() as store:
        await save_all(store, heads)
        counts = await store.count("paused"), await store.count("failed")
        assert counts == (MANY - 5, 5), f"{MANY - 5} runs are paused and 5 failed; got {counts}"
        assert len(await store.due(9)) == 100, "the default limit is 100 runs"
        for limit in (1, 99, 999, MANY, 5 * MANY):
            found = await store.due(9, limit=limit)
            assert len(found) == min(limit, MANY), f"of {MANY} due runs, at most {limit} are returned"
            assert len({head.id for head in found}) == len(found), "due returns each run once"
            dues = [head.next_due or 0 for head in found]
            assert dues == sorted(head.next_due or 0 for head in heads)[: len(dues)], "due returns the earliest runs"


@clause()
async def a_cursor_goes_on_where_it_was_while_runs_change(opener: Opener) -> None:
    heads = {n: a_head(f"run-{n}", created_at=5, updated_at=n) for n in range(1, 10)}
    async with opener() as store:
        await save_all(store, list(heads.values()))
        first = await store.list(status="paused", limit=3)
        assert [head.id for head in first.heads] == ["run-9", "run-8", "run-7"], "the first three of nine"
        for n, changed in (
            (8, {"updated_at": 99, "created_at": 1}),
            (7, {"status": "completed"}),  # the run that the cursor points to
            (5, {"updated_at": 99, "created_at": 99}),
            (4, {"status": "running"}),
        ):
            await store.save(next_head(heads[n], **changed), expected_version=1)
        await store.delete("run-6", epoch=0)
        await store.save(a_head("run-0", created_at=6), expected_version=0)
        second = await store.list(status="paused", limit=3, after=first.after)
        found = [head.id for head in second.heads]
        assert found == ["run-5", "run-3", "run-2"], f"the runs after run-7; got {found}"
        again = await store.list(status="paused", limit=3, after=first.after)
        assert again == second, "the same cursor returns the same page"
        last = await store.list(status="paused", limit=3, after=second.after)
        assert [head.id for head in last.heads] == ["run-1"], "the last page has the rest"
        assert last.after is None, "the last page has no cursor"


def _many() -> list[Head]:
    """Returns runs with few start times, 300 at each; a filter finds five of the oldest."""
    rare: dict[str, Any] = {"agent": "rare", "status": "failed", "waiting_since": 1}
    return [
        a_head(f"run-{n:04}", created_at=n // 300, next_due=(n + 150) // 300, **(rare if n in range(3, 23, 4) else {}))
        for n in range(MANY)
    ]


def _differs(found: list[str], expected: list[str]) -> str:
    missing = sorted(set(expected) - set(found))
    return f"{len(found)}, without {missing[:3]}" if missing else f"all {len(found)} in another order"


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
