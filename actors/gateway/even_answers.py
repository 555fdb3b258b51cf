"""Answers that take the same time whatever was looked up for them."""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from ...protocol.errors import AdjournError

__all__ = ["answered_evenly", "wait_step"]

STEP_S = 0.25  # more than it takes to load a run of some megabytes, and to ask an authorizer


async def wait_step() -> None:
    """Wait as long as an error that `answered_evenly` lets out at its first step."""
    await trio.sleep(STEP_S)


@asynccontextmanager
async def answered_evenly(kind: type[AdjournError]) -> AsyncGenerator[None]:
    """Let errors of this kind out of the block only at multiples of `STEP_S` since its begin; nothing else waits.

    Else it would show how much was looked up: nothing, or a run of four megabytes and an authorizer's opinion of it.
    """
    begun = trio.current_time()
    try:
        yield
        return
    except kind as raised:
        error = raised
    steps = math.floor((trio.current_time() - begun) / STEP_S) + 1
    await trio.sleep_until(begun + steps * STEP_S)
    raise error
