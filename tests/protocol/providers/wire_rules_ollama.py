"""Checks requests by the rules of Ollama's `/api/chat`.

Sources: docs.ollama.com (api/chat, capabilities: tool calling, thinking, vision), the server's `api/types.go`, and the
SDK's request types (ollama 0.6). As of November 2026. The server itself refuses little; a request that breaks these
rules reaches the model as a prompt that makes no sense.
"""

from collections.abc import Iterator
from typing import Any, Literal, Required, TypedDict

from wire_rules_common import Body, base64_fault, blank, named_wrongly, repeated
from wire_rules_shapes import faults


class _Called(TypedDict, total=False):
    name: Required[str]
    arguments: Required[dict[str, Any]]
    index: int


class _Call(TypedDict, total=False):
    function: Required[_Called]
    id: str


class _Message(TypedDict, total=False):
    role: Required[Literal["system", "user", "assistant", "tool"]]
    content: str
    thinking: str
    images: list[str]
    tool_calls: list[_Call]
    tool_name: str
    tool_call_id: str


class _Function(TypedDict, total=False):
    name: Required[str]
    description: str
    parameters: Required[dict[str, Any]]


class _Tool(TypedDict, total=False):
    type: Required[Literal["function"]]
    function: Required[_Function]


class _Options(TypedDict, total=False):
    num_ctx: int
    num_predict: int
    temperature: float
    top_p: float
    seed: int
    stop: list[str]


class _Request(TypedDict, total=False):
    model: Required[str]
    messages: Required[list[_Message]]
    stream: Literal[True]
    tools: list[_Tool]
    think: bool | Literal["low", "medium", "high", "max"]
    format: Literal["json"] | dict[str, Any]
    truncate: bool
    shift: bool
    options: _Options


def violations(body: Body) -> Iterator[str]:
    """Yield everything that doesn't fit the API."""
    shape = faults(body, _Request)
    yield from shape
    if shape:
        return
    if not body["messages"]:
        yield "messages: none"  # the server only loads the model then, and answers nothing
    yield from _calls(body["messages"])
    for at, message in enumerate(body["messages"]):
        yield from _content(f"messages[{at}]", message)
    names = [tool["function"]["name"] for tool in body.get("tools", [])]
    yield from repeated("tools", names)
    for name in names:
        yield from named_wrongly("tools", name)


def _calls(messages: list[dict[str, Any]]) -> Iterator[str]:
    """Check that tool messages directly follow their calls, in order, each with its tool's name."""
    ids: list[str] = []
    waiting: list[dict[str, Any]] = []
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            call = waiting.pop(0) if waiting else {"function": {"name": None}}
            told = message.get("tool_name"), message.get("tool_call_id")
            if told != (call["function"]["name"], call.get("id")):
                yield f"messages[{at}]: the result of {told}, where that of {call} comes next"
            continue
        if waiting:
            yield f"messages[{at}]: no results of {waiting} before it"
        waiting = list(message.get("tool_calls", []))
        for call in waiting:
            yield from named_wrongly(f"messages[{at}]", call["function"]["name"])
            ids += [call["id"]] if "id" in call else []
    if waiting:
        yield f"messages: no results of {waiting}"
    yield from repeated("messages", ids)


def _content(path: str, message: dict[str, Any]) -> Iterator[str]:
    if blank(message.get("content")) and not any(message.get(each) for each in ("images", "tool_calls", "thinking")):
        yield f"{path}: nothing in it"
    for image in message.get("images", []):
        yield from base64_fault(path, image)
