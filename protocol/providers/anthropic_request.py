"""Builds requests for Anthropic's Messages API. `anthropic` decodes the stream.

Sources: platform.claude.com/docs, "Messages" (API reference), "Versions", "Prompt caching", "Handle tool calls", and
the types of the official Python SDK 2.12, all read in November 2026.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from .. import codec
from ..messages import (
    AssistantMessage,
    Audio,
    File,
    Image,
    ImageURL,
    Lifetime,
    Message,
    ModelDescriptor,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolResultMessage,
    UserBlock,
    UserMessage,
)
from ..options import ModelOptions, NamedTool
from .adapter import Context, HTTPRequest
from .anthropic_thinking import takes_temperature, think
from .extra import with_extra
from .handover import GO_ON, NO_OUTPUT, Rules, hand_over, kept_object, longest, opaque_json, text_of_file

__all__ = ["API", "DEFAULT_MAX_TOKENS", "build_request"]

API = "anthropic-messages"
VERSION = "2026-10-21"
VERSION_WITH_TEMPERATURE = "2023-06-01"  # the last version with it: 2026-10-21 refuses it for every model

# The API requires `max_tokens`. All current models allow this value (the smallest maximum is 64,000), and it leaves
# room for thinking.
DEFAULT_MAX_TOKENS = 16_384

MAX_BREAKPOINTS = 4  # of the cache, in one request

# Block types that have their own structs, or that only users send.
_NEVER_OPAQUE = frozenset(
    {"document", "image", "redacted_thinking", "search_result", "text", "thinking", "tool_result", "tool_use"}
)

_RULES = Rules(
    parts=frozenset({"imageUrl", "file", "fileUrl"}),
    file_types=("application/pdf", "text/"),
    never_opaque=_NEVER_OPAQUE,
)

_Block = dict[str, Any]
_MARK = "cache_control"  # until the breakpoints are settled, it holds a Lifetime


def build_request(model: ModelDescriptor, context: Context, options: ModelOptions) -> HTTPRequest:
    """Build a streaming call of `POST /v1/messages`.

    - `max_tokens`: from the options, else the model's maximum, else `DEFAULT_MAX_TOKENS`.
    - `reasoning`: see `anthropic_thinking`. `temperature` and `top_p` are left out if the model thinks or doesn't
      accept them.
    - `tool_choice`: with a forced tool call, the request asks for no thinking and contains none, because the API
      refuses both at once.
    - Cache marks: the latest four. A long-lived mark makes all earlier ones long-lived, because the API requires this
      order. The option `cache` marks the tools, the system prompt and the last message.
    - If there are no tools, but the transcript has tool calls, the called tools are declared with `tool_choice` none.
    """
    max_tokens = options.max_tokens or model.max_output_tokens or DEFAULT_MAX_TOKENS
    handed = hand_over(context.messages, model, _RULES)
    forced = options.forces_tool
    thought = think(
        model.id,
        None if forced else options.reasoning,
        max_tokens,
        replays=_replays(handed) and not forced,
        resumes=_resumes(handed),
    )
    tools, callable_ = _tools(model, context, handed)
    system: list[_Block] = [_text(context.instructions)] if context.instructions.strip() else []
    messages = _messages(handed, with_thinking=not (thought.off or forced), resumes=context.resumes)
    _mark(tools, options.cache_tools)
    _mark(system, options.cache_instructions)
    _settle_breakpoints(tools, system, messages, options)

    body: dict[str, Any] = {"model": model.id, "max_tokens": max_tokens, "stream": True, "messages": messages}
    if system:
        body["system"] = system
    if tools:
        body["tools"] = tools
    if not callable_:
        body["tool_choice"] = {"type": "none"}
    elif tools and (choice := _tool_choice(options)):
        body["tool_choice"] = choice
    body |= thought.params
    body |= _options(options)
    if options.response_schema is not None:
        answer = {"type": "json_schema", "schema": options.response_schema}
        body["output_config"] = {**body.get("output_config", {}), "format": answer}
    version = VERSION
    if not thought.on and takes_temperature(model.id) and (sampling := _sampling(options)):
        body |= sampling
        version = VERSION_WITH_TEMPERATURE
    headers = {"content-type": "application/json", "accept": "text/event-stream", "anthropic-version": version}
    if thought.betas:
        headers["anthropic-beta"] = ",".join(thought.betas)
    return HTTPRequest("POST", "/v1/messages", headers, codec.to_json(with_extra(body, options)))


def _options(options: ModelOptions) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if options.user_id:
        fields["metadata"] = {"user_id": options.user_id}
    if options.stop:
        fields["stop_sequences"] = list(options.stop)
    if options.service_tier is not None:
        fields["service_tier"] = options.service_tier
    return fields


def _sampling(options: ModelOptions) -> dict[str, Any]:
    """Return `temperature`, else `top_p`: models refuse both at once."""
    if options.temperature is not None:
        return {"temperature": options.temperature}
    return {} if options.top_p is None else {"top_p": options.top_p}


def _tool_choice(options: ModelOptions) -> _Block | None:
    """Return the `tool_choice` field, with the limit to one call; None if the options ask for neither."""
    choice = options.tool_choice
    if choice == "none":
        return {"type": "none"}
    if choice is None and options.parallel_tool_calls is None:
        return None
    named = {"type": "tool", "name": choice.name} if isinstance(choice, NamedTool) else None
    chosen: _Block = named or {"type": "any" if choice == "required" else "auto"}
    alone = {"disable_parallel_tool_use": True} if options.parallel_tool_calls is False else {}
    return chosen | alone


def _replays(handed: Sequence[Message]) -> bool:
    return any(
        isinstance(block, Thinking)
        for message in handed
        if isinstance(message, AssistantMessage)
        for block in message.content
    )


def _resumes(handed: Sequence[Message]) -> bool:
    """Check whether the last assistant message called tools, and did not begin with thinking."""
    last = next((each for each in reversed(handed) if isinstance(each, AssistantMessage)), None)
    return last is not None and bool(last.calls) and not isinstance(last.content[0], Thinking)


def _tools(model: ModelDescriptor, context: Context, handed: Sequence[Message]) -> tuple[list[_Block], bool]:
    """Return the tools to declare, and whether the model may call them.

    The API refuses a transcript with calls if no tools are declared.
    """
    if model.tools and context.tools:
        return [_tool(each.name, each.description, each.parameters) for each in context.tools], True
    calls = [call for message in handed if isinstance(message, AssistantMessage) for call in message.calls]
    names = dict.fromkeys(call.name for call in calls)
    return [_tool(name, "No longer available.", {}) for name in names], not names


def _tool(name: str, description: str, parameters: dict[str, Any]) -> _Block:
    tool: _Block = {"name": name, "input_schema": {"type": "object"} | parameters}
    return tool | {"description": description} if description else tool


def _messages(handed: Sequence[Message], *, with_thinking: bool, resumes: bool) -> list[_Block]:
    """Return alternating user and assistant turns. The first and the last one are the user's.

    Current models refuse to continue an assistant message, unless they paused it themselves.
    """
    turns: list[_Block] = []
    for message in handed:
        if isinstance(message, AssistantMessage):
            if content := _said(message, with_thinking=with_thinking):
                if not turns or turns[-1]["role"] == "assistant":
                    turns.append(_user_turn([_text(GO_ON)]))
                turns.append({"role": "assistant", "content": content})
        elif turns and turns[-1]["role"] == "user":
            turns[-1]["content"] += _asked(message)
        else:
            turns.append(_user_turn(_asked(message)))
    if not turns or (turns[-1]["role"] == "assistant" and not resumes):
        turns.append(_user_turn([_text(GO_ON)]))
    for turn in turns:
        # A turn's tool results come first. Only images of failed calls may stand between them.
        turn["content"].sort(key=_is_no_result)
    return turns


def _is_no_result(block: _Block) -> bool:
    return block["type"] != "tool_result"


def _user_turn(content: list[_Block]) -> _Block:
    return {"role": "user", "content": content}


def _asked(message: UserMessage | ToolResultMessage) -> list[_Block]:
    if isinstance(message, UserMessage):
        blocks = [_block(each) for each in message.blocks]
        _mark(blocks, message.cache)
        return blocks
    return _result(message)


def _result(message: ToolResultMessage) -> list[_Block]:
    """Return a tool result's block. Other content than text of a failed call follows it: the API allows only text."""
    inner = [_block(each) for each in message.content]
    marks = [each.pop(_MARK, None) for each in inner]
    result: _Block = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": inner}
    others: list[_Block] = []
    if message.is_error:
        others = [each for each in inner if each["type"] != "text"]
        result["content"] = [each for each in inner if each["type"] == "text"] or [_text(NO_OUTPUT)]
        result["is_error"] = True
    for lifetime in (*marks, message.cache):
        _mark([result], lifetime)
    return [result, *others]


