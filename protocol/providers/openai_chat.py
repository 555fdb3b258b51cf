"""OpenAI's chat completions API, and whatever server speaks it: the decoder of its streams; requests are next door.

Sources: the types and the stream reader of OpenAI's Python SDK 3.54.0 (2026); and where servers differ, the API
documentation of DeepSeek, Mistral, OpenRouter and vLLM (as of October 2026).
"""

import re
from typing import Any

import msgspec

from ..messages import ErrorKind, ModelDescriptor, Usage
from ..sse import SSEParser
from .adapter import Adapter
from .decoding import StreamDecoder, json_text, parse
from .message_writer import WireError
from .openai_chat_request import IN_CONTENT, SIGNED_FIELDS, build_request
from .openai_models import usage_of
from .reasoning_details import FIELD, ReasoningDetails

__all__ = ["ADAPTER", "Decoder"]


class _Function(msgspec.Struct, frozen=True, gc=False):
    name: str | None = None
    arguments: str | None = None  # a piece of JSON text


class _CallDelta(msgspec.Struct, frozen=True, gc=False):
    index: int | None = None  # some servers leave it out, or send 0 for all
    id: str | None = None  # with the first delta of a call; with some servers, with each
    function: _Function | None = None
    extra_content: dict[str, Any] | None = None  # Google's: a signature is in it
    provider_specific_fields: dict[str, Any] | None = None  # LiteLLM's


class _Part(msgspec.Struct, frozen=True, gc=False):
    """Of Mistral's content: `text`, or `thinking` with parts of its own."""

    type: str = ""
    text: str | None = None
    thinking: "list[_Part] | None" = None


class _Delta(msgspec.Struct, frozen=True, gc=False):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None  # DeepSeek, vLLM, llama.cpp, Qwen
    reasoning: str | None = None  # OpenRouter, Groq, later vLLM; some send both, with the same text
    reasoning_details: list[Any] | None = None  # OpenRouter, Vercel
    tool_calls: list[_CallDelta] | None = None
    extra_content: dict[str, Any] | None = None  # Google's: the signature of a text may be in it


class _Choice(msgspec.Struct, frozen=True, gc=False):
    index: int | None = 0
    delta: _Delta | None = None
    finish_reason: str | None = None
    usage: "_Usage | None" = None  # Moonshot (Kimi) has it here


class _InputDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True, gc=False):
    prompt_tokens: int | None = None  # with the cached ones
    completion_tokens: int | None = None  # with those of the reasoning
    prompt_tokens_details: _InputDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek's word for cached_tokens


class _Error(msgspec.Struct, frozen=True, gc=False):
    message: str | None = None
    type: str | None = None
    code: int | str | None = None


