"""Standard input as lines: whole, in order, and a cancelled reader loses none."""

import os
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from adjourn.actors.cli.keyboard import open_keyboard
from adjourn.actors.cli.screen import Screen


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Make standard input a pipe. Return its other end."""
    read, write = os.pipe()
    saved = os.dup(0)
    os.dup2(read, 0)
    yield write
    os.dup2(saved, 0)
    for fd in (read, saved):
        os.close(fd)


async def test_lines_are_read_whole_however_the_bytes_come(piped: int) -> None:
    async with open_keyboard() as keyboard:
        os.write(piped, "one\r\ntw€".encode()[:-1])
        assert await keyboard.entry(Screen(), "") == "one"
        os.write(piped, "tw€".encode()[-1:] + b"o\n\nlast")
        os.close(piped)
        assert [await keyboard.entry(Screen(), "") for _ in range(4)] == ["tw€o", "", "last", None]
        assert await keyboard.entry(Screen(), "") is None


async def test_a_line_after_a_cancelled_read_goes_to_the_next_read(piped: int) -> None:
    async with open_keyboard() as keyboard:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keyboard.entry, Screen(), "")
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        os.write(piped, b"kept\n")
        assert await keyboard.entry(Screen(), "") == "kept"
        keyboard.forget()
    os.close(piped)
