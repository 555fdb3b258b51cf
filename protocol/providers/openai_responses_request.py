"""Builds requests for OpenAI's Responses API: `POST /responses`, streaming, with nothing stored on the server.

Each request has the whole transcript, as items. A reasoning item is sent back with its id and encrypted content, which
are the thinking block's signature (`Kept`). `hand_over` makes sure that another item follows it. Messages and calls are
sent without ids, because the API requires an item with an id to follow its own reasoning item.

Caching is automatic. The session's key, sent unless `cache` is `none`, keeps a session's requests together. Lifetimes
depend on the model's version:
- up to gpt-5.5: `long` anywhere applies to everything (`24h`). Marks have no other effect.
- from gpt-5.6 on: each mark on a user message or a tool result is a breakpoint. A mark on the system prompt, or on the
  tools before it, turns the prompt into a developer message, because `instructions` can't have breakpoints; the model's
  own messages can't either. `long` is 12 hours; as an option, it applies to all breakpoints, also the server's own.
  `none` asks for no breakpoints, and so for no caching.

Source: OpenAI's API reference and its guides to reasoning, function calling and prompt caching, and the types of the
`openai` package 3.54 (October 2026). Comments name other sources.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from .. import codec
from ..messages import (
    AssistantMessage,
    Audio,
    Compat,
    File,
    Image,
    ImageURL,
    Lifetime,
    Message,
    ModelDescriptor,
    Opaque,
    Text,
    Thinking,
    ToolResultMessage,
    UserBlock,
)
from ..options import ModelOptions, NamedTool
from ..record import ToolSpec
from .adapter import Context, HTTPRequest
from .extra import with_extra
from .handover import Rules, hand_over, longest, opaque_json
from .openai_caching import breakpoint_of, cache_fields, cache_wish, has_breakpoints
from .openai_chat_options import schema_name
from .openai_models import data_url, effort_of, file_name, reasons
from .strict_schema import is_strict

__all__ = ["RULES", "Kept", "build_request"]

_MAX_METADATA = (16, 64, 512)  # pairs, characters per key, characters per value

# Item types that have their own structs, or that only the program or the user may send.
_NEVER_OPAQUE = frozenset(
    {"apply_patch_call_output", "computer_call_output", "custom_tool_call", "custom_tool_call_output", "function_call"}
    | {"function_call_output", "item_reference", "local_shell_call_output", "mcp_approval_response", "message"}
    | {"reasoning"}
)
RULES = Rules(call_ids="safe64", parts=frozenset({"imageUrl", "file", "fileUrl"}), never_opaque=_NEVER_OPAQUE)

_Json = dict[str, Any]


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """The data with which a reasoning item is sent back: the signature of a thinking block, as JSON."""

    id: str | None = None
    encrypted_content: str | None = None  # without it, the text is the reasoning itself: a server of open weights
    # OpenRouter's, whose models of other vendors sign their reasoning (the types of its SDK, November 2026).
    signature: str | None = None
    format: str | None = None  # which vendor's signature it is

    def as_text(self) -> str:
        """Return the struct as compact JSON."""
        return _KEPT_JSON.encode(self).decode()


_KEPT_JSON = msgspec.json.Encoder()
_KEPT = msgspec.json.Decoder(Kept)


def build_request(model: ModelDescriptor, context: Context, options: ModelOptions) -> HTTPRequest:
    """Build a streaming call. Options that the model doesn't support are left out: `temperature` and `top_p` if it
    reasons, `reasoning` if it doesn't, images, tools. The API has no `stop` and no `seed`."""
    compat = model.compat or Compat()
    messages = hand_over(context.messages, model, RULES)
    breakpoints = has_breakpoints(model) and options.cache != "none"
    prompt_mark = longest(options.cache_instructions, options.cache_tools) if breakpoints else None
    body: _Json = {
        "model": model.id,
        "input": _input(messages, breakpoints=breakpoints),
        "stream": True,
        "store": False,
        **_tools(model, context, compat),
        **_reasoning(model, options, compat),
        **cache_fields(model, options, cache_wish(options, messages), keyed=True),
    }
    if breakpoints and options.cache == "long":
        body["prompt_cache_options"] = {"ttl": "12h"}
    if context.instructions.strip() and prompt_mark:
        part = {"type": "input_text", "text": context.instructions, **breakpoint_of(prompt_mark)}
        body["input"].insert(0, {"type": "message", "role": "developer", "content": [part]})
    elif context.instructions.strip():
        body["instructions"] = context.instructions
    body |= _options(model, options, with_tools="tools" in body)
    headers = {"accept": "text/event-stream", "content-type": "application/json"}
    return HTTPRequest("POST", "/responses", headers, codec.to_json(with_extra(body, options)))


def _options(model: ModelDescriptor, options: ModelOptions, *, with_tools: bool) -> _Json:
    wishes: _Json = {"max_output_tokens": options.max_tokens, "service_tier": options.service_tier}
    if not reasons(model) or options.reasoning == "none":
        wishes |= {"temperature": options.temperature, "top_p": options.top_p}
    if with_tools:
        wishes |= {"tool_choice": _tool_choice(options), "parallel_tool_calls": options.parallel_tool_calls}
    if (schema := options.response_schema) is not None:
        form = {"type": "json_schema", "name": schema_name(schema), "schema": schema, "strict": is_strict(schema)}
        wishes["text"] = {"format": form}
    wishes["metadata"] = _metadata(options.metadata) or None
    return {name: value for name, value in wishes.items() if value is not None}


