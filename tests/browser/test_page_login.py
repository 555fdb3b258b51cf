"""The page of a server that requires a token."""

from collections.abc import Callable, Iterator

import pytest
from chromium import Browser, Profile, Route, expect
from served import Served
from visitor import Visitor

from conftest import serving

pytestmark = pytest.mark.browser
OpenProfile = Callable[..., Profile]

TOKEN = "open sesame"


@pytest.fixture(scope="module")
def guarded(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve with a required token. The server logs refused logins."""
    folder = tmp_path_factory.mktemp("guarded")
    with serving(folder, "serve", "stage:agents", "--token", TOKEN, expected="not authenticated") as server:
        yield server


def open_guarded(profile: Profile, path: str, *tokens: str) -> Visitor:
    """Open a tab whose visitor enters these tokens."""
    profile.expect_fault("status of 401|WebSocket connection to")
    visitor = Visitor(profile, path)
    for token in tokens:
        visitor.page.get_by_label("Token", exact=True).fill(token)
        visitor.page.keyboard.press("Enter")
    return visitor


def test_a_token_is_asked_for_until_it_is_right_and_kept_in_its_tab(open_profile: OpenProfile, guarded: Served) -> None:
    visitor = open_guarded(open_profile(guarded), "/#/chat/clerk", "close sesame")
    expect(visitor.page.get_by_text("The server does not accept this token.")).to_be_visible()
    token = visitor.page.get_by_label("Token", exact=True)
    token.fill(TOKEN)
    visitor.page.keyboard.press("Enter")
    expect(token).to_be_hidden()
    visitor.say("hello")
    visitor.sees("Nothing to do.")
    visitor.page.reload()
    visitor.sees("Nothing to do.")


def test_a_card_that_is_decided_elsewhere_closes_and_names_who_did_it(
    open_profile: OpenProfile, guarded: Served
) -> None:
    visitor = open_guarded(open_profile(guarded), "/#/chat/clerk", TOKEN)
    visitor.say("lend 5 Ann")
    visitor.card("lend").sees("Ann")
    path = visitor.page.url.removeprefix(guarded.url)
    other = open_guarded(open_profile(guarded), path, TOKEN)
    other.card("lend").press("Approve")
    other.sees("Approved by you (token)")
    visitor.card("lend").is_gone()
    visitor.sees("Approved by token")


def test_a_late_refusal_of_a_request_without_the_token_asks_for_none(
    open_profile: OpenProfile, guarded: Served
) -> None:
    profile, held = open_profile(guarded), list[Route]()
    profile.context.route("**/agents", lambda route: route.continue_() if held else held.append(route))
    visitor = open_guarded(profile, "/#/chat", TOKEN)
    expect(visitor.page.get_by_role("link", name="clerk")).to_be_visible()
    with profile.context.expect_event("response", lambda response: response.status == 401):
        held[0].continue_()
    visitor.page.get_by_role("link", name="Runs", exact=True).click()  # no dialog covers it
    expect(visitor.page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
