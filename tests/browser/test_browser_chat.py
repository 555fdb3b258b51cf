"""`chat.js` in a real browser, over the WebSocket at `/ws` of the page's own server: no framework, no page."""

from collections.abc import Callable
from typing import Any

import pytest
from chromium import UNREACHABLE, Page, Profile
from served import Served
from stage import REST, TOLD

pytestmark = pytest.mark.browser
OpenProfile = Callable[..., Profile]

CHAT = """async (options) => {
  const { Chat } = await import("/js/index.js");
  globalThis.heard = [];
  globalThis.chat = new Chat({ agent: "support", onConnection: (error) => heard.push(error?.type), ...options });
}"""


def open_chat(profile: Profile, **options: Any) -> Page:
    """Open a tab whose `chat` uses the demo agent."""
    profile.expect_fault("favicon.ico")
    page = profile.open("/healthz")  # any document of the server that has no scripts
    page.evaluate(CHAT, options)
    return page


def wait_until(page: Page, condition: str) -> None:
    page.wait_for_function(f"() => {condition}")


def last_words(page: Page) -> str:
    return page.evaluate("chat.messages.at(-1).content[0].text")


def test_a_chat_pauses_and_goes_on_with_the_decision(open_profile: OpenProfile, demo: Served) -> None:
    page = open_chat(open_profile(demo))
    assert page.evaluate("chat.send('refund order 17')")
    wait_until(page, "chat.status === 'paused'")
    assert page.evaluate("chat.pendingDecision.input") == {"order_id": 17, "amount": 69.5}
    assert not page.evaluate("chat.respondWithDecision({ approved: 'yes' })")
    assert page.evaluate("chat.error.data.errors[0].path") == "/approved"
    assert page.evaluate("chat.respondWithDecision({ approved: true })")
    wait_until(page, "chat.status === 'completed'")
    assert last_words(page) == "Refunded 69.50 for order 17."
    assert len(demo.refunds(17)) == 1


def test_a_chat_in_another_tab_follows_and_its_decision_counts_in_both(open_profile: OpenProfile, demo: Served) -> None:
    profile = open_profile(demo)
    one = open_chat(profile)
    one.evaluate("chat.send('refund order 18')")
    wait_until(one, "chat.status === 'paused'")
    other = open_chat(profile, runId=one.evaluate("chat.runId"))
    assert other.evaluate("chat.follow()")
    wait_until(other, "chat.status === 'paused'")  # the snapshot may come after the answer to `follow`
    assert other.evaluate("chat.decline({ reason: 'not that one' })")
    for tab in (one, other):
        wait_until(tab, "chat.status === 'completed'")
        assert "not that one" in last_words(tab)


def test_a_chat_decides_after_the_server_was_killed_and_started_again(
    open_profile: OpenProfile, own_demo: Served
) -> None:
    profile = open_profile(own_demo)
    profile.expect_fault(UNREACHABLE)
    page = open_chat(profile)
    page.evaluate("chat.send('refund order 7')")
    wait_until(page, "chat.status === 'paused'")
    own_demo.kill()
    own_demo.start()
    assert page.evaluate("chat.respondWithDecision({ approved: true })")
    wait_until(page, "chat.status === 'completed'")
    assert last_words(page) == "Refunded 79.50 for order 7."
    assert len(own_demo.refunds(7)) == 1


def test_a_chat_that_was_without_network_for_long_has_all_that_was_said_meanwhile(
    open_profile: OpenProfile, stage: Served
) -> None:
    profile = open_profile(stage)
    profile.expect_fault(UNREACHABLE)
    profile.context.clock.install()
    page = open_chat(profile, agent="teller")
    page.evaluate("chat.send('Bob')")
    wait_until(page, "chat.streamingMessage?.content[0]?.text.endsWith('Bob')")
    profile.context.set_offline(True)
    stage.release("Bob")
    page.clock.run_for("02:00")  # the client gives up a connection after two silent minutes
    wait_until(page, "heard.at(-1) === 'connectionLost'")
    profile.context.set_offline(False)
    page.clock.run_for("00:30")  # the client reconnects within that time
    wait_until(page, "chat.status === 'completed'")
    assert last_words(page) == f"{TOLD} Bob {REST}"
