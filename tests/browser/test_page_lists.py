"""The inbox, the list of runs, and a run's timeline."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chromium import Profile, WebSocketRoute, expect
from served import Served
from visitor import Visitor

pytestmark = pytest.mark.browser
OpenProfile = Callable[..., Profile]
Start = Callable[..., Served]


def test_the_inbox_decides_waiting_calls_of_any_run_live(open_profile: OpenProfile, start: Start) -> None:
    server = start("serve", "stage:agents", "--store", "memory:")
    server.start_run("clerk", "lend 5 Ann")
    bobs = server.start_run("clerk", "lend 6 Bob")
    visitor = Visitor(open_profile(server), "/#/inbox")
    items = visitor.page.get_by_role("main").get_by_role("listitem").filter(has_text="clerk")
    expect(items).to_have_count(2)
    expect(items.first).to_contain_text("Ann")  # the oldest is first, and open
    server.start_run("clerk", "lend 7 Cid")
    expect(items).to_have_count(3)
    visitor.card("lend").press("Approve")
    expect(visitor.page.get_by_text("lend: Approved by you")).to_be_attached()  # decided cards stay until a change
    visitor.card("lend").sees("Bob")  # the next item opens
    server.decline(bobs)
    expect(visitor.page.get_by_role("link", name="Inbox")).to_contain_text("1")


def test_the_inbox_tells_equal_calls_of_one_run_apart(open_profile: OpenProfile, start: Start) -> None:
    server = start("serve", "stage:agents", "--store", "memory:")
    server.start_run("clerk", "lend 5 Ann, lend 6 Bob")
    visitor = Visitor(open_profile(server), "/#/inbox")
    items = visitor.page.get_by_role("main").get_by_role("listitem").filter(has_text="clerk")
    expect(items).to_contain_text(["call 1 of 2", "call 2 of 2"])


def test_the_inbox_names_the_decider_even_if_the_answer_comes_after_the_event(
    open_profile: OpenProfile, start: Start
) -> None:
    server = start("serve", "stage:agents", "--store", "memory:")
    server.start_run("clerk", "lend 5 Ann")
    profile = open_profile(server)
    late = LateAnswers(profile)
    visitor = Visitor(profile, "/#/inbox")
    visitor.card("lend").press("Approve")
    expect(
        visitor.page.get_by_role("link", name="Inbox", exact=True)
    ).to_be_visible()  # the count disappears, because nothing waits
    late.deliver()
    expect(visitor.page.get_by_text("lend: Approved by you")).to_be_attached()


class LateAnswers:
    """Keeps the server's answers to `run.resume` from the page until they are delivered."""

    def __init__(self, profile: Profile) -> None:
        self._asked: set[object] = set()
        self._held: list[Callable[[], None]] = []
        profile.context.route_web_socket(re.compile("/ws"), self._connect)

    def deliver(self) -> None:
        assert self._held
        for send in self._held:
            send()

    def _connect(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()

        def from_page(frame: str | bytes) -> None:
            requests = messages_of(frame)
            self._asked.update(request.get("id") for request in requests if request.get("method") == "run.resume")
            server.send(frame)

        def from_server(frame: str | bytes) -> None:
            if any("result" in message and message.get("id") in self._asked for message in messages_of(frame)):
                self._held.append(lambda: page.send(frame))
            else:
                page.send(frame)

        page.on_message(from_page)
        server.on_message(from_server)


def messages_of(frame: str | bytes) -> list[dict[str, Any]]:
    read = json.loads(frame)
    return read if isinstance(read, list) else [read]


def test_five_hundred_runs_are_listed_a_page_at_a_time_and_live(open_profile: OpenProfile, start: Start) -> None:
    server = start("serve", "stage:agents", "--store", "memory:")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: server.start_run("clerk", f"hero {number}"), range(500)))
    visitor = Visitor(open_profile(server), "/#/runs")
    rows = visitor.page.get_by_role("main").get_by_role("listitem")
    expect(rows.filter(has_text="hero")).not_to_have_count(0)
    before = rows.count()
    assert before < 500
    visitor.press("Show more")
    expect(rows.nth(before)).to_be_visible()
    server.start_run("teller", "the latest hero")
    expect(rows.first).to_contain_text("the latest hero")
    server.release("the latest hero")
    expect(rows.first).to_contain_text("Done")


def test_a_timeline_tells_each_step_who_decided_and_what_it_took(open_profile: OpenProfile, stage: Served) -> None:
    visitor = Visitor(open_profile(stage), "/#/chat/clerk")
    visitor.say("lend 5 Dan")
    visitor.card("lend").press("Approve")
    visitor.sees("Lent 5.00 to Dan.")
    visitor.sees_rest()
    run_id = visitor.page.url.rsplit("/", 1)[1]
    timeline = Visitor(visitor.profile, f"/#/runs/{run_id}/timeline").page.get_by_role("region", name="Timeline")
    steps = timeline.get_by_role("listitem").filter(visible=True)
    for place, words in enumerate(("lend 5 Dan", "As you wish.", "Approved", "Lent 5.00", "Lent 5.00", "Done")):
        expect(steps.nth(place)).to_contain_text(words)
