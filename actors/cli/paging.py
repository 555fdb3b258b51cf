"""Splits lines of text into pages of window rows. Pure: each call gets the window's size.

The first row of a line starts with `  | `, its further rows with `  : `. So no text can reach the window's left edge,
or imitate the beginning of another line.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice

__all__ = ["LEAST", "Pages", "cells", "hanging"]

TAB = 8
LEAST = 16  # least columns for a line's text, in however narrow a window
_LEAD = re.compile(r" *(?:\(\d+\) )?(?:\| )?")  # the marker before a line's text


class Pages:
    """Lines to take page by page. `width` in columns, None: rows of any length; `height` in rows."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.total = len(lines)
        self.shown = 0  # lines taken completely
        self._lines = lines
        self._within = 0  # characters taken of the next line

    @property
    def is_over(self) -> bool:
        """Whether all lines were taken."""
        return self.shown == self.total

    def fits(self, width: int | None, height: int) -> bool:
        """Whether the rest takes at most `height` rows."""
        return len(list(islice(self._rows(width), height + 1))) <= height

    def take(self, width: int | None, height: int | None = None) -> list[str]:
        """Returns the next rows, at most `height`; None: all the rest."""
        rows: list[str] = []
        for row, at, within in self._rows(width):
            if len(rows) == height:
                break
            rows.append(row)
            self.shown, self._within = at, within
        return rows

    def restart(self) -> None:
        """Starts again at the first line."""
        self.shown = self._within = 0

    def _rows(self, width: int | None) -> Iterator[tuple[str, int, int]]:
        """Yields each remaining row and the position after it: complete lines, and characters of the next line."""
        within = self._within
        for at in range(self.shown, self.total):
            line = self._lines[at]
            while True:
                end = len(line) if width is None else _end_of_row(line, within, width)
                row = _row(line, within, end, width)
                if end == len(line):
                    yield row, at + 1, 0
                    break
                yield row, at, end
                within = end
            within = 0


def hanging(text: str, width: int | None, indent: int) -> str:
    """Returns `text` with all rows but the first indented, so that no text stands at the left edge."""
    rows: list[str] = []
    for line in text.split("\n"):
        start = 0
        while True:
            room = None if width is None else max(LEAST, width - (indent if rows else 0))
            end = len(line) if room is None else _fitting(line, start, room)
            rows.append(line[start:end].expandtabs(TAB))
            start = end
            if end == len(line):
                break
    return ("\n" + " " * indent).join(rows)


def _row(line: str, start: int, end: int, width: int | None) -> str:
    if not start:
        return f"  | {_spaced(line, start, end) if width else line[start:end]}".rstrip(" ")
    return f"  : {_lead(line, width)}{_spaced(line, start, end)}"


def _lead(line: str, width: int | None) -> str:
    """Returns the marker of a line's further rows."""
    found = _LEAD.match(line)
    lead = found[0] if found else ""
    lead = " " * (len(lead) - 2) + ": " if lead.endswith("| ") else lead + "  "
    return lead if width is None or len(lead) + 4 + LEAST <= width else lead[-2:]


def _end_of_row(line: str, start: int, width: int) -> int:
    return _fitting(line, start, max(LEAST, width - 4 - (len(_lead(line, width)) if start else 0)))


def _fitting(line: str, start: int, room: int) -> int:
    """Returns where to cut a row for `room` columns, after at least one character.

    Cuts before a space in the row's second half, if there is one. The next row then begins with that space, so a cut
    inside a word can be told from a cut between words."""
    column, blank = 0, start
    for place in range(start, len(line)):
        if line[place] == " " and line[place - 1 : place] != " ":
            blank = place
        column += cells(line[place], column)
        if column > room:
            return blank if blank - start > room // 2 else max(place, start + 1)
    return len(line)


def _spaced(line: str, start: int, end: int) -> str:
    """Returns a part of a line with tabs as spaces, because a tab's width depends on the window."""
    parts: list[str] = []
    column = 0
    for char in line[start:end]:
        size = cells(char, column)
        parts.append(" " * size if char == "\t" else char)
        column += size
    return "".join(parts)


def cells(char: str, column: int) -> int:
    """Returns how many columns a character takes, at most."""
    if char == "\t":
        return TAB - column % TAB
    if char.isascii():
        return 1
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
