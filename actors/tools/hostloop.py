"""The interface to the asyncio loop of a host, in which tools for asyncio execute. `actors/hosts/` implements it."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

__all__ = ["HostLoop"]


class HostLoop(Protocol):
    """An asyncio loop in another thread. Its methods are called on the system's thread."""

    async def run(self, function: Callable[[], Any]) -> Any:
        """Call the function in the asyncio loop, await what it returns, and return the result.

        Cancelled, it cancels the asyncio task and returns once that has ended. Raises: what the function raises.
        """
        ...

    def carried(self, publish: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        """Return a function to be awaited in the asyncio loop, that awaits `publish` on the system's thread."""
        ...