def _said(message: AssistantMessage, *, with_thinking: bool) -> list[_Block]:
    blocks: list[_Block] = []
    for each in message.content:
        match each:
            case Text():
                blocks.append(_block(each))
            case ToolCall():
                call = {"type": "tool_use", "id": each.id, "name": each.name, "input": each.arguments}
                blocks.append(call | _caller(each.signature))
            case Opaque():
                blocks += opaque_json(each, _NEVER_OPAQUE)
            case Thinking(redacted=True) if with_thinking:
                blocks.append({"type": "redacted_thinking", "data": each.signature})
            case Thinking() if with_thinking:
                blocks.append({"type": "thinking", "thinking": each.thinking, "signature": each.signature})
            case Thinking():
                pass
    _mark(blocks, message.cache)
    return blocks


def _caller(signature: str | None) -> _Block:
    """Return the `caller` of a call that the server's own code made, as its signature has it."""
    caller = kept_object(signature).get("caller")
    return {"caller": caller} if isinstance(caller, dict) else {}


def _block(block: UserBlock) -> _Block:
    match block:
        case Text():
            made = _text(block.text) | ({"citations": list(block.citations)} if block.citations else {})
        case Image():
            source = {"type": "base64", "media_type": block.mime_type, "data": block.data}
            made = {"type": "image", "source": source}
        case ImageURL():
            made = {"type": "image", "source": {"type": "url", "url": block.url}}
        case File():
            made = {"type": "document", "source": _document(block), **({"title": block.name} if block.name else {})}
        case Audio():
            raise AssertionError("the hand-over leaves no audio")
    _mark([made], block.cache)
    return made


