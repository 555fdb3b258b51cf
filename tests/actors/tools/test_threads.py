"""Blocking tools in worker threads."""

import functools
import threading
from typing import Any

import pytest
import trio
from onecall import OBJECT, run

from adjourn.actors.testing import tool_context
from adjourn.actors.tools import (
    ToolContext,
    execute,
    make_tool,
    tool,
)
from adjourn.actors.tools.threads import Threads


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


async def test_cancelling_does_not_wait_for_a_thread_and_says_that_it_goes_on() -> None:
    limiter = trio.CapacityLimiter(1)
    threads = Threads(limiter)
    begun, release, ended = threading.Event(), threading.Event(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    @tool
    def stubborn() -> None:
        begun.set()
        release.wait()
        token.run_sync_soon(ended.set)

    async def call() -> None:
        await execute(stubborn, {}, None, tool_context("stubborn"), max_result_bytes=100, threads=threads)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await trio.to_thread.run_sync(begun.wait)
        assert threads.calls == {"call-1"}
        nursery.cancel_scope.cancel()
    assert threads.calls == {"call-1"}
    release.set()
    await ended.wait()
    async with limiter:  # given back when the thread's function is over
        assert threads.calls == set()


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


class Hesitant(set[str]):
    """Holds a thread up between its start and the tool's."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go, self.over = threading.Event(), threading.Event(), threading.Event()

    def add(self, element: str) -> None:
        self.reached.set()
        self.go.wait()
        super().add(element)

    def discard(self, element: str) -> None:
        super().discard(element)
        self.over.set()


async def test_a_sync_tool_cancelled_before_its_thread_has_begun_never_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads, calls = Threads(trio.CapacityLimiter(1)), Hesitant()
    monkeypatch.setattr(threads, "_calls", calls)
    began: list[int] = []

    @tool
    def work() -> None:
        began.append(1)

    async with trio.open_nursery() as nursery:
        context = tool_context("work")
        nursery.start_soon(lambda: execute(work, {}, None, context, max_result_bytes=100, threads=threads))
        await trio.to_thread.run_sync(calls.reached.wait)
        nursery.cancel_scope.cancel()
    calls.go.set()
    await trio.to_thread.run_sync(calls.over.wait)
    assert began == []


async def test_a_sync_tool_cancelled_while_it_waits_for_a_token_never_begins() -> None:
    limiter = trio.CapacityLimiter(1)
    threads = Threads(limiter)
    began: list[int] = []

    @tool
    def work() -> None:
        began.append(1)

    async with limiter, trio.open_nursery() as nursery:
        context = tool_context("work")

        async def call() -> None:
            await execute(work, {}, None, context, max_result_bytes=100, threads=threads)

        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    async with limiter:
        assert (began, threads.calls) == ([], set())
