"""Ollama's own chat API: `POST /api/chat`, answered in NDJSON, and `GET /api/tags`, the list of models. Pure.

Source: docs.ollama.com (api/chat, api/tags, api/errors, capabilities/thinking and tool-calling) and the server's
`api/types.go`, `server/routes.go`, `server/prompt.go`, read in November 2026, at server version 0.40.

The server caches prompts by itself, so cache marks ask for nothing here. It knows no session and no metadata.
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
from .error_words import reported
from .extra import with_extra
from .finish_reasons import stop_reason
from .handover import GO_ON, Rules, hand_over
from .message_writer import WireError
from .ndjson import LineSplitter
from .thinking_tags import thinking_tags

__all__ = ["ADAPTER", "Decoder", "build_request", "list_request", "read_models"]

_API = "ollama-chat"
_RULES = Rules(call_ids="passthrough", unsigned_thinking=True)
_LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "max"}
# It always thinks, and knows three levels; for others the server falls back to the middle one.
_GPT_OSS_LEVELS = _LEVELS | {"none": "low", "xhigh": "high"}
_PARAGRAPH = "\n\n"  # between the blocks of a message: the wire has one text a message


def build_request(model: ModelDescriptor, context: Context, options: ModelOptions) -> HTTPRequest:
    """A streaming call. Tools are left out for a model that can't call them (the server would refuse the request), and
    where `tool_choice` is `none`: the API has no other choice of tools.

    `think` is sent only where `options.reasoning` asks for it; without it a model that can think does so, as the server
    decides, and `false` would let some models' thinking leak into their text. Most models take `true`, whatever
    the level; gpt-oss takes levels, and so does a descriptor with `compat.supports_reasoning_effort`.

    A `context_window` in the descriptor is asked for, and a prompt that is longer is to be refused, not cut without a
    word. Without one the server decides, and cuts: the most that a model could take may need more memory than there is,
    and the default is 4k tokens below 24 GiB of video memory (docs.ollama.com, "Context length"; `truncate` and `shift`
    in `api/types.go`)."""
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
    # The server reads a schema into fields of its own: without these two it would show the model "type": "".
    parameters: dict[str, Any] = {"type": "object", "properties": {}, **tool.parameters}
    function: dict[str, Any] = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def _messages(model: ModelDescriptor, context: Context) -> list[dict[str, Any]]:
    wire: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []  # of the tool results just before
    for message in hand_over(context.messages, model, _RULES):
        if not isinstance(message, ToolResultMessage):
            wire += pictures
            pictures = []
        wire.append(_message(message))
        if isinstance(message, ToolResultMessage) and (images := _images(message.content)):
            # The wire has `images` on every message, but not every model's template shows those of a tool.
            said = f"(From the result of the tool {message.tool_name}.)"
            pictures.append({"role": "user", "content": said, "images": images})
    wire += pictures
    if not any(message["role"] == "user" for message in wire):
        # Without one, the server may answer nothing at all.
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
    """A line of the answer. Counts come with the last one, and are in tokens."""

    message: _Message | None = None
    done: bool | None = None
    done_reason: str | None = None
    prompt_eval_count: int | None = None  # cached ones included; old servers leave it out where all was cached
    prompt_eval_cached_count: int | None = None
    eval_count: int | None = None
    error: Any = None


_LINE = msgspec.json.Decoder(_Line)


class Decoder(StreamDecoder):
    """Lines of NDJSON, each with what the message grows by: thinking, text, or whole tool calls. The last says `done`.

    A call's id is the server's where it gives one. An error in mid-stream is a line with nothing but `error`; it has
    no code, and is taken for transient, as the runner's crash or a call that the server could not parse."""

    def __init__(self, model: ModelDescriptor) -> None:
        super().__init__(model)
        self._lines = LineSplitter()
        self._kind: str = ""  # of the open block: text or thinking
        self._index = -1  # of the open block
        self._called = 0  # how many calls came
        self._tags = thinking_tags(model)

    def receive(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            if self.ended:
                return
            self._take(parse(_LINE, line, "a line"))

    def receive_end(self) -> None:
        try:
            line = parse(_LINE, self._lines.rest(), "a line")
        except WireError:  # there is none, or it is cut off
            return super().receive_end()
        self._take(line)
        if not self.ended:
            super().receive_end()

    def _take(self, line: _Line) -> None:
        if line.error or (line.error is not None and line.message is None):
            raise reported({"error": line.error})
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
        self._called += 1  # the wire's own index is 0 for all calls of some servers
        self.calls.piece(self._called, call.id or "", call.function.name or "", arguments)
        self.calls.end(self._called)

    def _finish(self, line: _Line) -> None:
        self._end_text()
        prompt = line.prompt_eval_count or 0
        cached = min(line.prompt_eval_cached_count or 0, prompt)
        self.writer.usage = priced(
            self.writer.model, input=prompt - cached, output=line.eval_count or 0, cache_read=cached
        )
        if line.done_reason in ("load", "unload"):  # so it answers when it finds nothing in the request to answer
            raise WireError(f"the provider did not answer; it only did this with the model: {line.done_reason}")
        self.done(stop_reason(line.done_reason or "stop"))


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
    """Asks for the models that the server has."""
    return HTTPRequest("GET", "/api/tags", {"accept": "application/json"})


def read_models(body: bytes) -> list[ModelDescriptor]:
    """The models that can chat, of a response to `list_request`, in the server's order. `base_url` is the caller's to
    fill in; so is `context_window`: the list says only how much a model could take, not how much it is given. Where the
    server doesn't tell what a model can do, it is taken for one that reads text and calls tools.

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