class _Chunk(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None
    choices: list[_Choice] | None = None  # empty with the usage at the end
    usage: _Usage | None = None
    error: _Error | str | None = None
    object: str | None = None
    message: str | None = None  # these three are of an error that is no field but the chunk (vLLM until 2025)
    type: str | None = None
    code: int | str | None = None


_CHUNKS = msgspec.json.Decoder(_Chunk)

_CUT_OFF = frozenset({"length", "model_length"})  # the other is Mistral's word for a full context window
_FAILURES: dict[str, tuple[str, ErrorKind]] = {
    "content_filter": ("the provider's content filter has cut the answer off", "terminal"),
    "error": ("the provider broke the answer off with an error", "transient"),  # OpenRouter, Mistral
    "insufficient_system_resource": (
        "the provider broke the answer off for want of resources",
        "transient",
    ),  # DeepSeek
}
_TRANSIENT_CODES = frozenset({408, 425, 429})  # and from 500 on
_TERMINAL_WORDS = re.compile(
    r"invalid|bad_?request|quota|billing|auth|permission|denied|not_?found|unsupported|context_length|content|policy",
    re.IGNORECASE,
)


class Decoder(StreamDecoder):
    """Decodes a streaming response: server-sent events, each a chunk, and `[DONE]`. Of several choices, the first.

    Reasoning becomes thinking, signed with the name of the field that it came in: there the server gets it back. A
    refusal is text. The message is whole once its `finish_reason` has come, also without `[DONE]`.
    """

    def __init__(self, model: ModelDescriptor) -> None:
        super().__init__(model)
        self._sse = SSEParser()
        self._block: int | None = None  # the open text or thinking block
        self._source = ""  # what it grows from: the name of a field with reasoning, "" for text
        self._signature: str | None = None  # of the open text block
        self._details = ReasoningDetails()
        self._field = ""  # the source of that block
        self._detailed: int | None = None  # the thinking block that has the details as its signature; it stays open
        self.calls.before_call = self._end_block
        self._finish: str | None = None

    def receive(self, data: bytes) -> None:
        for event in self._sse.feed(data):
            if event.data.startswith("[DONE]"):
                return self._complete()
            if event.data:
                self._take(parse(_CHUNKS, event.data, "a chunk"))

    def receive_end(self) -> None:
        self._complete()

    def _take(self, chunk: _Chunk) -> None:
        if chunk.error is not None or chunk.object == "error":
            raise _failure(chunk)
        self.writer.start()
        if self.writer.response_id is None and chunk.id:
            self.writer.response_id = chunk.id
        if chunk.usage is not None:
            self.writer.usage = _usage(self.writer.model, chunk.usage)
        for choice in chunk.choices or ():
            if not choice.index:
                if choice.usage is not None:
                    self.writer.usage = _usage(self.writer.model, choice.usage)
                if choice.delta is not None:
                    self._grow(choice.delta)
                self._finish = choice.finish_reason or self._finish

    def _grow(self, delta: _Delta) -> None:
        shown = self._detail(delta.reasoning_details) if delta.reasoning_details else ""
        if delta.reasoning_content:
            self._write("reasoning_content", delta.reasoning_content)
        elif delta.reasoning:
            self._write("reasoning", delta.reasoning)
        elif shown:
            self._write(FIELD, shown)
        if isinstance(delta.content, str):
            self._write("", delta.content)
        elif delta.content:
            self._grow_by_parts(delta.content)
        if delta.refusal:
            self._write("", delta.refusal)
        if delta.extra_content and not self._source:
            self._signature = _signature(delta.extra_content, None) or self._signature
        if delta.tool_calls:
            for call in delta.tool_calls:
                self._grow_call(call)

    def _grow_by_parts(self, parts: list[_Part]) -> None:
        for part in parts:
            for thought in part.thinking or ():
                self._write(IN_CONTENT, thought.text or "")
            if part.type == "text":
                self._write("", part.text or "")

    def _write(self, source: str, text: str) -> None:
        if not text:
            return
        if self._block is None or self._source != source:
            self._end_block()
            self._block = self.writer.thinking() if source else self.writer.text()
            self._source = source
        self.writer.grow(self._block, text)

    def _detail(self, pieces: list[Any]) -> str:
        before = self._details.chars
        shown = self._details.add(pieces)
        self.writer.count(self._details.chars - before)
        return shown

    def _end_block(self) -> None:
        if self._block is None:
            return
        if self._source and self._details.chars and self._detailed is None:
            self._detailed = self._block
            self._field = self._source
        else:
            self.writer.end(self._block, signature=self._source or self._signature)
        self._block = self._signature = None

    def _end_details(self) -> None:
        """End the thinking block that has them; where none has, one begins that can't be read."""
        redacted = self._detailed is None
        if self._details.must_return or self._field == FIELD:
            block = self.writer.thinking() if self._detailed is None else self._detailed
            self.writer.end(block, signature=self._details.signature(self._field) or None, redacted=redacted)
        elif self._detailed is not None:
            self.writer.end(self._detailed, signature=self._field)

    def _grow_call(self, delta: _CallDelta) -> None:
        function = delta.function or _Function()
        signature = _signature(delta.extra_content, delta.provider_specific_fields)
        self.calls.piece(delta.index, delta.id or "", function.name or "", function.arguments or "", signature)

    def _complete(self) -> None:
        """The stream is over: whether it ended well is told by its `finish_reason`."""
        self._end_block()
        self._end_details()
        if self._finish is None:
            super().receive_end()
        elif self._finish in _FAILURES:
            raise WireError(*_FAILURES[self._finish])
        else:
            self.done("length" if self._finish in _CUT_OFF else "stop")


def _signature(*fields: dict[str, Any] | None) -> str | None:
    """The fields of `SIGNED_FIELDS`, in their order, as a signature, where Google's signature is in them."""
    found = {name: each for name, each in zip(SIGNED_FIELDS, fields, strict=True) if each}
    text = json_text(found)
    return text if '"thought_signature' in text else None


def _usage(model: ModelDescriptor, usage: _Usage) -> Usage:
    details = usage.prompt_tokens_details or _InputDetails()
    read = details.cached_tokens or usage.prompt_cache_hit_tokens or 0
    written = details.cache_write_tokens or 0
    prompt, output = usage.prompt_tokens or 0, usage.completion_tokens or 0
    return usage_of(model, prompt=prompt, output=output, cache_read=read, cache_write=written)


def _failure(chunk: _Chunk) -> WireError:
    """What the provider says went wrong, in its own words."""
    error = chunk.error
    if not isinstance(error, _Error):
        error = _Error(error or chunk.message, chunk.type, chunk.code)
    names = [str(each) for each in (error.type, error.code) if each not in (None, "")]
    words = error.message or "the provider broke the answer off with an error"
    return WireError(f"{words} ({', '.join(names)})" if names else words, _kind(names))


def _kind(names: list[str]) -> ErrorKind:
    """Numbers are HTTP's. What is not known to be the request's fault may pass: the request had been accepted."""
    for name in names:
        if re.fullmatch(r"[1-5][0-9]{2}", name):
            return "transient" if int(name) >= 500 or int(name) in _TRANSIENT_CODES else "terminal"
    return "terminal" if any(_TERMINAL_WORDS.search(name) for name in names) else "transient"


ADAPTER = Adapter("openai-completions", build_request, Decoder)
