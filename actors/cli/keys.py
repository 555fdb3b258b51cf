"""Reads single keys of a terminal, one by one, without blocking trio. Unix only.

The line editor (`editor.py`) and `keyboard.py` read whole entries instead.
"""

import os
import re
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager

import trio

__all__ = ["has_keys", "keys_in", "open_keys"]

_NAMES = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1b[F": "end",
    "\x1b[1~": "home",
    "\x1b[4~": "end",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1b": "escape",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x03": "ctrl-c",
    "\x04": "ctrl-d",
}
_KEY = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO.|.", re.DOTALL)


def has_keys() -> bool:
    """Whether a person sits at a terminal whose keys can be read one by one."""
    is_terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    return is_terminal and sys.platform != "win32" and os.environ.get("TERM", "") not in ("", "dumb")


def keys_in(text: str) -> Iterator[str]:
    """Yields the keys in what a terminal sent: characters, and names such as `up`. Leaves out unknown sequences."""
    for found in _KEY.finditer(text):
        key = _NAMES.get(found[0], found[0])
        if key.isprintable() and not key.startswith("\x1b"):
            yield key


@asynccontextmanager
async def open_keys() -> AsyncGenerator[trio.MemoryReceiveChannel[str]]:
    """Gives the keys of standard input, a terminal, until the block ends. Ctrl-C is a key too.

    The terminal's own settings are back after the block. SIGTERM and SIGHUP cancel the block, and then end the process
    as usual.
    """
    assert sys.platform != "win32"
    import termios
    import tty

    before = termios.tcgetattr(0)
    into, keys = trio.open_memory_channel[str](0)
    ended_by: list[int] = []
    try:
        tty.setcbreak(0)
        settings = termios.tcgetattr(0)
        settings[3] &= ~termios.ISIG  # Ctrl-C sends no signal
        termios.tcsetattr(0, termios.TCSADRAIN, settings)
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_read, into)
                nursery.start_soon(_wait_ended, signals, ended_by, nursery.cancel_scope)
                yield keys
                nursery.cancel_scope.cancel()
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
    for number in ended_by:
        signal.raise_signal(number)


async def _wait_ended(signals: AsyncIterator[int], ended_by: list[int], scope: trio.CancelScope) -> None:
    """Cancels the scope at the first signal, and notes the signal."""
    async for number in signals:
        ended_by.append(number)
        scope.cancel()
        return


async def _read(into: trio.MemorySendChannel[str]) -> None:
    """Passes the keys on until the terminal is closed."""
    with into:
        while True:
            await trio.lowlevel.wait_readable(0)
            try:
                data = os.read(0, 1024)
            except OSError:  # the terminal is gone
                return
            if not data:
                return
            for key in keys_in(data.decode(errors="replace")):
                await into.send(key)
