"""The prices that `adjourn chat --model` and `serve` show."""

from typing import Any

import pytest

from adjourn.actors import Agent, Cost, LongPrompt, ModelDescriptor
from adjourn.actors.cli.prices import price_lines
from adjourn.actors.testing import ScriptedModel


def agent(name: str, **known: Any) -> Agent:
    return Agent(name=name, model=ScriptedModel([], descriptor=ModelDescriptor(id="m", **known)))


@pytest.mark.parametrize(
    ("long_prompts", "more"), [((), ""), ((LongPrompt(above=9, cost=Cost(input=2.5)),), ", more for long prompts")]
)
def test_prices_that_were_looked_up_are_shown_once_with_the_catalogue(long_prompts: Any, more: str) -> None:
    known = {"cost": Cost(input=1.25, output=10.0), "prices_from": "prices 1.0", "long_prompts": long_prompts}
    assert list(price_lines([agent("a", **known), agent("b", **known)])) == [
        f"m costs 1.25 per million tokens of input, 10 of output{more} (prices 1.0)"
    ]


def test_prices_stated_by_hand_and_none_at_all_are_not_worth_a_line() -> None:
    assert list(price_lines([agent("a", cost=Cost(input=1.0)), agent("b")])) == []
