"""The timeline of a run, from its record."""

import json
from typing import Any

from machine_driver import PLAIN, YES, Driver, call, said

from adjourn.protocol import codec
from adjourn.protocol.messages import user
from adjourn.protocol.parts import timeline_page
from adjourn.protocol.timeline import MAX_TEXT_CHARS, timeline_of
from adjourn.protocol.transitions import Abort, Decline


def entries(d: Driver) -> list[dict[str, Any]]:
    """Return the entries as sent, without the usage."""
    found = [json.loads(codec.to_json(entry)) for entry in timeline_of(d.record())]
    return [{name: value for name, value in entry.items() if name != "usage"} for entry in found]


def kinds(d: Driver) -> list[str]:
    return [entry["kind"] for entry in entries(d)]


def test_the_timeline_has_each_step_of_a_run_from_input_to_end() -> None:
    d = Driver(*PLAIN, given=(user("before"), said(text="yes"), user("refund\nit")))
    begun = d.now
    d.says(call("refund", n=1), text="Let me see.")
    [key] = d.ids
    d.wait(60)
    d.decide(YES, by="bob")
    d.done(key, "paid")
    d.says(text="Done.")
    message = {"kind": "message", "at": 0, "model": "", "stopReason": "stop"}
    about = {"toolCallId": key, "toolName": "refund"}
    assert entries(d) == [
        {"kind": "input", "at": begun, "messages": 3, "text": "refund it"},
        {**message, "text": "Let me see.", "calls": [about]},
        {"kind": "decision", "at": d.now, **about, "outcome": "decided", "by": "bob", "decision": YES},
        {"kind": "result", "at": d.now, **about, "isError": False, "text": "paid"},
        {**message, "text": "Done.", "calls": []},
        {"kind": "end", "at": d.now, "status": "completed", "reason": "stop"},
    ]
    usages = [entry.usage for entry in timeline_of(d.record()) if hasattr(entry, "usage")]
    assert [usage.total_tokens for usage in usages] == [1, 1, 2]


def test_the_timeline_has_who_declined_and_why_and_how_a_run_was_aborted() -> None:
    d = Driver(*PLAIN)
    d.says(call("refund", n=1), call("refund", n=2))
    first, second = d.ids
    d.feed(Decline(tool_call_id=first, by="ann", reason="too much"))
    d.feed(Abort(by="bob", reason="enough"))
    decisions = [entry for entry in entries(d) if entry["kind"] == "decision"]
    assert [(entry["toolCallId"], entry["outcome"]) for entry in decisions] == [
        (first, "declined"),
        (second, "aborted"),
    ]
    assert (decisions[0]["by"], decisions[0]["reason"]) == ("ann", "too much")
    assert entries(d)[-1] == {"kind": "end", "at": d.now, "status": "aborted", "reason": "enough", "by": "bob"}


def test_a_run_that_is_not_over_has_no_end_yet() -> None:
    d = Driver(*PLAIN)
    assert kinds(d) == ["input"]
    d.says(call("refund", n=1))
    assert kinds(d) == ["input", "message"]


def test_long_words_are_cut() -> None:
    d = Driver(*PLAIN, given=(user("a" * 1000),))
    d.says(call("look", n=1), text="b " * 1000)
    d.done(d.ids[0], "c" * 1000)
    assert [len(entry["text"]) for entry in entries(d)] == [MAX_TEXT_CHARS, MAX_TEXT_CHARS, MAX_TEXT_CHARS]


def test_pages_follow_each_other_and_hold_at_least_one_entry() -> None:
    d = Driver(*PLAIN)
    for _ in range(4):
        d.says(call("look", n=1), text="word " * 50)
        d.done(d.ids[0])
    whole = tuple(timeline_of(d.record()))
    for max_bytes in (1, 1000, 100_000):
        found, start = [], 0
        while True:
            page = timeline_page(d.record(), start, max_bytes)
            assert page.from_ == start
            assert len(page.entries) == 1 or len(codec.to_json(page.entries)) <= max_bytes + len(page.entries) + 1
            found += page.entries
            if page.next is None:
                break
            start = page.next
        assert tuple(found) == whole
    beyond = timeline_page(d.record(), 1000)
    assert (beyond.entries, beyond.next) == ((), None)
