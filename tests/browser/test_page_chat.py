"""Chatting on the page: streamed text, aborts, and lost connections."""

from collections.abc import Callable

import pytest
from chromium import UNREACHABLE, Profile, expect
from served import Served
from stage import REST, TOLD
from visitor import Visitor

pytestmark = pytest.mark.browser
OpenProfile = Callable[..., Profile]


def listener(open_profile: OpenProfile, server: Served, hero: str) -> Visitor:
    """Return a visitor who has received the first half of a story."""
    visitor = Visitor(open_profile(server), "/#/chat/teller")
    visitor.say(hero)
    visitor.sees(f"{TOLD} {hero}")
    return visitor


def sees_whole(visitor: Visitor, hero: str) -> None:
    visitor.sees_rest()
    visitor.sees(f"{TOLD} {hero} {REST}")


def test_words_show_as_they_come(open_profile: OpenProfile, stage: Served) -> None:
    visitor = listener(open_profile, stage, "Kim")
    expect(visitor.page.get_by_role("button", name="Stop")).to_be_visible()
    stage.release("Kim")
    sees_whole(visitor, "Kim")


def test_files_links_and_sources_show_and_nothing_is_loaded_from_elsewhere(
    open_profile: OpenProfile, stage: Served
) -> None:
    content = [
        {"type": "text", "text": "Look at these"},
        {"type": "imageUrl", "url": "https://example.org/cat.png"},
        {"type": "file", "mimeType": "application/pdf", "name": "report.pdf", "data": "JVBERi0="},
        {"type": "file", "mimeType": "application/pdf", "url": "https://example.org/far.pdf"},
        {"type": "audio", "mimeType": "audio/wav", "data": "UklGRg=="},
    ]
    run_id = stage.start_run("scholar", [{"role": "user", "content": content, "timestamp": 0}])
    visitor = Visitor(open_profile(stage), f"/#/runs/{run_id}")
    for words in ("File report.pdf (application/pdf)", "Recording (audio/wav)", "It rains."):
        visitor.sees(words)
    visitor.sees("By the model's provider itself: web_search_call")
    for words, url in {
        "Image at https://example.org/cat.png": "https://example.org/cat.png",
        "File https://example.org/far.pdf (application/pdf)": "https://example.org/far.pdf",
        "On rain": "https://example.org/rain",
    }.items():
        expect(visitor.said.get_by_role("link", name=words)).to_have_attribute("href", url)
    expect(visitor.said.locator("img")).to_have_count(0)


def test_a_tool_at_work_tells_how_far_it_is(open_profile: OpenProfile, stage: Served) -> None:
    visitor = Visitor(open_profile(stage), "/#/chat/clerk")
    visitor.say("weigh 5 Jo")
    visitor.sees("half of it")
    stage.release("Jo")
    visitor.sees("Jo is heavy.")
    expect(visitor.said.get_by_text("half of it")).to_be_hidden()


def test_an_aborted_answer_keeps_its_partial_text(open_profile: OpenProfile, stage: Served) -> None:
    visitor = listener(open_profile, stage, "Lea")
    visitor.press("Stop")
    visitor.sees("Stopped")
    visitor.sees(f"{TOLD} Lea")
    visitor.say("Lou")
    stage.release("Lou")
    sees_whole(visitor, "Lou")


def test_a_reload_goes_on_with_the_stream(open_profile: OpenProfile, stage: Served) -> None:
    visitor = listener(open_profile, stage, "Max")
    visitor.page.reload()
    visitor.sees(f"{TOLD} Max")
    stage.release("Max")
    sees_whole(visitor, "Max")
    expect(visitor.page.get_by_role("article", name="You")).to_have_count(1)


def test_another_tab_follows_along_also_into_the_next_run(open_profile: OpenProfile, stage: Served) -> None:
    visitor = listener(open_profile, stage, "Ned")
    other = Visitor(visitor.profile, visitor.page.url.removeprefix(stage.url))
    other.sees(f"{TOLD} Ned")
    stage.release("Ned")
    sees_whole(other, "Ned")
    visitor.sees_rest()
    visitor.say("Oda")
    stage.release("Oda")
    for tab in (visitor, other):
        sees_whole(tab, "Oda")


def test_the_open_page_goes_on_when_a_killed_server_is_back(open_profile: OpenProfile, own_stage: Served) -> None:
    visitor = listener(open_profile, own_stage, "Pia")
    visitor.profile.expect_fault(UNREACHABLE)
    own_stage.kill()
    expect(visitor.page.get_by_text("Connection lost")).to_be_visible()
    own_stage.start()
    own_stage.release("Pia")
    sees_whole(visitor, "Pia")
    expect(visitor.page.get_by_text("Connection lost")).to_be_hidden()


def test_the_page_goes_on_after_time_without_network(open_profile: OpenProfile, stage: Served) -> None:
    profile = open_profile(stage)
    profile.expect_fault(UNREACHABLE)
    profile.context.clock.install()
    visitor = listener(lambda _: profile, stage, "Quin")
    profile.context.set_offline(True)
    stage.release("Quin")
    visitor.page.clock.run_for("02:00")  # the page gives up a connection after two silent minutes
    expect(visitor.page.get_by_text("Connection lost")).to_be_visible()
    profile.context.set_offline(False)
    visitor.page.clock.run_for("00:30")  # the page reconnects within that time
    sees_whole(visitor, "Quin")


def test_a_page_that_loads_slowly_works_as_any_other(open_profile: OpenProfile, stage: Served) -> None:
    profile = open_profile(stage)
    visitor = Visitor(profile, "/#/chat/clerk")
    # Chromium can slow HTTP (modules, lists, Markdown), but not WebSockets.
    slow = {"offline": False, "latency": 300, "downloadThroughput": 40_000, "uploadThroughput": 20_000}
    profile.context.new_cdp_session(visitor.page).send("Network.emulateNetworkConditions", slow)
    visitor.page.reload()
    visitor.say("lend 5 Ron")
    visitor.card("lend").press("Approve")
    visitor.sees("Lent 5.00 to Ron.")
