"""Renders a tool call as lines of text, for a person who decides on it. It shows the whole call, unambiguously.

Pure: no width, no colour, no paging, and nothing is ever cut.

    run_script
      # Runs a script on the build machine.
      host: "build-7"
      dry_run: false
      script: (text, 2 lines)
        | #!/bin/sh
        | rm -rf /
      tags: (list of 2)
        [0]: "nightly"
        [1]: "cleanup"

Line breaks and tabs in a text are shown as they are, with a bar before each line. Invisible characters are escaped:
`‹U+202E›` is one, `‹U+200B×3›` is three in a row. So a text can neither look like another argument nor hide a part of
itself.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, cast

__all__ = ["render_call", "visible"]

MAX_INLINE_CHARS = 60  # longest quoted text or list of numbers on the line of its name
MAX_INDENTS = 12  # deeper values are not indented further; their lines say how deep they are
MAX_MARKS = 4  # accents and other marks on one letter; more could cover other lines

# Invisible characters that Python calls printable.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U00016fe4\U0001d159"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_WIDE_GAP = re.compile(r"[ \t]{40,}")  # text after such a gap could be overlooked
_LOOKALIKE = re.compile(r"‹(?=U\+)")  # text that looks like an escaped character
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NEEDS_BLOCK = re.compile(r'[\n\t"\\]')


def render_call(name: str, description: str, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the lines for a call: the tool's name, its description after `#`, then each argument in full.

    `arguments` is plain data of any depth. No line has control characters, except tabs, or other characters that change
    how the rest is shown. Different arguments give different lines.
    """
    return (_name(name), *(f"  # {_shown(line)}".rstrip() for line in _lines(description)), *_arguments(arguments))


def visible(text: str) -> str:
    """Return `text` on one line, with all invisible characters escaped, including line breaks and tabs."""
    return _written_out(text, keep="")


# The frame.


def _arguments(arguments: Mapping[str, Any]) -> Iterator[str]:
    if not arguments:
        yield "  (no arguments)"
    left = _members(arguments, 1)  # a stack, the next one last; no recursion, because the sender chooses the depth
    while left:
        depth, name, value = left.pop()
        head = f"{_indent(depth)}{name}:"
        if isinstance(value, str):
            yield from _text(head, depth, value)
        elif isinstance(value, Mapping) and value:
            yield head
            left += _members(cast(Mapping[Any, Any], value), depth + 1)
        elif isinstance(value, list | tuple) and not _is_short(items := cast(list[Any], value)):
            yield f"{head} (list of {len(items)})"
            left += [(depth + 1, f"[{place}]", item) for place, item in reversed(list(enumerate(items)))]
        else:
            yield f"{head} {_literal(value)}"


def _members(value: Mapping[Any, Any], depth: int) -> list[tuple[int, str, Any]]:
    members = [(depth, _name(str(key)), item) for key, item in value.items()]
    return members[::-1]


def _indent(depth: int) -> str:
    return "  " * depth if depth <= MAX_INDENTS else f"{'  ' * MAX_INDENTS}({depth}) "


def _text(head: str, depth: int, text: str) -> Iterator[str]:
    """Return a short and simple text on the line of its name, any other text line by line below."""
    if len(text) <= MAX_INLINE_CHARS and not _NEEDS_BLOCK.search(text):
        yield f"{head} {_quoted(text)}"
        return
    lines = text.split("\n")
    yield f"{head} (text, {len(lines)} {'line' if len(lines) == 1 else 'lines'})"
    for line in lines:
        yield f"{_indent(depth + 1)}| {_shown(line)}"


def _name(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(escaped)}"'


def _is_short(items: list[Any]) -> bool:
    """Check whether a list has only a few numbers, booleans and nulls."""
    simple = all(item is None or isinstance(item, bool | int | float) for item in items[:MAX_INLINE_CHARS])
    return simple and len(items) <= MAX_INLINE_CHARS and len(_literal(items)) <= MAX_INLINE_CHARS


def _literal(value: Any) -> str:
    """Return a value that is not text as JSON."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, cast(list[Any], value)))}]"
    if isinstance(value, Mapping):
        return "{}"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else visible(repr(value))


# Characters.


def _lines(text: str) -> list[str]:
    """Return the lines of a description, without blank space around it."""
    return [line.rstrip() for line in text.strip().split("\n")] if text.strip() else []


def _shown(line: str) -> str:
    """Return one line of a text, with tabs unchanged, and with blanks at its end escaped."""
    body = line.rstrip(" \t")
    return _written_out(body, keep="\t") + _runs((char, True) for char in line[len(body) :])


def _written_out(text: str, keep: str) -> str:
    if _is_plain(text, keep):
        return text
    gaps = {place for gap in _WIDE_GAP.finditer(text) for place in range(*gap.span())}
    gaps.update(found.start() for found in _LOOKALIKE.finditer(text))
    return _runs(_judged(text, keep, gaps))


def _is_plain(text: str, keep: str) -> bool:
    """Check quickly whether nothing has to be escaped, as in nearly all texts."""
    plain = (text.isascii() and text.isprintable()) or all(
        (char.isprintable() and char not in _BLANK and unicodedata.category(char)[0] != "M") or char in keep
        for char in set(text)
    )
    return plain and not _WIDE_GAP.search(text) and not _LOOKALIKE.search(text)


def _judged(text: str, keep: str, hidden: set[int]) -> Iterator[tuple[str, bool]]:
    """Yield each character, and whether to escape it. `hidden`: indexes of characters to escape in any case."""
    marks = MAX_MARKS  # marks on the last letter; at the maximum while there is no letter to carry one
    for place, char in enumerate(text):
        is_mark = unicodedata.category(char)[0] == "M"
        is_hidden = place in hidden or char in _BLANK or not (char.isprintable() or char in keep)
        is_hidden = is_hidden or (is_mark and marks >= MAX_MARKS)
        after_none = is_hidden or char in " \t"
        marks = MAX_MARKS if after_none else marks + 1 if is_mark else 0
        yield char, is_hidden


def _runs(judged: Iterable[tuple[str, bool]]) -> str:
    parts: list[str] = []
    for (char, is_hidden), run in groupby(judged):
        count = sum(1 for _ in run)
        times = f"×{count}" if count > 1 else ""
        parts.append(f"‹U+{ord(char):04X}{times}›" if is_hidden else char * count)
    return "".join(parts)
