"""The worker threads for blocking tools: their number at once, and the threads left behind.

A thread can't be stopped from outside. A call that is cancelled or timed out leaves its thread behind, and frees its
place for the next call. Threads left behind are logged and counted until they end, and their number is bounded.
"""

import logging
import threading
from collections.abc import Callable, Set
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

import trio

from ...protocol.errors import ProgramError
from ..core.faults import error_text, foreign_error
from .errors import ToolCallOver

__all__ = ["MAX_LEFT_BEHIND", "NotStarted", "RaisedInThread", "ThreadCall", "Threads"]

MAX_LEFT_BEHIND = 64  # threads
MAX_UNSTARTED = 1000  # ids of calls that were given up before they began, kept for `take_unstarted`

_log = logging.getLogger("adjourn.tools")
T = TypeVar("T")


class NotStarted(ProgramError):
    """A blocking call was refused before its function began; the message tells the model why."""


class RaisedInThread(ProgramError):
    """A function raised something that is no `Exception` in its thread. On the trio thread, that could be confused with
    trio's cancellation or Ctrl-C, so it is wrapped; `error` is what was raised."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error_text(error))
        self.error = error


class ThreadCall:
    """One call of a blocking function. It may be run once."""

    __slots__ = ("_claim", "begun_at", "call_id", "function", "has_ended", "threads", "tool_name", "was_given_up")

    def __init__(self, function: Callable[[], Any], call_id: str, tool_name: str) -> None:
        self.function, self.call_id, self.tool_name = function, call_id, tool_name
        self.was_given_up = False  # before the function began, so it never begins
        self.has_ended = False  # whether the function has ended
        self.begun_at = 0.0  # when the limiter admitted the call, on trio's clock
        self.threads: Threads
        self._claim = threading.Lock()  # taken once: by the thread to begin, or by `give_up` to prevent that

    @property
    def has_begun(self) -> bool:
        """Whether the function has begun in its thread. To be read on the trio thread."""
        return self._claim.locked() and not self.was_given_up

    def give_up(self) -> bool:
        """Prevents the function from beginning; called on the trio thread. False: it has begun already."""
        self.was_given_up = self._claim.acquire(blocking=False)
        return self.was_given_up

    def work(self) -> tuple[Any, BaseException | None] | None:
        """Calls the function, in the thread. Returns its value and its error; None if the call was given up."""
        if not self._claim.acquire(blocking=False):
            return None
        try:
            return self.function(), None
        except BaseException as raised:  # noqa: ASYNC103  # a thread has no cancellation of its own
            error = foreign_error(raised, f"tool {self.tool_name}", _log)
            if self in self.threads.left_behind:
                self._tell_late(error)
            return None, error  # noqa: ASYNC104
        finally:
            self.has_ended = True

    def _tell_late(self, error: BaseException) -> None:
        if not isinstance(error, trio.Cancelled | ToolCallOver):  # these two ask a thread to end
            text = "tool %s (call %s) raised in the thread that it was left behind in"
            _log.error(text, self.tool_name, self.call_id, exc_info=error)

    # trio gets this object as the thread's limiter. The real limiter has admitted the call before; here trio reports
    # the thread's end, even if the call was left behind.

    async def acquire_on_behalf_of(self, borrower: object) -> None:  # noqa: ASYNC910
        """Does nothing: the real limiter has admitted the call already."""

    def release_on_behalf_of(self, borrower: object) -> None:
        """Called on the trio thread when the thread is over."""
        self.threads.thread_is_over(self)


class Threads:
    """Worker threads for blocking tools, as many at once as `limiter` has tokens; further calls wait for a token.

    `friendly` returns a context manager that is entered while a thread works: without one, a busy loop hardly ever lets
    a thread get Python's global lock. While `max_left_behind` threads are left behind, no call is started.
    """

    def __init__(
        self,
        limiter: trio.CapacityLimiter,
        *,
        friendly: Callable[[], AbstractContextManager[object]] = nullcontext,
        max_left_behind: int = MAX_LEFT_BEHIND,
    ) -> None:
        self._limiter = limiter
        self._friendly = friendly
        self._max_left_behind = max_left_behind
        self._calls: set[ThreadCall] = set()  # waiting, working or left behind
        self.left_behind: set[ThreadCall] = set()  # calls whose thread works on unattended; threads read this set
        self._unstarted: dict[str, None] = {}
        self._changed = trio.Event()

    async def run(self, call: ThreadCall, *, on_start: Callable[[], None] | None = None) -> Any:
        """Runs the call in a worker thread, and returns what its function returns.

        `on_start` is called when the limiter has admitted the call and the thread is about to begin. If cancelled
        before the function begins, it never does, and `take_unstarted` returns the call. If cancelled later, the thread
        is left behind: it works on, holds no token any more, and stays in `calls` until it ends.

        Raises: what the function raises (`RaisedInThread` if that is no `Exception`); NotStarted.
        """
        self._check_left_behind(call)
        call.threads = self
        self._calls.add(call)
        try:
            await self._limiter.acquire_on_behalf_of(call)
            try:
                return await self._work(call, on_start)
            finally:
                self._limiter.release_on_behalf_of(call)
        except BaseException:
            self._leave(call)
            raise

    async def compute(self, work: Callable[[], T]) -> T:
        """Returns what `work` returns, computed in an extra thread. For long work of our own code.

        It needs no token and is not in `calls`. It ignores cancellation: the tool has executed, so its result must be
        kept.
        """
        with trio.CancelScope(shield=True), self._friendly():
            return await trio.to_thread.run_sync(work, limiter=trio.CapacityLimiter(1))
        raise AssertionError("nobody cancels this scope")

    async def _work(self, call: ThreadCall, on_start: Callable[[], None] | None) -> Any:
        self._check_left_behind(call)
        call.begun_at = trio.current_time()
        if on_start is not None:
            on_start()
        with self._friendly():
            try:
                ended = await trio.to_thread.run_sync(
                    call.work, thread_name=f"tool {call.tool_name}", abandon_on_cancel=True, limiter=cast(Any, call)
                )
            except RuntimeError as error:  # the machine has no thread left; the function's own errors are in `ended`
                raise NotStarted(f"no thread could be started: {error}") from error
        assert ended is not None
        value, error = ended
        if error is None:
            return value
        raise error if isinstance(error, Exception) else RaisedInThread(error)

    def _check_left_behind(self, call: ThreadCall) -> None:
        if len(self.left_behind) < self._max_left_behind:
            return
        now = trio.current_time()
        ages = ", ".join(f"{each.tool_name} ({now - each.begun_at:.0f} s)" for each in self.left_behind)
        _log.error("tool %s was not started: too many threads were left behind: %s", call.tool_name, ages)
        count = len(self.left_behind)
        raise NotStarted(f"{count} blocking tools that were cancelled or timed out still run, and no more may be left")

    def _leave(self, call: ThreadCall) -> None:
        """Gives up a call that ended without a value, or notes that its thread is left behind."""
        if call.give_up():
            self._calls.discard(call)
            self._unstarted[call.call_id] = None
            while len(self._unstarted) > MAX_UNSTARTED:
                del self._unstarted[next(iter(self._unstarted))]
        elif not call.has_ended:
            self.left_behind.add(call)
            _log.warning(
                "tool %s (call %s) was left behind in its thread after %.1f s; %d such threads run, at most %d may",
                call.tool_name,
                call.call_id,
                trio.current_time() - call.begun_at,
                len(self.left_behind),
                self._max_left_behind,
            )

    def thread_is_over(self, call: ThreadCall) -> None:
        """Called on the trio thread when a call's thread has ended, left behind or not."""
        self._calls.discard(call)
        if call in self.left_behind:
            self.left_behind.discard(call)
            age_s = trio.current_time() - call.begun_at
            _log.info(
                "tool %s (call %s), left behind in its thread, ended after %.1f s", call.tool_name, call.call_id, age_s
            )
        self._changed.set()
        self._changed = trio.Event()

    @property
    def calls(self) -> frozenset[str]:
        """The ids of the calls whose function is executing in a thread, left behind or not."""
        return frozenset([call.call_id for call in self._calls if call.has_begun and not call.has_ended])

    async def wait_without(self, calls: Set[str]) -> None:
        """Waits until none of these calls is in a thread. No checkpoint if none is."""
        while not self.calls.isdisjoint(calls):
            await self._changed.wait()

    def take_unstarted(self, calls: Set[str]) -> frozenset[str]:
        """Returns, and removes, those of these calls that were given up before their function began."""
        found = frozenset(calls & self._unstarted.keys())
        for call_id in found:
            del self._unstarted[call_id]
        return found
