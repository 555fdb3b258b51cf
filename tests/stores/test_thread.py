"""The worker thread: it takes all waiting jobs as a group, and gives each task its job's outcome."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
import trio

from adjourn.protocol.errors import StoreUnavailable
from adjourn.stores import thread
from adjourn.stores.thread import GroupThread


class Bench:
    """Work that a test can block, and a list of the groups that it received."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.go = threading.Event()
        self.go.set()
        self.ended: list[str] = []
        self.thread = GroupThread[str]("test", self.work, self.end)

    def work(self, jobs: Sequence[str]) -> list[Any]:
        self.groups.append(list(jobs))
        self.go.wait()
        if "broken" in jobs:
            raise OSError("broken")
        return [KeyError(job) if job == "bad" else job.upper() for job in jobs]

    def end(self) -> None:
        self.ended.append(threading.current_thread().name)
        raise OSError("at the end")


async def test_jobs_that_wait_are_taken_together_and_answered_apart(caplog: pytest.LogCaptureFixture) -> None:
    bench, results = Bench(), dict[str, Any]()

    async def one(job: str) -> None:
        try:
            results[job] = await bench.thread.run(job)
        except KeyError as error:
            results[job] = error

    bench.go.clear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, "first")
        await trio.testing.wait_all_tasks_blocked()
        while not bench.groups:  # taken by the thread
            await trio.testing.wait_all_tasks_blocked()
        for job in ("a", "bad", "b"):
            nursery.start_soon(one, job)
        await trio.testing.wait_all_tasks_blocked()
        bench.go.set()
    assert [sorted(group) for group in bench.groups] == [["first"], ["a", "b", "bad"]]
    assert isinstance(results.pop("bad"), KeyError)
    assert results == {"first": "FIRST", "a": "A", "b": "B"}
    await bench.thread.aclose()
    assert bench.ended == ["test"]
    assert "closing a store failed" in caplog.text


async def test_jobs_of_one_tick_are_one_group() -> None:
    bench = Bench()
    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(bench.thread.run, str(number))
    assert len(bench.groups) == 1
    await bench.thread.aclose()


async def test_closing_in_the_tick_of_a_job_finishes_or_refuses_it() -> None:
    for _ in range(20):  # the two tasks start in any order
        bench, results = Bench(), list[str]()

        async def one(bench: Bench, results: list[str]) -> None:
            with suppress(StoreUnavailable):
                results.append(await bench.thread.run("a"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one, bench, results)
            nursery.start_soon(bench.thread.aclose)
        assert results == ["A"] * len(bench.groups)


async def test_a_job_cancelled_before_it_is_handed_over_never_happens() -> None:
    bench = Bench()
    with trio.CancelScope() as scope:
        scope.cancel()
        await bench.thread.run("never")
    assert scope.cancelled_caught
    await bench.thread.aclose()
    assert bench.groups == []


async def test_a_cancelled_job_that_was_handed_over_still_returns_its_result() -> None:
    bench, results = Bench(), list[str]()
    bench.go.clear()

    async def one() -> None:
        results.append(await bench.thread.run("a"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        await trio.lowlevel.cancel_shielded_checkpoint()
        bench.go.set()
    assert results == ["A"]
    await bench.thread.aclose()


async def test_an_error_of_a_whole_batch_is_each_jobs_error_and_the_thread_goes_on() -> None:
    bench = Bench()
    with pytest.raises(OSError, match="broken"):
        await bench.thread.run("broken")
    assert await bench.thread.run("a") == "A"
    await bench.thread.aclose()


async def test_closing_finishes_accepted_jobs_and_refuses_later_ones() -> None:
    bench, results = Bench(), list[str]()
    bench.go.clear()

    async def one() -> None:
        results.append(await bench.thread.run("a"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(bench.thread.aclose)
        nursery.start_soon(bench.thread.aclose)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(StoreUnavailable):
            await bench.thread.run("late")
        bench.go.set()
    assert results == ["A"]
    assert [job for group in bench.groups for job in group] == ["a"]


async def test_a_job_waits_for_one_piece_of_spare_work_at_most() -> None:
    done, at_it, go_on = list[str](), threading.Event(), threading.Event()

    def work(jobs: Sequence[str]) -> list[str]:
        done.extend(jobs)
        return list(jobs)

    def spare() -> bool:
        done.append("spare")
        at_it.set()
        go_on.wait()
        return done.count("spare") < 5

    busy = GroupThread[str]("test", work, lambda: None, spare)
    await busy.run("a")
    async with trio.open_nursery() as nursery:
        await trio.to_thread.run_sync(at_it.wait)
        nursery.start_soon(busy.run, "b")
        await trio.testing.wait_all_tasks_blocked()
        go_on.set()
    await busy.aclose()
    assert done[:3] == ["a", "spare", "b"]


async def test_spare_work_that_breaks_is_logged_and_the_thread_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def spare() -> bool:
        raise OSError("broken")

    broken = GroupThread[str]("test", lambda jobs: jobs, lambda: None, spare)
    assert [await broken.run(job) for job in "ab"] == ["a", "b"]
    await broken.aclose()
    assert "the spare work of a store failed" in caplog.text


# A thread that hangs.


async def hung(bench: Bench, nursery: trio.Nursery, told: list[str]) -> None:
    """Start job a, in which the thread hangs, and the waiting jobs b and c. Each notes when it is given up."""

    async def one(job: str) -> None:
        with pytest.raises(StoreUnavailable, match="not answered in time"):
            await bench.thread.run(job)
        told.append(job)

    bench.go.clear()
    for job in "abc":
        nursery.start_soon(one, job)
        await trio.testing.wait_all_tasks_blocked()
        while not bench.groups:  # taken by the thread
            await trio.testing.wait_all_tasks_blocked()


async def test_jobs_given_up_raise_at_once_and_those_not_begun_never_happen() -> None:
    bench, told = Bench(), list[str]()
    async with trio.open_nursery() as nursery:
        await hung(bench, nursery, told)
        assert not bench.thread.give_up(3600), "none is that old"
        assert bench.thread.give_up(0)
        assert not bench.thread.give_up(0), "once"
    assert sorted(told) == ["a", "b", "c"]
    bench.go.set()
    assert await bench.thread.run("d") == "D"
    assert await bench.thread.aclose()
    assert [job for group in bench.groups for job in group] == ["a", "d"]


async def test_closing_leaves_a_thread_behind_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "STUCK_S", 0.001)
    bench, told = Bench(), list[str]()
    async with trio.open_nursery() as nursery:
        await hung(bench, nursery, told)
        assert bench.thread.give_up(0)
        await trio.testing.wait_all_tasks_blocked()
        with trio.CancelScope() as scope:
            scope.cancel()
            assert not await bench.thread.aclose()
    bench.go.set()
    monkeypatch.undo()
    assert await bench.thread.aclose(), "when it comes back, it ends"


async def test_a_job_under_way_when_a_hanging_thread_is_left_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "CLOSE_S", 0.001)
    bench, told = Bench(), list[str]()
    async with trio.open_nursery() as nursery:
        await hung(bench, nursery, told)
        assert not await bench.thread.aclose()
    assert sorted(told) == ["a", "b", "c"]
    bench.go.set()
