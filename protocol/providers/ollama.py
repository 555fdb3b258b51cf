"""Ollama's own chat API: `POST /api/chat`, answered in NDJSON, and `GET /api/tags`, the list of models. Pure.

Source: docs.ollama.com (api/chat, api/tags, api/errors, capabilities/thinking and tool-calling) and the server's
`api/types.go`, `server/routes.go`, `server/prompt.go`, read in November 2026, at server version 0.40.

The server caches prompts automatically, so cache marks have no effect here. It has no sessions and no metadata.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from .. import codec
from ..messages import (
    AssistantBlock,
    AssistantMessage,
    Image,
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
from ..record import ToolSpec
from .adapter import Adapter, Context, HTTPRequest
from .decoding import StreamDecoder, arguments_text, parse, priced
from .error_words import reported, tells_error
from .extra import with_extra
from .finish_reasons import stop_reason
from .handover import GO_ON, Rules, hand_over
from .loose import read_or_none
from .message_writer import WireError
from .ndjson import LineSplitter
from .thinking_tags import thinking_tags

__all__ = ["ADAPTER", "Decoder", "build_request", "list_request", "read_models"]

_API = "ollama-chat"
_RULES = Rules(call_ids="passthrough", unsigned_thinking=True)
_LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "max"}
# gpt-oss always thinks. It has three levels; for any other level the server uses the middle one.
_GPT_OSS_LEVELS = _LEVELS | {"none": "low", "xhigh": "high"}
_BOM = b"\xef\xbb\xbf"
_END_MARK = b"[DONE]"  # of server-sent events
_PARAGRAPH = "\n\n"  # joins the text blocks of a message, because the API has one text per message


def build_request(model: ModelDescriptor, context: Context, options: ModelOptions) -> HTTPRequest:
    """Build a streaming call. Tools are left out if `tool_choice` is `none`, which the API lacks, or if the model can't
    call tools: the server would refuse the request.

    `think` is sent only if `options.reasoning` is set. Without it, the server decides; with `false`, some models'
    thinking would leak into their text. Most models get `true` for any level. gpt-oss gets levels, like models
    with `compat.supports_reasoning_effort`.

    With a `context_window` in the descriptor, the request asks for that size, and the server must refuse longer prompts
    instead of cutting them. Without it, the server chooses the size, and cuts prompts: the default is 4k tokens below
    24 GiB of video memory, because larger windows may need too much memory (docs.ollama.com, "Context length";
    `truncate` and `shift` in `api/types.go`)."""
    body: dict[str, Any] = {"model": model.id, "messages": _messages(model, context), "stream": True}
    if context.tools and model.tools and options.tool_choice != "none":
        body["tools"] = [_tool(tool) for tool in context.tools]
    if model.context_window is not None:
        body |= {"truncate": False, "shift": False}
    if options.reasoning is not None:
        body["think"] = _think(model, options.reasoning)
    wishes = {
        "num_ctx": model.context_window,
        "num_predict": options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "seed": options.seed,
        "stop": list(options.stop) or None,
    }
    if settings := {name: value for name, value in wishes.items() if value is not None}:
        body["options"] = settings
    if options.response_schema is not None:
        body["format"] = options.response_schema
    headers = {"content-type": "application/json", "accept": "application/x-ndjson"}
    return HTTPRequest("POST", "/api/chat", headers, codec.to_json(with_extra(body, options)))


def _think(model: ModelDescriptor, reasoning: str) -> bool | str:
    if "gpt-oss" in model.id.lower():
        return _GPT_OSS_LEVELS[reasoning]
    if reasoning == "none":
        return False
    return _LEVELS[reasoning] if model.compat and model.compat.supports_reasoning_effort else True


def _tool(tool: ToolSpec) -> dict[str, Any]:
    # The server parses the schema into its own fields: without these two, the model would see "type": "".
    parameters: dict[str, Any] = {"type": "object", "properties": {}, **tool.parameters}
    function: dict[str, Any] = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def _messages(model: ModelDescriptor, context: Context) -> list[dict[str, Any]]:
    wire: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []  # images of the preceding tool results
    for message in hand_over(context.messages, model, _RULES):
        if not isinstance(message, ToolResultMessage):
            wire += pictures
            pictures = []
        wire.append(_message(message))
        if isinstance(message, ToolResultMessage) and (images := _images(message.content)):
            # The API allows `images` in every message, but some models' templates don't show those of a tool.
            said = f"(From the result of the tool {message.tool_name}.)"
            pictures.append({"role": "user", "content": said, "images": images})
    wire += pictures
    if not any(message["role"] == "user" for message in wire):
        # Without a user message, the server may send an empty answer.
        wire.insert(0, {"role": "user", "content": GO_ON})
    if context.instructions.strip():
        wire.insert(0, {"role": "system", "content": context.instructions})
    return wire


def _message(message: Message) -> dict[str, Any]:
    match message:
        case UserMessage(blocks=blocks):
            images = _images(blocks)
            return {"role": "user", "content": _text(blocks), **({"images": images} if images else {})}
        case AssistantMessage():
            return _assistant(message)
        case ToolResultMessage():
            return {
                "role": "tool",
                "content": _text(message.content) or "(The image follows.)",
                "tool_name": message.tool_name,
                "tool_call_id": message.tool_call_id,
            }


def _assistant(message: AssistantMessage) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant"}
    if text := _text(message.content):
        said["content"] = text
    thinking = [block.thinking for block in message.content if isinstance(block, Thinking)]
    if thinking:
        said["thinking"] = _PARAGRAPH.join(thinking)
    if message.calls:
        said["tool_calls"] = [_call(index, call) for index, call in enumerate(message.calls)]
    return said


def _call(index: int, call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "function": {"index": index, "name": call.name, "arguments": call.arguments}}


def _text(content: Sequence[AssistantBlock | UserBlock]) -> str:
    return _PARAGRAPH.join(block.text for block in content if isinstance(block, Text))


def _images(content: Sequence[UserBlock]) -> list[str]:
    return [block.data for block in content if isinstance(block, Image)]


class _Function(msgspec.Struct, frozen=True, gc=False):
    name: str | None = None
    arguments: msgspec.Raw = msgspec.Raw(b"{}")  # an object, whole. Its `index` says nothing that the order doesn't


class _Call(msgspec.Struct, frozen=True, gc=False):
    function: _Function
    id: str | None = None  # old servers give none


class _Message(msgspec.Struct, frozen=True, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: tuple[_Call, ...] | None = None


class _Line(msgspec.Struct, frozen=True, gc=False):
    """A line of the answer. The last line has the token counts."""

    message: _Message | None = None
    done: bool | None = None
    done_reason: str | None = None
    prompt_eval_count: int | None = None  # cached ones included; old servers leave it out where all was cached
    prompt_eval_cached_count: int | None = None
    eval_count: int | None = None
    error: Any = None


_LINE = msgspec.json.Decoder(_Line)


class Decoder(StreamDecoder):
    """Decodes lines of NDJSON. Each adds thinking, text or whole tool calls to the message. The last one has `done`.
    Proxies may send the lines as server-sent events instead.

    A call's id is the server's, if there is one. An error in the stream is a line with only `error`. It has no code,
    and counts as transient: it may be a crash of the runner, or a call that the server could not parse."""

    def __init__(self, model: ModelDescriptor) -> None:
        super().__init__(model)
        self._lines = LineSplitter()
        self._kind: str = ""  # of the open block: text or thinking
        self._index = -1  # of the open block
        self._called = 0  # calls received so far
        self._tags = thinking_tags(model)

    def receive(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            if self.ended:
                return
            self._take(line)

    def receive_end(self) -> None:
        rest = self._lines.rest()
        if _json(rest) == _END_MARK or read_or_none(_json(rest)) is not None:  # otherwise it is missing or cut off
            self._take(rest)
        if not self.ended:
            super().receive_end()

    def _take(self, data: bytes) -> None:
        data = _json(data)
        if data == _END_MARK and self.writer.has_blocks:
            self._end_text()
            self.done("stop")
        elif data and data != _END_MARK:
            self._take_json(data)

    def _take_json(self, data: bytes) -> None:
        line = parse(_LINE, data, "a line")
        if line.error or (line.message is None and not line.done):
            value = read_or_none(data)
            if line.error is not None or tells_error(value):
                raise reported(value)
        if (message := line.message) is not None:
            if message.thinking:
                self._grow("thinking", message.thinking)
            if message.content:
                self._say(message.content)
            for call in message.tool_calls or ():
                self._call(call)
        if line.done:
            self._finish(line)

    def _say(self, text: str) -> None:
        if self._tags is None:
            self._grow("text", text)
        else:
            self._grow_by(self._tags.feed(text))

    def _grow_by(self, pieces: list[tuple[bool, str]]) -> None:
        for is_thinking, piece in pieces:
            self._grow("thinking" if is_thinking else "text", piece)

    def _end_text(self) -> None:
        if self._tags is not None:
            self._grow_by(self._tags.end())
        self.writer.end(self._index)
        self._kind = ""

    def _grow(self, kind: str, delta: str) -> None:
        if kind != self._kind:
            self.writer.end(self._index)
            self._kind = kind
            self._index = self.writer.text() if kind == "text" else self.writer.thinking()
        self.writer.grow(self._index, delta)

    def _call(self, call: _Call) -> None:
        self._end_text()
        arguments = arguments_text(call.function.arguments)
        self._called += 1  # not the wire's index: some servers send 0 for every call
        self.calls.piece(self._called, call.id or "", call.function.name or "", arguments)
        self.calls.end(self._called)

    def _finish(self, line: _Line) -> None:
        self._end_text()
        prompt = line.prompt_eval_count or 0
        cached = min(line.prompt_eval_cached_count or 0, prompt)
        self.writer.usage = priced(
            self.writer.model, input=prompt - cached, output=line.eval_count or 0, cache_read=cached
        )
        if line.done_reason in ("load", "unload"):  # the server found no message to answer
            raise WireError(f"the provider did not answer; it only did this with the model: {line.done_reason}")
        self.done(stop_reason(line.done_reason or "stop"))


def _json(line: bytes) -> bytes:
    """Return the JSON in a line, which may be a line of a server-sent event; empty if it has none."""
    line = line.removeprefix(_BOM).strip()
    if line.startswith(b"data:"):
        return line.removeprefix(b"data:").strip()
    return b"" if line.startswith((b":", b"event:", b"id:", b"retry:")) else line


class _Details(msgspec.Struct, frozen=True, gc=False):
    parameter_size: str | None = None  # 8.2B
    quantization_level: str | None = None  # Q4_K_M


class _Listed(msgspec.Struct, frozen=True, gc=False):
    name: str
    model: str | None = None  # the same, from Ollama itself
    details: _Details | None = None
    capabilities: tuple[str, ...] | None = None  # old servers don't tell


class _Tags(msgspec.Struct, frozen=True, gc=False):
    models: tuple[_Listed, ...] | None


_TAGS = msgspec.json.Decoder(_Tags)


def list_request() -> HTTPRequest:
    """Build the request for the server's list of models."""
    return HTTPRequest("GET", "/api/tags", {"accept": "application/json"})


def read_models(body: bytes) -> list[ModelDescriptor]:
    """Return the chat models in a response to `list_request`, in the server's order.

    The caller sets `base_url` and `context_window`: the list has only a model's largest window, not the one in use. If
    the server doesn't list a model's abilities, it is assumed to read text and call tools.

    Raises: WireError."""
    models = parse(_TAGS, body, "a list of models").models or ()
    return [_descriptor(each) for each in models if each.capabilities is None or "completion" in each.capabilities]


def _descriptor(listed: _Listed) -> ModelDescriptor:
    details, can = listed.details or _Details(), listed.capabilities
    traits = ", ".join(each for each in (details.parameter_size, details.quantization_level) if each)
    return ModelDescriptor(
        id=listed.model or listed.name,
        name=f"{listed.name} ({traits})" if traits else listed.name,
        api=_API,
        provider="ollama",
        input=("text", "image") if can and "vision" in can else ("text",),
        reasoning=bool(can and "thinking" in can),
        tools=can is None or "tools" in can,
    )


ADAPTER = Adapter(_API, build_request, Decoder)
