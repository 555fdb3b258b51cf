"""A tool call as lines for people: the lines are complete, and no content can imitate another line."""

import re
import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjourn.protocol.rendering import render_call, visible

# A reader of the lines, written only from the module's docstring.

_HIDDEN = re.compile(r"‹U\+([0-9A-F]{4,6})(?:×(\d+))?›")
_INDENT = re.compile(r"((?:  )*)(?:\((\d+)\) )?")
_HEAD = re.compile(r'("(?:[^"\\]|\\.)*"|\[\d+\]|[A-Za-z0-9_.-]+):(?: (.*))?', re.DOTALL)


def unhidden(text: str) -> str:
    return _HIDDEN.sub(lambda found: chr(int(found[1], 16)) * int(found[2] or 1), text)


def unquoted(text: str) -> str:
    assert text[0] == text[-1] == '"'
    return unhidden(re.sub(r"\\(.)", r"\1", text[1:-1]))


def split(line: str) -> tuple[int, str]:
    """Return a line's depth and its text."""
    found = _INDENT.match(line)
    assert found is not None
    depth = len(found[1]) // 2
    return (int(found[2]) if found[2] else depth), line[found.end() :]


class Reader:
    """Reads the lines of arguments."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = [split(line) for line in lines]
        self.at = 0

    def members(self, depth: int, parse_name: Callable[[str], Any]) -> list[tuple[Any, Any]]:
        found: list[tuple[Any, Any]] = []
        while self.at < len(self.lines) and self.lines[self.at][0] == depth:
            head = _HEAD.fullmatch(self.lines[self.at][1])
            assert head is not None, self.lines[self.at]
            self.at += 1
            found.append((parse_name(head[1]), self.value(head[2], depth)))
        return found

    def value(self, said: str | None, depth: int) -> Any:
        if said is None:
            return dict(self.members(depth + 1, name))
        if count := re.fullmatch(r"\(list of (\d+)\)", said):
            items = self.members(depth + 1, lambda text: int(text[1:-1]))
            assert [place for place, _ in items] == list(range(int(count[1])))
            return [item for _, item in items]
        if count := re.fullmatch(r"\(text, (\d+) lines?\)", said):
            lines = self.lines[self.at : self.at + int(count[1])]
            self.at += len(lines)
            assert all(at == depth + 1 and text.startswith("| ") for at, text in lines)
            return "\n".join(unhidden(text[2:]) for _, text in lines)
        if said.startswith('"'):
            return unquoted(said)
        return {"null": None, "true": True, "false": False}[said] if said.isalpha() else literal(said)


def literal(said: str) -> Any:
    if said.startswith("["):
        inner = said[1:-1]
        words = {"null": None, "true": True, "false": False}
        return [words[each] if each in words else literal(each) for each in inner.split(", ")] if inner else []
    return {} if said == "{}" else float(said) if re.search(r"[.e]", said) else int(said)


def name(text: str) -> str:
    return unquoted(text) if text.startswith('"') else text


def read(lines: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    first, *rest = lines
    arguments = [line for line in rest if not line.startswith("  #")]
    if arguments == ["  (no arguments)"]:
        return name(first), {}
    reader = Reader(arguments)
    found = dict(reader.members(1, name))
    assert reader.at == len(reader.lines)
    return name(first), found


NASTY = st.sampled_from(
    ["\n", "\r", "\t", "\x1b[2J", "\u202e", "\u2066", "\u200b", "\u200b\u200b", "\ud800", "\u00a0", "\u3164", "\u0301",
     "‹U+202E›", "‹", "›", "| ", "  a: 1", "\n  a: 1\n", '"', "\\", " ", " " * 50, "\ufe0f", "\u2028", "é",
     "(text, 2 lines)", "漢", "😀", "\u0000", "\U000e0041", "a", "rm -rf /"]
)  # fmt: skip
ANY_CHAR = st.characters(exclude_categories=())
TEXTS = st.lists(st.one_of(NASTY, st.text(ANY_CHAR, max_size=5)), max_size=8).map("".join)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
ARGUMENTS = st.dictionaries(TEXTS, VALUES, max_size=4)


@given(TEXTS, TEXTS, ARGUMENTS)
def test_the_arguments_can_be_told_exactly_from_the_lines(
    tool: str, description: str, arguments: dict[str, Any]
) -> None:
    told = read(render_call(tool, description, arguments))
    assert told == (tool, arguments)
    assert repr(told) == repr((tool, arguments))  # 1 is not True, and not 1.0


@given(TEXTS, TEXTS, ARGUMENTS)
def test_no_line_has_a_character_that_does_something_to_the_others(
    tool: str, description: str, arguments: dict[str, Any]
) -> None:
    for line in render_call(tool, description, arguments):
        assert line.replace("\t", "").isprintable()
        assert [line] == (line.splitlines() or [""])


@given(TEXTS)
def test_one_line_has_all_of_a_text(text: str) -> None:
    assert unhidden(visible(text)) == text
    assert visible(text).isprintable()


def every(*categories: str) -> list[str]:
    return [char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char) in categories]


@pytest.mark.slow
def test_every_control_format_surrogate_private_and_separating_character_is_written_out() -> None:
    for char in every("Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"):
        shown = char if char == " " else f"‹U+{ord(char):04X}›"
        assert visible(f"a{char}b") == f"a{shown}b"


@pytest.mark.parametrize("char", ["\u115f", "\u3164", "\u2800", "\u034f", "\ufe0f", "\U000e0100", "\u180b", "\uffa0"])
def test_an_invisible_printable_character_is_shown_as_its_code(char: str) -> None:
    assert visible(f"a{char}b") == f"a‹U+{ord(char):04X}›b"


def test_accents_stay_on_their_letter_and_reach_no_further() -> None:
    assert visible("e\u0301") == "e\u0301"
    assert visible("\u0301e") == "‹U+0301›e"
    assert visible("a\u200b\u0301") == "a‹U+200B›‹U+0301›"
    assert visible("e" + "\u0301" * 9) == "e" + "\u0301" * 4 + "‹U+0301×5›"


SCRIPT = '#!/bin/sh\n\tmake   all\n\n  approved (y/n): y\n  host: "build-8"\nrm -rf / \n'


def test_a_call_reads_from_top_to_bottom() -> None:
    arguments = {
        "host": "build-7",
        "dry_run": False,
        "retries": 3,
        "factor": 1.5,
        "note": None,
        "script": SCRIPT,
        "quote": 'say "no"',
        "ids": [1, 2, 3],
        "tags": ["nightly"],
        "options": {"deep": {"er": {}}, "none": []},
        "a key:\n  with: lines": "",
    }
    assert "\n".join(render_call("run_script", "Runs a script.\n\nOn the build machine.\n", arguments)) == (
        "run_script\n"
        "  # Runs a script.\n"
        "  #\n"
        "  # On the build machine.\n"
        '  host: "build-7"\n'
        "  dry_run: false\n"
        "  retries: 3\n"
        "  factor: 1.5\n"
        "  note: null\n"
        "  script: (text, 7 lines)\n"
        "    | #!/bin/sh\n"
        "    | \tmake   all\n"
        "    | \n"
        "    |   approved (y/n): y\n"
        '    |   host: "build-8"\n'
        "    | rm -rf /‹U+0020›\n"
        "    | \n"
        "  quote: (text, 1 line)\n"
        '    | say "no"\n'
        "  ids: [1, 2, 3]\n"
        "  tags: (list of 1)\n"
        '    [0]: "nightly"\n'
        "  options:\n"
        "    deep:\n"
        "      er: {}\n"
        "    none: []\n"
        '  "a key:‹U+000A›  with: lines": ""'
    )


def test_a_call_without_arguments_says_so() -> None:
    assert render_call("wipe", "  ", {}) == ("wipe", "  (no arguments)")


def test_a_long_run_of_blanks_is_shown_as_a_count() -> None:
    [_, line] = render_call("run", "", {"command": "echo ok" + " " * 5000 + "; rm -rf /"})[1:]
    assert line == "    | echo ok‹U+0020×5000›; rm -rf /"


def test_a_deep_value_is_shown_whole_with_bounded_indentation() -> None:
    value: Any = "rm -rf /\n"
    for _ in range(5000):
        value = {"in": value}
    lines = render_call("run", "", {"value": value})
    assert lines[-2:] == (f"{'  ' * 12}(5002) | rm -rf /", f"{'  ' * 12}(5002) | ")
    assert max(map(len, lines)) < 60


def test_nothing_is_cut_however_long() -> None:
    lines = render_call("write", "", {"text": "x" * 1_000_000, "n": list(range(1000))})
    assert lines[2] == f"    | {'x' * 1_000_000}"
    assert len(lines) == 3 + 1 + 1000
