"""The Store contract for many concurrent callers."""

from collections.abc import Awaitable, Sequence
from typing import Any

import trio

from ...protocol.errors import VersionConflict
from ...protocol.record import Entry, Head, Record
from ..base import Store
from .calling import errors_of, save_all
from .contract import Clause, Opener, a_head, a_journal, a_large_journal, clause, next_head

__all__ = ["CLAUSES"]


@clause()
async def of_many_writers_one_wins_and_the_others_are_told(opener: Opener) -> None:
    async with opener() as store:
        for version in range(3):
            heads = [a_head(version=version + 1, metadata={"writer": n}) for n in range(10)]
            results = await errors_of([store.save(head, a_journal()[:1], expected_version=version) for head in heads])
            assert [type(error) for error in results if error] == [VersionConflict] * 9, "all saves but one are refused"
            record = await store.load("run")
            winner = heads[results.index(None)]
            assert record == Record(head=winner, journal=a_journal()[:1] * (version + 1)), (
                "only the accepted save is stored"
            )


@clause()
async def concurrent_saves_never_tear(opener: Opener) -> None:
    async with opener() as store:
        await _write_and_read(store, saves=30, append=a_journal()[:1])


@clause()
async def concurrent_saves_never_tear_when_they_are_large(opener: Opener) -> None:
    async with opener() as store:
        await _write_and_read(store, saves=4, append=a_large_journal())


async def _write_and_read(store: Store, saves: int, append: Sequence[Entry]) -> None:
    """Saves a run again and again while other tasks load it: each load must return exactly one save."""

    async def write(scope: trio.CancelScope) -> None:
        for version in range(1, saves + 1):
            head = a_head(version=version, metadata={"version": version})
            await store.save(head, append, expected_version=version - 1)
            await trio.lowlevel.checkpoint()
        scope.cancel()

    async def read(torn: list[str]) -> None:
        while not torn:
            record = await store.load("run")
            if record:
                head, entries = record.head, len(record.journal)
                if not head.version == head.metadata["version"] == entries / len(append):
                    torn.append(f"version {head.version}, metadata {head.metadata}, {entries} entries")
            await trio.lowlevel.checkpoint()

    torn: list[str] = []
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(read, torn)
        nursery.start_soon(write, nursery.cancel_scope)
    assert torn == [], (
        f"load returns head and journal of the same save, each with {len(append)} more entries; got {torn[0]}"
    )


@clause()
async def saves_of_many_runs_at_once_all_land(opener: Opener) -> None:
    async with opener() as store:
        heads = [a_head(f"run-{n:03}", created_at=n) for n in range(100)]
        errors = await errors_of([store.save(head, a_journal(), expected_version=0) for head in heads])
        assert errors == [None] * 100, "no save is refused"
        assert (await store.list()).heads == tuple(reversed(heads)), "all runs are listed"
        for head in heads[::10]:
            assert await store.load(head.id) == Record(head=head, journal=a_journal()), "each run has its own journal"


@clause()
async def a_save_beside_a_delete_brings_nothing_back(opener: Opener) -> None:
    heads = [a_head(f"run-{n}", next_due=1) for n in range(20)]
    async with opener() as store:
        await save_all(store, heads)
        calls: list[Awaitable[object]] = []
        for n, head in enumerate(heads):
            pair = (store.save(next_head(head), a_journal(), expected_version=1), store.delete(head.id, epoch=0))
            calls += pair if n % 2 else reversed(pair)
        for n, error in enumerate(await errors_of(calls)):
            assert error is None or isinstance(error, VersionConflict), (
                f"run-{n // 2}: a save happens before the delete, or is refused"
            )
        for head in heads:
            assert await store.load(head.id) is None, f"{head.id} is deleted in either order"
        assert (await store.list()).heads == await store.due(9) == (), "deleted runs are not listed"
        assert await store.count("paused") == 0, "deleted runs are not counted"
        anew = Record(head=a_head("run-0"), journal=a_journal()[:1])
        await store.save(anew.head, anew.journal, expected_version=0)
        assert await store.load("run-0") == anew, "load returns nothing of the deleted run"


@clause()
async def lists_give_every_run_as_one_save_left_it(opener: Opener) -> None:
    ids = ["run-3", "run-2", "run-1"]
    async with opener() as store:
        await save_all(store, [_state_of(run_id, 1) for run_id in ids])
        wrong: list[str] = []

        async def write(run_id: str) -> None:
            for version in range(2, 14):
                await store.save(_state_of(run_id, version), expected_version=version - 1)
                for _ in range(version % 3):  # gets out of step with the readers
                    await trio.lowlevel.checkpoint()

        async def read(expected: Sequence[str] | None, **filters: Any) -> None:
            while not wrong:
                heads = (await store.list(**filters)).heads
                if expected is not None and [head.id for head in heads] != expected:
                    wrong.append(f"expected all of {expected}, found {[head.id for head in heads]}")
                if expected is None and any((head.status, head.agent) != ("running", "a") for head in heads):
                    wrong.append(f"expected only what {filters} asks for, found {heads}")
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as readers:
            readers.start_soon(read, ids)
            readers.start_soon(lambda: read(None, status="running"))
            readers.start_soon(lambda: read(None, agent="a"))
            async with trio.open_nursery() as writers:
                writers.start_soon(write, "run-1")
                writers.start_soon(write, "run-3")
            readers.cancel_scope.cancel()
        assert wrong == [], f"lists show each run as one of its saves left it; {wrong[0]}"


def _state_of(run_id: str, version: int) -> Head:
    """Returns the head of a run that alternates between running and paused, and between two agents."""
    status, agent = ("running", "a") if version % 2 else ("paused", "b")
    return a_head(run_id, version, status=status, agent=agent)


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
