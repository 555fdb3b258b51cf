"""Where text goes: a terminal, or a pipe. Knows nothing of runs.

What comes from a model, a tool or another person is cleaned first: no text of theirs moves the cursor.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from rich.console import Console

from .paging import LEAST, Pages, hanging

__all__ = ["Screen", "clean"]

COLUMNS, ROWS = 80, 24  # of a terminal that doesn't say

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def clean(text: str) -> str:
    """`text` without what a terminal would obey: control characters but tab and newline, and changes of direction."""
    if text.isascii() and text.isprintable():
        return text
    kept = (c if c in "\n\t" or (unicodedata.category(c) != "Cc" and c not in _BIDI) else "�" for c in text)
    return "".join(kept)


class Screen:
    """Where text goes: a terminal, with a little colour, or a pipe, with none."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._in_line = False
        self._prompt = ""
        self._above: Callable[[str], None] | None = None  # prints whole lines above a prompt that an editor shows
        self._begun = ""  # the begin of a line that goes above that prompt
        self.written = 0  # how often text was written

    @property
    def width(self) -> int | None:
        """How many columns there are now; None where lines may have any length."""
        return self._size()[0] if self.console.is_terminal else None

    @property
    def height(self) -> int:
        """How many rows a person sees at once now."""
        return self._size()[1]

    def _size(self) -> tuple[int, int]:
        """The window's own, now; rich prefers variables of the environment, which don't follow a window."""
        try:
            columns, rows = os.get_terminal_size(self.console.file.fileno())
        except (OSError, ValueError):  # no terminal, or not open
            return self.console.size
        return columns or COLUMNS, rows or ROWS

    def write(self, text: str, style: str | None = None) -> None:
        """More of the current line."""
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
        """A line of its own."""
        self.end_line()
        self.write(f"{text}\n", style)

    def can_go_up(self, rows: int) -> bool:
        """Whether the cursor can go up so many rows: they are still on the screen, and no prompt is below them."""
        is_free = self.console.is_terminal and not self.console.is_dumb_terminal and self._above is None
        return is_free and 0 < rows < self.height

    def replace(self, rows: int, text: str) -> None:
        """Write whole lines, as `markdown` and `styled` give them, in place of the last `rows` rows."""
        up, erase = f"\x1b[{rows}A", "\x1b[K\n" * rows  # by rows: erasing a screen at once moves it into the history
        self.console.file.write(f"{up}{erase}{up}{text}")
        self.console.file.flush()
        self.written += 1

    def styled(self, text: str, style: str) -> str:
        """`text` as this console writes it in a style."""
        with self.console.capture() as captured:
            self.console.out(clean(text), style=style, highlight=False, end="")
        return captured.get()

    def markdown(self, source: str, width: int) -> list[str]:
        """Markdown as rows for this console."""
        from .markdown import markdown_of  # loaded only where something is drawn

        with self.console.capture() as captured:
            self.console.print(markdown_of(clean(source)), width=max(LEAST, width), soft_wrap=False)
        rows = [row.rstrip(" ") for row in captured.get().split("\n")]
        filled = [place for place, row in enumerate(rows) if _STYLE.sub("", row).strip()]
        return rows[filled[0] : filled[-1] + 1] if filled else []

    def hang(self, text: str, indent: int, style: str | None = None) -> None:
        """A line with text of others in it: what of it doesn't fit, or has line breaks, is indented below."""
        self.line(hanging(text, self.width, indent), style)

    def card(self, lines: Sequence[str]) -> None:
        """Lines that belong together, whole."""
        for row in Pages(lines).take(self.width):
            self.line(row)

    def end_line(self) -> None:
        """Go to the start of a line, if the cursor isn't there."""
        if self._in_line:
            self.write("\n")

    @contextmanager
    def prompting(self, prompt: str) -> Generator[None]:
        """Show a prompt, and again after what is said `beside` it, for as long as the block."""
        self.end_line()
        self.write(prompt, "bold")
        self._prompt = prompt
        try:
            yield
        finally:
            self._prompt = ""

    @contextmanager
    def above(self, print_lines: Callable[[str], None]) -> Generator[None]:
        """For as long as the block, an editor shows a prompt: what is written goes above it, by whole lines."""
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
        """Nothing is being asked any more, though the one who asked may not know it yet."""
        self._prompt = ""

    @contextmanager
    def beside(self) -> Generator[None]:
        """What is said in the block may come while something is being asked: then the prompt is shown again."""
        before = self.written
        yield
        if self._prompt and self.written > before:
            self.end_line()
            self.write(self._prompt, "bold")

    def typed(self, entry: str | None, *, echoed: bool) -> None:
        """What stood behind a prompt; a terminal has `echoed` it already, with its line end."""
        if entry is None:
            self.end_line()
        elif not echoed:
            self.write(f"{entry}\n")
        self._in_line = False
