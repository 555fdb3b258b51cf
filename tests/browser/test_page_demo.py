"""The demo on the page, after the README's first command."""

import re
from collections.abc import Callable

import pytest
from chromium import Profile
from served import Served
from visitor import Visitor

pytestmark = pytest.mark.browser
OpenProfile = Callable[..., Profile]


def test_a_refund_is_approved_with_another_amount(open_profile: OpenProfile, demo: Served) -> None:
    visitor = Visitor(open_profile(demo))
    visitor.say("refund order 27")
    card = visitor.card("refund_order")
    card.fill("amount", "12.50")
    card.press("Approve")
    visitor.sees("Refunded 12.50 for order 27.")
    assert len(demo.refunds(27)) == 1


def test_thinking_is_folded_away_and_cost_is_told(open_profile: OpenProfile, demo: Served) -> None:
    visitor = Visitor(open_profile(demo))
    visitor.say("refund order 28")
    visitor.card("refund_order").sees("28")
    thought = visitor.said.get_by_role("group").filter(has_text="Thought").first
    assert not thought.evaluate("(details) => details.open")
    thought.get_by_text("Thought").click()
    assert thought.evaluate("(details) => details.open")
    visitor.sees(re.compile(r"^support-rules · [1-9]\d* tokens · cost 0\.0\d+$"))


def test_the_browser_answers_the_tool_that_asks_for_its_time_zone(open_profile: OpenProfile, demo: Served) -> None:
    visitor = Visitor(open_profile(demo, timezone_id="Asia/Tokyo"))
    visitor.say("what time is it here?")
    visitor.sees("Asia/Tokyo")
    visitor.sees_rest()
