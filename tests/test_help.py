"""`help()` and editors show a docstring, and no comments: it has a word on every option."""

import inspect
import re
from typing import Any, get_args

import pytest

from adjourn.actors import Agent, ModelDescriptor, ModelOptions, ModelRequest, Provider, ToolContext, ToolOptions, tool
from adjourn.protocol.bounds import Bounds
from adjourn.protocol.events import Envelope, ErrorInfo, Event, StreamEvent, ToolOutput
from adjourn.protocol.record import OnExpiry

OPTIONS = [Agent, Bounds, ModelDescriptor, ModelOptions, ModelRequest, OnExpiry, Provider, ToolContext]
KINDS = [*OPTIONS, Envelope, ErrorInfo, ToolOutput, *get_args(Event), *get_args(StreamEvent)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_docstring_of_a_class_describes_each_option(kind: Any) -> None:
    described = re.findall(r"^    (\w+): .", inspect.getdoc(kind) or "", re.MULTILINE)
    options = [name for name in inspect.signature(kind).parameters if name[0] != "_"]
    assert [name for name in options if name not in described] == []


def test_the_docstring_of_tool_describes_each_option() -> None:
    described = re.findall(r"^    (\w+): .", inspect.getdoc(tool) or "", re.MULTILINE)
    assert described == ["name", "description", *ToolOptions.__annotations__]
