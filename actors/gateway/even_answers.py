"""Errors with even timing: the time until an error must not show what was looked up."""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from ...protocol.errors import AdjournError

__all__ = ["answered_evenly", "wait_step"]

STEP_S = 0.25  # longer than loading a run of some megabytes and asking an authorizer takes


async def wait_step() -> None:
    """Waits one step, as an error of `answered_evenly` does at least."""
    await trio.sleep(STEP_S)


@asynccontextmanager
async def answered_evenly(kind: type[AdjournError]) -> AsyncGenerator[None]:
    """Delays errors of this kind until the next multiple of `STEP_S` since the block began; nothing else is delayed.

    Otherwise the timing would tell a missing run from a hidden one, which is loaded and shown to the authorizer.
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
