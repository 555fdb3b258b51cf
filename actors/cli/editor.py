"""The line editor of a terminal: arrow keys, history, several lines, and a paste of any length as one entry.

Each prompt runs in its own thread, because prompt_toolkit needs an asyncio loop. Between two prompts the terminal does
not echo keys, and keeps them for the next prompt. Unix only: elsewhere `keyboard.py` reads lines.
"""

import asyncio
import logging
import signal
import sys
import termios
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, cast

import trio
from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import DummyHistory, History, InMemoryHistory
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle

from .commands import COMMANDS
from .history import MessageHistory
from .screen import Screen

__all__ = ["Editor", "open_editor"]

_StreamHandler: TypeAlias = "logging.StreamHandler[Any]"


class Editor:
    """Reads entries that a person edits on a terminal. Get one from `open_editor`."""

    interactive = True

    def __init__(self, history: Path | None) -> None:
        self._input = create_input()
        self._output = create_output()
        if isinstance(self._output, Vt100_Output):
            self._output.enable_cpr = False  # asks the terminal nothing: its answer could get lost
        kept = InMemoryHistory() if history is None else MessageHistory(history)
        self._messages = _session(self._input, self._output, kept, is_message=True)
        self._answers = _session(self._input, self._output, DummyHistory(), is_message=False)
        self._turn = trio.Lock()  # the next prompt opens only after a cancelled one has closed
        self._opened: _Prompt | None = None

    async def entry(self, screen: Screen, prompt: str, *, is_message: bool = False) -> str | None:
        """Returns the entry after `prompt`; None for Ctrl-D on an empty line. Ctrl-C sends SIGINT to this process."""
        async with self._turn:
            opened = self._opened = _Prompt(self._messages if is_message else self._answers)
            with screen.above(opened.print):
                try:
                    return await opened.run(prompt)
                finally:
                    self._opened = None
                    self.set_paste_marks(True)  # the prompt switched them off

    def write(self, text: str) -> None:
        """Prints whole lines of the log, above the prompt if one is open."""
        if self._opened is None:
            sys.stderr.write(text)
        else:
            self._opened.print(text)

    def flush(self) -> None:
        """Flushes what `write` printed. An open prompt flushes by itself."""
        sys.stderr.flush()

    def forget(self) -> None:
        """Drops the keys that were typed between prompts."""
        termios.tcflush(self._input.fileno(), termios.TCIFLUSH)
        clear_typeahead(self._input)

    def set_paste_marks(self, wanted: bool) -> None:
        """Switches the terminal's paste marks (bracketed paste) on or off."""
        (self._output.enable_bracketed_paste if wanted else self._output.disable_bracketed_paste)()
        self._output.flush()


@contextmanager
def open_editor(history: Path | None) -> Generator[Editor]:
    """Opens the editor of the terminal at standard input. The end of the block restores the terminal."""
    editor = Editor(history)
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    termios.tcsetattr(fd, termios.TCSADRAIN, _silent(before))
    editor.set_paste_marks(True)

    def restore() -> None:
        editor.set_paste_marks(False)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)

    try:
        with _log_through(editor), _also_when_terminated(restore):
            yield editor
    finally:
        restore()


@contextmanager
def _also_when_terminated(restore: Callable[[], None]) -> Generator[None]:
    """Also calls `restore` if SIGTERM ends the process, unless that signal has another handler."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, frame: object) -> None:
        restore()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _log_through(editor: Editor) -> Generator[None]:
    """Lets log handlers that write to this terminal write through the editor."""
    loggers = (logging.getLogger(), logging.getLogger("adjourn"))
    streams = [handler for logger in loggers for handler in logger.handlers if _writes_here(handler)]
    for handler in streams:
        cast(_StreamHandler, handler).setStream(editor)
    try:
        yield
    finally:
        for handler in streams:
            cast(_StreamHandler, handler).setStream(sys.stderr)


def _writes_here(handler: logging.Handler) -> bool:
    """Whether a handler writes to this terminal."""
    if not isinstance(handler, logging.StreamHandler):
        return False
    return cast(_StreamHandler, handler).stream is sys.stderr and sys.stderr.isatty()


def _silent(attributes: list[Any]) -> list[Any]:
    """Returns the terminal's attributes between prompts: no echo, lines of any length, Ctrl-C sends SIGINT."""
    iflag, oflag, cflag, lflag, ispeed, ospeed, cc = attributes
    cc = [*cc]
    cc[termios.VMIN], cc[termios.VTIME] = 1, 0
    lflag &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    return [iflag & ~termios.ICRNL, oflag, cflag, lflag, ispeed, ospeed, cc]


class _Prompt:
    """One prompt. Trio calls `run` and `print`, a thread calls `_ask`, its asyncio loop the methods below `_ask`."""

    def __init__(self, session: PromptSession[str]) -> None:
        self._session = session
        self._loop: asyncio.AbstractEventLoop | None = None  # while the prompt is open
        self._is_cancelled = False
        self._found: str | None = None
        self._above: list[str] = []  # lines to print above the prompt

    async def run(self, text: str) -> str | None:
        """Returns what is entered; None at the end of the input. Cancellation and Ctrl-C remove the prompt."""
        answered = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run_thread, text, answered)
            try:
                await answered.wait()
            finally:
                self._is_cancelled = True
                self._schedule(self._end)
        return self._found

    def print(self, lines: str) -> None:
        """Prints whole lines above the prompt."""
        self._above.append(lines)
        self._schedule(lambda: run_in_terminal(self._print_now))

    async def _run_thread(self, text: str, answered: trio.Event) -> None:
        with trio.CancelScope(shield=True):  # short: the thread ends soon after `_end`
            self._found = await trio.to_thread.run_sync(self._ask, text)
        self._loop = None
        self._print_now()
        answered.set()

    def _schedule(self, function: Callable[[], object]) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop was just closed
                loop.call_soon_threadsafe(function)

    # In the thread.

    def _ask(self, text: str) -> str | None:
        try:
            return self._session.prompt(
                [("bold", text)], pre_run=self._opened, handle_sigint=False, set_exception_handler=False
            )
        except EOFError:
            return None

    def _opened(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._session.app.erase_when_done = False  # an earlier prompt may have been cancelled
        if self._is_cancelled:
            self._end()
        if self._above:
            run_in_terminal(self._print_now)

    def _end(self) -> None:
        app = self._session.app
        if app.future is not None and not app.future.done():
            app.erase_when_done = True
            app.exit(exception=EOFError())

    def _print_now(self) -> None:
        lines, self._above = self._above, []
        sys.stdout.write("".join(lines))
        sys.stdout.flush()


def _session(given: Input, output: Output, history: History, *, is_message: bool) -> PromptSession[str]:
    return PromptSession[str](
        input=given,
        output=output,
        history=history,
        multiline=True,
        key_bindings=_keys(is_message),
        prompt_continuation="",
        completer=WordCompleter(list(COMMANDS), sentence=True) if is_message else None,
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
        enable_suspend=True,
    )


def _keys(is_message: bool) -> KeyBindings:
    """Returns the keys: Enter accepts, Alt-Enter begins a new line, Ctrl-C empties a message or sends SIGINT."""
    keys = KeyBindings()

    def enter(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    def interrupt(event: KeyPressEvent) -> None:
        if is_message and event.current_buffer.text:
            event.current_buffer.reset()
        else:
            signal.raise_signal(signal.SIGINT)

    keys.add("enter")(enter)
    keys.add("escape", "enter")(new_line)
    keys.add("c-c")(interrupt)
    return keys
