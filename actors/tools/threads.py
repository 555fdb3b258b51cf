"""The worker threads that blocking tools execute in, and which calls are in one now."""

from collections.abc import Callable, Set
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import trio

__all__ = ["Threads"]


class Threads:
    """Worker threads for blocking tools, as many at once as `limiter` has tokens; further calls wait for a free one.

    `friendly` opens a context manager that a caller stays in while its thread works: a busy loop needs one, or the
    thread hardly ever gets Python's global lock.
    """

    def __init__(
        self, limiter: trio.CapacityLimiter, *, friendly: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        self._limiter = limiter
        self._friendly = friendly
        self._calls: set[str] = set()  # the threads add to it and take from it
        self._token = trio.lowlevel.current_trio_token()
        self._changed = trio.Event()

    async def run(self, call: Callable[[], Any], call_id: str) -> Any:
        """Run `call` in a worker thread and return what it returns.

        Cancellation does not wait for the thread: it goes on alone, with its place, and `calls` names it until it ends.
        """

        def work() -> tuple[Any]:
            self._calls.add(call_id)
            try:
                trio.from_thread.check_cancelled()  # given up before it began: then it must not begin
                return (call(),)  # boxed: trio takes a coroutine out of a thread for a mistake
            finally:
                self._calls.discard(call_id)
                with suppress(trio.RunFinishedError):
                    self._token.run_sync_soon(self._tell)

        with self._friendly():
            (value,) = await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)
        return value

    @property
    def calls(self) -> frozenset[str]:
        """The ids of the calls whose function is in a thread at this moment."""
        return frozenset(self._calls)

    async def wait_without(self, calls: Set[str]) -> None:
        """Wait until none of these calls is in a thread. Not a checkpoint when none is."""
        while not self._calls.isdisjoint(calls):
            await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
