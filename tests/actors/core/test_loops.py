"""Opening something outside trio raises an error that says what to use instead."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio

from adjourn.actors import open_actor_system, open_supervisor
from adjourn.actors.client import open_client
from adjourn.actors.core.loops import check_trio
from adjourn.actors.gateway import GatewayLimits, serve_gateway
from adjourn.actors.web import serve_app


async def enter(opened: AbstractAsyncContextManager[Any]) -> None:
    async with opened:
        pass


ATTEMPTS = [
    (lambda: enter(open_actor_system()), r"^open_actor_system needs a trio loop.* adjourn\.open_threaded_system\.$"),
    (lambda: enter(open_supervisor()), r"^open_supervisor needs .* asyncio\.to_thread\(trio\.run, main\)\.$"),
    (lambda: enter(open_client()), r"^open_client needs .* asyncio\.to_thread\(trio\.run, main\)\.$"),
    (lambda: serve_gateway(None), r"^serve_gateway needs .* mount system\.asgi\(web_app\)\.$"),  # type: ignore[arg-type]
    (
        lambda: serve_app(None, host=None, port=0, limits=GatewayLimits()),  # type: ignore[arg-type]
        r"^serve_app needs .* mount system\.asgi\(web_app\)\.$",
    ),
]


@pytest.mark.parametrize(("attempt", "words"), ATTEMPTS)
def test_opening_in_an_asyncio_loop_says_what_to_use(attempt: Any, words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        asyncio.run(attempt())


async def test_on_trio_the_check_passes() -> None:
    check_trio("this")
    await trio.lowlevel.checkpoint()
