"""When to look at a shared store again: after a hint from another node, or after a while. No I/O here."""

import trio

__all__ = ["LOOK_S", "wait_for_look"]

LOOK_S = 1.0  # between two looks without a hint
PAUSE_S = 0.05  # between two looks, at least: bounds the cost of looks while other nodes save often


async def wait_for_look(hinted: trio.Event, longest_s: float = LOOK_S) -> None:
    """Waits until a hint has come, at least `PAUSE_S` and at most `longest_s` seconds."""
    with trio.move_on_after(longest_s):
        await trio.sleep(PAUSE_S)
        await hinted.wait()
