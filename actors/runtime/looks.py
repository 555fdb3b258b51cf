"""When to look at a shared store again: after a hint of another node, or after a while. Doesn't look itself."""

import trio

__all__ = ["LOOK_S", "wait_for_look"]

LOOK_S = 1.0  # between two looks without a hint
PAUSE_S = 0.05  # at least, between two looks: however often others save, each look has a bounded share of the time


async def wait_for_look(hinted: trio.Event, longest_s: float = LOOK_S) -> None:
    """Waits until a hint, which may have come already, or `longest_s` seconds; but at least `PAUSE_S` seconds."""
    with trio.move_on_after(longest_s):
        await trio.sleep(PAUSE_S)
        await hinted.wait()
