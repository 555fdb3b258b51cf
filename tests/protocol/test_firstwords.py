"""The first words of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjourn.protocol.firstwords import first_words

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
THUMB = "\U0001f44d\U0001f3fd"
FLAG = "\U0001f1e9\U0001f1ea"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \n\t ", ""),
        ("Refund order 7.", "Refund order 7."),
        ("  two\n\nlines\tand a tab ", "two lines and a tab"),
        ("exactly twenty chars", "exactly twenty chars"),
        ("more than twenty chars", "more than twenty…"),
        ("twenty chars and one!", "twenty chars and…"),
        ("nineteen characters and", "nineteen characters…"),
        ("Donaudampfschifffahrtsgesellschaft", "Donaudampfschifffah…"),
        ("a Donaudampfschifffahrtsgesellschaft", "a Donaudampfschifff…"),
        (" " * 10_000 + "late", "late"),
    ],
)
def test_they_are_on_one_line_and_cut_at_a_word_where_possible(text: str, expected: str) -> None:
    assert first_words(text, 20) == expected


@pytest.mark.parametrize("sign", [FAMILY, THUMB, FLAG, "e\u0301\u0323", "\u2764\ufe0f", "\U0001f600"])
@pytest.mark.parametrize("before", range(20))
def test_no_sign_is_cut_in_two(sign: str, before: int) -> None:
    found = first_words("x" * before + sign * 20, 20).removeprefix("x" * before).removesuffix("…")
    assert found == sign * (len(found) // len(sign))


@given(st.text(), st.integers(1, 50))
def test_they_are_a_beginning_of_the_text_and_never_longer_than_wanted(text: str, most: int) -> None:
    found = first_words(text, most)
    line = " ".join(text.split())
    assert len(found) <= most
    assert found == line or (found.endswith("…") and line.startswith(found.removesuffix("…")))
