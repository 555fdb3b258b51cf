"""The lines that a person types, or that a pipe holds: standard input without blocking trio, and left at any moment."""

import codecs
import math
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import trio

__all__ = ["Keyboard", "open_keyboard"]

READ_BYTES = 4096


class Keyboard:
    """The lines that are typed, or piped in. Get one from `open_keyboard`."""

    def __init__(self, lines: trio.MemoryReceiveChannel[str], interactive: bool) -> None:
        self._lines = lines
        self.interactive = interactive  # a person types them, and sees them

    @property
    def has_line(self) -> bool:
        """Whether a line was typed before it was asked for."""
        return self._lines.statistics().current_buffer_used > 0

    async def line(self) -> str | None:
        """The next line, without its end; None when there are no more. Cancelled, it loses none."""
        try:
            return await self._lines.receive()
        except trio.EndOfChannel:
            return None

    def forget(self) -> None:
        """Drop what a person typed ahead: it was not meant for the question that comes now. A pipe keeps its lines."""
        if self.interactive:
            _flush()
            with suppress(trio.WouldBlock, trio.EndOfChannel):
                while True:
                    self._lines.receive_nowait()


@asynccontextmanager
async def open_keyboard() -> AsyncGenerator[Keyboard]:
    """Standard input, read in a thread of its own. The thread is left behind when the block is: reading past Python's
    own buffers, it holds no lock that the process would need in order to exit."""
    interactive = sys.stdin is not None and sys.stdin.isatty()
    # A person's lines are taken as they come, so that `forget` finds them; a pipe's only when they are wanted.
    into, lines = trio.open_memory_channel[str](math.inf if interactive else 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read_lines, into)
        yield Keyboard(lines, interactive)
        nursery.cancel_scope.cancel()


def _flush() -> None:
    """Have the terminal drop the line that is half typed."""
    if sys.platform != "win32":
        import termios

        termios.tcflush(0, termios.TCIFLUSH)


async def _read_lines(into: trio.MemorySendChannel[str]) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    limiter, rest = trio.CapacityLimiter(1), ""
    with into, suppress(OSError):  # no standard input, or none any more, is an empty one
        while data := await trio.to_thread.run_sync(os.read, 0, READ_BYTES, abandon_on_cancel=True, limiter=limiter):
            *whole, rest = (rest + decoder.decode(data)).split("\n")
            for line in whole:
                await into.send(line.removesuffix("\r"))
        if rest:
            await into.send(rest)
