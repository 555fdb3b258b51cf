"""A tool call as lines of text, for a person who decides on it: all that is in it, and nothing that passes for
something else. Pure: no width, no colour, no paging, and nothing is ever cut.

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

Line breaks and tabs inside a text are real; each of its lines stands behind a bar. What can't be seen is written out:
`‹U+202E›` is one such character, `‹U+200B×3›` three in a row. So a text can neither look like another argument, nor
hide a part of itself.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, cast

__all__ = ["render_call", "visible"]

MAX_INLINE_CHARS = 60  # of a text in quotes, or of a list of numbers, that stands behind its name
MAX_INDENTS = 12  # what is nested deeper is not indented further, but says how deep it is
MAX_MARKS = 4  # accents and the like on one letter; what comes on top of them could reach into other lines

# Characters that Python calls printable, and that show nothing.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U00016fe4\U0001d159"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_WIDE_GAP = re.compile(r"[ \t]{40,}")  # what stands behind one could be taken for the end of the line
_LOOKALIKE = re.compile(r"‹(?=U\+)")  # in a text, what looks like a character written out
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NEEDS_BLOCK = re.compile(r'[\n\t"\\]')


def render_call(name: str, description: str, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """The call, a line each: the tool's name, its description behind `#`, then each argument, whole.

    `arguments` is plain data, however deep. No line holds a control character but tab, or any other that would change
    how the rest is shown; from the lines, the arguments can be told exactly.
    """
    return (_name(name), *(f"  # {_shown(line)}".rstrip() for line in _lines(description)), *_arguments(arguments))


def visible(text: str) -> str:
    """`text` on one line, all that can't be seen in it written out, line breaks and tabs too."""
    return _written_out(text, keep="")


# The frame.


def _arguments(arguments: Mapping[str, Any]) -> Iterator[str]:
    if not arguments:
        yield "  (no arguments)"
    left = _members(arguments, 1)  # the next one stands last; no recursion: how deep values go is the sender's choice
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
    """A text behind its name if it is short and simple, else line by line below."""
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
    """Whether a list has nothing but numbers and the like, and few of them."""
    simple = all(item is None or isinstance(item, bool | int | float) for item in items[:MAX_INLINE_CHARS])
    return simple and len(items) <= MAX_INLINE_CHARS and len(_literal(items)) <= MAX_INLINE_CHARS


def _literal(value: Any) -> str:
    """What is not text, as in JSON."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, cast(list[Any], value)))}]"
    if isinstance(value, Mapping):
        return "{}"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else visible(repr(value))


# Characters.


def _lines(text: str) -> list[str]:
    """The lines of a description: what is blank around it shows nothing."""
    return [line.rstrip() for line in text.strip().split("\n")] if text.strip() else []


def _shown(line: str) -> str:
    """One line of a text: tabs are real, blanks at its end are written out."""
    body = line.rstrip(" \t")
    return _written_out(body, keep="\t") + _runs((char, True) for char in line[len(body) :])


def _written_out(text: str, keep: str) -> str:
    if _is_plain(text, keep):
        return text
    gaps = {place for gap in _WIDE_GAP.finditer(text) for place in range(*gap.span())}
    gaps.update(found.start() for found in _LOOKALIKE.finditer(text))
    return _runs(_judged(text, keep, gaps))


def _is_plain(text: str, keep: str) -> bool:
    """Whether nothing has to be written out: nearly always, so this takes no look at each place."""
    plain = (text.isascii() and text.isprintable()) or all(
        (char.isprintable() and char not in _BLANK and unicodedata.category(char)[0] != "M") or char in keep
        for char in set(text)
    )
    return plain and not _WIDE_GAP.search(text) and not _LOOKALIKE.search(text)


def _judged(text: str, keep: str, hidden: set[int]) -> Iterator[tuple[str, bool]]:
    """Each character, and whether it is to be written out. `hidden`: the places of those that are in any case."""
    marks = MAX_MARKS  # on the letter before; as if there were as many as there may be where there is no letter
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
