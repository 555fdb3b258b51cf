"""The first words of a text, on one line: for titles and lists. Pure."""

import re
import unicodedata

__all__ = ["first_words"]

_WORD = re.compile(r"\S+")
_JOINER = "\u200d"  # zero-width joiner: joins two emoji into one, as in families


def first_words(text: str, max_chars: int) -> str:
    """Return the text on one line, cut to at most `max_chars` characters, with … if something was cut off.

    The cut is between words, or inside a word longer than half of the line. Emoji, and letters with accents, are never
    cut.
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
    """Return the text on one line: all of it, or its beginning with more than `max_chars` characters."""
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
    """Check whether the characters around `at` belong together: an accent, a skin colour, a joined emoji, a flag."""
    before, behind = line[at - 1], line[at]
    if _is_flag(before) and _is_flag(behind):
        return _flags_before(line, at) % 2 == 1
    return (
        _JOINER in (before, behind)
        or unicodedata.category(behind)[0] == "M"  # variation selectors too
        or "\U0001f3fb" <= behind <= "\U0001f3ff"
    )


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"  # a flag is two of these


def _flags_before(line: str, at: int) -> int:
    count = 0
    while count < at and _is_flag(line[at - 1 - count]):
        count += 1
    return count
