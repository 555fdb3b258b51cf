"""An agent's message on a terminal: no word is cut, complete parts are Markdown, and nothing else is ever erased."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from adjourn.actors.cli.answer import Answer
from adjourn.actors.cli.screen import Screen

UP = re.compile(r"\x1b\[(\d+)A")


class Window:
    """A terminal with only the codes that an answer writes: text, styles, moving up, erasing the rest of a row."""

    def __init__(self, width: int = 40, height: int = 20, *, is_terminal: bool = True) -> None:
        self.file = io.StringIO()
        self.console = Console(
            file=self.file, force_terminal=is_terminal, width=width, height=height, highlight=False, markup=False,
            no_color=True, soft_wrap=True, emoji=False,
        )  # fmt: skip
        self.screen = Screen(self.console)

    def answer(self, text: str, step: int = 1) -> "Window":
        shown = Answer(self.screen, "shop> ")
        for start in range(0, len(text), step):
            shown.add(text[start : start + step])
        shown.end()
        return self

    @property
    def rows(self) -> list[str]:
        rows, at = [""], 0
        for piece in re.findall(r"\x1b\[[\d;]*[A-Za-z]|\n|[^\x1b\n]+", self.file.getvalue()):
            if up := UP.fullmatch(piece):
                at -= int(up[1])
                assert at >= 0
            elif piece == "\x1b[K":
                rows[at] = ""
            elif piece == "\n":
                at += 1
                rows += [""] * (at == len(rows))
            elif not piece.startswith("\x1b"):
                rows[at] += piece
        while rows and not rows[-1].strip():
            rows.pop()
        return [row.rstrip() for row in rows]


def test_no_word_is_cut_at_the_edge_of_the_window() -> None:
    rows = Window().answer("Where the window ends, a word that does not fit begins the next row, whole.").rows
    assert rows == ["shop> Where the window ends, a word that", "does not fit begins the next row, whole."]


def test_a_word_longer_than_the_window_is_cut() -> None:
    assert Window(width=20).answer("a " + "x" * 45).rows == ["shop> a", "x" * 20, "x" * 20, "x" * 5]


def test_a_pipe_gets_the_text_as_it_is() -> None:
    text = "Here **is** a line that is much longer than any window would be\n\n- one\n"
    assert Window(is_terminal=False).answer(text).file.getvalue() == f"shop> {text}"


PARTS = """\
It is **here**, in `code`.

# Title

- one
- two

  more of two

```
x  = 1

y = 2
```

The end."""


@pytest.mark.parametrize("step", [1, 3, 7, 1000])
def test_each_part_becomes_markdown_however_it_comes(step: int) -> None:
    rows = Window().answer(PARTS, step).rows
    assert rows[:8] == ["shop> It is here, in code.", "", "Title", "", " • one", " • two", "   more of two", ""]
    assert [row.strip() for row in rows[8:]] == ["x  = 1", "", "y = 2", "", "The end."]


def test_a_list_begins_below_the_name() -> None:
    assert Window().answer("- one\n- two").rows == ["shop>", " • one", " • two"]


def test_a_link_shows_where_it_leads() -> None:
    assert "here (https://example.org/x)" in " ".join(Window(80).answer("Look [here](https://example.org/x).").rows)


def test_a_part_longer_than_the_window_stays_as_it_came() -> None:
    text = "\n".join(f"- item {n}" for n in range(30))
    assert Window(height=10).answer(text).rows[1:3] == ["- item 1", "- item 2"]


def test_a_line_written_during_an_answer_is_not_erased() -> None:
    window = Window()
    shown = Answer(window.screen, "shop> ")
    shown.add("It **is ")
    window.screen.line("(the connection is lost)")
    shown.add("here**.")
    shown.end()
    assert window.rows == ["shop> It **is", "(the connection is lost)", "here**."]


def test_of_a_void_message_no_word_is_shown_below_another_line() -> None:
    window = Window()
    shown = Answer(window.screen, "shop> ")
    shown.add("one two thr")
    window.screen.line("(connection lost)")
    shown.end_void()
    window.screen.line("(void)")
    assert window.rows == ["shop> one two", "(connection lost)", "(void)"]


def test_after_the_window_changed_its_width_nothing_is_drawn_again() -> None:
    window = Window()
    shown = Answer(window.screen, "shop> ")
    shown.add("It **is** ")
    window.console.size = (30, 20)  # type: ignore[assignment]
    shown.add("here.")
    shown.end()
    assert window.rows == ["shop> It **is** here."]


WORDS = st.lists(st.sampled_from(["a", "**b**", "word", "- c", "\n", "\n\n", "```", " ", "# d", "漢字", "x" * 30]))


@given(WORDS, st.integers(20, 60), st.integers(3, 30))
def test_no_answer_changes_the_lines_above_it(words: list[str], width: int, height: int) -> None:
    window = Window(width, height)
    window.screen.line("above")
    window.answer(" ".join(words)).screen.line("below")
    assert window.rows[0] == "above"
    assert window.rows[-1] == "below"
