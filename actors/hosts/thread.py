"""A system's thread, which runs its trio loop, and calls from other threads into it."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from contextlib import AbstractAsyncContextManager, suppress
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Generic, TypeVar

import trio

from ...protocol.errors import ShuttingDown
from ..core.faults import bare_error
from ..runtime.system import ActorSystem
from .future import Future
from .waiting import wait_asyncio, wait_blocking

__all__ = ["Call", "SystemThread"]

T = TypeVar("T")

LEAVING_S = 1.0  # for calls in progress when the system is closed
CLOSED = "this system is closed: its block was left. Open another one with open_threaded_system"


class Call(Generic[T]):
    """One call of an async function on the system's thread. Made by `SystemThread.submit`."""

    def __init__(self, function: Callable[[], Awaitable[T]], soon: Callable[[Callable[[], object]], None]) -> None:
        self._function, self._soon = function, soon
        self._scope = trio.CancelScope()
        self._is_cut_off = False
        self.ended: Future[T] = Future()  # if cancelled, its exception is concurrent.futures.CancelledError

    def cancel(self) -> None:
        """Cancels the call, from any thread. `ended` is done when the call is over."""
        with suppress(ShuttingDown):
            self._soon(self._scope.cancel)

    def cut_off(self, at: float) -> None:
        """Cancels the call at a time on trio's clock, because the system is closing. Only on the system's thread."""
        self._is_cut_off = not self._scope.cancel_called
        self._scope.deadline = at

    async def carry_out(self) -> None:
        """Calls the function, on the system's thread. Raises nothing."""
        try:
            with self._scope:
                self.ended.set_result(await self._function())
                return
            self.ended.set_exception(ShuttingDown(CLOSED) if self._is_cut_off else CancelledError())
        except BaseException as error:  # noqa: ASYNC103  # raised where the call comes from
            self.ended.set_exception(error)


