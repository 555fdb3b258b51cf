"""Pykka: actors on threads that get messages and answer questions.

Written as its documentation's quickstart shows (read in November 2026).
"""

import asyncio
from typing import Any

import pykka
from sample import IN_TURN, finish, measured


class Echo(pykka.ThreadingActor):
    """An actor that returns each message to its sender."""

    def on_receive(self, message: Any) -> Any:
        """Returns the message."""
        return message


async def spawn() -> None:
    """Starts actors, and stops each."""
    for _ in range(IN_TURN):
        Echo.start().stop()


async def tell() -> None:
    """Sends messages to one actor, until it has received the last."""
    echo = Echo.start()
    for n in range(IN_TURN * 10 - 1):
        echo.tell(n)
    echo.ask(0)
    echo.stop()


async def ask() -> None:
    """Asks an actor, and waits for each answer."""
    echo = Echo.start()
    for n in range(IN_TURN * 10):
        echo.ask(n)
    echo.stop()


async def main() -> None:
    """Measures everything."""
    finish(
        "pykka",
        [
            await measured(7, "spawn", "µs CPU", IN_TURN, spawn),
            await measured(7, "tell", "µs CPU", IN_TURN * 10, tell),
            await measured(7, "ask", "µs CPU", IN_TURN * 10, ask),
        ],
    )


asyncio.run(main())
