"""Decisions on the page."""

from collections.abc import Callable

import pytest
from chromium import UNREACHABLE, Profile, expect
from served import Served
from visitor import Visitor

pytestmark = pytest.mark.browser
OpenProfile = Callable[..., Profile]


def clerk(open_profile: OpenProfile, server: Served, words: str) -> Visitor:
    """Return a visitor who has sent the clerk an order."""
    visitor = Visitor(open_profile(server), "/#/chat/clerk")
    visitor.say(words)
    return visitor


def test_an_approved_call_executes(open_profile: OpenProfile, stage: Served) -> None:
    visitor = clerk(open_profile, stage, "lend 5 Ann")
    card = visitor.card("lend")
    card.sees("Ann")
    card.press("Approve")
    visitor.sees("Lent 5.00 to Ann.")
    visitor.sees("Approved by you")
    card.is_gone()


def test_a_declined_call_does_not_and_the_model_reads_why(open_profile: OpenProfile, stage: Served) -> None:
    visitor = clerk(open_profile, stage, "pay 5 Bob")
    card = visitor.card("pay")
    card.press("Decline")
    card.fill("Reason for declining", "he is rich already")
    card.element.get_by_role("button", name="Decline").last.click()
    visitor.sees("Declined by you: he is rich already")
    card.is_gone()


def test_an_edited_argument_is_what_executes(open_profile: OpenProfile, stage: Served) -> None:
    visitor = clerk(open_profile, stage, "pay 5 Cid")
    card = visitor.card("pay")
    card.fill("amount", "4.25")
    card.fill("code", "1234")
    card.press("Send decision")
    visitor.sees("Paid 4.25 to Cid with the code 1234.")


def test_an_error_of_the_server_is_shown_beside_its_field(open_profile: OpenProfile, stage: Served) -> None:
    visitor = clerk(open_profile, stage, "pay 5 Dee")
    card = visitor.card("pay")
    card.fill("code", "0000")
    card.press("Send decision")
    code = card.element.get_by_label("code")
    expect(code).to_have_attribute("aria-invalid", "true")
    expect(code).to_be_focused()
    card.fill("code", "1234")
    card.press("Send decision")
    visitor.sees("Paid 5.00 to Dee with the code 1234.")


def test_several_calls_are_decided_in_any_order(open_profile: OpenProfile, stage: Served) -> None:
    visitor = clerk(open_profile, stage, "lend 5 Eve, lend 6 Fay")
    visitor.card("lend", 1).press("Approve")
    visitor.card("lend", 1).is_gone()
    visitor.card("lend").sees("Eve")
    visitor.card("lend").press("Decline")
    visitor.sees("Lent 6.00 to Fay.")


def test_a_reload_costs_nothing_while_a_call_waits(open_profile: OpenProfile, stage: Served) -> None:
    visitor = clerk(open_profile, stage, "lend 5 Gus")
    visitor.card("lend").sees("Gus")
    visitor.page.reload()
    visitor.card("lend").press("Approve")
    visitor.sees("Lent 5.00 to Gus.")
    visitor.page.reload()
    visitor.sees("Lent 5.00 to Gus.")


def test_a_whole_decision_takes_the_keyboard_alone(open_profile: OpenProfile, stage: Served) -> None:
    visitor = clerk(open_profile, stage, "pay 5 Ida")
    visitor.card("pay").sees("Ida")
    tab_to(visitor, "code", backwards=True)
    visitor.page.keyboard.type("1234")
    tab_to(visitor, "Send decision")
    visitor.page.keyboard.press("Enter")
    visitor.sees("Paid 5.00 to Ida with the code 1234.")
    assert visitor.page.evaluate("document.activeElement !== document.body"), "the focus was lost with the card"


FOCUSED = "(document.activeElement.labels?.[0] ?? document.activeElement).textContent"


def tab_to(visitor: Visitor, name: str, *, backwards: bool = False) -> None:
    """Press Tab until the element of this name has the focus."""
    for _ in range(20):
        visitor.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if visitor.page.evaluate(FOCUSED).strip().lower().startswith(name.lower()):
            return
    raise AssertionError(f"Tab does not lead to {name!r}")


def test_a_call_waits_through_a_killed_server_and_the_open_page_decides_it(
    open_profile: OpenProfile, own_stage: Served
) -> None:
    visitor = clerk(open_profile, own_stage, "lend 5 Joe")
    visitor.profile.expect_fault(UNREACHABLE)
    visitor.card("lend").sees("Joe")
    own_stage.kill()
    expect(visitor.page.get_by_text("Connection lost")).to_be_visible()
    own_stage.start()
    expect(visitor.page.get_by_text("Connection lost")).to_be_hidden()
    visitor.card("lend").press("Approve")
    visitor.sees("Lent 5.00 to Joe.")
