"""Durations and moments, read from text and written as text."""

import math

import pytest
import typer

from adjourn.actors import Agent
from adjourn.actors.cli.durations import duration_text, kept_lines, moment_text, parse_duration
from adjourn.actors.testing import ScriptedModel
from adjourn.protocol.record import Limits

HOUR, DAY = 3_600, 86_400
NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 30 * DAY), ("12h", 12 * HOUR), ("45m", 2700), ("90s", 90), ("0", 0), ("0d", 0), (" 1 D ", DAY)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["forever", "Forever "])
def test_for_ever_has_no_end(text: str) -> None:
    assert parse_duration(text) == math.inf


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5h", "1d12h", "1w", "ever", "9" * 400 + "d", "inf", "٣d"])
def test_anything_else_is_wrong_usage_that_says_what_was_expected(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected a duration such as 30d, 12h"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (30 * DAY, "30 days"),
        (DAY, "1 day"),
        (36 * HOUR, "36 hours"),
        (90.0, "90 seconds"),
        (60, "1 minute"),
        (0, "0 seconds"),
        (0.5, "0.5 seconds"),
    ],
)
def test_a_duration_is_told_in_the_largest_unit_that_is_exact(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("left_s", "words"),
    [
        (30 * DAY - 2, "in 30 days ("),
        (2 * DAY, "in 2 days ("),
        (47 * HOUR, "in 47 hours ("),
        (119 * 60, "in 119 minutes ("),
        (61, "in 61 seconds ("),
        (1, "in 1 second ("),
        (0, "now ("),
        (-DAY, "now ("),
    ],
)
def test_a_time_is_shown_as_the_rest_and_as_clock_time(left_s: int, words: str) -> None:
    assert moment_text(NOW + left_s * 1000, NOW).startswith(words)


def test_a_moment_names_day_and_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        assert moment_text(NOW + 3 * DAY * 1000, NOW) == "in 3 days (2027-01-18 08:00)"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_time_beyond_the_calendar_is_shown_as_the_rest() -> None:
    assert moment_text(2**53, NOW) == "in 104229158 days"


def agent(name: str, **limits: float | None) -> Agent:
    return Agent(name=name, model=ScriptedModel([]), limits=Limits(**limits))  # type: ignore[arg-type]


def test_durations_shared_by_all_agents_are_one_line() -> None:
    assert list(kept_lines([agent("a"), agent("b")])) == [
        "Ended runs are kept 30 days; waiting runs are stopped after 30 days"
    ]


def test_agents_that_differ_have_a_line_each() -> None:
    agents = [agent("a"), agent("b", retention_s=0, parked_ttl_s=None), agent("c"), agent("d", retention_s=None)]
    assert list(kept_lines(agents)) == [
        "a, c: ended runs are kept 30 days; waiting runs are stopped after 30 days",
        "b: ended runs are deleted at once; waiting runs wait for ever",
        "d: ended runs are kept for ever; waiting runs are stopped after 30 days",
    ]