def _tool_choice(options: ModelOptions) -> str | _Json | None:
    choice = options.tool_choice
    return {"type": "function", "name": choice.name} if isinstance(choice, NamedTool) else choice


def _tools(model: ModelDescriptor, context: Context, compat: Compat) -> _Json:
    if not context.tools or not model.tools:
        return {}
    may_be_strict = compat.supports_strict_tool_schema is not False
    return {"tools": [_tool(tool, strict=may_be_strict and is_strict(tool.parameters)) for tool in context.tools]}


def _tool(tool: ToolSpec, *, strict: bool) -> _Json:
    # `strict` is always sent: without it, this API treats the schema as strict and requires optional arguments.
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": strict,
    }


def _reasoning(model: ModelDescriptor, options: ModelOptions, compat: Compat) -> _Json:
    # A request for encrypted content fails if the model doesn't reason (400, as reported since 2025).
    if not reasons(model) or compat.reasoning_format == "none":
        return {}
    asked: _Json = {"include": ["reasoning.encrypted_content"]}
    if options.reasoning == "none":
        asked["reasoning"] = {"effort": effort_of(model, "none")}
    elif options.reasoning is not None:
        effort = {} if compat.supports_reasoning_effort is False else {"effort": effort_of(model, options.reasoning)}
        asked["reasoning"] = {**effort, "summary": "auto"}
    return asked


def _metadata(metadata: _Json) -> dict[str, str]:
    """Return the metadata that the API accepts."""
    pairs, key_chars, value_chars = _MAX_METADATA
    fitting = {
        key: value
        for key, value in metadata.items()
        if isinstance(value, str) and len(key) <= key_chars and len(value) <= value_chars
    }
    return dict(list(fitting.items())[:pairs])


def _input(messages: Iterable[Message], *, breakpoints: bool) -> list[_Json]:
    """Return the input items. A repeated reasoning item is sent only once: the API refuses a second one with
    "Duplicate item found" (as reported, 2025)."""
    items: list[_Json] = []
    ids: set[str] = set()
    for item in (item for message in messages for item in _items(message, breakpoints=breakpoints)):
        if item["type"] == "reasoning" and "id" in item:
            if item["id"] in ids:
                continue
            ids.add(item["id"])
        items.append(item)
    return items


def _items(message: Message, *, breakpoints: bool) -> Iterator[_Json]:
    if isinstance(message, AssistantMessage):
        yield from _answer(message)
    elif isinstance(message, ToolResultMessage):
        parts = _parts(message.content, message.cache, breakpoints=breakpoints)
        yield {"type": "function_call_output", "call_id": message.tool_call_id, "output": _output(parts)}
    else:
        parts = _parts(message.blocks, message.cache, breakpoints=breakpoints)
        yield {"type": "message", "role": "user", "content": parts}


def _answer(message: AssistantMessage) -> Iterator[_Json]:
    for block in message.content:
        if isinstance(block, Text):
            content: list[_Json] = [{"type": "output_text", "text": block.text, "annotations": list(block.citations)}]
            phase = {"phase": block.signature} if block.signature else {}
            yield {"type": "message", "role": "assistant", "content": content, **phase}
        elif isinstance(block, Thinking):
            yield from _thought(block)
        elif isinstance(block, Opaque):
            yield from opaque_json(block, _NEVER_OPAQUE)
        else:
            arguments = msgspec.json.encode(block.arguments).decode()
            yield {"type": "function_call", "call_id": block.id, "name": block.name, "arguments": arguments}


def _thought(block: Thinking) -> Iterator[_Json]:
    """Yield the block's original reasoning item; nothing if the signature isn't from this API or the item is empty."""
    try:
        kept = _KEPT.decode(block.signature or "")
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return
    item: _Json = {"type": "reasoning", "summary": []}
    if kept.id is not None:
        item["id"] = kept.id
    if kept.encrypted_content is not None:
        item["encrypted_content"] = kept.encrypted_content
        if block.thinking:
            item["summary"] = [{"type": "summary_text", "text": block.thinking}]
    elif block.thinking.strip():
        item["content"] = [{"type": "reasoning_text", "text": block.thinking}]
    else:
        return
    signed = {"signature": kept.signature, "format": kept.format}
    yield item | {name: value for name, value in signed.items() if value is not None}


def _output(parts: list[_Json]) -> str | list[_Json]:
    """Return a single text as a string, which every server accepts; anything else as a list of parts."""
    match parts:
        case [{"type": "input_text", "text": str(text), **more}] if not more:
            return text
        case _:
            return parts


def _parts(blocks: Sequence[UserBlock], mark: Lifetime | None, *, breakpoints: bool) -> list[_Json]:
    """Convert blocks. `mark`, the whole message's cache mark, goes on the last block."""
    parts = [_part(block) for block in blocks]
    if breakpoints:
        wishes: list[Lifetime | None] = [*(block.cache for block in blocks[:-1]), longest(blocks[-1].cache, mark)]
        parts = [part | breakpoint_of(wish) for part, wish in zip(parts, wishes, strict=True)]
    return parts


def _part(block: UserBlock) -> _Json:
    match block:
        case Text():
            return {"type": "input_text", "text": block.text}
        case Image():
            return {"type": "input_image", "image_url": data_url(block), "detail": "auto"}
        case ImageURL():
            return {"type": "input_image", "image_url": block.url, "detail": "auto"}
        case File(data=""):
            return {"type": "input_file", "file_url": block.url}
        case File():
            return {"type": "input_file", "filename": file_name(block), "file_data": data_url(block)}
        case Audio():
            raise AssertionError("the hand-over leaves no audio")
