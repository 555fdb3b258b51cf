"""How a thread of the host waits for a future that the system's thread completes: blocking, or in asyncio."""

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["soon_in", "wait_asyncio", "wait_blocking"]

T = TypeVar("T")


def wait_blocking(future: Future[T], cancel: Callable[[], None]) -> T:
    """Block until the future is done; return its result.

    Interrupted, by Ctrl-C for one, call `cancel`, wait until the future is done, and raise the interruption. A second
    interruption ends that waiting too.
    """
    try:
        wait([future])
    except BaseException:
        cancel()
        wait([future])
        raise
    return future.result()


async def wait_asyncio(future: Future[T], cancel: Callable[[], None]) -> T:
    """Wait in asyncio until the future is done; return its result.

    Cancelled, however often, call `cancel`, and raise `asyncio.CancelledError` only once the future is done; or the
    error that the future has, if what it stands for failed while it was stopped.
    """
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    future.add_done_callback(lambda _: soon_in(loop, done.set))
    cancelled: asyncio.CancelledError | None = None
    try:
        while not future.done():
            try:
                await done.wait()
            except asyncio.CancelledError as error:  # noqa: ASYNC103  # raised below
                cancelled = error
                cancel()
        if cancelled is None:
            return future.result()
        failure = future.exception()
        raise cancelled if failure is None or isinstance(failure, CancelledError) else failure
    finally:
        # An error refers to this frame. If the frame referred to the error, both would stay until Python's garbage
        # collector finds them, and with them the reader of a run, for which the run waits.
        del cancelled, future, cancel


def soon_in(loop: asyncio.AbstractEventLoop, function: Callable[[], Any]) -> None:
    """Call the function in the loop, from any thread. Nothing happens if the loop is closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function)
