"""Decodes streams of OpenAI's chat completions API, of any server. `openai_chat_request` builds the requests.

Sources: the types and the stream reader of OpenAI's Python SDK 3.54.0 (2026); for other servers' differences, the API
documentation of DeepSeek, Mistral, OpenRouter and vLLM (as of October 2026).
"""

from typing import Any

import msgspec

from ..messages import ModelDescriptor, Usage
from ..sse import SSEEvent
from .adapter import Adapter
from .decoding import json_text, parse
from .error_words import reported
from .event_stream import EventStreamDecoder
from .finish_reasons import stop_reason
from .loose import read_or_none
from .opaque_blocks import carried
from .openai_chat_request import IN_CONTENT, SIGNED_FIELDS, build_request
from .openai_models import cost_of, usage_of
from .reasoning_details import BLOCKS, FIELD, ReasoningDetails
from .thinking_tags import ThinkingTags, thinking_tags

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
    thinking_blocks: list[Any] | None = None  # LiteLLM
    annotations: list[dict[str, Any]] | None = None  # what the text rests on
    tool_calls: list[_CallDelta] | None = None
    extra_content: dict[str, Any] | None = None  # Google's: the signature of a text may be in it


class _Choice(msgspec.Struct, frozen=True, gc=False):
    index: int | None = 0
    delta: _Delta | None = None
    message: _Delta | None = None  # of servers that know no deltas
    finish_reason: str | None = None
    error: Any = None  # OpenRouter has it here too
    usage: "_Usage | None" = None  # Moonshot (Kimi) has it here


class _InputDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True, gc=False):
    prompt_tokens: int | None = None  # with the cached ones
    completion_tokens: int | None = None  # with those of the reasoning, but for some servers
    total_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek's word for cached_tokens
    cached_tokens: int | None = None  # Moonshot (Kimi) has it here
    reasoning_tokens: int | None = None  # Perplexity has it here
    cost: Any = None
    cost_in_usd_ticks: int | None = None


class _BaseResp(msgspec.Struct, frozen=True, gc=False):
    status_code: int | None = None  # 0: all is well


class _Groq(msgspec.Struct, frozen=True, gc=False):
    usage: _Usage | None = None


