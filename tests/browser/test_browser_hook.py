"""React's `useChat` in a real browser, with a real server and only the option `api: "/runs"`."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from chromium import UNREACHABLE, Page, Profile, expect
from react_modules import IMPORTS, react_module
from served import Served
from stage import REST, TOLD

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent
OpenHook: TypeAlias = Callable[[Served], tuple[Page, Profile]]


def page_file(name: str) -> tuple[str, str]:
    text = (HERE / name).read_text(encoding="utf-8").replace("$IMPORTS", json.dumps(IMPORTS))
    return "text/html" if name.endswith(".html") else "text/javascript", text


@pytest.fixture
def open_hook(open_profile: Callable[..., Profile]) -> OpenHook:
    """Opens a page with the hook, under the server's address, so that its requests have the same origin."""

    def open_hook(server: Served) -> tuple[Page, Profile]:
        profile = open_profile(server)
        profile.serve("/react/", react_module)
        profile.serve("/test/", page_file)
        page = profile.open("/test/hookpage.html")
        sees_status(page, "idle")
        profile.context.unroute_all()  # the browser sends further requests without this process
        return page, profile

    return open_hook


def say(page: Page, words: str) -> None:
    page.get_by_label("Say").fill(words)
    page.get_by_label("Say").press("Enter")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def sees_status(page: Page, status: str) -> None:
    expect(page.get_by_role("status")).to_have_text(status)


def sees_last(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.get_by_role("listitem").last).to_have_text(words)


def test_the_hook_shows_the_waiting_call_and_goes_on_with_the_decision(open_hook: OpenHook, demo: Served) -> None:
    page, _ = open_hook(demo)
    say(page, "refund order 7")
    sees_status(page, "paused")
    expect(page.get_by_label("refund_order")).to_contain_text('{"order_id":7,"amount":79.5}')
    press(page, "Approve")
    sees_status(page, "completed")
    sees_last(page, "Refunded 79.50 for order 7.")
    expect(page.get_by_label("refund_order")).to_have_count(0)
    assert len(demo.refunds(7)) == 1


def test_the_hook_shows_words_as_they_come_until_it_is_stopped(open_hook: OpenHook, demo: Served) -> None:
    page, _ = open_hook(demo)
    say(page, "count to 9999")
    sees_last(page, re.compile("^1 2 3 4"))
    sees_status(page, "running")
    press(page, "Stop")
    sees_status(page, "aborted")
    sees_last(page, re.compile("^1 2 3 4"))


def test_the_hook_tells_a_wrong_decision_and_the_call_waits_on(open_hook: OpenHook, demo: Served) -> None:
    page, profile = open_hook(demo)
    profile.expect_fault("status of 409")  # the browser's own message
    say(page, "refund order 8")
    press(page, "Approve wrongly")
    expect(page.get_by_role("alert")).to_contain_text("decision")
    press(page, "Decline")
    sees_status(page, "completed")
    sees_last(page, re.compile("too much"))
    assert demo.refunds(8) == []


def test_the_hook_decides_after_the_server_was_killed_and_started_again(open_hook: OpenHook, own_demo: Served) -> None:
    page, profile = open_hook(own_demo)
    profile.expect_fault(UNREACHABLE)
    say(page, "refund order 7")
    sees_status(page, "paused")
    own_demo.kill()
    own_demo.start()
    press(page, "Approve")
    sees_status(page, "completed")
    sees_last(page, "Refunded 79.50 for order 7.")
    assert len(own_demo.refunds(7)) == 1


def test_the_hook_has_the_whole_text_after_the_server_was_killed_in_the_middle_of_it(
    open_hook: OpenHook, start: Callable[..., Served]
) -> None:
    own_teller = start("serve", "stage:only_teller")
    page, profile = open_hook(own_teller)
    profile.expect_fault(UNREACHABLE)
    say(page, "Ann")
    sees_last(page, f"{TOLD} Ann ")
    own_teller.kill()
    own_teller.start()
    own_teller.release("Ann")
    sees_status(page, "completed")
    sees_last(page, f"{TOLD} Ann {REST}")
