"""Shows an agent's message while it streams. On a terminal no word is cut, and complete parts are drawn as Markdown.

Blank lines separate parts: paragraphs, lists, code blocks. A part streams as plain text. When it is complete, Markdown
replaces the plain text, if the part has markup, is still whole on the screen, and nothing else was written meanwhile.
"""

import re
from collections.abc import Iterator

from .paging import cells
from .screen import Screen, clean

__all__ = ["Answer"]

LABEL_STYLE = "bold green"
_PIECES = re.compile(r"\n|[^\S\n]+|\S+")
_MARKUP = re.compile(r"[*_`~|\[]|^ *(?:[#>+-]|\d+[.)]) ?", re.MULTILINE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_PARAGRAPH = re.compile(r"(?![#>|`~]|[-+*] |\d+[.)] )")


class Answer:
    """One message on a screen: `add` each part of its text, then `end` it."""

    def __init__(self, screen: Screen, label: str) -> None:
        """`label` is shown before the text."""
        self._screen = screen
        self._label = label
        self._blocks = _Blocks()
        self._word = ""  # the unfinished last word
        screen.end_line()
        self._begin_part()
        self._write(label, LABEL_STYLE)

    def add(self, text: str) -> None:
        """Shows more of the message."""
        if self._width is None:
            self._screen.write(text)
            return
        if self._screen.written != self._written:  # other text was written, and ended the line
            self._column, self._is_alone = 0, False
        for piece in _PIECES.findall(clean(text)):
            if self._blocks.begins_with(piece):
                self._draw()
            self._blocks.add(piece)
            if piece.isspace():
                self._show_word()
                self._show_space(piece)
            else:
                self._word += piece

    def end(self) -> None:
        """Ends the message: it is complete or was cut off."""
        if self._width is not None:
            self._show_word()
            if self._column:
                self._new_row()
            self._draw()

    def end_void(self) -> None:
        """Ends a message that counts no more. Leaves out its unfinished word, if it would stand below another text."""
        if self._screen.written != self._written:
            self._word, self._column, self._is_alone = "", 0, False
        self.end()

    # While the message streams.

    def _begin_part(self) -> None:
        self._width = self._screen.width
        self._column = self._rows = 0  # the cursor's place, counted from the start of the part
        self._is_alone = True  # no other text was written since the start of the part
        self._written = self._screen.written

    def _show_word(self) -> None:
        for part in _fitting(self._word, self._room):
            if self._column and self._column + _width_of(part) > self._room:
                self._new_row()
            self._write(part)
        self._word = ""

    def _show_space(self, space: str) -> None:
        if space == "\n":
            self._new_row()
        elif self._column + len(space) < self._room:
            self._write(space.replace("\t", " "))
        else:
            self._column = self._room  # the next word begins a row

    @property
    def _room(self) -> int:
        return self._width or 0

    def _new_row(self) -> None:
        self._write("\n")
        self._column, self._rows = 0, self._rows + 1

    def _write(self, text: str, style: str | None = None) -> None:
        self._screen.write(text, style)
        self._column += _width_of(text)
        self._written = self._screen.written

    # When a part is complete.

    def _draw(self) -> None:
        """Draws the complete part as Markdown, and begins the next one."""
        source, blank_rows = self._blocks.take()
        is_drawn = self._is_alone and self._screen.written == self._written and self._screen.width == self._width
        if _MARKUP.search(source) and is_drawn and self._screen.can_go_up(self._rows):
            rows = [*self._labelled(source), *[""] * blank_rows]
            self._screen.replace(self._rows, "".join(f"{row}\n" for row in rows))
        self._label = ""
        self._begin_part()

    def _labelled(self, source: str) -> list[str]:
        """Returns the rows of a part with the label. A paragraph begins beside the label, anything else below it."""
        if not self._label:
            return self._screen.markdown(source, self._room)
        label = self._screen.styled(self._label, LABEL_STYLE)
        if not _PARAGRAPH.match(source):
            return [label, *self._screen.markdown(source, self._room)]
        place = "x" * (len(self._label) - 1) + " "  # stands in for the label, which is not Markdown
        first, *others = self._screen.markdown(place + source, self._room)
        return [label + first.removeprefix(place), *others]


class _Blocks:
    """Cuts a Markdown text into its parts."""

    def __init__(self) -> None:
        self._text = ""
        self._line = ""  # the unfinished last line
        self._fence = ""  # opened the current code block, if any
        self._is_blank = False  # whether the last complete line is blank

    def begins_with(self, piece: str) -> bool:
        """Whether the piece begins a new part: at the left edge, below a blank line, outside code blocks."""
        return self._is_blank and not (self._line or self._fence or piece.isspace()) and bool(self._text.strip())

    def add(self, piece: str) -> None:
        """Adds a word, a line break, or other space."""
        self._text += piece
        if piece != "\n":
            self._line += piece
            return
        found = _FENCE.match(self._line)
        if self._fence and self._line.strip() == self._fence:
            self._fence = ""
        elif found and not self._fence:
            self._fence = found[1]
        self._is_blank = not self._line.strip()
        self._line = ""

    def take(self) -> tuple[str, int]:
        """Returns the part's text and the number of blank lines after it, and begins the next part."""
        text = self._text.rstrip()
        blank_lines = max(0, self._text[len(text) :].count("\n") - 1)
        self.__init__()
        return text.lstrip("\n"), blank_lines


def _fitting(word: str, room: int) -> Iterator[str]:
    """Yields the word, cut only if it is longer than a row."""
    part, width = "", 0
    for char in word:
        size = cells(char, 0)
        if width + size > room and part:
            yield part
            part, width = "", 0
        part, width = part + char, width + size
    if part:
        yield part


def _width_of(text: str) -> int:
    return sum(cells(char, 0) for char in text if char != "\n")
