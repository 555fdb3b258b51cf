"""Decodes streams of OpenAI's chat completions API, of any server. `openai_chat_request` builds the requests.

Sources: the types and the stream reader of OpenAI's Python SDK 3.54.0 (2026); for other servers' differences, the API
documentation of DeepSeek, Mistral, OpenRouter and vLLM (as of October 2026).
"""

from typing import Any

from ..messages import ModelDescriptor
from ..sse import SSEEvent
from .adapter import Adapter
from .decoding import json_text, parse
from .error_words import reported
from .event_stream import EventStreamDecoder
from .finish_reasons import stop_reason
from .loose import read_or_none
from .opaque_blocks import carried
from .openai_chat_request import IN_CONTENT, SIGNED_FIELDS, build_request
from .openai_chat_wire import CHUNKS, CallDelta, Chunk, Delta, Function, Part, usage_in
from .reasoning_details import BLOCKS, FIELD, ReasoningDetails
from .thinking_tags import ThinkingTags, thinking_tags

__all__ = ["ADAPTER", "Decoder"]


class Decoder(EventStreamDecoder):
    """Decodes a streaming response: chunks as server-sent events, then `[DONE]`. Only the first choice counts.

    Reasoning becomes thinking blocks. A block's signature is the name of the wire's field, because the server wants it
    back in the same field. A refusal becomes text. The message is complete after `finish_reason` or `[DONE]`; some
    servers send only one of them.
    """

    def __init__(self, model: ModelDescriptor) -> None:
        super().__init__(model)
        self._block: int | None = None  # the open text or thinking block
        self._source = ""  # the open block's source: the name of a reasoning field, "" for text
        self._signature: str | None = None  # of the open text block, or else of the next one
        self._citations: tuple[dict[str, Any], ...] = ()  # the same
        self._sources: list[dict[str, Any]] = []  # of all text
        self._details = ReasoningDetails()
        self._detailed: int | None = None  # the thinking block whose signature will be the details; open until the end
        self._field = ""  # the detailed block's source
        self._finish = ""  # the finish reason, once received
        self._tags = thinking_tags(model)
        self.calls.before_call = self._end_text

    def take(self, event: SSEEvent) -> None:
        chunk = parse(CHUNKS, event.data, "a chunk")
        if chunk.fails:
            raise reported(read_or_none(event.data))
        if chunk.choices is None and chunk.usage is None:
            self.pass_over(event.data)
        self._take(chunk)

    def take_document(self, document: dict[str, Any]) -> None:
        """Decode a whole message, the answer of servers that don't stream."""
        self._take(parse(CHUNKS, json_text(document), "an answer"))

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
        if (sources := chunk.sources) and sources != self._sources:
            self.writer.count(len(json_text(sources)))
            self._sources = sources
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

    def _grow(self, delta: Delta) -> None:
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
            self._write(FIELD, shown)  # also for BLOCKS: this text is sent back only inside the details
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
        if delta.extra_content:
            self._signature = _signature(delta.extra_content, None) or self._signature
        if delta.tool_calls:
            for call in delta.tool_calls:
                self._grow_call(call)
        elif delta.function_call is not None:
            self._grow_call(CallDelta(index=0, function=delta.function_call))

    def _grow_by_parts(self, parts: list[Part]) -> None:
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
            signature, citations = self._source or self._signature, self._citations + carried(self._sources)
            self.writer.end(self._block, signature=signature, citations=citations)
        if not self._source:
            self._signature, self._citations = None, ()
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
        signature = None
        if delta.extra_content or delta.provider_specific_fields:
            signature = _signature(delta.extra_content, delta.provider_specific_fields)
        self.calls.piece(delta.index, delta.id or "", function.name or "", function.arguments or "", signature)

    def _end_blocks(self) -> None:
        self._end_text()
        self._end_details()


def _signature(*fields: dict[str, Any] | None) -> str | None:
    """Return `fields`, the values of `SIGNED_FIELDS`, as a signature; None if Google's signature isn't among them."""
    found = {name: each for name, each in zip(SIGNED_FIELDS, fields, strict=True) if each}
    text = json_text(found)
    return text if '"thought_signature' in text else None


ADAPTER = Adapter("openai-completions", build_request, Decoder)
