"""The first words of a text, on one line: for titles and lists. Pure."""

import re
import unicodedata

__all__ = ["first_words"]

_WORD = re.compile(r"\S+")
_JOINER = "\u200d"  # makes one sign of the two around it, as in emoji of families


def first_words(text: str, max_chars: int) -> str:
    """Return the text on one line, cut to at most `max_chars` characters, with … where something is left out.

    It is cut between words, or within one that is longer than half of the line; never within an emoji or a letter
    with its accents.
    """
    line = _begin(text, max_chars)
    if len(line) <= max_chars:
        return line
    end = max_chars - 1
    space = line.rfind(" ", max_chars // 2, max_chars)
    if space >= 0:
        end = space
    while end and _goes_on(line, end):
        end -= 1
    return line[:end].rstrip() + "…"


def _begin(text: str, max_chars: int) -> str:
    """The text on one line: all of it, or more than `max_chars` characters. A long text is not read to its end."""
    if len(text) <= max_chars:
        return " ".join(text.split())
    words: list[str] = []
    size = -1
    for found in _WORD.finditer(text):
        words.append(found[0][: max_chars + 2])
        size += 1 + len(words[-1])
        if size > max_chars:
            break
    return " ".join(words)


def _goes_on(line: str, at: int) -> bool:
    """Whether the characters before and behind `at` are one sign: an accent, a skin colour, a joined emoji, a flag."""
    before, behind = line[at - 1], line[at]
    if _is_flag(before) and _is_flag(behind):
        return _flags_before(line, at) % 2 == 1
    return (
        _JOINER in (before, behind)
        or unicodedata.category(behind)[0] == "M"  # variation selectors too
        or "\U0001f3fb" <= behind <= "\U0001f3ff"
    )


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"  # half of one


def _flags_before(line: str, at: int) -> int:
    count = 0
    while count < at and _is_flag(line[at - 1 - count]):
        count += 1
    return count