class _Chunk(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None
    choices: list[_Choice] | None = None  # empty with the usage at the end
    usage: _Usage | None = None
    error: Any = None
    object: str | None = None  # `error` where the chunk itself is one (vLLM until 2025)
    base_resp: _BaseResp | None = None  # MiniMax's
    x_groq: _Groq | None = None

    @property
    def fails(self) -> bool:
        """Check whether the chunk reports an error. An empty `error` doesn't count."""
        return bool(self.error) or self.object == "error" or bool(self.base_resp and self.base_resp.status_code)


_CHUNKS = msgspec.json.Decoder(_Chunk)


class Decoder(EventStreamDecoder):
    """Decodes a streaming response: chunks as server-sent events, then `[DONE]`. Only the first choice counts.

    Reasoning becomes thinking. Its signature is the name of its field, in which the server gets it back. A refusal is
    text. The message is complete after `finish_reason` or `[DONE]`; some servers send only one of them.
    """

    def __init__(self, model: ModelDescriptor) -> None:
        super().__init__(model)
        self._block: int | None = None  # the open text or thinking block
        self._source = ""  # what it grows from: the name of a field with reasoning, "" for text
        self._signature: str | None = None  # of the open text block
        self._citations: tuple[dict[str, Any], ...] = ()  # of the open text block
        self._details = ReasoningDetails()
        self._detailed: int | None = None  # the thinking block that has the details as its signature; it stays open
        self._field = ""  # the source of that block
        self._finish = ""  # the reason, once it came
        self._tags = thinking_tags(model)
        self.calls.before_call = self._end_text

    def take(self, event: SSEEvent) -> None:
        chunk = parse(_CHUNKS, event.data, "a chunk")
        if chunk.fails:
            raise reported(read_or_none(event.data))
        if chunk.choices is None and chunk.usage is None:
            self.pass_over(event.data)
        self._take(chunk)

    def take_document(self, document: dict[str, Any]) -> None:
        """Decode a whole message: servers without streaming answer with one."""
        self._take(parse(_CHUNKS, json_text(document), "an answer"))

    def end_mark(self) -> None:
        self._end_blocks()
        if not self._finish:
            super().end_mark()
        else:
            self.done(stop_reason(self._finish))

    def end_of_body(self) -> None:
        self._end_blocks()
        if not self._finish:
            super().end_of_body()
        else:
            self.done(stop_reason(self._finish))

    def _take(self, chunk: _Chunk) -> None:
        self.writer.start()
        if self.writer.response_id is None and chunk.id:
            self.writer.response_id = chunk.id
        if chunk.usage is not None:
            self.writer.usage = _usage(self.writer.model, chunk.usage)
        elif chunk.x_groq is not None and chunk.x_groq.usage is not None:
            self.writer.usage = _usage(self.writer.model, chunk.x_groq.usage)
        for choice in chunk.choices or ():
            if not choice.index:
                if choice.error:
                    raise reported(choice.error)
                if choice.usage is not None:
                    self.writer.usage = _usage(self.writer.model, choice.usage)
                said = choice.delta or choice.message
                if said is not None:
                    self._grow(said)
                self._finish = choice.finish_reason or self._finish

    def _grow(self, delta: _Delta) -> None:
        shown = ""
        if delta.reasoning_details:
            shown = self._detail(FIELD, delta.reasoning_details)
        if delta.thinking_blocks:
            shown = self._detail(BLOCKS, delta.thinking_blocks) or shown
        if delta.reasoning_content:
            self._write("reasoning_content", delta.reasoning_content)
        elif delta.reasoning:
            self._write("reasoning", delta.reasoning)
        elif shown:
            self._write(FIELD, shown)  # of either field: it goes back in the details alone
        if isinstance(delta.content, str):
            if self._tags is None:
                self._write("", delta.content)
            else:
                self._say(delta.content)
        elif delta.content:
            self._grow_by_parts(delta.content)
        if delta.refusal:
            self._write("", delta.refusal)
        if delta.annotations and self._block is not None and not self._source:
            self.writer.count(len(json_text(delta.annotations)))
            self._citations += carried(delta.annotations)
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
                self._say(part.text or "")

    def _say(self, text: str) -> None:
        if self._tags is None:
            self._write("", text)
        else:
            self._write_told_apart(self._tags.feed(text), self._tags)

    def _write_told_apart(self, pieces: list[tuple[bool, str]], tags: ThinkingTags) -> None:
        for is_thinking, piece in pieces:
            self._write(tags.opening if is_thinking else "", piece)

    def _write(self, source: str, text: str) -> None:
        if not text:
            return
        if self._block is None or self._source != source:
            self._end_block()
            self._block = self.writer.thinking() if source else self.writer.text()
            self._source = source
        self.writer.grow(self._block, text)

    def _detail(self, field: str, pieces: list[Any]) -> str:
        before = self._details.chars
        shown = self._details.add(field, pieces)
        self.writer.count(self._details.chars - before)
        return shown

    def _end_text(self) -> None:
        if self._tags is not None:
            self._write_told_apart(self._tags.end(), self._tags)
        self._end_block()

    def _end_block(self) -> None:
        if self._block is None:
            return
        if self._source and self._details.chars and self._detailed is None:
            self._detailed = self._block
            self._field = self._source
        else:
            self.writer.end(self._block, signature=self._source or self._signature, citations=self._citations)
        self._block = self._signature = None
        self._citations = ()

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
        signature = None
        if delta.extra_content or delta.provider_specific_fields:
            signature = _signature(delta.extra_content, delta.provider_specific_fields)
        self.calls.piece(delta.index, delta.id or "", function.name or "", function.arguments or "", signature)

    def _end_blocks(self) -> None:
        self._end_text()
        self._end_details()


def _signature(*fields: dict[str, Any] | None) -> str | None:
    """The fields of `SIGNED_FIELDS`, in their order, as a signature, where Google's signature is in them."""
    found = {name: each for name, each in zip(SIGNED_FIELDS, fields, strict=True) if each}
    text = json_text(found)
    return text if '"thought_signature' in text else None


def _usage(model: ModelDescriptor, usage: _Usage) -> Usage:
    details = usage.prompt_tokens_details or _InputDetails()
    read = details.cached_tokens or usage.prompt_cache_hit_tokens or usage.cached_tokens or 0
    written = details.cache_write_tokens or 0
    of_output = usage.completion_tokens_details or _OutputDetails()
    return usage_of(
        model,
        prompt=usage.prompt_tokens or 0,
        output=usage.completion_tokens or 0,
        total=usage.total_tokens or 0,
        reasoning=of_output.reasoning_tokens or usage.reasoning_tokens or 0,
        cache_read=read,
        cache_write=written,
        provider_cost=cost_of(usage.cost, usage.cost_in_usd_ticks),
    )


ADAPTER = Adapter("openai-completions", build_request, Decoder)
