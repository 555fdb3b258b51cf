"""A result that one thread sets once, and that other threads and asyncio loops wait for. Knows nothing of systems.

`concurrent.futures.Future` is not enough: Ctrl-C in the thread that waits may leave the future's lock locked, and then
the thread that sets the result waits for ever.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

__all__ = ["Future"]

T = TypeVar("T")


class Future(Generic[T]):
    """Has no lock that an interrupt could leave locked: `append` and `popleft` of a deque are atomic."""

    def __init__(self) -> None:
        self._is_done = False
        self._value: T
        self._error: BaseException | None = None
        self._callbacks: deque[Callable[[], object]] = deque()

    def done(self) -> bool:
        """Whether the result or the error was set."""
        return self._is_done

    def set_result(self, value: T) -> None:
        """Sets the result. Only one thread may set it, once."""
        self._value = value
        self._finish()

    def set_exception(self, error: BaseException) -> None:
        """Sets an error, which `result` raises. Only one thread may set it, once."""
        self._error = error
        self._finish()

    def exception(self) -> BaseException | None:
        """Returns the error that was set; None if there is none."""
        return self._error

    def result(self) -> T:
        """Blocks until the future is done, and returns the result. Raises: the error that was set."""
        self.wait()
        try:
            if self._error is not None:
                raise self._error
            return self._value
        finally:
            del self  # the error refers to this frame: without this, both would wait for the garbage collector

    def wait(self) -> None:
        """Blocks until the future is done. May be interrupted."""
        if not self._is_done:
            woken = threading.Lock()
            woken.acquire()
            self.when_done(partial(_unlock, woken))
            woken.acquire()

    def when_done(self, callback: Callable[[], object]) -> None:
        """Calls `callback` once the future is done, in the thread that sets the result; at once if it is done already.

        It must not raise. If the result is set at this very moment, both threads call it.
        """
        if not self._is_done:
            self._callbacks.append(callback)
        if self._is_done:  # only its own: an interrupt here must not lose the callback of another thread
            callback()

    def _finish(self) -> None:
        self._is_done = True
        while self._callbacks:
            self._callbacks.popleft()()


def _unlock(lock: threading.Lock) -> None:
    with suppress(RuntimeError):  # it is unlocked already
        lock.release()
