"""Calls from the system's thread into an asyncio loop of the host program."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from inspect import isawaitable
from typing import Any

import trio

from .thread import SystemThread
from .waiting import soon_in

__all__ = ["ToolLoop", "run_in"]


class ToolLoop:
    """The asyncio loop in which tools for asyncio execute: a `HostLoop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, thread: SystemThread) -> None:
        self._loop, self._thread = loop, thread

    async def run(self, function: Callable[[], Any]) -> Any:
        """As `HostLoop.run`."""
        return await run_in(self._loop, function)

    def carried(self, publish: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        """As `HostLoop.carried`."""

        async def publish_from_asyncio(partial_result: Any) -> None:
            await self._thread.awaited(partial(publish, partial_result))

        return publish_from_asyncio


async def run_in(loop: asyncio.AbstractEventLoop, function: Callable[[], Any]) -> Any:
    """Calls the function in the loop, as a task with the current context variables; awaits and returns its result.

    If cancelled, cancels the asyncio task and waits until it has ended. If the task returns a value or raises another
    error despite the cancellation, the value is returned or the error raised.

    Raises: what the function raises; RuntimeError if the loop is closed.
    """
    ended = trio.Event()
    token = trio.lowlevel.current_trio_token()
    begun: list[asyncio.Task[tuple[Any, BaseException | None]]] = []

    def begin() -> None:
        begun.append(loop.create_task(_outcome(function)))
        begun[0].add_done_callback(lambda _: _set_from_outside(ended, token))

    loop.call_soon_threadsafe(begin, context=copy_context())
    try:
        await ended.wait()
    except trio.Cancelled:  # noqa: ASYNC103  # see the docstring
        if loop.is_closed():
            raise
        soon_in(loop, lambda: begun[0].cancel())
        with trio.CancelScope(shield=True):
            await ended.wait()
        if begun[0].cancelled():
            raise
    value, error = begun[0].result()
    if error is not None:
        raise error
    return value


async def _outcome(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Returns the function's result, or its error, because raising SystemExit in a task would end the host's loop."""
    try:
        value = function()
        while isawaitable(value):
            value = await value
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: ASYNC103  # raised where the call comes from
        return None, error  # noqa: ASYNC104
    return value, None


def _set_from_outside(event: trio.Event, token: trio.lowlevel.TrioToken) -> None:
    with suppress(trio.RunFinishedError):
        token.run_sync_soon(event.set)
