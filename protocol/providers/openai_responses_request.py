"""Requests to OpenAI's Responses API: `POST /responses`, streaming, with nothing kept on the server.

The transcript goes along whole, as items. A reasoning item comes back as its id and its encrypted content; those are a
thinking block's signature (`Kept`). It must have an item after it, which `hand_over` sees to. Messages and calls go
without their ids: an item with an id is looked for beside the reasoning item that it was made with.

Source: OpenAI's API reference and its guides to reasoning, function calling and prompt caching, and the types of the
`openai` package 3.54 (October 2026). What a refusal there is known by from elsewhere is said beside it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ..messages import AssistantMessage, Image, Message, ModelDescriptor, Text, Thinking, ToolResultMessage, UserBlock
from ..options import ModelOptions
from ..record import ToolSpec
from .adapter import Context, HTTPRequest
from .handover import Rules, hand_over
from .openai_models import cache_key, keeps_long, reasons
from .strict_schema import is_strict

__all__ = ["RULES", "Kept", "build_request"]

RULES = Rules(call_ids="safe64")

_MAX_METADATA = (16, 64, 512)  # pairs, characters of a key, characters of a value

_Json = dict[str, Any]


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a reasoning item is sent back by, besides its text: the signature of a thinking block, as JSON."""

    id: str | None = None
    encrypted_content: str | None = None  # without it, the text is the reasoning itself: a server of open weights

    def signature(self) -> str:
        """As compact JSON."""
        return _KEPT_JSON.encode(self).decode()


_KEPT_JSON = msgspec.json.Encoder()
_KEPT = msgspec.json.Decoder(Kept)


def build_request(model: ModelDescriptor, context: Context, options: ModelOptions) -> HTTPRequest:
    """A streaming call. Wishes that the model can't have are left out: `temperature` of one that reasons, `reasoning`
    of one that doesn't, images, tools."""
    messages = hand_over(context.messages, model, RULES)
    body: _Json = {
        "model": model.id,
        "input": _input(messages),
        "stream": True,
        "store": False,
        **_prompt(model, context),
        **_reasoning(model, options),
        **_caching(model, context, options),
    }
    if options.max_tokens is not None:
        body["max_output_tokens"] = options.max_tokens
    if options.temperature is not None and not reasons(model):
        body["temperature"] = options.temperature
    if metadata := _metadata(options.metadata):
        body["metadata"] = metadata
    headers = {"accept": "text/event-stream", "content-type": "application/json"}
    return HTTPRequest("POST", "/responses", headers, msgspec.json.encode(body))


def _prompt(model: ModelDescriptor, context: Context) -> _Json:
    prompt: _Json = {"instructions": context.instructions} if context.instructions else {}
    if context.tools and model.tools:
        refused = model.compat is not None and model.compat.supports_strict_tool_schema is False
        prompt["tools"] = [_tool(tool, strict=not refused and is_strict(tool.parameters)) for tool in context.tools]
    return prompt


def _tool(tool: ToolSpec, *, strict: bool) -> _Json:
    # `strict` is always said: without it this API makes the schema strict, optional arguments and all.
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": strict,
    }


def _reasoning(model: ModelDescriptor, options: ModelOptions) -> _Json:
    # Of a model that doesn't reason, encrypted content may not even be asked for (400, as reported since 2025).
    if not reasons(model) or (model.compat is not None and model.compat.reasoning_format == "none"):
        return {}
    asked: _Json = {"include": ["reasoning.encrypted_content"]}
    if options.reasoning is not None:
        effort = model.compat is None or model.compat.supports_reasoning_effort is not False
        asked["reasoning"] = {"effort": options.reasoning, "summary": "auto"} if effort else {"summary": "auto"}
    return asked


def _caching(model: ModelDescriptor, context: Context, options: ModelOptions) -> _Json:
    """The cache works by itself, for whatever begins alike: `long` anywhere makes all of it long, `short` is as ever.
    The key keeps a session's requests together; it is left out where no caching is wanted. Models from gpt-5.6 on
    refuse the wish for `long`, and get the key alone."""
    if options.cache == "none":
        return {}
    caching: _Json = {}
    if options.session_id:
        caching["prompt_cache_key"] = cache_key(options.session_id)
    wishes = (options.cache, options.cache_instructions, options.cache_tools, *_marks(context))
    if "long" in wishes and keeps_long(model):
        caching["prompt_cache_retention"] = "24h"
    return caching


def _marks(context: Context) -> Iterator[str | None]:
    for message in context.messages:
        yield message.cache
        if not isinstance(message.content, str):
            yield from (block.cache for block in message.content if isinstance(block, Text | Image))


def _metadata(metadata: _Json) -> dict[str, str]:
    """The pairs that the API takes."""
    pairs, key_chars, value_chars = _MAX_METADATA
    fitting = {
        key: value
        for key, value in metadata.items()
        if isinstance(value, str) and len(key) <= key_chars and len(value) <= value_chars
    }
    return dict(list(fitting.items())[:pairs])


def _input(messages: Iterable[Message]) -> list[_Json]:
    """The items. A reasoning item goes once, even if its message is there twice: "Duplicate item found" is the API's
    word for more (as reported, 2025)."""
    items: list[_Json] = []
    ids: set[str] = set()
    for item in (item for message in messages for item in _items(message)):
        if item["type"] == "reasoning" and "id" in item:
            if item["id"] in ids:
                continue
            ids.add(item["id"])
        items.append(item)
    return items


def _items(message: Message) -> Iterator[_Json]:
    if isinstance(message, AssistantMessage):
        yield from _answer(message)
    elif isinstance(message, ToolResultMessage):
        yield {"type": "function_call_output", "call_id": message.tool_call_id, "output": _output(message)}
    else:
        content = (Text(text=message.content),) if isinstance(message.content, str) else message.content
        yield {"type": "message", "role": "user", "content": _parts(content)}


def _answer(message: AssistantMessage) -> Iterator[_Json]:
    for block in message.content:
        if isinstance(block, Text):
            content: list[_Json] = [{"type": "output_text", "text": block.text, "annotations": []}]
            yield {"type": "message", "role": "assistant", "content": content}
        elif isinstance(block, Thinking):
            yield from _thought(block)
        else:
            arguments = msgspec.json.encode(block.arguments).decode()
            yield {"type": "function_call", "call_id": block.id, "name": block.name, "arguments": arguments}


def _thought(block: Thinking) -> Iterator[_Json]:
    """The reasoning item that it was; nothing, where the signature isn't one of ours or there is nothing in it."""
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
    yield item


def _output(message: ToolResultMessage) -> str | list[_Json]:
    """One text is a string, as every server takes it; several, or images, are a list of parts."""
    match message.content:
        case (Text() as only,):
            return only.text
        case _:
            return _parts(message.content)


def _parts(blocks: Iterable[UserBlock]) -> list[_Json]:
    return [_part(block) for block in blocks]


def _part(block: UserBlock) -> _Json:
    if isinstance(block, Text):
        return {"type": "input_text", "text": block.text}
    url = f"data:{block.mime_type};base64,{block.data}"
    return {"type": "input_image", "image_url": url, "detail": "auto"}
