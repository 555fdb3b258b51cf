"""Readers who have waited for long are let go on with nothing, to tell their clients that they are still there.

One task does it for all readers of a system. A cancel scope with a deadline around each wait would do it too, and take
a quarter of the time that a token takes from the model to a reader.
"""

import trio

from ..core.mailbox import Mailbox
from .cursor import Cursor

__all__ = ["KeepAlive"]

TICK_S = 1.0


class KeepAlive:
    """Waits of many readers, each with a bound that is kept to half a second. `run` must be running."""

    __slots__ = ("_due", "_somebody")

    def __init__(self) -> None:
        self._due: dict[Cursor, float] = {}  # of those who wait, when they have waited for long
        self._somebody = trio.Event()  # set when one of them comes

    async def wait_more(self, cursor: Cursor, seconds: float) -> bool:
        """As `cursor.wait_more`, but not for longer than that. False: so long, and nothing came."""
        self._due[cursor] = trio.current_time() + seconds
        self._somebody.set()
        try:
            await cursor.wait_more()
        finally:
            in_time = self._due.pop(cursor, None) is not None
        return in_time

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor that keeps the time."""
        while True:
            if not self._due:
                self._somebody = trio.Event()
                await self._somebody.wait()
            await trio.sleep(TICK_S)
            now = trio.current_time() + TICK_S / 2
            for cursor in [cursor for cursor, due in self._due.items() if due <= now]:
                del self._due[cursor]
                cursor.notify()
