"""Shared by the tests of hosts: agents for a system, and ways to wait for calls on the system's thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import trio
from trio.testing import wait_all_tasks_blocked

from adjourn.actors import Agent, Tool, tool
from adjourn.actors.testing import Response, ScriptedModel, calls, says

T = TypeVar("T")

CUSHION_S = 0.01  # for wait_all_tasks_blocked: how long the other thread must be idle
PATIENCE_S = 30  # on a busy machine


@tool(approval=True)
async def refund(order_id: int) -> str:
    """Pay an order's money back."""
    return f"Order {order_id} is refunded."


def talker(*responses: Response, tools: tuple[Tool, ...] = ()) -> Agent:
    return Agent(name="talker", model=ScriptedModel(responses or ["Hello."]), tools=tools)


def shop() -> Agent:
    return Agent(name="shop", model=ScriptedModel([calls(("refund", {"order_id": 7})), says("Done.")]), tools=[refund])


def run_asyncio(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a coroutine in a new asyncio loop, for at most `PATIENCE_S`."""
    return asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


async def settle() -> None:
    """Waits until all tasks of the system's thread are blocked. Call it on that thread."""
    await wait_all_tasks_blocked(CUSHION_S)


class Stubborn:
    """A call on the system's thread that ends after its cancellation only when the test allows it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.began, self.may_end = trio.Event(), trio.Event()
        self.is_ending = threading.Event()
        self.has_ended = False
        self.error = error

    async def __call__(self) -> None:
        self.began.set()
        try:
            await trio.sleep_forever()
        finally:
            self.is_ending.set()
            with trio.CancelScope(shield=True):
                await self.may_end.wait()
            self.has_ended = True
            if self.error is not None:
                raise self.error
