"""Snapshots in parts: joined, they give the whole snapshot, and no part is longer than necessary."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from adjourn.protocol import codec
from adjourn.protocol.events import ErrorInfo, ToolOutput
from adjourn.protocol.messages import AssistantMessage, Text, user
from adjourn.protocol.methods import RunSnapshot
from adjourn.protocol.parts import Joiner, page_of, parts_of
from adjourn.protocol.transcript import PendingCall, Snapshot, ToolView

VECTORS = Path(__file__).parents[1] / "vectors" / "snapshot-parts.json"
WIDTHS = st.lists(st.integers(0, 400), max_size=8)


def snapshot_of(messages: list[int], pending: list[int], tools: list[int]) -> RunSnapshot:
    """Make a snapshot with messages and calls of these sizes."""
    return RunSnapshot(
        run_id="r",
        seq=7,
        stranded="somewhere",
        snapshot=Snapshot(
            agent="a",
            status="paused",
            turn=3,
            messages=tuple(user("x" * width) for width in messages),
            streaming=AssistantMessage(content=(Text(text="so"),), model="m", provider="p", timestamp=1),
            pending=tuple(
                PendingCall(tool_call_id=f"p{i}", tool_name="t", input={"a": "x" * width}, kind="decision")
                for i, width in enumerate(pending)
            ),
            tools=tuple(
                ToolView(
                    tool_call_id=f"t{i}", tool_name="t", args={}, result=ToolOutput(content=(Text(text="x" * width),))
                )
                for i, width in enumerate(tools)
            ),
            error=ErrorInfo(type="internal", message="e"),
            metadata={"a": 1},
        ),
    )


@given(WIDTHS, WIDTHS, WIDTHS, st.integers(1, 1_000))
def test_the_parts_join_to_the_whole(messages: list[int], pending: list[int], tools: list[int], most: int) -> None:
    whole = snapshot_of(messages, pending, tools)
    joiner = Joiner()
    *firsts, last = (joiner.add(codec.from_json(codec.to_json(part), RunSnapshot)) for part in parts_of(whole, most))
    assert firsts == [None] * len(firsts)
    assert last == whole


@given(WIDTHS, WIDTHS, WIDTHS)
def test_a_parts_lists_are_bounded_except_for_a_single_item(
    messages: list[int], pending: list[int], tools: list[int]
) -> None:
    for part in parts_of(snapshot_of(messages, pending, tools), 1_000):
        found = part.snapshot
        listed = [*found.messages, *found.pending, *found.tools]
        assert len(listed) <= 1 or sum(len(codec.to_json(each)) for each in listed) <= 1_000
        assert (found.status, found.turn) == ("paused", 3)


def test_a_short_snapshot_is_its_only_part() -> None:
    whole = snapshot_of([5, 5], [5], [5])
    assert list(parts_of(whole)) == [whole]


def test_only_the_first_part_has_the_fields_that_are_not_lists() -> None:
    first, *rest = (part.snapshot for part in parts_of(snapshot_of([50] * 4, [], []), 1))
    assert (first.streaming is not None, first.metadata, first.error is not None) == (True, {"a": 1}, True)
    assert [(part.streaming, part.metadata, part.error) for part in rest] == [(None, {}, None)] * 3


def test_parts_that_do_not_follow_each_other_are_passed_over() -> None:
    one, two, three = parts_of(snapshot_of([1, 2, 3], [], []), 1)
    other = structs.replace(two, seq=8)
    joiner = Joiner()
    assert [joiner.add(part) for part in (two, one, three, one, other, three)] == [None] * 6
    assert [joiner.add(part) is not None for part in (one, one, two, three)] == [False, False, False, True]
    joiner.add(one)
    joiner.clear()
    assert [joiner.add(part) for part in (two, three)] == [None, None]


@given(WIDTHS, st.integers(1, 1_000))
def test_the_pages_have_every_message_once_and_the_last_one_all_else(messages: list[int], most: int) -> None:
    whole = snapshot_of(messages, [5, 5], [5])
    pages = [page_of(whole, 0, most)]
    while (start := pages[-1].next) is not None:
        pages.append(page_of(whole, start, most))
    assert sum((page.snapshot.messages for page in pages), ()) == whole.snapshot.messages
    last = pages.pop()
    assert structs.replace(last.snapshot, messages=whole.snapshot.messages) == whole.snapshot
    assert all(page.snapshot.pending == page.snapshot.tools == () for page in pages)


@pytest.mark.parametrize("start", [2, 3, 100])
def test_a_page_from_the_end_on_has_no_messages(start: int) -> None:
    whole = snapshot_of([5, 5], [5], [])
    assert page_of(whole, start) == structs.replace(
        whole, snapshot=structs.replace(whole.snapshot, messages=()), from_=2
    )


@pytest.mark.parametrize("case", json.loads(VECTORS.read_text()), ids=lambda case: case["name"])
def test_every_client_joins_parts_like_this(case: dict[str, Any]) -> None:
    joiner = Joiner()
    given = [msgspec.convert(part, RunSnapshot) for part in case["parts"]]
    assert [json.loads(codec.to_json(joiner.add(part))) for part in given] == case["joined"]


def test_messages_that_come_between_two_pages_are_on_the_next() -> None:
    short, long = snapshot_of([50] * 2, [], []), snapshot_of([50] * 3, [], [])
    first = page_of(short, 0, 1)
    assert first.next == 1
    rest = page_of(long, first.next)
    assert rest.snapshot.messages == long.snapshot.messages[1:]
