"""Checks requests by the rules of OpenAI's two APIs: chat completions, also of other servers, and Responses.

Sources: the SDK's request types (openai 3.54); developers.openai.com/api/docs: function calling, reasoning ("keeping
reasoning items in context"), conversation state, images and vision, prompt caching; and the API's error messages, as
users have reported them. Mistral's ids: its API's error ("must be a-z, A-Z, 0-9, with a length of 9"). All as of
November 2026.
"""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from wire_rules_common import (
    Body,
    address_fault,
    base64_fault,
    blank,
    data_url_fault,
    file_data_fault,
    named_wrongly,
    repeated,
)
from wire_rules_shapes import faults

from adjourn.protocol.messages import Compat

CALL_IDS = {
    None: re.compile(r".{1,40}", re.DOTALL),  # OpenAI: "Expected a string with maximum length 40"
    "passthrough": re.compile(r".+", re.DOTALL),
    "safe64": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "mistral9": re.compile(r"[A-Za-z0-9]{9}"),
}
CALL_ID = re.compile(r".{1,64}", re.DOTALL)  # Responses: "Expected a string with maximum length 64"
MAX_CHARS = {"prompt_cache_key": 64, "safety_identifier": 128}


def chat_violations(body: Body, compat: Compat) -> Iterator[str]:
    """Yield everything that a chat completions server with this `compat` would refuse."""
    plain = {**body, "messages": [_without_extras(message, compat) for message in body.get("messages", [])]}
    shape = faults(plain, CompletionCreateParamsStreaming)
    yield from shape
    if shape:
        return
    if not body["messages"]:
        yield "messages: none"
    form = CALL_IDS[compat.tool_call_id_format]
    yield from _chat_calls(body["messages"], form, compat)
    yield from _chat_contents(body["messages"])
    if compat.tool_call_id_format == "mistral9":
        yield from _mistral_roles([message["role"] for message in body["messages"]])
    yield from _common(body, [tool["function"]["name"] for tool in body.get("tools", [])])


def _without_extras(message: Any, compat: Compat) -> Any:
    """Return the message without fields that only other servers have: names of results, returned reasoning (DeepSeek's
    and Mistral's guides; api-docs.deepseek.com, docs.mistral.ai), and images (the types of OpenRouter's SDK)."""
    extras = {"assistant": {"reasoning_content", "reasoning", "images"}, "tool": set[str]()}
    if compat.requires_tool_result_name:
        extras["tool"].add("name")
    message = {key: value for key, value in message.items() if key not in extras.get(message.get("role"), ())}
    if message.get("role") == "assistant" and isinstance(message.get("content"), list):
        message["content"] = [part for part in message["content"] if part["type"] != "thinking"]
    return message


def _chat_calls(messages: list[dict[str, Any]], form: re.Pattern[str], compat: Compat) -> Iterator[str]:
    """Check that one tool message for each call follows an assistant message, and that there are no others."""
    ids: list[str] = []
    waiting: dict[str, str] = {}  # call names by id
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            name = waiting.pop(message["tool_call_id"], None)
            if name is None:
                yield f"messages[{at}]: a result of no call just before"
            elif compat.requires_tool_result_name and message.get("name") != name:
                yield f"messages[{at}]: the result of {name!r} is named {message.get('name')!r}"
            continue
        if waiting:
            yield f"messages[{at}]: no results of {sorted(waiting)} before it"
        calls = message.get("tool_calls")
        if calls == []:
            yield f"messages[{at}]: tool_calls is empty"
        waiting = {call["id"]: call["function"]["name"] for call in calls or []}
        for call in calls or []:
            ids.append(call["id"])
            yield from named_wrongly(f"messages[{at}]", call["id"], form)
            yield from _function(f"messages[{at}]", call["function"])
    if waiting:
        yield f"messages: no results of {sorted(waiting)}"
    yield from repeated("messages", ids)


def _function(path: str, function: dict[str, Any]) -> Iterator[str]:
    yield from named_wrongly(path, function["name"])
    if not isinstance(json.loads(function["arguments"]), dict):
        yield f"{path}: the arguments are not an object"


def _chat_contents(messages: list[dict[str, Any]]) -> Iterator[str]:
    for at, message in enumerate(messages):
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        silent = message["role"] == "assistant" and message.keys() & {"tool_calls", "refusal", "audio", "images"}
        if not parts and not silent:
            yield f"messages[{at}]: no content"
        for part in parts:
            if part["type"] == "text" and blank(part["text"]):
                yield f"messages[{at}]: blank text"
            elif part["type"] == "image_url":
                yield from data_url_fault(f"messages[{at}]", part["image_url"]["url"])
            elif part["type"] == "file":
                yield from file_data_fault(f"messages[{at}]", part["file"]["file_data"])
            elif part["type"] == "input_audio":
                yield from base64_fault(f"messages[{at}]", part["input_audio"]["data"])


