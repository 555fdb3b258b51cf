"""The page with two servers that share a PostgreSQL store, while one of them is killed."""

from collections.abc import Callable

import pytest
from chromium import UNREACHABLE, Profile, expect
from served import Served
from stage import REST, TOLD
from visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
OpenProfile, Start = Callable[..., Profile], Callable[..., Served]

TOKEN = "open sesame"
# What a server logs: visitors without a token, a node that is gone, and the runs taken over from it.
EXPECTED = "not authenticated|can.t be watched there|took over"


@pytest.fixture
def pair(start: Start, postgres: str) -> tuple[Served, Served]:
    """Two servers of one store, that know each other."""
    arguments = ("serve", "stage:agents", "--store", postgres, "--lease", "3s", "--token", TOKEN)
    one, two = (start(*arguments, expected=EXPECTED) for _ in range(2))
    for server, other in ((one, two), (two, one)):
        while [node["url"] for node in server.get("/nodes", TOKEN)["nodes"]] != [other.url]:
            pass  # the other server announces itself with its next beat
    return one, two


def visit(profile: Profile, path: str) -> Visitor:
    """Open the page, log in, and wait until the page knows the other server."""
    profile.expect_fault("status of 401|WebSocket connection to")
    visitor = Visitor(profile, path)
    with profile.context.expect_event("response", lambda response: response.url.endswith("/nodes")):
        visitor.page.get_by_label("Token", exact=True).fill(TOKEN)
        visitor.page.keyboard.press("Enter")
    return visitor


def test_an_open_page_goes_on_at_the_other_server(open_profile: OpenProfile, pair: tuple[Served, Served]) -> None:
    one, two = pair
    visitor = visit(open_profile(one), "/#/chat/clerk")
    visitor.say("lend 5 Ann")
    visitor.card("lend").sees("Ann")

    decider = visit(open_profile(two), "/#/inbox")
    decider.card("lend").press("Approve")
    visitor.sees("Lent 5.00 to Ann.")
    visitor.sees_rest()

    visitor.page.goto(f"{one.url}/#/chat/teller")
    visitor.say("Pia")
    visitor.sees(f"{TOLD} Pia")
    visitor.profile.expect_fault(UNREACHABLE)
    one.kill()
    host = two.url.removeprefix("http://")
    expect(visitor.page.get_by_text(f"uses {host} now")).to_be_visible()
    two.release("Pia")
    visitor.sees(f"{TOLD} Pia {REST}")
    visitor.sees_rest()

    visitor.say("Rob")
    two.release("Rob")
    visitor.sees(f"{TOLD} Rob {REST}")
    for view, title in (("Inbox", "Inbox"), ("Runs", "Runs"), ("Actors", "Actors")):
        visitor.page.get_by_role("link", name=view, exact=True).click()
        expect(visitor.page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(visitor.page.get_by_text("sweeper", exact=True)).to_be_visible()
