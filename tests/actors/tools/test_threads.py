"""Blocking tools in worker threads: how many at once, and the threads that are left behind."""

import functools
import logging
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from onecall import OBJECT, run, said
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors.testing import Updates, tool_context
from adjourn.actors.tools import Tool, ToolCallOver, ToolContext, ToolOutcome, execute, make_tool, tool
from adjourn.actors.tools.threads import MAX_UNSTARTED, NotStarted, ThreadCall, Threads


async def test_sync_tools_run_in_worker_threads_and_async_ones_do_not() -> None:
    def blocking(arguments: dict[str, Any], context: ToolContext) -> int:
        return threading.get_ident()

    async def waiting(arguments: dict[str, Any], context: ToolContext) -> int:
        return threading.get_ident()

    here = threading.get_ident()
    assert (await run(make_tool("t", "", OBJECT, blocking))).details != here
    assert (await run(make_tool("t", "", OBJECT, waiting))).details == here
    assert (await run(make_tool("t", "", OBJECT, functools.partial(waiting)))).details == here


async def test_a_sync_wrapper_around_an_async_function_is_awaited() -> None:
    async def inner(n: int) -> int:
        await trio.lowlevel.checkpoint()
        return n * 2

    @tool
    def double(n: int) -> Any:
        return inner(n)

    assert (await run(double, {"n": 4})).details == 8


async def test_sync_tools_take_a_token_of_the_limiter() -> None:
    limiter = trio.CapacityLimiter(1)

    @tool
    def count() -> int:
        return limiter.borrowed_tokens

    outcome = await execute(count, {}, None, tool_context("count"), max_result_bytes=100, threads=Threads(limiter))
    assert outcome.details == 1
    assert limiter.borrowed_tokens == 0


@tool
def quick() -> str:
    return "quick"


async def gone(threads: Threads, call_ids: set[str]) -> None:
    """Wait until none of these threads is left behind."""
    await threads.wait_without(call_ids)
    while not call_ids.isdisjoint(call.call_id for call in threads.left_behind):  # noqa: ASYNC110
        await trio.lowlevel.checkpoint()


class Stuck:
    """A blocking tool that blocks until the test releases it."""

    def __init__(self, threads: Threads, error: BaseException | None = None) -> None:
        self.threads, self.error = threads, error
        self._begun, self._go = threading.Semaphore(0), threading.Event()
        self._call_ids: set[str] = set()
        self.outcomes: dict[str, ToolOutcome] = {}

    def tool(self, **options: Any) -> Tool:
        def stuck(arguments: dict[str, Any], context: ToolContext) -> str:
            self._begun.release()
            self._go.wait()
            if self.error is not None:
                raise self.error
            return "stuck"

        return make_tool("stuck", "", OBJECT, stuck, **options)

    async def call(self, call_id: str = "call-1", **options: Any) -> None:
        self._call_ids.add(call_id)
        made = self.tool(**options)
        context = tool_context("stuck", tool_call_id=call_id)
        outcome = await execute(made, {}, None, context, max_result_bytes=1000, threads=self.threads)
        self.outcomes[call_id] = outcome

    async def wait_begun(self, times: int = 1) -> None:
        for _ in range(times):
            await trio.to_thread.run_sync(self._begun.acquire)

    async def let_go(self) -> None:
        """Releases all threads, and waits until they have ended."""
        self._go.set()
        await gone(self.threads, self._call_ids)


@asynccontextmanager
async def left_behind(threads: Threads, *call_ids: str, error: BaseException | None = None) -> AsyncGenerator[Stuck]:
    """Leaves the threads of these calls behind, until the block ends."""
    stuck = Stuck(threads, error)
    async with trio.open_nursery() as nursery:
        for call_id in call_ids:
            nursery.start_soon(stuck.call, call_id)
        await stuck.wait_begun(len(call_ids))
        nursery.cancel_scope.cancel()
    try:
        yield stuck
    finally:
        with trio.CancelScope(shield=True):
            await stuck.let_go()


async def call_quick(threads: Threads, **options: Any) -> str:
    context = tool_context("quick", tool_call_id="call-q")
    return said(await execute(quick, {}, None, context, max_result_bytes=1000, threads=threads, **options))