class SystemThread:
    """A thread with a trio loop, in which a system is open from `start` until `leave`.

    `opened(thread)` opens the system. `host_loop`: the asyncio loop in which tools may execute; blocking calls in it
    are refused.
    """

    def __init__(
        self,
        opened: "Callable[[SystemThread], AbstractAsyncContextManager[ActorSystem]]",
        *,
        host_loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._opened, self._host_loop = opened, host_loop
        self._process = os.getpid()
        self._stop, self._scope = trio.Event(), trio.CancelScope()
        self._token: Future[trio.lowlevel.TrioToken] = Future()
        self._calls: trio.Nursery
        self._open: set[Call[Any]] = set()
        self._is_closed = False
        self._thread: threading.Thread
        self.ready: Future[ActorSystem] = Future()  # or the error of opening
        self.ended: Future[None] = Future()  # done after `ready`; has the error if one ended the system early

    def start(self) -> None:
        """Starts the thread, with the caller's context variables."""
        run = partial(copy_context().run, self._run)
        # A daemon thread, so that a program that never leaves the block can still end; the store recovers its runs.
        self._thread = threading.Thread(target=run, name="adjourn", daemon=True)
        self._thread.start()
        self._token.result()

    def leave(self, *, at_once: bool) -> None:
        """Tells the system to close, from any thread. `ended` is done when it is closed.

        `at_once`: as if an error had left the system's block: work in progress gets no time to finish.
        """
        with suppress(ShuttingDown):
            self.soon(self._scope.cancel if at_once else self._stop.set)

    def join(self) -> None:
        """Waits for the thread itself to end, shortly after `ended` is done."""
        self._thread.join()

    @property
    def is_of_this_process(self) -> bool:
        """Whether the thread runs in this process, not in the process that this one was forked from."""
        return os.getpid() == self._process

    # Calls.

    def block(self, function: Callable[[], Awaitable[T]]) -> T:
        """Calls an async function on the system's thread, and blocks until it has ended. As `wait_blocking`.

        Raises: what the function raises; ShuttingDown if the system is closed; RuntimeError in a fork, on the system's
            own thread, and in the asyncio loop that the system's tools need.
        """
        self._check_may_block()
        return self.block_briefly(function)

    def block_briefly(self, function: Callable[[], Awaitable[T]]) -> T:
        """As `block`, for a function that never waits: also allowed in the asyncio loop that tools execute in."""
        call = self.submit(function)
        return wait_blocking(call.ended, call.cancel)

    async def awaited(self, function: Callable[[], Awaitable[T]]) -> T:
        """Calls an async function on the system's thread, and awaits it in asyncio. As `wait_asyncio`.

        Raises: what the function raises; ShuttingDown if the system is closed; RuntimeError in a fork, and without an
            asyncio loop.
        """
        if _running_loop() is None:
            raise RuntimeError(
                "this method is for asyncio, and no asyncio loop runs here. In a thread use the `blocking` of the "
                "AsyncioSystem; on trio, open the system with open_actor_system"
            )
        call = self.submit(function)
        return await wait_asyncio(call.ended, call.cancel)

    def submit(self, function: Callable[[], Awaitable[T]]) -> Call[T]:
        """Starts a call, with this thread's context variables, without waiting. Raises: ShuttingDown, RuntimeError."""
        call = Call(function, self.soon)
        self.soon(partial(self._begin, call, copy_context()))
        return call

    def soon(self, function: Callable[[], object]) -> None:
        """Schedules a sync function on the system's thread; it must not raise. Raises: ShuttingDown, RuntimeError."""
        if not self.is_of_this_process:
            raise RuntimeError(
                f"this system was opened in process {self._process}, and process {os.getpid()} is a fork of that, "
                "which doesn't have the system's thread. Open the system after the fork: in each worker (gunicorn: "
                "in post_fork, or without --preload)"
            )
        try:
            self._token.result().run_sync_soon(function)
        except trio.RunFinishedError:
            raise ShuttingDown(CLOSED) from None

    def _check_may_block(self) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "a blocking call in the system's own thread would wait for itself. Declare the tool as a sync "
                "function, which executes in a thread of its own"
            )
        if self._host_loop is not None and _running_loop() is self._host_loop:
            raise RuntimeError(
                "a blocking call would hold up the asyncio loop that the system was opened in: await the same method "
                "of the AsyncioSystem or AsyncioRun"
            )

    # On the thread.

    def _begin(self, call: Call[Any], context: Context) -> None:
        if self._is_closed:
            call.ended.set_exception(ShuttingDown(CLOSED))
        else:
            self._open.add(call)
            context.run(self._calls.start_soon, self._carry_out, call)

    async def _carry_out(self, call: Call[Any]) -> None:
        await call.carry_out()
        self._open.discard(call)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            trio.run(self._main)
        except BaseException as raised:  # noqa: ASYNC103  # raised where the system was opened or is left
            error = bare_error(raised)
        was_ready = self.ready.done()
        for future in (self._token, self.ready):
            if not future.done():
                future.set_exception(error or CancelledError())
        if error is not None and was_ready:
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)

    async def _main(self) -> None:
        patience_s = 0.0
        async with trio.open_nursery() as self._calls:
            self._token.set_result(trio.lowlevel.current_trio_token())
            try:
                with self._scope:
                    async with self._opened(self) as system:
                        # The host's threads may need Python's global lock at any time, not only while they wait for a
                        # call.
                        with system.runtime.thread_friendly():
                            self.ready.set_result(system)
                            await self._stop.wait()
                    patience_s = LEAVING_S
            finally:
                self._cut_off_calls(patience_s)

    def _cut_off_calls(self, patience_s: float) -> None:
        """Refuses new calls, and cancels those in progress after `patience_s`. Readers and streamed responses end by
        themselves before that, because the system closes."""
        self._is_closed = True
        for call in self._open:
            call.cut_off(trio.current_time() + patience_s)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
