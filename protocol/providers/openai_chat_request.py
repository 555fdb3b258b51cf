"""Builds requests for OpenAI's chat completions API, of any server, from a transcript and options.

Sources: the types of OpenAI's Python SDK 3.54.0, and developers.openai.com/api/docs: the API reference, and its guides
to prompt caching, reasoning and function calling (as of October 2026). The model's `compat` says how its server
differs. Fields that only OpenAI's own service accepts are sent only to OpenAI.

Caching. Servers always cache prompts from their beginning. A lifetime in the options or in a mark has these effects:
- `prompt_cache_key` is sent: the session's id, or its digest if the id is longer than 64 characters. Only OpenAI and
  models with names of OpenAI's get it, because some servers, such as Mistral's, refuse an unknown field.
- gpt-4.1 to gpt-5.5 have no breakpoints: `long` anywhere applies to the whole prompt (`24h`).
- From gpt-5.6 on, the server refuses that field, and each mark is a breakpoint; `long` is one of 12 hours. Tools can't
  have a breakpoint. The system prompt, which follows them, has theirs. The server adds a breakpoint at the end, and if
  there are too many, uses the latest. `none` asks for no breakpoints, and so for no caching; older models cache anyway.
"""

from collections.abc import Sequence
from typing import Any

from .. import codec
from ..messages import (
    AssistantBlock,
    AssistantMessage,
    Audio,
    Compat,
    File,
    Image,
    ImageURL,
    InputPart,
    Message,
    ModelDescriptor,
    Text,
    Thinking,
    ToolCall,
    ToolResultMessage,
    UserBlock,
    UserMessage,
)
from ..options import ModelOptions
from .adapter import Context, HTTPRequest
from .extra import with_extra
from .handover import AUDIO_FORMATS, OPAQUE_NOTE, Rules, hand_over, longest
from .openai_caching import breakpoint_of, cache_fields, cache_key, cache_wish, has_breakpoints
from .openai_chat_opaque import AUDIO, returned_fields
from .openai_chat_options import option_fields, reasoning_fields, sampling_fields
from .openai_chat_signatures import signed_fields, signed_function
from .openai_chat_turns import marked, turns_of
from .openai_models import at_openai, data_url, file_name, generation
from .reasoning_details import SUMMARY, details_in
from .strict_schema import is_strict
from .unsupported import unsupported

__all__ = ["IN_CONTENT", "build_request"]

# Where a server sends reasoning, and wants it back: in a field of the message or, for Mistral, in parts of its content.
# The thinking block's signature is that field's name; for thinking between tags in the text, it is the opening tag.
# Sources: DeepSeek's guide to thinking mode, and Mistral's guide to reasoning, 2026.
REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text")
IN_CONTENT = "content"