def _document(file: File) -> _Block:
    """Return the source of a document. For text files, the API requires plain text."""
    if not file.data:
        return {"type": "url", "url": file.url}
    if file.mime_type == "application/pdf":
        return {"type": "base64", "media_type": file.mime_type, "data": file.data}
    return {"type": "text", "media_type": "text/plain", "data": text_of_file(file)}


def _text(text: str) -> _Block:
    return {"type": "text", "text": text}


def _mark(blocks: Sequence[_Block], lifetime: Lifetime | None) -> None:
    """Mark the last block; an existing longer mark stays.

    The last block is never thinking, which can't be cached: the hand-over removes it from the end of a message.
    """
    if blocks and lifetime is not None:
        block = blocks[-1]
        block[_MARK] = longest(lifetime, block.get(_MARK))


def _settle_breakpoints(
    tools: list[_Block], system: list[_Block], messages: list[_Block], options: ModelOptions
) -> None:
    """Turn marks into the API's breakpoints: the latest four, and none that lives longer than an earlier one."""
    lifetime = None if options.cache == "none" else options.cache
    for blocks in (tools, system, messages[-1]["content"]):
        _mark(blocks, lifetime)
    kept = 0
    ttl: Lifetime | None = None
    for block in reversed([*_marked(tools), *_marked(system), *_marked_in(messages)]):
        if options.cache == "none" or kept == MAX_BREAKPOINTS:
            del block[_MARK]
            continue
        kept += 1
        ttl = longest(ttl, block[_MARK])
        block[_MARK] = {"type": "ephemeral", "ttl": "1h"} if ttl == "long" else {"type": "ephemeral"}


def _marked(blocks: Iterable[_Block]) -> list[_Block]:
    return [block for block in blocks if _MARK in block]


def _marked_in(messages: Sequence[_Block]) -> list[_Block]:
    return [block for message in messages for block in _marked(message["content"])]
