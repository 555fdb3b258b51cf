"""Lines as rows of a window: nothing is lost in any size, and no content can imitate the program's own rows."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjourn.actors.cli.paging import Pages, hanging
from adjourn.protocol.rendering import render_call

SCRIPT = "\n".join(f"echo step {n}" for n in range(1, 80)) + "\nrm -rf /"
CALL = render_call("run_script", "Runs a script.", {"script": SCRIPT})
WINDOWS = st.lists(st.tuples(st.integers(20, 120), st.integers(1, 30)), min_size=1, max_size=40)
CONTENT = st.text(st.sampled_from(" a|:‹é漢😀e\u0301(1)"), max_size=300)


def texts(rows: list[str]) -> list[str]:
    """Return the lines of these rows, without spaces at the beginning and in between."""
    lines: list[str] = []
    for row in rows:
        content = re.sub(r"^\s*:? ?", "", row[4:]) if row.startswith("  : ") else row[4:]
        if row.startswith("  |"):
            lines.append(content)
        else:
            assert row.startswith("  : ")
            lines[-1] += content
    return [line.replace(" ", "") for line in lines]


@given(st.lists(CONTENT, min_size=1, max_size=6), WINDOWS)
def test_every_line_is_shown_once_and_whole_while_the_window_is_resized(
    contents: list[str], windows: list[tuple[int, int]]
) -> None:
    lines = [f"    | x{content}" for content in contents]
    pages, rows = Pages(lines), list[str]()
    for width, height in windows:
        page = pages.take(width, height)
        assert len(page) <= height
        assert pages.is_over or len(page) == height
        rows += page
    rows += pages.take(80)
    assert pages.is_over
    colons = str.maketrans("", "", ": ")  # some colons are the program's own
    assert [text.translate(colons) for text in texts(rows)] == [line.translate(colons) for line in lines]


def cells(row: str) -> int:
    return sum(0 if c == "\u0301" else 2 if c in "漢😀" else 1 for c in row)


@given(st.lists(CONTENT, min_size=1, max_size=6), st.integers(20, 120))
def test_no_row_is_wider_than_the_window(contents: list[str], width: int) -> None:
    rows = Pages([f"    | {content}" for content in contents]).take(width)
    assert max(map(cells, rows)) <= width


def test_a_row_that_goes_on_with_a_line_says_so_and_stands_below_its_content() -> None:
    lines = render_call("run", "", {"command": "echo " + "a" * 60 + "\n# and " + "b" * 60})
    assert Pages(lines).take(50) == [
        "  | run",
        "  |   command: (text, 2 lines)",
        "  |     | echo " + "a" * 35,
        "  :     : " + "a" * 25,
        "  |     | # and " + "b" * 34,
        "  :     : " + "b" * 26,
    ]


@pytest.mark.parametrize(
    ("command", "rows"),
    [
        ("x" * 30 + " rm -rf /tmp", ["x" * 30 + " rm -rf", " /tmp"]),
        ("x" * 30 + " rm -rf / tmp", ["x" * 30 + " rm -rf /", " tmp"]),
        ("x" * 40 + "rm -rf / tmp", ["x" * 40, "rm -rf / tmp"]),
        ("x" * 40 + " rm -rf / tmp", ["x" * 40, " rm -rf / tmp"]),
    ],
)
def test_between_two_rows_no_space_appears_or_vanishes(command: str, rows: list[str]) -> None:
    assert [row[10:] for row in Pages([f"    | {command}"]).take(50)] == rows


def test_without_a_width_a_line_is_a_row() -> None:
    pages = Pages(("    | \t" + "x" * 1000, "y"))
    assert pages.take(None, 1) == ["  |     | \t" + "x" * 1000]
    assert pages.take(None) == ["  | y"]


def test_a_tab_goes_as_far_as_it_would_in_the_text() -> None:
    [row] = Pages(["ab\tc"]).take(80)
    assert row == "  | ab      c"


def test_pages_tell_how_far_they_are_and_begin_again() -> None:
    pages = Pages(CALL)
    assert pages.total == 83
    assert not pages.fits(80, 82)
    assert pages.fits(80, 83)
    pages.take(80, 20)
    assert (pages.shown, pages.is_over) == (20, False)
    assert pages.fits(80, 63)
    assert pages.take(80)[-1] == "  |     | rm -rf /"
    assert pages.is_over
    pages.restart()
    assert (pages.shown, pages.take(80, 1)) == (0, ["  | run_script"])


def test_a_line_of_many_rows_can_be_left_in_its_middle() -> None:
    pages = Pages(["    | " + "a" * 100, "b"])
    assert pages.take(50, 1) == ["  |     | " + "a" * 40]
    assert pages.shown == 0
    assert pages.take(30, 2) == ["  :     : " + "a" * 20] * 2
    assert pages.take(80) == ["  :     : " + "a" * 20, "  | b"]


def test_however_deep_a_line_stands_its_content_has_room() -> None:
    line = f"{'  ' * 12}(5002) | {'a' * 60}"
    rows = Pages([line]).take(40)
    assert max(map(len, rows)) <= 40
    assert "".join(rows).count("a") == 60


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [
        ("-> a\nb", None, "-> a\n   b"),
        ("-> " + "a" * 30, 20, "-> " + "a" * 17 + "\n   " + "a" * 13),
        ("", 20, ""),
        ("-> a\tb", 80, "-> a    b"),
    ],
)
def test_text_of_others_hangs_behind_its_first_row(text: str, width: int | None, wanted: str) -> None:
    assert hanging(text, width, 3) == wanted


@given(CONTENT, st.integers(20, 80))
def test_hanging_text_is_whole_and_never_at_the_left_edge(text: str, width: int) -> None:
    first, *rest = hanging(text, width, 3).split("\n")
    assert all(row.startswith("   ") for row in rest)
    assert max(map(cells, (first, *rest))) <= width
    assert (first + "".join(row[3:] for row in rest)).replace(" ", "") == text.replace(" ", "")