# For a call that another model made. The value is from Google's guide to thought signatures (November 2026).
_UNSIGNED = {"extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}}


_JSON = dict[str, Any]
_PARTS: tuple[InputPart, ...] = ("imageUrl", "file", "audio")


def build_request(model: ModelDescriptor, context: Context, options: ModelOptions) -> HTTPRequest:
    """Build a streaming call. Metadata is not sent, because OpenAI accepts it only for stored answers and `store` is
    false. A `user_id` is sent as `safety_identifier`."""
    compat = model.compat or Compat()
    ids = compat.tool_call_id_format or "openai40"
    parts = frozenset(_PARTS if compat.input_parts is None else compat.input_parts)
    handed = hand_over(context.messages, model, Rules(call_ids=ids, thinking_anywhere=True, parts=parts))
    turns = turns_of(handed, for_mistral=ids == "mistral9")
    wish = cache_wish(options, handed)
    body: _JSON = {
        "model": model.id,
        "messages": _messages(model, context, options, turns),
        "stream": True,
    }
    if compat.supports_usage_in_streaming is not False:
        body["stream_options"] = {"include_usage": True}
    body |= _tools(model, context, options, compat)
    with_tools = "tools" in body
    body |= option_fields(options, compat, with_tools=with_tools)
    body |= reasoning_fields(model, options, compat, with_tools=with_tools)
    known_at_openai = at_openai(model) or generation(model) > (0, 0)
    body |= cache_fields(model, options, wish, keyed=wish is not None and known_at_openai)
    body |= sampling_fields(model, options, body.get("reasoning_effort"))
    if at_openai(model):
        body |= _for_openai(options)
    for refused in compat.refused_fields or ():
        body.pop(refused, None)
    if "seed" in body and compat.seed_field:
        body[compat.seed_field] = body.pop("seed")
    body = with_extra(body, options)
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    return HTTPRequest("POST", "/chat/completions", headers, codec.to_json(body))


def _tools(model: ModelDescriptor, context: Context, options: ModelOptions, compat: Compat) -> _JSON:
    if not context.tools or not model.tools:
        return {}
    if options.tool_choice == "none" and unsupported(model, options):
        return {}  # a run near its limits asks for `none` in its last turn, on any server
    tools: list[_JSON] = []
    for tool in context.tools:
        function: _JSON = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        if compat.supports_strict_tool_schema is not False:
            function["strict"] = is_strict(tool.parameters)
        tools.append({"type": "function", "function": function})
    return {"tools": tools}


def _for_openai(options: ModelOptions) -> _JSON:
    """Return the fields that are only for OpenAI's own service."""
    fields: _JSON = {"store": False}  # newer accounts store answers by default
    if options.user_id:
        fields["safety_identifier"] = cache_key(options.user_id)
    return fields


def _messages(model: ModelDescriptor, context: Context, options: ModelOptions, turns: list[Message]) -> list[_JSON]:
    writer = _Writer(
        model,
        now_ms=context.messages[-1].timestamp if context.messages else 0,
        signed_calls=_wants_signatures(model),
        breakpoints=has_breakpoints(model) and options.cache != "none",
        names=bool(model.compat and model.compat.requires_tool_result_name),
    )
    if options.cache == "long" and turns:
        turns = [*turns[:-1], marked(turns[-1], "long")]
    messages = [writer.message(turn) for turn in turns]
    if context.instructions and not context.instructions.isspace():
        # Reasoning models call this role "developer", but accept "system" too; other servers accept only "system".
        text = Text(text=context.instructions, cache=longest(options.cache_instructions, options.cache_tools))
        messages.insert(0, {"role": "system", "content": writer.content([text])})
    return messages


class _Writer:
    """Converts messages to the API's format."""

    def __init__(
        self, model: ModelDescriptor, *, now_ms: int, breakpoints: bool, names: bool, signed_calls: bool
    ) -> None:
        self._model = model
        self._now_ms = now_ms  # when the last message was written; 0: unknown
        self._signed_calls = signed_calls  # whether the first call of each message needs a signature
        self._breakpoints = breakpoints  # whether to send cache breakpoints
        self._names = names  # whether tool results name their tool

    def message(self, message: Message) -> _JSON:
        match message:
            case UserMessage():
                return {"role": "user", "content": self.content(message.blocks)}
            case AssistantMessage():
                return self._assistant(message)
            case ToolResultMessage():
                name = {"name": message.tool_name} if self._names else {}
                content = self.content(message.content)
                return {"role": "tool", "tool_call_id": message.tool_call_id, **name, "content": content}

    def _assistant(self, message: AssistantMessage) -> _JSON:
        fields = returned_fields(message, self._model, self._now_ms)
        said = [said for block in message.content if (said := _in_content(block, fields)) is not None]
        if not (said or fields or message.calls):
            said = [Text(text=OPAQUE_NOTE)]  # the server refuses an empty message
        written: _JSON = {"role": "assistant", "content": self.content(said) if said else None, **fields}
        for thought in [block for block in message.content if isinstance(block, Thinking)]:
            _write_thought(written, thought)
        if signed := [block.signature for block in said if isinstance(block, Text) and block.signature]:
            written |= signed_fields(signed[-1])
        if calls := [_call(call) for call in message.calls]:
            if self._signed_calls:
                calls[0] = _UNSIGNED | calls[0]
            written["tool_calls"] = calls
        return written

    def content(self, blocks: Sequence[UserBlock | Thinking]) -> str | list[_JSON]:
        """Return text blocks as one string, which every server accepts; any other content as parts. For a model with
        breakpoints, several texts stay parts too, so that moving a mark doesn't change the cached text."""
        texts = [block.text for block in blocks if isinstance(block, Text) and not (self._breakpoints and block.cache)]
        if len(texts) == len(blocks) and (len(texts) == 1 or not self._breakpoints):
            return "\n\n".join(texts)
        return [self._part(block) for block in blocks]

    def _part(self, block: UserBlock | Thinking) -> _JSON:
        match block:
            case Thinking():
                return {"type": "thinking", "thinking": [{"type": "text", "text": block.thinking}]}
            case Text():
                part: _JSON = {"type": "text", "text": block.text}
            case Image():
                part = {"type": "image_url", "image_url": {"url": data_url(block)}}
            case ImageURL():
                part = {"type": "image_url", "image_url": {"url": block.url}}
            case File():
                file = {"filename": file_name(block), "file_data": data_url(block) if block.data else block.url}
                part = {"type": "file", "file": file}
            case Audio():
                audio = {"data": block.data, "format": AUDIO_FORMATS[block.mime_type]}
                part = {"type": "input_audio", "input_audio": audio}
        return part | breakpoint_of(block.cache) if self._breakpoints else part


def _in_content(block: AssistantBlock, fields: _JSON) -> Text | Thinking | None:
    """Return the block as a part of the content; None if it goes elsewhere. Thinking from tags in the text goes back
    between those tags. Servers remove it themselves if the model doesn't need it.

    Args:
        fields: fields of the message beside the content. A transcript is left out if its recording is one of them.
    """
    match block:
        case Text(signature=signature) if signature == AUDIO and AUDIO in fields:
            return None
        case Text():
            return block
        case Thinking(signature=signature) if signature == IN_CONTENT:
            return block
        case Thinking(signature=str(tag)) if tag.startswith("<"):
            return Text(text=f"{tag}\n{block.thinking}\n</{tag[1:]}")
        case _:
            return None


def _call(call: ToolCall) -> _JSON:
    arguments = codec.to_json(call.arguments).decode()
    function = {"name": call.name, "arguments": arguments, **signed_function(call.signature)}
    return {"id": call.id, "type": "function", "function": function, **signed_fields(call.signature)}


def _write_thought(written: _JSON, thought: Thinking) -> None:
    field, details = details_in(thought.signature)
    if field in REASONING_FIELDS and thought.thinking:
        written[field] = written.get(field, "") + thought.thinking
    if SUMMARY in details:
        _write_reasoning(written, details.pop(SUMMARY))
    for name, each in details.items():
        written[name] = written.get(name, []) + each
    written |= signed_fields(thought.signature)


def _write_reasoning(written: _JSON, summary: list[Any]) -> None:
    """Write Databricks' reasoning, as the first part of the content."""
    content = written["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    written["content"] = [{"type": "reasoning", "summary": summary}, *parts]


def _wants_signatures(model: ModelDescriptor) -> bool:
    """Whether Google itself serves the model. Gemini 3 and later refuse a first call without a signature (400)."""
    return "gemini" in model.id and (model.provider == "google" or ".googleapis.com/" in f"{model.base_url}/")
