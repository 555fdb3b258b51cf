"""The interface to the asyncio loop of a host, in which tools for asyncio execute. `actors/hosts/` implements it."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

__all__ = ["HostLoop"]


class HostLoop(Protocol):
    """An asyncio loop in another thread. Its methods are called on the system's thread."""

    async def run(self, function: Callable[[], Any]) -> Any:
        """Calls the function in the asyncio loop, awaits what it returns, and returns the result.

        If cancelled, cancels the asyncio task and waits until it has ended. Raises: what the function raises.
        """
        ...

    def carried(self, publish: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        """Returns a version of `publish` for the asyncio loop, which awaits `publish` on the system's thread."""
        ...
