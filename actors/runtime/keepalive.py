"""Wakes readers that have waited a while without an event, so that they can send a keep-alive to their clients.

One task serves all readers of a system. A cancel scope with a deadline around each wait would cost a quarter of the
time that a token takes from the model to a reader.
"""

import trio

from ..core.mailbox import Mailbox
from .cursor import Cursor

__all__ = ["KeepAlive"]

TICK_S = 1.0


class KeepAlive:
    """Waits of many readers, each with a timeout that is kept within half a second. `run` must be running."""

    __slots__ = ("_due", "_somebody")

    def __init__(self) -> None:
        self._due: dict[Cursor, float] = {}  # when each waiting reader times out, on trio's clock
        self._somebody = trio.Event()  # set when a reader begins to wait

    async def wait_more(self, cursor: Cursor, seconds: float) -> bool:
        """Waits as `cursor.wait_more` does, but at most `seconds`. False: timed out."""
        if not self._due:
            self._somebody.set()
        self._due[cursor] = trio.current_time() + seconds
        try:
            await cursor.wait_more()
        finally:
            in_time = self._due.pop(cursor, None) is not None
        return in_time

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor that wakes readers at their timeout."""
        while True:
            if not self._due:
                self._somebody = trio.Event()
                await self._somebody.wait()
            await trio.sleep(TICK_S)
            now = trio.current_time() + TICK_S / 2
            for cursor in [cursor for cursor, due in self._due.items() if due <= now]:
                del self._due[cursor]
                cursor.notify()
