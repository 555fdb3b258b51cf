"""Pykka: actors on threads, told and asked. As its documentation's quickstart has it (read 2026-11)."""

import asyncio
from typing import Any

import pykka
from sample import IN_TURN, finish, measured


class Echo(pykka.ThreadingActor):
    """Gives back what it gets."""

    def on_receive(self, message: Any) -> Any:
        """The same."""
        return message


async def spawn() -> None:
    """Start actors, and stop each."""
    for _ in range(IN_TURN):
        Echo.start().stop()


async def tell() -> None:
    """Messages to one actor, until it has received the last."""
    echo = Echo.start()
    for n in range(IN_TURN * 10 - 1):
        echo.tell(n)
    echo.ask(0)
    echo.stop()


async def ask() -> None:
    """Questions and answers."""
    echo = Echo.start()
    for n in range(IN_TURN * 10):
        echo.ask(n)
    echo.stop()


async def main() -> None:
    """Everything."""
    finish(
        "pykka",
        [
            await measured(7, "spawn", "µs CPU", IN_TURN, spawn),
            await measured(7, "tell", "µs CPU", IN_TURN * 10, tell),
            await measured(7, "ask", "µs CPU", IN_TURN * 10, ask),
        ],
    )


asyncio.run(main())
