"""Checks requests by the rules of Anthropic's Messages API.

Sources: the SDK's request types (anthropic 2.12); platform.claude.com/docs: api/messages, tool use ("handle tool
calls"), extended and adaptive thinking, prompt caching, vision, migration to 4.6; and the API's error messages, as
users have reported them. All as of November 2026.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from anthropic.types.beta.message_create_params import MessageCreateParamsStreaming as BetaParams
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from wire_rules_common import Body, address_fault, base64_fault, blank, named_wrongly, repeated
from wire_rules_shapes import faults

TOOL_USE_ID = re.compile(r"[a-zA-Z0-9_-]+")
MAX_BREAKPOINTS = 4
THINKING = ("thinking", "redacted_thinking")


SAMPLING = {"temperature", "top_p"}  # a request may have at most one


def violations(body: Body) -> Iterator[str]:
    """Yield everything that the API would refuse."""
    # The SDK's version of the API has no temperature and no top_p; the previous version has.
    kind = BetaParams if "block_binding" in body.get("thinking", {}) else MessageCreateParamsStreaming
    shape = faults({key: value for key, value in body.items() if key not in SAMPLING}, kind)
    yield from shape
    if body.keys() >= SAMPLING:
        yield "temperature, top_p: both"
    if not shape:
        yield from _turns(body["messages"])
        yield from _tool_uses(body["messages"])
        yield from _texts(body)
        yield from _thinking(body)
        yield from _breakpoints(body)
        yield from repeated("tools", [tool["name"] for tool in body.get("tools", [])])
        for tool in body.get("tools", []):
            yield from named_wrongly("tools", tool["name"])


def blocks_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the content as blocks; a string is one text block."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _turns(messages: list[dict[str, Any]]) -> Iterator[str]:
    roles = [message["role"] for message in messages]
    # "first message must use the user role"; since 4.6: "The conversation must end with a user message."
    if not roles or roles[0] != "user" or roles[-1] != "user":
        yield f"messages: begin with {roles[:1]}, end with {roles[-1:]}"
    for at, (one, other) in enumerate(pairwise(roles)):
        if one == other:
            yield f"messages[{at}]: {one} twice in a row"
    for at, message in enumerate(messages):
        if not blocks_of(message):
            yield f"messages[{at}]: no content"


def _tool_uses(messages: list[dict[str, Any]]) -> Iterator[str]:
    """Check that the next message begins with a `tool_result` for each `tool_use`, and that ids are unique."""
    all_ids: list[str] = []
    asked: list[str] = []  # ids in the previous message
    for at, message in enumerate(messages):
        blocks = blocks_of(message)
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(asked):
            yield f"messages[{at}]: results of {results}, where the message before asked for {asked}"
        if any(block["type"] != "tool_result" for block in blocks[: len(results)]):
            yield f"messages[{at}]: something stands before a tool_result"
        asked = []
        for block in blocks:
            if block["type"] == "tool_use":
                asked.append(block["id"])
                yield from named_wrongly(f"messages[{at}]", block["id"], TOOL_USE_ID)
                yield from named_wrongly(f"messages[{at}]", block["name"])
            if block["type"] in ("tool_use", *THINKING) and message["role"] != "assistant":
                yield f"messages[{at}]: {block['type']} of a user"
        all_ids += asked
    yield from repeated("messages", all_ids)
    if asked:
        yield f"messages: nothing follows the calls {asked}"


def _source(path: str, source: Any) -> Iterator[str]:
    """Check a source by the guides to vision and PDF support: base64, a web address, or for a document plain text."""
    match source["type"]:
        case "url":
            yield from address_fault(path, source["url"])
        case "text":
            if blank(source["data"]):
                yield f"{path}: blank text"
        case _:
            yield from base64_fault(path, source["data"])


def _texts(body: Body) -> Iterator[str]:
    """Check that no text is blank, and that images and documents have a source. The API: "text content blocks must
    contain non-whitespace text"."""
    for path, block in _all_blocks(body):
        if block.get("type") == "text" and blank(block["text"]):
            yield f"{path}: blank text"
        if block.get("type") in ("image", "document"):
            yield from _source(path, block["source"])
        if block.get("type") == "tool_result":
            inner = block.get("content")
            if inner in ("", []):
                yield f"{path}: nothing in it"
            if block.get("is_error") and any(each["type"] != "text" for each in inner if isinstance(each, dict)):
                yield f"{path}: all content must be text if is_error is true"
    if isinstance(body.get("system"), str) and blank(body["system"]):
        yield "system: blank text"


def _thinking(body: Body) -> Iterator[str]:
    messages, thinking = body["messages"], body.get("thinking", {"type": "disabled"})
    for at, message in enumerate(messages):
        for block in blocks_of(message):
            if block["type"] == "thinking" and not block["signature"]:
                yield f"messages[{at}]: thinking without a signature"
        if any(block["type"] in THINKING for block in blocks_of(message)[-1:]):
            yield f"messages[{at}]: the final block can't be thinking"
    if thinking["type"] != "enabled":
        return
    if not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
        yield "thinking: budget_tokens is at least 1024, and less than max_tokens"
    if body.get("temperature", 1) != 1:
        yield "temperature: not with thinking"
    if "top_p" in body or body.get("tool_choice", {}).get("type") in ("any", "tool"):
        yield "top_p, a forced tool: not with thinking"
    last = blocks_of(messages[-1])
    if any(block["type"] == "tool_result" for block in last) and blocks_of(messages[-2])[0]["type"] not in THINKING:
        yield "messages: with thinking enabled, a turn that goes on after tool results begins with thinking"


def _breakpoints(body: Body) -> Iterator[str]:
    """Check the breakpoints: at most four, none on thinking, and none of an hour after one of five minutes."""
    marks = (
        [("body", body["cache_control"])] if body.get("cache_control") else []
    )  # on the last block: checked by count
    found = [(path, block["cache_control"]) for path, block in _all_blocks(body) if block.get("cache_control")]
    if len(marks) + len(found) > MAX_BREAKPOINTS:
        yield f"cache_control: {len(marks) + len(found)} of at most {MAX_BREAKPOINTS}"
    short = False
    for path, mark in [*found, *marks]:
        if mark.get("ttl", "5m") == "5m":
            short = True
        elif short:
            yield f"{path}: an hour after five minutes"


def _all_blocks(body: Body) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all blocks in the API's order: tools, system, messages; nested blocks before the block around them."""
    yield from ((f"tools[{at}]", tool) for at, tool in enumerate(body.get("tools", [])))
    if isinstance(body.get("system"), list):
        yield from ((f"system[{at}]", block) for at, block in enumerate(body["system"]))
    for at, message in enumerate(body["messages"]):
        for place, block in enumerate(blocks_of(message)):
            path = f"messages[{at}].content[{place}]"
            inner = block.get("content") if block["type"] == "tool_result" else None
            if isinstance(inner, list):
                yield from ((f"{path}.content[{deep}]", each) for deep, each in enumerate(inner))
            yield path, block
