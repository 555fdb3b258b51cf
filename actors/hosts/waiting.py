"""Waits in a host's thread for a future that the system's thread completes: blocking, or in asyncio."""

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, TypeVar

from .future import Future

__all__ = ["soon_in", "wait_asyncio", "wait_blocking"]

T = TypeVar("T")


def wait_blocking(future: Future[T], cancel: Callable[[], None]) -> T:
    """Blocks until the future is done; returns its result.

    On an interrupt such as Ctrl-C, calls `cancel`, waits until the future is done, and raises the interrupt. A second
    interrupt ends that wait too.
    """
    try:
        future.wait()
    except BaseException:
        cancel()
        future.wait()
        raise
    return future.result()


async def wait_asyncio(future: Future[T], cancel: Callable[[], None]) -> T:
    """Waits in asyncio until the future is done; returns its result.

    On each cancellation, calls `cancel`. Raises `asyncio.CancelledError` only once the future is done; or the future's
    error, if the call failed while it was being cancelled.
    """
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    future.when_done(lambda: soon_in(loop, done.set))
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
        # An error refers to this frame. If the frame also referred to the error, both would stay in memory until the
        # garbage collector runs, and so would the reader that the run waits for.
        del cancelled, future, cancel


def soon_in(loop: asyncio.AbstractEventLoop, function: Callable[[], Any]) -> None:
    """Calls the function in the loop, from any thread. Does nothing if the loop is closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function)
