"""Offers the methods of `Run` and `ActorSystem` to other threads: one wrapper for blocking code, one for asyncio.

The wrapped methods keep their docstring and, for type checkers and `inspect.signature`, their signature.
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial, wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from .thread import SystemThread

__all__ = ["Hosted", "awaited", "blocking"]

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")


class Hosted(Generic[S]):
    """Represents, in other threads, an object of the system's thread."""

    __slots__ = ("inner", "thread")

    def __init__(self, thread: SystemThread, inner: S) -> None:
        self.thread = thread
        self.inner = inner  # for use on the system's thread only

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.inner!r}>"


def blocking(method: Callable[Concatenate[S, P], Awaitable[T]]) -> Callable[Concatenate[Hosted[S], P], T]:
    """Makes an async method blocking. Raises: what the method raises, and as `SystemThread.block`."""

    @wraps(method)
    def blocked(self: Hosted[S], /, *args: P.args, **options: P.kwargs) -> T:
        return self.thread.block(partial(method, self.inner, *args, **options))

    return blocked


def awaited(
    method: Callable[Concatenate[S, P], Awaitable[T]],
) -> Callable[Concatenate[Hosted[S], P], Coroutine[Any, Any, T]]:
    """Makes an async method awaitable in asyncio. Raises: what the method raises, and as `SystemThread.awaited`."""

    @wraps(method)
    async def carried(self: Hosted[S], /, *args: P.args, **options: P.kwargs) -> T:
        return await self.thread.awaited(partial(method, self.inner, *args, **options))

    return carried