# Threads left behind.


async def test_cancelling_does_not_wait_for_a_thread_and_says_that_it_goes_on() -> None:
    threads = Threads(trio.CapacityLimiter(1))
    async with left_behind(threads, "call-1") as stuck:
        assert threads.calls == {"call-1"}
        assert stuck.outcomes == {}
    assert threads.calls == set()


async def test_a_thread_that_is_left_behind_gives_its_place_back() -> None:
    """Hung tools don't use up the threads of other tools."""
    threads = Threads(trio.CapacityLimiter(2))
    for n in range(4):  # more than there are threads
        async with left_behind(threads, f"call-{n}", f"call-{n}b"):
            assert await call_quick(threads) == "quick"


async def test_a_thread_that_took_too_long_gives_its_place_back(mock_clock: MockClock) -> None:
    limiter = trio.CapacityLimiter(1)
    threads = Threads(limiter)
    stuck = Stuck(threads)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: stuck.call(timeout_s=5))
        await stuck.wait_begun()
        mock_clock.jump(5)
    assert said(stuck.outcomes["call-1"]) == "stuck did not finish within 5 seconds and may have taken effect"
    assert (limiter.borrowed_tokens, threads.calls) == (0, {"call-1"})
    assert await call_quick(threads) == "quick"
    await stuck.let_go()
    assert threads.calls == set()


async def test_a_thread_that_is_left_behind_is_logged_with_tool_and_age(
    mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "adjourn.tools")
    threads = Threads(trio.CapacityLimiter(1))
    stuck = Stuck(threads)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stuck.call, "call-7")
        await stuck.wait_begun()
        mock_clock.jump(30)
        nursery.cancel_scope.cancel()
    mock_clock.jump(60)
    await stuck.let_go()
    left, ended = caplog.records
    assert (left.levelno, left.getMessage()) == (
        logging.WARNING,
        "tool stuck (call call-7) was left behind in its thread after 30.0 s; 1 such threads run, at most 64 may",
    )
    assert ended.getMessage() == "tool stuck (call call-7), left behind in its thread, ended after 90.0 s"


async def test_a_thread_that_ended_in_time_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "adjourn.tools")
    threads = Threads(trio.CapacityLimiter(1))
    assert await call_quick(threads) == "quick"
    assert (caplog.records, threads.calls, threads.left_behind) == ([], set(), set())


async def test_a_thread_whose_function_raised_in_time_is_not_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise ValueError("no")

    threads = Threads(trio.CapacityLimiter(1))
    with pytest.raises(ValueError, match="no"):
        await threads.run(ThreadCall(fails, "call-1", "fails"))
    assert (caplog.records, threads.calls, threads.left_behind) == ([], set(), set())


async def test_no_call_begins_while_too_many_threads_are_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    threads = Threads(trio.CapacityLimiter(8), max_left_behind=3)
    async with left_behind(threads, "call-1", "call-2"):
        assert await call_quick(threads) == "quick"
        async with left_behind(threads, "call-3"):
            refused = await call_quick(threads)
            assert refused == (
                "quick was not started: 3 blocking tools that were cancelled or timed out still run, "
                "and no more may be left"
            )
            assert "tool quick was not started: too many threads were left behind: stuck (0 s), stuck" in caplog.text
        assert await call_quick(threads) == "quick"


async def test_a_call_that_waited_for_a_thread_is_refused_if_too_many_are_left_behind() -> None:
    limiter = trio.CapacityLimiter(1)
    threads = Threads(limiter, max_left_behind=1)
    stuck, texts = Stuck(threads), list[str]()
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            texts.append(await call_quick(threads))

        async def cut_short() -> None:
            with scope:
                await stuck.call()

        scope = trio.CancelScope()
        nursery.start_soon(cut_short)
        await stuck.wait_begun()
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        scope.cancel()
    assert texts[0].startswith("quick was not started: 1 blocking tools")
    await stuck.let_go()