def _mistral_roles(roles: list[str]) -> Iterator[str]:
    """Check the roles as mistral-common's validator, which Mistral's API runs: "Unexpected role 'user' after role
    'tool'", "Expected last role User or Tool"."""
    if ("tool", "user") in pairwise(roles):
        yield "messages: a user after a tool"
    if roles[-1:] == ["assistant"]:
        yield "messages: an assistant at the end"


def _common(body: Body, names: list[str]) -> Iterator[str]:
    yield from repeated("tools", names)
    for name in names:
        yield from named_wrongly("tools", name)
    for field, limit in MAX_CHARS.items():
        if not 0 < len(body.get(field, "-")) <= limit:
            yield f"{field}: 1 to {limit} characters"
    if body.get("tools") == []:
        yield "tools: empty"


def responses_violations(body: Body) -> Iterator[str]:
    """Yield everything that the Responses API would refuse."""
    shape = faults({**body, "input": [_typed(item) for item in body["input"]]}, ResponseCreateParamsStreaming)
    yield from shape
    if shape:
        return
    items = body["input"]
    if not items:
        yield "input: nothing"
    if body.get("store") is not False:
        yield "store: the conversation is ours to keep"
    yield from _response_calls(items)
    yield from _reasoning(items)
    for at, item in enumerate(items):
        yield from _response_contents(f"input[{at}]", item)
    yield from _common(body, [tool["name"] for tool in body.get("tools", [])])


def _typed(item: Any) -> Any:
    """Return the item with the id and status that its type requires. The API accepts it without them, as OpenAI's own
    clients send it."""
    answer = item.get("type") == "message" and item.get("role") == "assistant"
    return {"id": "msg_1", "status": "completed", **item} if answer else item


def _response_calls(items: list[dict[str, Any]]) -> Iterator[str]:
    """Check that one `function_call_output` follows each `function_call`, before the next user message."""
    ids: list[str] = []
    waiting: set[str] = set()
    for at, item in enumerate(items):
        if item.get("type") == "function_call":
            ids.append(item["call_id"])
            waiting.add(item["call_id"])
            yield from named_wrongly(f"input[{at}]", item["call_id"], CALL_ID)
            yield from _function(f"input[{at}]", item)
        elif item.get("type") == "function_call_output":
            if item["call_id"] not in waiting:
                yield f"input[{at}]: no call waits for this output"
            waiting.discard(item["call_id"])
        elif waiting and item.get("role") == "user":
            yield f"input[{at}]: no outputs of {sorted(waiting)} before it"
    if waiting:
        yield f"input: no outputs of {sorted(waiting)}"
    yield from repeated("input", ids)


def _reasoning(items: list[dict[str, Any]]) -> Iterator[str]:
    """Check reasoning items: encrypted (or text, from open weights) because they aren't stored, and never "without its
    required following item"."""
    for at, item in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        if not item.get("encrypted_content") and not item.get("content"):
            yield f"input[{at}]: reasoning without anything in it"
        follows = next((each for each in items[at + 1 :] if each.get("type") != "reasoning"), {})
        if not str(follows.get("type")).endswith("_call") and follows.get("role") != "assistant":
            yield f"input[{at}]: reasoning with nothing that it led to"
    yield from repeated("input", [item["id"] for item in items if item.get("type") == "reasoning"])


def _response_contents(path: str, item: dict[str, Any]) -> Iterator[str]:
    content = item["output"] if item.get("type") == "function_call_output" else item.get("content", [])
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not parts and item.get("type", "message") in ("message", "function_call_output"):
        yield f"{path}: no content"
    for part in parts:
        if part["type"] in ("text", "input_text", "output_text") and blank(part["text"]):
            yield f"{path}: blank text"
        elif part["type"] == "input_image":
            yield from data_url_fault(path, part["image_url"])
        elif part["type"] == "input_file" and "file_url" in part:
            yield from address_fault(path, part["file_url"])
        elif part["type"] == "input_file":
            yield from file_data_fault(path, part["file_data"])
        # "Supported values are: 'output_text' and 'refusal'", and the reverse
        if part["type"] != "text" and part["type"].startswith("output") != (item.get("role") == "assistant"):
            yield f"{path}: {part['type']} in a message of {item.get('role')}"
