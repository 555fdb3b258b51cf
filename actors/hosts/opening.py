"""Opens a system in a thread of its own, for blocking code (`with`) and for asyncio (`async with`)."""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

from ..runtime.system import ActorSystem, open_actor_system
from .hostloop import ToolLoop
from .systems import AsyncioSystem, BlockingSystem
from .thread import SystemThread
from .waiting import wait_asyncio, wait_blocking

__all__ = ["ThreadedSystem", "open_threaded_system"]

P = ParamSpec("P")
T = TypeVar("T")

_Opened = Callable[..., AbstractAsyncContextManager[ActorSystem]]


def _takes_arguments_of(other: Callable[P, object]) -> Callable[[Callable[..., T]], Callable[P, T]]:
    """Copies another function's parameters, for type checkers and for `inspect.signature`."""

    def decorate(function: Callable[..., T]) -> Callable[P, T]:
        parameters = inspect.signature(other)
        cast(Any, function).__signature__ = parameters.replace(return_annotation=ThreadedSystem)
        return cast(Callable[P, T], function)

    return decorate


class ThreadedSystem:
    """A system in a thread of its own; it can be opened once. Made by `open_threaded_system`.

    `with` gives a `BlockingSystem`, `async with` an `AsyncioSystem`.
    """

    def __init__(self, opened: _Opened) -> None:
        self._opened = opened
        self._thread: SystemThread | None = None

    def __enter__(self) -> BlockingSystem:
        thread = self._start(None)
        try:
            return BlockingSystem(thread, wait_blocking(thread.ready, partial(thread.leave, at_once=True)))
        except BaseException:
            thread.join()
            raise

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        thread = self._leave(at_once=kind is not None)
        if thread is not None:
            try:
                wait_blocking(thread.ended, partial(thread.leave, at_once=True))
            finally:
                thread.join()

    async def __aenter__(self) -> AsyncioSystem:
        thread = self._start(asyncio.get_running_loop())
        try:
            return AsyncioSystem(thread, await wait_asyncio(thread.ready, partial(thread.leave, at_once=True)))
        except BaseException:
            await _ended(thread)
            raise

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        thread = self._leave(at_once=kind is not None)
        if thread is not None:
            await _ended(thread)

    def _start(self, loop: asyncio.AbstractEventLoop | None) -> SystemThread:
        if self._thread is not None:
            raise RuntimeError("this system was opened before; call open_threaded_system again for another one")
        opened = self._opened

        def open_on(thread: SystemThread) -> AbstractAsyncContextManager[ActorSystem]:
            return opened() if loop is None else opened(host_loop=ToolLoop(loop, thread))

        self._thread = SystemThread(open_on, host_loop=loop)
        self._thread.start()
        return self._thread

    def _leave(self, *, at_once: bool) -> SystemThread | None:
        """Closes the system; returns the thread to wait for. None in a fork: the system belongs to the parent
        process.
        """
        thread = self._thread
        assert thread is not None
        if not thread.is_of_this_process:
            return None
        thread.leave(at_once=at_once)
        return thread


async def _ended(thread: SystemThread) -> None:
    try:
        await wait_asyncio(thread.ended, partial(thread.leave, at_once=True))
    finally:
        thread.join()  # short: the trio loop has already ended


@_takes_arguments_of(open_actor_system)
def open_threaded_system(*args: Any, **options: Any) -> ThreadedSystem:
    """Opens a system on a trio loop in a thread of its own, for programs that are not on trio.

        with open_threaded_system([agent], store="sqlite:///runs.db") as system:  # a script, a thread
            run = system.start("shop", "Refund order 7.")
            for event in run.events():
                ...

        async with open_threaded_system([agent]) as system:  # asyncio, a notebook
            run = await system.start("shop", "Refund order 7.")
            async for event in run.events():
                ...

    Takes the arguments of `open_actor_system`. Leaving the block closes the system in the same way, and ends the
    thread. After an error, a cancellation or Ctrl-C, closing does not wait for work in progress.

    The methods are those of `ActorSystem` and `Run`, with the same errors. Any thread and any asyncio loop may call
    them. With `async with`, tools declared with `loop="asyncio"` execute in the loop of that block.

    A forked process does not have the thread: open the system after the fork (gunicorn: without --preload).

    Raises: on entering the block: as `open_actor_system`; RuntimeError if it was entered before.
    """
    return ThreadedSystem(partial(open_actor_system, *args, **options))
