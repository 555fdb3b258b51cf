"""`tool_choice` none, in each API's form."""

from typing import Any

import msgspec
import pytest

from adjourn.protocol.messages import AssistantMessage, Compat, ModelDescriptor, Text, ToolCall, ToolResultMessage, user
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.providers import ADAPTERS
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.record import ToolSpec

LOOK = ToolSpec(name="look", description="Look", parameters={"type": "object"})
LOOKED = (
    user("go"),
    AssistantMessage(content=(ToolCall(id="c", name="look", arguments={}),), stop_reason="toolUse"),
    ToolResultMessage(tool_call_id="c", tool_name="look", content=(Text(text="seen"),)),
)


@pytest.mark.parametrize(
    ("api", "choice"),
    [
        ("anthropic-messages", {"type": "none"}),
        ("openai-completions", "none"),
        ("openai-responses", "none"),
    ],
)
def test_the_tools_stay_declared_and_may_not_be_called(api: str, choice: Any) -> None:
    body = asked(api, LOOK)
    assert (len(body["tools"]), body["tool_choice"]) == (1, choice)
    assert "tool_choice" not in asked(api, LOOK, options=ModelOptions())


def test_ollama_has_no_choice_so_it_gets_no_tools() -> None:
    assert "tools" not in asked("ollama-chat", LOOK)
    assert "tools" in asked("ollama-chat", LOOK, options=ModelOptions())


@pytest.mark.parametrize("compat", [Compat(tool_choices=("auto",)), Compat(refused_fields=("tool_choice",))])
def test_a_server_that_has_no_such_choice_gets_no_tools(compat: Compat) -> None:
    body = asked("openai-completions", LOOK, compat=compat)
    assert not {"tools", "tool_choice"} & body.keys()


@pytest.mark.parametrize("api", ["openai-completions", "openai-responses", "ollama-chat"])
def test_without_tools_nothing_is_said_of_them(api: str) -> None:
    assert not {"tools", "tool_choice"} & asked(api).keys()


def asked(
    api: str,
    *tools: ToolSpec,
    options: ModelOptions = ModelOptions(tool_choice="none"),  # noqa: B008  # frozen
    compat: Compat | None = None,
) -> dict[str, Any]:
    model = ModelDescriptor(id="m", api=api, provider="p", compat=compat)
    return msgspec.json.decode(ADAPTERS[api].build_request(model, Context(LOOKED, tools=tools), options).body)
