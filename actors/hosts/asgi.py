"""Runs a trio ASGI app under an asyncio server: each request crosses to the system's thread."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, TypeAlias

from .hostloop import run_in
from .thread import SystemThread

__all__ = ["AsgiApp", "AsgiBridge"]

# Starlette's types, repeated here because hosts work without Starlette.
_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[MutableMapping[str, Any], _Receive, _Send], Awaitable[None]]


class AsgiBridge:
    """An ASGI app for asyncio around an ASGI app for trio. Made by `AsyncioSystem.asgi`.

    The app's `send` returns when the server's `send` has returned, so a slow client slows the app down. If the server
    cancels a request, the app's request is cancelled too.
    """

    def __init__(self, thread: SystemThread, app: AsgiApp) -> None:
        self._thread, self._app = thread, app

    async def __call__(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        """Lets the app serve one request from this asyncio loop."""
        loop = asyncio.get_running_loop()

        async def receive_there() -> _Message:
            return await run_in(loop, receive)

        async def send_there(message: _Message) -> None:
            await run_in(loop, partial(send, message))

        async def serve() -> None:
            await self._app(scope, receive_there, send_there)

        await self._thread.awaited(serve)
