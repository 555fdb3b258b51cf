"""Writes text to a terminal or a pipe. Knows nothing of runs.

Text from models, tools and other people is cleaned first, so that it can't control the terminal.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from rich.console import Console

from .paging import LEAST, Pages, hanging

__all__ = ["Screen", "clean"]

COLUMNS, ROWS = 80, 24  # for a terminal that does not report its size

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def clean(text: str) -> str:
    """Returns `text` without control characters (except tab and newline) and without changes of writing direction."""
    if text.isascii() and text.isprintable():
        return text
    kept = (c if c in "\n\t" or (unicodedata.category(c) != "Cc" and c not in _BIDI) else "�" for c in text)
    return "".join(kept)


class Screen:
    """Writes text: with some colour to a terminal, without to a pipe."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._in_line = False
        self._prompt = ""
        self._above: Callable[[str], None] | None = None  # prints whole lines above the editor's prompt
        self._begun = ""  # an unfinished line to print above that prompt
        self.written = 0  # counts the writes

    @property
    def width(self) -> int | None:
        """The window's columns now; None: lines may have any length."""
        return self._size()[0] if self.console.is_terminal else None

    @property
    def height(self) -> int:
        """The window's rows now."""
        return self._size()[1]

    def _size(self) -> tuple[int, int]:
        """Returns the window's current size. rich prefers environment variables, which miss a resized window."""
        try:
            columns, rows = os.get_terminal_size(self.console.file.fileno())
        except (OSError, ValueError):  # not a terminal, or closed
            return self.console.size
        return columns or COLUMNS, rows or ROWS

    def write(self, text: str, style: str | None = None) -> None:
        """Writes more of the current line."""
        if not text:
            return
        if self._above is None:
            self.console.out(clean(text), style=style, highlight=False, end="")
            self.console.file.flush()
        else:
            with self.console.capture() as captured:
                self.console.out(clean(text), style=style, highlight=False, end="")
            self._print_above(captured.get())
        self._in_line = not text.endswith("\n")
        self.written += 1

    def line(self, text: str, style: str | None = None) -> None:
        """Writes a whole line."""
        self.end_line()
        self.write(f"{text}\n", style)

    def can_go_up(self, rows: int) -> bool:
        """Whether the cursor can go up by `rows`: they are still on the screen, and no prompt is below them."""
        is_free = self.console.is_terminal and not self.console.is_dumb_terminal and self._above is None
        return is_free and 0 < rows < self.height

    def replace(self, rows: int, text: str) -> None:
        """Replaces the last `rows` rows by whole lines from `markdown` and `styled`."""
        up, erase = f"\x1b[{rows}A", "\x1b[K\n" * rows  # by rows: a screen erased at once would move into the history
        self.console.file.write(f"{up}{erase}{up}{text}")
        self.console.file.flush()
        self.written += 1

    def styled(self, text: str, style: str) -> str:
        """Returns `text` with this terminal's codes for a style."""
        with self.console.capture() as captured:
            self.console.out(clean(text), style=style, highlight=False, end="")
        return captured.get()

    def markdown(self, source: str, width: int) -> list[str]:
        """Returns Markdown as rows for this terminal."""
        from .markdown import markdown_of  # loaded only when needed

        with self.console.capture() as captured:
            self.console.print(markdown_of(clean(source)), width=max(LEAST, width), soft_wrap=False)
        rows = [row.rstrip(" ") for row in captured.get().split("\n")]
        filled = [place for place, row in enumerate(rows) if _STYLE.sub("", row).strip()]
        return rows[filled[0] : filled[-1] + 1] if filled else []

    def hang(self, text: str, indent: int, style: str | None = None) -> None:
        """Writes a line with foreign text. What does not fit, or follows a line break, is indented below."""
        self.line(hanging(text, self.width, indent), style)

    def card(self, lines: Sequence[str]) -> None:
        """Writes lines that belong together, uncut."""
        for row in Pages(lines).take(self.width):
            self.line(row)

    def end_line(self) -> None:
        """Ends the current line, if it has text."""
        if self._in_line:
            self.write("\n")

    @contextmanager
    def prompting(self, prompt: str) -> Generator[None]:
        """Shows a prompt while the block runs, and again after each text written `beside` it."""
        self.end_line()
        self.write(prompt, "bold")
        self._prompt = prompt
        try:
            yield
        finally:
            self._prompt = ""

    @contextmanager
    def above(self, print_lines: Callable[[str], None]) -> Generator[None]:
        """While the block runs, an editor shows a prompt: text is printed above it, in whole lines."""
        self.end_line()
        self._above = print_lines
        try:
            yield
        finally:
            begun, self._begun, self._above = self._begun, "", None
            self.console.file.write(begun)
            self._in_line = bool(begun)

    def _print_above(self, text: str) -> None:
        assert self._above is not None
        whole, end, self._begun = (self._begun + text).rpartition("\n")
        if end:
            self._above(whole + end)

    def drop_prompt(self) -> None:
        """Forgets the prompt: the question is void, though its task has not ended yet."""
        self._prompt = ""

    @contextmanager
    def beside(self) -> Generator[None]:
        """Lets the block write while a prompt is open: afterwards the prompt is shown again."""
        before = self.written
        yield
        if self._prompt and self.written > before:
            self.end_line()
            self.write(self._prompt, "bold")

    def typed(self, entry: str | None, *, echoed: bool) -> None:
        """Writes the entry after a prompt, unless the terminal has `echoed` the entry and its line end already."""
        if entry is None:
            self.end_line()
        elif not echoed:
            self.write(f"{entry}\n")
        self._in_line = False
