"""Reads standard input, a terminal or a pipe, without blocking trio. Every read can be cancelled.

On a terminal the line editor (`editor.py`) gives the entries; otherwise a thread reads line by line.
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
    """Reads entries. Get one from `open_keyboard`."""

    @property
    def interactive(self) -> bool:
        """Whether a person types the entries at a terminal."""
        ...

    async def entry(self, screen: Screen, prompt: str, *, is_message: bool = False) -> str | None:
        """Shows a prompt and returns the entry; None at the end of the input.

        Cancellation removes the prompt. `is_message`: the history keeps the entry; not for answers to decisions.
        """
        ...

    def forget(self) -> None:
        """Drops keys that a person typed before the question was shown. A pipe keeps its lines."""
        ...


class Lines:
    """Reads entries line by line, from a pipe or from a terminal without an editor."""

    def __init__(self, lines: trio.MemoryReceiveChannel[str], interactive: bool) -> None:
        self._lines = lines
        self.interactive = interactive

    async def entry(self, screen: Screen, prompt: str, *, is_message: bool = False) -> str | None:
        """Returns the next line, without its line end. Cancellation loses no line."""
        was_typed_ahead = self._lines.statistics().current_buffer_used > 0
        with screen.prompting(prompt):
            entry = await self._line()
        screen.typed(entry, echoed=self.interactive and not was_typed_ahead)
        return entry

    def forget(self) -> None:
        """Drops lines that a person typed ahead. A pipe keeps its lines."""
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
    """Opens standard input. `history`: the file that keeps messages for the next chat; None: messages are not kept."""
    interactive = sys.stdin is not None and sys.stdin.isatty()
    if interactive and sys.stdout.isatty() and sys.platform != "win32" and _terminal() not in ("", "dumb"):
        from .editor import open_editor  # loads prompt_toolkit only when needed

        with open_editor(history) as editor:
            yield editor
        return
    # Lines of a person are read at once, so that `forget` can drop them; lines of a pipe only on demand.
    into, lines = trio.open_memory_channel[str](math.inf if interactive else 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read_lines, into)
        yield Lines(lines, interactive)
        nursery.cancel_scope.cancel()


def _terminal() -> str:
    """Returns the name of the terminal type, from TERM."""
    return os.environ.get("TERM", "")


def _flush() -> None:
    """Makes the terminal drop an unfinished line."""
    if sys.platform != "win32":
        import termios

        termios.tcflush(0, termios.TCIFLUSH)


async def _read_lines(into: trio.MemorySendChannel[str]) -> None:
    """Reads in a thread that may outlive the program: it holds no lock that the process needs to exit."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    limiter, rest = trio.CapacityLimiter(1), ""
    with into, suppress(OSError):  # a missing or closed standard input counts as empty
        while data := await trio.to_thread.run_sync(os.read, 0, READ_BYTES, abandon_on_cancel=True, limiter=limiter):
            *whole, rest = (rest + decoder.decode(data)).split("\n")
            for line in whole:
                await into.send(line.removesuffix("\r"))
        if rest:
            await into.send(rest)
