"""The line editor on a real terminal: entries, output above the prompt, and the terminal's state afterwards."""

import logging
import os
import signal
import sys
import termios
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager

import pytest
import trio
from processes import Master, Output, terminal

from adjourn.actors.cli.keyboard import Keyboard, open_keyboard
from adjourn.actors.cli.screen import Screen

LOCAL = 3  # the index of the local modes in a terminal's attributes
PASTE, PASTE_END = "\x1b[200~", "\x1b[201~"


class Window:
    """A terminal with an editor, as its user sees it."""

    def __init__(self, keyboard: Keyboard, keys: Master, shown: Output, nursery: trio.Nursery) -> None:
        self.keyboard, self.keys, self.shown = keyboard, keys, shown
        self.screen = Screen()
        self._nursery = nursery
        self._send, self.entries = trio.open_memory_channel[str | None](10)

    async def ask(self, prompt: str = "you> ") -> trio.CancelScope:
        """Show a prompt. The entries arrive in `entries`."""
        scope = trio.CancelScope()
        self._nursery.start_soon(self._ask, scope, prompt)
        await self.shown.until(prompt)
        return scope

    async def _ask(self, scope: trio.CancelScope, prompt: str) -> None:
        with scope:
            self._send.send_nowait(await self.keyboard.entry(self.screen, prompt, is_message=True))

    async def type(self, keys: str) -> str | None:
        """Type keys. Return the entry."""
        self.keys.type(keys)
        with trio.fail_after(20):
            return await self.entries.receive()


Opened = Callable[[], AbstractAsyncContextManager[Window]]


@pytest.fixture
def ends() -> Iterator[tuple[int, Master, Output]]:
    """Open a terminal. Return the editor's end and the test's end."""
    with terminal() as found:
        yield found


@pytest.fixture
def window(ends: tuple[int, Master, Output], monkeypatch: pytest.MonkeyPatch) -> Opened:
    fd, master, output = ends

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Window]:
        monkeypatch.setenv("TERM", "xterm")
        with ExitStack() as stack:
            for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
                monkeypatch.setattr(sys, name, stack.enter_context(open(os.dup(fd), mode)))
            for handler in logging.getLogger("adjourn").handlers:
                assert isinstance(handler, logging.StreamHandler)
                handler.setStream(sys.stderr)
            async with trio.open_nursery() as nursery, open_keyboard() as keyboard:
                yield Window(keyboard, master, output, nursery)
                nursery.cancel_scope.cancel()

    return opened


async def test_enter_enters_and_alt_enter_begins_another_line(window: Opened) -> None:
    async with window() as seen:
        await seen.ask()
        assert await seen.type("one\x1b\rtwo\r") == "one\ntwo"


async def test_a_paste_is_one_entry(window: Opened) -> None:
    async with window() as seen:
        await seen.ask()
        assert await seen.type(f"{PASTE}one\r\n\r\ntwo\n{PASTE_END}!\r") == "one\n\ntwo\n!"


async def test_the_end_of_the_input_is_none(window: Opened) -> None:
    async with window() as seen:
        await seen.ask()
        assert await seen.type("\x04") is None


async def test_other_lines_and_the_log_go_above_the_prompt(
    window: Opened, ends: tuple[int, Master, Output], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("adjourn")
    monkeypatch.setattr(logger, "handlers", [logging.StreamHandler()])
    async with window() as seen:
        await seen.ask()
        seen.keys.type("hel")
        await seen.shown.until("hel")
        seen.screen.line("by the way")
        await seen.shown.until("by the way\n.*you> +hel")
        logger.warning("something is odd")
        await seen.shown.until("something is odd\n.*you> +hel")
        assert await seen.type("lo\r") == "hello"


async def test_a_cancelled_prompt_is_removed_with_the_typed_text(window: Opened) -> None:
    async with window() as seen:
        scope = await seen.ask()
        seen.keys.type("half")
        await seen.shown.until("half")
        scope.cancel()
        await seen.ask("again> ")
        assert await seen.type("whole\r") == "whole"


async def test_input_typed_before_a_prompt_is_kept_or_dropped(window: Opened) -> None:
    async with window() as seen:
        seen.keys.type("kept ")
        await seen.ask()
        assert await seen.type("word\r") == "kept word"
        seen.keys.type("dropped ")
        seen.keyboard.forget()
        await seen.ask("again> ")
        assert await seen.type("word\r") == "word"


async def test_ctrl_c_drops_a_half_typed_message_and_else_interrupts(window: Opened) -> None:
    async with window() as seen:
        with trio.open_signal_receiver(signal.SIGINT) as interrupts:
            await seen.ask()
            assert await seen.type("half\x03whole\r") == "whole"
            await seen.ask("again> ")
            seen.keys.type("\x03")
            with trio.fail_after(20):
                assert await anext(interrupts) == signal.SIGINT
            assert await seen.type("still there\r") == "still there"


async def test_the_terminal_is_silent_between_prompts_and_left_as_it_was(
    window: Opened, ends: tuple[int, Master, Output]
) -> None:
    fd, _, _ = ends
    before = termios.tcgetattr(fd)
    async with window() as seen:
        await seen.ask()
        await seen.type("hello\r")
        assert not termios.tcgetattr(fd)[LOCAL] & (termios.ECHO | termios.ICANON)
        assert termios.tcgetattr(fd)[LOCAL] & termios.ISIG
    assert termios.tcgetattr(fd) == before
