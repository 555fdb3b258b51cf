"""Decodes streams of OpenAI's chat completions API, of any server. `openai_chat_request` builds the requests.

Sources: the types and the stream reader of OpenAI's Python SDK 3.54.0 (2026); for other servers' differences, the API
documentation of DeepSeek, Mistral, OpenRouter and vLLM (as of October 2026).
"""

from typing import Any

import msgspec

from ..messages import ModelDescriptor
from ..sse import SSEEvent
from .adapter import Adapter
from .decoding import json_text, parse
from .error_words import reported
from .event_stream import EventStreamDecoder
from .finish_reasons import stop_reason
from .loose import read_or_none
from .opaque_blocks import carried
from .openai_chat_opaque import AUDIO, CONTENT, IMAGES, TOOLS, OpaqueFields
from .openai_chat_request import IN_CONTENT, build_request
from .openai_chat_signatures import signature_of
from .openai_chat_wire import CHUNKS, PARTS, CallDelta, Chunk, Delta, Function, usage_in
from .reasoning_details import BLOCKS, FIELD, SUMMARY, ReasoningDetails
from .thinking_tags import ThinkingTags, thinking_tags

__all__ = ["ADAPTER", "Decoder"]

_TEXT = ("", AUDIO)  # the sources of text: the content, and the transcript of a recording; any other: reasoning


