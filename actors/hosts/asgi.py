"""An ASGI app that runs on trio, for a server that runs on asyncio: each request crosses the threads."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, TypeAlias

from .hostloop import run_in
from .thread import SystemThread

__all__ = ["AsgiApp", "AsgiBridge"]

# Starlette's types, written out: hosts work without Starlette.
_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[MutableMapping[str, Any], _Receive, _Send], Awaitable[None]]


class AsgiBridge:
    """An ASGI app for asyncio, around one for trio. `AsyncioSystem.asgi` makes it.

    The app's `send` returns when the server's has, so a slow client slows the app down. When the server cancels a
    request, it is cancelled in the app too.
    """

    def __init__(self, thread: SystemThread, app: AsgiApp) -> None:
        self._thread, self._app = thread, app

    async def __call__(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        """Have the app serve one request, in the asyncio loop that this is awaited in."""
        loop = asyncio.get_running_loop()

        async def receive_there() -> _Message:
            return await run_in(loop, receive)

        async def send_there(message: _Message) -> None:
            await run_in(loop, partial(send, message))

        async def serve() -> None:
            await self._app(scope, receive_there, send_there)

        await self._thread.awaited(serve)
