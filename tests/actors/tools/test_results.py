"""What a tool returns, as the model and programs get it."""

import datetime
import enum
import functools
from typing import Any

import pytest
from onecall import Node, Point, result_of, said

from adjourn.actors.tools import (
    ToolOutcome,
)
from adjourn.protocol.events import ToolOutput
from adjourn.protocol.messages import Image, Text


class Color(enum.Enum):
    RED = "red"


async def test_text_stays_text() -> None:
    assert await result_of("hello") == ToolOutcome((Text(text="hello"),), None, False)
    assert await result_of(Color.RED) == ToolOutcome((Text(text="red"),), None, False)
    assert await result_of(datetime.date(2030, 1, 2)) == ToolOutcome((Text(text="2030-01-02"),), None, False)


async def test_nothing_becomes_done() -> None:
    assert await result_of(None) == ToolOutcome((Text(text="done"),), None, False)


async def test_content_blocks_pass() -> None:
    image = Image(data="aGk=", mime_type="image/png")
    assert (await result_of(image)).content == (image,)
    assert (await result_of([Text(text="see"), image])).content == (Text(text="see"), image)


async def test_tool_output_passes_with_plain_details() -> None:
    output = ToolOutput(content=(Text(text="at 1, 2"),), details=Point(1, 2))
    assert await result_of(output) == ToolOutcome((Text(text="at 1, 2"),), {"x": 1, "y": 2}, False)


@pytest.mark.parametrize(
    ("value", "text", "details"),
    [
        (Point(1, 2), '{"x":1,"y":2}', {"x": 1, "y": 2}),
        (Node("a"), '{"name":"a","children":[]}', {"name": "a", "children": []}),
        ({"a": (1, None)}, '{"a":[1,null]}', {"a": [1, None]}),
        ([], "[]", []),
        (False, "false", False),
        (1.5, "1.5", 1.5),
        ({1: Color.RED}, '{"1":"red"}', {"1": "red"}),
    ],
)
async def test_data_becomes_json_text_and_plain_details(value: Any, text: str, details: Any) -> None:
    outcome = await result_of(value)
    assert outcome == ToolOutcome((Text(text=text),), details, False)
    assert type(outcome.details) is type(details)


async def test_what_a_tool_keeps_of_its_result_is_no_longer_the_runs() -> None:
    mine: dict[str, Any] = {"list": [1]}
    outcome = await result_of(ToolOutput(content=(Text(text="x"),), details=mine))
    mine["list"].append(2)
    assert outcome.details == {"list": [1]}


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        {"n": 2**53 + 1},
        "\ud800",
        {"s": "\ud800"},
        object(),
        [object()],
        Text(text=5),  # type: ignore[arg-type]
        Text(text="\ud800"),
        ToolOutput(content=("text",)),  # type: ignore[arg-type]
        ToolOutput(content=(), details=float("inf")),
        functools.reduce(lambda inner, _: [inner], range(200), []),
    ],
)
async def test_a_result_outside_the_value_domain_is_an_error_that_says_so(value: Any) -> None:
    outcome = await result_of(value)
    assert outcome.is_error
    assert said(outcome).startswith("the tool's result can't be carried: ")


async def test_a_result_that_is_too_large_is_an_error_that_says_so() -> None:
    assert not (await result_of("x" * 900, max_result_bytes=1000)).is_error
    for value in ("x" * 1000, ["x" * 600], ToolOutput(content=(), details="x" * 1000)):
        outcome = await result_of(value, max_result_bytes=1000)
        assert outcome.is_error
        assert "at most 1000 are allowed" in said(outcome)
