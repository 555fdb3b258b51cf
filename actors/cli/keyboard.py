"""What a person enters, or what a pipe holds: standard input without blocking trio, and left at any moment.

On a terminal entries come from the line editor (`editor.py`), else line by line from a thread.
"""

import codecs
import math
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

import trio

from .screen import Screen

__all__ = ["Keyboard", "Lines", "open_keyboard"]

READ_BYTES = 4096


class Keyboard(Protocol):
    """Where entries come from. Get one from `open_keyboard`."""

    @property
    def interactive(self) -> bool:
        """Whether a person types the entries, and sees them."""
        ...

    async def entry(self, screen: Screen, prompt: str, *, is_message: bool = False) -> str | None:
        """Show a prompt and return what is entered behind it; None when the input has ended.

        Cancelled, it removes the prompt. `is_message`: the entry is kept in the history; answers to decisions are not.
        """
        ...

    def forget(self) -> None:
        """Drop what a person typed ahead: it was not meant for the question that comes now. A pipe keeps its lines."""
        ...


class Lines:
    """Entries that come line by line: from a pipe, or from a terminal without an editor."""

    def __init__(self, lines: trio.MemoryReceiveChannel[str], interactive: bool) -> None:
        self._lines = lines
        self.interactive = interactive

    async def entry(self, screen: Screen, prompt: str, *, is_message: bool = False) -> str | None:
        """The next line, without its end. Cancelled, it loses none."""
        was_typed_ahead = self._lines.statistics().current_buffer_used > 0
        with screen.prompting(prompt):
            entry = await self._line()
        screen.typed(entry, echoed=self.interactive and not was_typed_ahead)
        return entry

    def forget(self) -> None:
        """Drop what a person typed ahead; a pipe keeps its lines."""
        if self.interactive:
            _flush()
            with suppress(trio.WouldBlock, trio.EndOfChannel):
                while True:
                    self._lines.receive_nowait()

    async def _line(self) -> str | None:
        try:
            return await self._lines.receive()
        except trio.EndOfChannel:
            return None


@asynccontextmanager
async def open_keyboard(history: Path | None = None) -> AsyncGenerator[Keyboard]:
    """Standard input. `history`: the file in which messages are kept for the next time; None: they are not kept."""
    interactive = sys.stdin is not None and sys.stdin.isatty()
    if interactive and sys.stdout.isatty() and sys.platform != "win32" and _terminal() not in ("", "dumb"):
        from .editor import open_editor  # its library is loaded only where it is used

        with open_editor(history) as editor:
            yield editor
        return
    # A person's lines are taken as they come, so that `forget` finds them; a pipe's only when they are wanted.
    into, lines = trio.open_memory_channel[str](math.inf if interactive else 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read_lines, into)
        yield Lines(lines, interactive)
        nursery.cancel_scope.cancel()


def _terminal() -> str:
    """The kind of terminal."""
    return os.environ.get("TERM", "")


def _flush() -> None:
    """Have the terminal drop the line that is half typed."""
    if sys.platform != "win32":
        import termios

        termios.tcflush(0, termios.TCIFLUSH)


async def _read_lines(into: trio.MemorySendChannel[str]) -> None:
    """Read in a thread that is left behind at the end: it holds no lock that the process needs in order to exit."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    limiter, rest = trio.CapacityLimiter(1), ""
    with into, suppress(OSError):  # no standard input, or none any more, is an empty one
        while data := await trio.to_thread.run_sync(os.read, 0, READ_BYTES, abandon_on_cancel=True, limiter=limiter):
            *whole, rest = (rest + decoder.decode(data)).split("\n")
            for line in whole:
                await into.send(line.removesuffix("\r"))
        if rest:
            await into.send(rest)
