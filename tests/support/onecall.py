"""One call of a tool outside any run, shared by the tests of declaring and executing tools."""

import dataclasses
from typing import Any

import msgspec

from adjourn.actors.testing import tool_context
from adjourn.actors.tools import (
    Tool,
    ToolOutcome,
    execute,
    make_tool,
)
from adjourn.protocol.messages import Text

OBJECT: dict[str, Any] = {"type": "object"}
YES_NO: dict[str, Any] = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}


async def run(
    tool: Tool, arguments: dict[str, Any] | None = None, decision: Any = None, *, max_result_bytes: int = 10_000
) -> ToolOutcome:
    context = tool_context(tool.spec.name)
    return await execute(tool, arguments or {}, decision, context, max_result_bytes=max_result_bytes)


async def result_of(value: Any, **options: Any) -> ToolOutcome:
    return await run(make_tool("t", "", OBJECT, lambda arguments, context: value), **options)


def said(outcome: ToolOutcome) -> str:
    return "".join(block.text for block in outcome.content if isinstance(block, Text))


def good() -> str:
    """A function that makes a tool."""
    return ""


class Node(msgspec.Struct):
    """A recursive type."""

    name: str
    children: list["Node"] = []


@dataclasses.dataclass
class Point:
    """A plain data class."""

    x: int
    y: int
