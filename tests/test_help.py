"""`help()` and editors show a docstring, and no comments: it has a word on every option."""

import inspect
import re
from typing import Any, get_args

import pytest

from adjourn.actors import (
    Agent,
    ModelDescriptor,
    ModelOptions,
    ModelOutcome,
    ModelRequest,
    Provider,
    ToolContext,
    ToolOptions,
    ToolRequest,
    tool,
)
from adjourn.actors.gateway import GatewayLimits
from adjourn.protocol.bounds import Bounds
from adjourn.protocol.events import Envelope, ErrorInfo, Event, StreamEvent, ToolOutput
from adjourn.protocol.record import OnExpiry
from adjourn.protocol.transcript import PendingCall, Snapshot, ToolView

OPTIONS = [Agent, Bounds, GatewayLimits, ModelDescriptor, ModelOptions, ModelOutcome, ModelRequest, OnExpiry, Provider]
OPTIONS += [ToolContext, ToolRequest]
SHOWN = [Envelope, ErrorInfo, PendingCall, Snapshot, ToolOutput, ToolView, *get_args(Event), *get_args(StreamEvent)]


@pytest.mark.parametrize("kind", [*OPTIONS, *SHOWN], ids=lambda kind: kind.__name__)
def test_the_docstring_of_a_class_describes_each_option(kind: Any) -> None:
    described = re.findall(r"^    (\w+): .", inspect.getdoc(kind) or "", re.MULTILINE)
    options = [name for name in inspect.signature(kind).parameters if name[0] != "_"]
    assert [name for name in options if name not in described] == []


def test_the_docstring_of_tool_describes_each_option() -> None:
    described = re.findall(r"^    (\w+): .", inspect.getdoc(tool) or "", re.MULTILINE)
    assert described == ["name", "description", *ToolOptions.__annotations__]