class Decoder(EventStreamDecoder):
    """Decodes a streaming response: chunks as server-sent events, then `[DONE]`. Only the first choice counts.

    Reasoning becomes thinking blocks. A block's signature is the name of the wire's field, because the server wants it
    back in the same field. A refusal becomes text, and so does the transcript of a recording. Images, recordings and
    what the server's own tools did become opaque blocks at the end. The message is complete after `finish_reason` or
    `[DONE]`; some servers send only one of them.
    """

    def __init__(self, model: ModelDescriptor) -> None:
        super().__init__(model)
        self._block: int | None = None  # the open text or thinking block
        self._source = ""  # the open block's source: the name of a reasoning field, or one of `_TEXT`
        self._signature: str | None = None  # of the open text block, or else of the next one
        self._citations: tuple[dict[str, Any], ...] = ()  # the same
        self._sources: list[dict[str, Any]] = []  # of all text
        self._cited: list[dict[str, Any]] = self._sources  # those that the latest text block has
        self._details = ReasoningDetails()
        self._detailed: int | None = None  # the thinking block whose signature will be the details; open until the end
        self._field = ""  # the detailed block's source
        self._opaque = OpaqueFields()
        self._finish = ""  # the finish reason, once received
        self._tags = thinking_tags(model)
        self.calls.before_call = self._end_text

    def take(self, event: SSEEvent) -> None:
        chunk = parse(CHUNKS, event.data, "a chunk")
        if chunk.fails:
            raise reported(read_or_none(event.data))
        if chunk.x_groq is not None and chunk.x_groq.error:
            raise reported(chunk.x_groq.error)
        if chunk.choices is None and chunk.usage is None:
            self.pass_over(event.data)
        self._take(chunk)

    def take_document(self, document: dict[str, Any]) -> None:
        """Decode a whole message, the answer of servers that don't stream."""
        self._take(parse(CHUNKS, json_text(document), "an answer"))
        if self._finish:
            self.end_mark()

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

    def _take(self, chunk: Chunk) -> None:
        self.writer.start()
        if self.writer.response_id is None and chunk.id:
            self.writer.response_id = chunk.id
        if chunk.usage is not None:
            self.writer.usage = usage_in(self.writer.model, chunk.usage)
        elif chunk.x_groq is not None and chunk.x_groq.usage is not None:
            self.writer.usage = usage_in(self.writer.model, chunk.x_groq.usage)
        if chunk.search_results or chunk.citations:
            self._set_sources(chunk.sources)
        for choice in chunk.choices or ():
            if not choice.index:
                if choice.error:
                    raise reported(choice.error)
                if choice.usage is not None:
                    self.writer.usage = usage_in(self.writer.model, choice.usage)
                said = choice.delta or choice.message
                if said is not None:
                    self._grow(said)
                self._finish = choice.finish_reason or self._finish

    def _set_sources(self, sources: list[dict[str, Any]]) -> None:
        if sources != self._sources:
            self.writer.count(len(json_text(sources)))
            self._sources = sources

    def _grow(self, delta: Delta) -> None:
        if delta.thinks:
            self._think(delta)
        if isinstance(delta.content, str):
            if self._tags is None:
                self._write("", delta.content)
            else:
                self._say(delta.content)
        elif delta.content:
            self._grow_by_parts(delta.content)
        if delta.refusal:
            self._write("", delta.refusal)
        if delta.annotations:
            self.writer.count(len(json_text(delta.annotations)))
            self._citations += carried(delta.annotations)
        if delta.extra_content or delta.provider_specific_fields or delta.reasoning_opaque:
            self._signature = signature_of(delta) or self._signature
        if delta.images or delta.audio or delta.executed_tools:
            self._grow_opaque(delta)
        if delta.tool_calls:
            for call in delta.tool_calls:
                self._grow_call(call)
        elif delta.function_call is not None:
            self._grow_call(CallDelta(index=0, function=delta.function_call))

    def _think(self, delta: Delta) -> None:
        shown = ""
        if delta.reasoning_details:
            shown = self._detail(FIELD, delta.reasoning_details)
        if delta.thinking_blocks:
            shown = self._detail(BLOCKS, delta.thinking_blocks) or shown
        if delta.reasoning_content:
            self._write("reasoning_content", delta.reasoning_content)
        elif delta.reasoning:
            self._write("reasoning", delta.reasoning)
        elif delta.reasoning_text:
            self._write("reasoning_text", delta.reasoning_text)
        elif shown:
            self._write(FIELD, shown)  # also for the others: this text is sent back only inside the details

    def _grow_by_parts(self, parts: list[msgspec.Raw]) -> None:
        for raw in parts:
            part = parse(PARTS, bytes(raw), "a part of the content")
            for thought in part.thinking or ():
                self._write(IN_CONTENT, thought.text or "")
            if part.summary:
                self._write(FIELD, self._detail(SUMMARY, part.summary))
            if part.type in ("text", "refusal"):
                self._say(part.text or part.refusal or "")
            elif part.type not in ("thinking", "reasoning"):
                self._keep(IMAGES if part.type == "image_url" else CONTENT, [read_or_none(bytes(raw))])

    def _grow_opaque(self, delta: Delta) -> None:
        self._keep(IMAGES, delta.images or [])
        self._keep(TOOLS, delta.executed_tools or [])
        if delta.audio:
            before = self._opaque.chars
            self._opaque.add_audio(delta.audio)
            self.writer.count(self._opaque.chars - before)
            transcript = delta.audio.get("transcript")
            self._write(AUDIO, transcript if isinstance(transcript, str) else "")

    def _keep(self, field: str, parts: list[Any]) -> None:
        before = self._opaque.chars
        self._opaque.add(field, parts)
        self.writer.count(self._opaque.chars - before)

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
            self._block = self.writer.text() if source in _TEXT else self.writer.thinking()
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
        if self._source in _TEXT:
            citations = self._citations + carried(self._sources)
            self.writer.end(self._block, signature=self._source or self._signature, citations=citations)
            self._citations, self._cited = (), self._sources
            self._signature = self._signature if self._source else None
        elif self._details.chars and self._detailed is None:
            self._detailed = self._block
            self._field = self._source
        else:
            self.writer.end(self._block, signature=self._source)
        self._block = None

    def _end_details(self) -> None:
        """End the thinking block that carries the details. Without such a block, write a redacted one to carry them."""
        redacted = self._detailed is None
        if self._details.must_return or self._field == FIELD:
            block = self.writer.thinking() if self._detailed is None else self._detailed
            self.writer.end(block, signature=self._details.signature(self._field) or None, redacted=redacted)
        elif self._detailed is not None:
            self.writer.end(self._detailed, signature=self._field)

    def _grow_call(self, delta: CallDelta) -> None:
        function = delta.function or Function()
        if delta.custom is not None:
            function = Function(delta.custom.name, json_text({"input": delta.custom.input or ""}))
        signature = signature_of(delta) if delta.has_extras else None
        self.calls.piece(delta.index, delta.id or "", function.name or "", function.arguments or "", signature)

    def _end_opaque(self) -> None:
        """Write what belongs to no other block: a signature, citations, and the opaque fields."""
        if self._signature:
            self.writer.end(self.writer.thinking(), signature=self._signature, redacted=True)
        citations = self._citations + (() if self._cited is self._sources else carried(self._sources))
        if citations:
            self.writer.opaque("annotations", json_text(citations))
        self.writer.count(-self._opaque.chars)  # the blocks are counted by the writer
        for kind, raw in self._opaque.blocks():
            self.writer.opaque(kind, raw)

    def _end_blocks(self) -> None:
        self._end_text()
        self._end_details()
        self._end_opaque()


ADAPTER = Adapter("openai-completions", build_request, Decoder)
