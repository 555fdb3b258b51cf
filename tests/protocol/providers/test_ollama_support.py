"""What Ollama's chat API supports, in more detail than the README's table: each line, and what shows it."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from decoding_checks import check_events, decode, golden, golden_body

from adjourn.protocol.events import Done, Failed, StreamEvent, TextDelta, ThinkingDelta, ToolcallStart
from adjourn.protocol.messages import (
    AssistantMessage,
    Image,
    Message,
    ModelDescriptor,
    Text,
    Thinking,
    ToolCall,
    ToolResultMessage,
    UserMessage,
    user,
)
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.providers.adapter import Context
from adjourn.protocol.providers.ollama import ADAPTER, list_request, read_models
from adjourn.protocol.record import ToolSpec

MODEL = ModelDescriptor(id="qwen3:8b", api="ollama-chat", provider="ollama", input=("text", "image"))
TOOL = ToolSpec(name="look", description="Looks.", parameters={"type": "object", "properties": {}})
CAT = Image(data="Y2F0", mime_type="image/png")


def sent(*messages: Message, model: ModelDescriptor = MODEL, **options: Any) -> dict[str, Any]:
    context = Context(messages or (user("Hi"),), "Be brief.", [TOOL])
    return json.loads(ADAPTER.build_request(model, context, ModelOptions(**options)).body)


def roles(*messages: Message) -> list[str]:
    return [message["role"] for message in sent(*messages)["messages"]]


def heard(name: str) -> list[StreamEvent]:
    return decode(
        ADAPTER, golden("ollama-chat", name).model, golden_body("ollama-chat", name).splitlines(keepends=True)
    )


def message(name: str) -> AssistantMessage:
    return check_events(heard(name))


def count(name: str, kind: type) -> int:
    return sum(isinstance(event, kind) for event in heard(name))


def turn(*blocks: Text | Thinking, model: str = MODEL.id) -> AssistantMessage:
    call = ToolCall(id="call_1", name="look", arguments={})
    return AssistantMessage(content=(*blocks, call), api="ollama-chat", provider="ollama", model=model)


def result(*content: Text | Image) -> ToolResultMessage:
    return ToolResultMessage(tool_call_id="call_1", tool_name="look", content=content)


def answered(*blocks: Text | Thinking, model: str = MODEL.id) -> dict[str, Any]:
    """An assistant message of the transcript, as it is sent."""
    return sent(user("Hi"), turn(*blocks, model=model), result(Text(text="Done")))["messages"][2]


def unchanged(**options: Any) -> bool:
    return sent(**options) == sent()


Row = tuple[str, str, Callable[[], object]]

SUPPORT: Sequence[Row] = (
    ("streaming text", "yes", lambda: count("text", TextDelta) > 1 and count("text", Done)),
    ("system prompt", "yes", lambda: roles() == ["system", "user"]),
    ("tools", "yes", lambda: len(sent()["tools"]) == 1 and message("call").stop_reason == "toolUse"),
    ("parallel tool calls", "yes", lambda: count("calls-parallel", ToolcallStart) == 3),
    ("tool calls in streaming", "whole", lambda: message("calls-parallel").calls[0].arguments == {"city": "Oslo"}),
    ("tool results", "yes", lambda: roles(user("Hi"), turn(), result(Text(text="A cat")))[-1] == "tool"),
    ("strict tool schemas", "no", lambda: "strict" not in json.dumps(sent())),
    ("thinking", "yes", lambda: count("thinking", ThinkingDelta) > 1),
    ("thinking given back", "to its model", lambda: answered(Thinking(thinking="Hm"))["thinking"] == "Hm"),
    ("", "as text to others", lambda: answered(Thinking(thinking="Hm"), model="other")["content"] == "Hm"),
    ("redacted thinking", "no", lambda: "thinking" not in answered(Thinking(thinking="", redacted=True))),
    ("reasoning", "on or off", lambda: sent(reasoning="low")["think"] is True and "think" not in sent()),
    ("", "levels: gpt-oss", lambda: sent(model=ModelDescriptor(id="gpt-oss"), reasoning="low")["think"] == "low"),
    ("images", "yes", lambda: sent(UserMessage(content=(CAT,)))["messages"][-1]["images"] == ["Y2F0"]),
    ("images in tool results", "after them", lambda: roles(user("Hi"), turn(), result(CAT))[-2:] == ["tool", "user"]),
    ("cache marks", "ignored", lambda: unchanged(cache="long", cache_instructions="short", cache_tools="long")),
    ("cache reads in usage", "yes", lambda: message("usage-cached").usage.cache_read == 1000),
    ("cache writes in usage", "no", lambda: message("usage-cached").usage.cache_write == 0),
    ("cost", "yes", lambda: message("usage-cached").usage.cost.total == 3.5),
    ("max tokens", "yes", lambda: sent(max_tokens=9)["options"] == {"num_predict": 9}),
    ("temperature", "yes", lambda: sent(temperature=0.5)["options"] == {"temperature": 0.5}),
    ("session id, metadata", "ignored", lambda: unchanged(session_id="s", metadata={"user_id": "u"})),
    ("errors in mid-stream", "yes", lambda: isinstance(heard("error-in-mid-stream")[-1], Failed)),
    ("list of models", "yes", lambda: list_request().path and read_models(b'{"models":[{"name":"a"}]}')[0].id == "a"),
)


@pytest.mark.parametrize("row", SUPPORT, ids=lambda row: f"{row[0]}: {row[1]}")
def test_each_cell_of_the_table_holds(row: Row) -> None:
    _, _, holds = row
    assert holds()
