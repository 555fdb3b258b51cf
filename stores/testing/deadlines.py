"""The Store contract for deadlines: which runs are due."""

from ...protocol.codec import MAX_INT
from .calling import save_all
from .contract import Clause, Opener, a_head, clause, next_head

__all__ = ["CLAUSES"]


@clause()
async def due_gives_what_is_due_now_earliest_first(opener: Opener) -> None:
    dues = {"a": 30, "b": 10, "c": None, "d": 20, "e": 31}
    async with opener() as store:
        assert await store.due(30) == (), "nothing is due in an empty store"
        for run_id, next_due in dues.items():
            await store.save(a_head(run_id, next_due=next_due), expected_version=0)
        assert await store.due(9) == (), "nothing is due before its time"
        for _ in range(2):
            assert [head.id for head in await store.due(30)] == ["b", "d", "a"], (
                "due returns all runs up to now, also when asked again"
            )
        assert [head.id for head in await store.due(30, limit=2)] == ["b", "d"], (
            "with a limit, the earliest runs come first"
        )


@clause()
async def due_follows_every_save_and_delete(opener: Opener) -> None:
    head = a_head(next_due=10)
    async with opener() as store:
        await store.save(head, expected_version=0)
        for next_due in (None, 10, 25, 5, None, 10):
            head = next_head(head, next_due=next_due)
            await store.save(head, expected_version=head.version - 1)
            found = () if next_due is None or next_due > 10 else (head,)
            assert await store.due(10) == found, f"due at 10 with nextDue {next_due}"
            found = () if next_due is None else (head,)
            assert await store.due(25) == found, f"due at 25 with nextDue {next_due}"
        await store.delete("run", epoch=0)
        assert await store.due(25) == (), "a deleted run is not due"


@clause()
async def due_orders_times_as_numbers_to_the_millisecond(opener: Opener) -> None:
    now = 1_764_000_000_001
    times = (10, now, 0, MAX_INT, 9, now + 1, 2**31, 100, now - 1)
    heads = [a_head(f"run-{n}", next_due=at, created_at=n) for n, at in enumerate(times)]
    async with opener() as store:
        await save_all(store, heads)
        for at in times:
            found = [head.next_due for head in await store.due(at)]
            assert found == sorted(due for due in times if due <= at), f"due at {at}, earliest first: {found}"


@clause()
async def due_gives_runs_of_every_status(opener: Opener) -> None:
    statuses = ("running", "paused", "completed", "failed", "aborted")  # finished runs are due for deletion
    async with opener() as store:
        await save_all(store, [a_head(f"run-{n}", next_due=n, status=status) for n, status in enumerate(statuses)])
        found = [head.status for head in await store.due(9)]
        assert found == list(statuses), f"finished runs are due too; got {found}"


@clause()
async def due_goes_on_behind_a_head_whatever_became_of_its_run(opener: Opener) -> None:
    places = (("a", 20), ("b", 10), ("c", 20), ("d", 10), ("e", 20), ("f", 30))
    heads = {run_id: a_head(run_id, next_due=due) for run_id, due in places}
    order = ["b", "d", "a", "c", "e", "f"]  # by deadline, then by id
    async with opener() as store:
        await save_all(store, list(heads.values()))
        for n, run_id in enumerate(order):
            found = [head.id for head in await store.due(30, after=heads[run_id])]
            assert found == order[n + 1 :], f"runs due after {run_id}; got {found}"
        found = [head.id for head in await store.due(20, 2, after=heads["d"])]
        assert found == ["a", "c"], f"the first two runs up to now; got {found}"
        await store.save(next_head(heads["a"], next_due=99), expected_version=1)
        await store.save(next_head(heads["c"], next_due=5), expected_version=1)
        await store.delete("e", epoch=0)
        for run_id in "ace":
            found = [head.id for head in await store.due(30, after=heads[run_id])]
            assert found == ["f"], f"runs due after the old place of {run_id}; got {found}"


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