async def test_64_threads_may_be_left_behind_unless_one_says_otherwise() -> None:
    threads = Threads(trio.CapacityLimiter(100))
    async with left_behind(threads, *[f"call-{n}" for n in range(63)]):
        assert await call_quick(threads) == "quick"
        async with left_behind(threads, "call-63"):
            assert (await call_quick(threads)).startswith("quick was not started: 64 blocking tools")


@pytest.mark.parametrize("error", [ValueError("too late"), SystemExit(3)], ids=lambda error: type(error).__name__)
async def test_an_exception_of_an_abandoned_thread_is_logged(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async with left_behind(Threads(trio.CapacityLimiter(1)), "call-1", error=error):
        pass
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.getMessage() == "tool stuck (call call-1) raised in the thread that it was left behind in"
    assert record.exc_info is not None
    assert record.exc_info[1] is error


async def test_a_sync_tool_may_watch_for_cancellation() -> None:
    begun, seen = threading.Event(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    @tool
    def polite() -> None:
        begun.set()
        try:
            while True:
                trio.from_thread.check_cancelled()
        finally:
            token.run_sync_soon(seen.set)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, polite)
        await trio.to_thread.run_sync(begun.wait)
        nursery.cancel_scope.cancel()
    await seen.wait()


async def test_a_thread_that_heeds_its_cancellation_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    threads = Threads(trio.CapacityLimiter(1))
    begun = threading.Event()

    @tool
    def polite() -> None:
        begun.set()
        while True:
            trio.from_thread.check_cancelled()

    async with trio.open_nursery() as nursery:
        context = tool_context("polite")
        nursery.start_soon(lambda: execute(polite, {}, None, context, max_result_bytes=100, threads=threads))
        await trio.to_thread.run_sync(begun.wait)
        nursery.cancel_scope.cancel()
    await gone(threads, {"call-1"})
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("cut", ["cancelled", "timed out"])
async def test_a_thread_that_was_left_behind_can_publish_nothing_and_ends(cut: str, mock_clock: MockClock) -> None:
    threads, updates = Threads(trio.CapacityLimiter(1)), Updates()
    begun, go = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    @tool(timeout_s=5)
    def talks(context: ToolContext) -> None:
        trio.from_thread.run(context.update, "one")
        begun.set()
        go.wait()
        try:
            trio.from_thread.run(context.update, "two")
        except BaseException as error:
            raised.append(error)
            raise

    async with trio.open_nursery() as nursery:
        context = tool_context("talks", updates=updates)
        nursery.start_soon(lambda: execute(talks, {}, None, context, max_result_bytes=100, threads=threads))
        await trio.to_thread.run_sync(begun.wait)
        if cut == "cancelled":
            nursery.cancel_scope.cancel()
        else:
            mock_clock.jump(5)
    go.set()
    await gone(threads, {"call-1"})
    assert updates.seen == ["one"]
    assert [type(error) for error in raised] == [ToolCallOver]


async def test_waiting_for_threads_ends_when_the_last_of_them_does() -> None:
    threads = Threads(trio.CapacityLimiter(4))
    async with left_behind(threads, "call-1", "call-2") as stuck:
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                await threads.wait_without({"call-1", "call-3"})
                assert "call-1" not in threads.calls

            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            await stuck.let_go()


# Threads that never started the function.


class Late:
    """Delays threads between their start and that of the function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go, self.over = threading.Event(), threading.Event(), threading.Event()
        work = ThreadCall.work

        def late(call: ThreadCall) -> Any:
            self.reached.set()
            self.go.wait()
            try:
                return work(call)
            finally:
                self.over.set()

        monkeypatch.setattr(ThreadCall, "work", late)


def counting() -> tuple[Tool, list[int]]:
    began: list[int] = []

    def work(arguments: dict[str, Any], context: ToolContext) -> None:
        began.append(1)

    return make_tool("work", "", OBJECT, work), began


async def test_a_call_cancelled_before_its_thread_has_begun_never_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = trio.CapacityLimiter(1)
    threads, late = Threads(limiter), Late(monkeypatch)
    work, began = counting()
    async with trio.open_nursery() as nursery:
        context = tool_context("work")
        nursery.start_soon(lambda: execute(work, {}, None, context, max_result_bytes=100, threads=threads))
        await trio.to_thread.run_sync(late.reached.wait)
        nursery.cancel_scope.cancel()
    assert (limiter.borrowed_tokens, threads.left_behind, threads.calls) == (0, set(), set())
    late.go.set()
    await trio.to_thread.run_sync(late.over.wait)
    assert began == []
    assert threads.take_unstarted({"call-1", "call-2"}) == {"call-1"}
    assert threads.take_unstarted({"call-1", "call-2"}) == set()


async def test_a_call_cancelled_while_it_waits_for_its_place_never_begins() -> None:
    limiter = trio.CapacityLimiter(1)
    threads = Threads(limiter)
    work, began = counting()
    async with limiter, trio.open_nursery() as nursery:
        context = tool_context("work")
        nursery.start_soon(lambda: execute(work, {}, None, context, max_result_bytes=100, threads=threads))
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    async with limiter:
        assert (began, threads.calls) == ([], set())
    assert threads.take_unstarted({"call-1"}) == {"call-1"}


async def test_a_call_that_began_is_not_among_those_that_never_did() -> None:
    threads = Threads(trio.CapacityLimiter(2))
    async with left_behind(threads, "call-1"):
        await call_quick(threads)
    assert threads.take_unstarted({"call-1", "call-q"}) == set()


async def test_no_more_calls_that_never_began_are_remembered_than_somebody_asks_for() -> None:
    threads = Threads(trio.CapacityLimiter(1))
    everything = {f"call-{n}" for n in range(MAX_UNSTARTED + 2)}
    for n in range(MAX_UNSTARTED + 2):
        with trio.CancelScope() as scope:
            scope.cancel()
            await threads.run(ThreadCall(list, f"call-{n}", "work"))
    assert threads.take_unstarted(everything) == everything - {"call-0", "call-1"}


async def test_timeout_s_begins_when_the_thread_does(mock_clock: MockClock) -> None:
    limiter = trio.CapacityLimiter(1)
    threads = Threads(limiter)
    stuck = Stuck(threads)
    async with trio.open_nursery() as nursery:
        async with limiter:
            nursery.start_soon(lambda: stuck.call(timeout_s=5))
            await wait_all_tasks_blocked()
            mock_clock.jump(1000)
            await wait_all_tasks_blocked()
        await stuck.wait_begun()
        mock_clock.jump(4)
        await wait_all_tasks_blocked()
        assert stuck.outcomes == {}
        await stuck.let_go()
    assert said(stuck.outcomes["call-1"]) == "stuck"


async def test_a_thread_that_does_not_begin_in_time_is_told_as_not_started(
    mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, late = Threads(trio.CapacityLimiter(1)), Late(monkeypatch)
    stuck = Stuck(threads)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: stuck.call(timeout_s=5))
        await trio.to_thread.run_sync(late.reached.wait)
        mock_clock.jump(5)
    late.go.set()
    assert said(stuck.outcomes["call-1"]) == "stuck was not started: its thread did not begin within 5 seconds"
    assert threads.left_behind == set()


async def test_where_the_system_has_no_thread_left_a_call_was_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any) -> None:
        raise RuntimeError("can't start new thread")

    limiter = trio.CapacityLimiter(1)
    threads = Threads(limiter)
    with monkeypatch.context() as patch:
        patch.setattr("trio._threads.start_thread_soon", fails)
        text = await call_quick(threads)
    assert text == "quick was not started: no thread could be started: can't start new thread"
    assert (limiter.borrowed_tokens, threads.calls) == (0, set())
    assert await call_quick(threads) == "quick"


async def test_a_refusal_to_start_can_be_told_from_the_functions_own_errors() -> None:
    def fails() -> None:
        raise RuntimeError("of its own")

    threads = Threads(trio.CapacityLimiter(1))
    with pytest.raises(RuntimeError, match="of its own"):
        await threads.run(ThreadCall(fails, "call-1", "work"))
    with pytest.raises(NotStarted):
        await Threads(trio.CapacityLimiter(1), max_left_behind=0).run(ThreadCall(fails, "call-1", "work"))
