"""Hostile text of models, tools and users: markup, scripts, and characters that mislead."""

from collections.abc import Callable

import pytest
from chromium import Profile, expect
from served import Served
from stage import HOSTILE
from visitor import Visitor

pytestmark = pytest.mark.browser
OpenProfile = Callable[..., Profile]

SCRIPT = HOSTILE.split("\n\n")[0]
SMALL = {"width": 360, "height": 640}
MADE_OF_WORDS = "main :is(script, iframe, object, embed, [onerror], [href^='javascript'], img[src^='http'])"


def stays_text(visitor: Visitor) -> None:
    """Check that the words stayed plain text, and that nothing is wider than the screen."""
    expect(visitor.page.locator(MADE_OF_WORDS)).to_have_count(0)
    assert visitor.page.evaluate("window.owned") is None
    visitor.fits()


def test_hostile_words_of_a_model_a_tool_and_a_schema_stay_text(open_profile: OpenProfile, stage: Served) -> None:
    visitor = Visitor(open_profile(stage, viewport=SMALL), "/#/chat/imp")
    visitor.say(HOSTILE)
    card = visitor.card("curse")
    card.sees(SCRIPT)
    visitor.sees(SCRIPT)
    stays_text(visitor)
    card.press("Send decision")
    visitor.sees_rest()
    visitor.said.get_by_text("curse", exact=True).click()
    visitor.sees("Result")
    stays_text(visitor)


def test_hostile_words_stay_text_in_every_list(open_profile: OpenProfile, stage: Served) -> None:
    run_id = stage.start_run("imp", HOSTILE, metadata={"title": SCRIPT, SCRIPT: SCRIPT})
    visitor = Visitor(open_profile(stage, viewport=SMALL))
    for view in ("chat", "inbox", "runs", f"runs/{run_id}", f"runs/{run_id}/timeline"):
        visitor.page.goto(f"{stage.url}/#/{view}")
        expect(visitor.page.get_by_role("main").get_by_text("<script>").first).to_be_visible()
        stays_text(visitor)


def test_characters_that_reorder_or_hide_words_on_a_card_are_shown_as_codes(
    open_profile: OpenProfile, stage: Served
) -> None:
    visitor = Visitor(open_profile(stage), "/#/chat/imp")
    visitor.say("please")
    for code in ("U+202E", "U+202C", "U+200B", "U+0000"):
        visitor.card("curse").sees(code)


def test_half_an_emoji_does_not_stop_a_chat(open_profile: OpenProfile, stage: Served) -> None:
    visitor = Visitor(open_profile(stage), "/#/chat/clerk")
    visitor.page.get_by_label("Message", exact=True).evaluate("(field) => (field.value = 'half \\ud83d an emoji')")
    visitor.page.get_by_label("Message", exact=True).press("Enter")
    visitor.sees("Nothing to do.")
