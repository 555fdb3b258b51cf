"""Decodes the stream of Anthropic's Messages API. `anthropic_request` builds the request.

Wire: platform.claude.com/docs, "Streaming messages", "Handling stop reasons", "Handle streaming refusals" and "Prompt
caching", and the types of the official Python SDK 2.12, all read in November 2026.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, ClassVar, cast

import msgspec

from ..messages import AssistantMessage, Cost, ModelDescriptor, StopReason, Usage
from ..sse import SSEEvent, SSEParser
from .adapter import Adapter
from .anthropic_request import API, build_request
from .anthropic_wire import (
    BLOCK_DELTA,
    BLOCK_START,
    BLOCK_STOP,
    MESSAGE_DELTA,
    MESSAGE_START,
    TYPED,
    Counts,
    Delta,
    Message,
    StopDetails,
)
from .decoding import MAX_TOKENS, arguments_text, json_text, parse, priced, prices_of
from .error_words import reported
from .event_stream import EventStreamDecoder
from .faults import MAX_BODY_BYTES
from .finish_reasons import stop_reason
from .loose import read_or_none
from .message_writer import MAX_BLOCKS, MAX_MESSAGE_CHARS, WireError
from .opaque_blocks import OpaqueBlock, carried

__all__ = ["ADAPTER", "Decoder"]


_Read = Callable[[Delta], str | None]  # returns the text that a delta adds to a block of one kind
_TEXT: _Read = attrgetter("text")
_THINKING: _Read = attrgetter("thinking")
_ARGUMENTS: _Read = attrgetter("partial_json")


class _Block:
    """An unfinished content block."""

    __slots__ = ("arguments", "citations", "index", "read", "redacted", "signature")

    def __init__(self, index: int | None, read: _Read) -> None:
        self.index = index  # in the message; None: a call
        self.read = read
        self.signature: str | None = None
        self.redacted = False
        self.citations: tuple[dict[str, Any], ...] = ()
        self.arguments = ""  # those that a tool use began with; void once there are deltas


_PAUSE = "pause_turn"


class Decoder(EventStreamDecoder):
    """Decodes the events of a stream, and ignores unknown event types.

    Blocks that the server makes (server tools and their results, MCP, code) are kept unchanged.
    """

    def __init__(self, model: ModelDescriptor) -> None:
        super().__init__(model)
        self._blocks: dict[int, _Block] = {}  # by the wire's index
        self._opaque: dict[int, OpaqueBlock] = {}  # the server's own blocks, by the wire's index
        self._begun = False  # message_start has come
        self._next = 0  # after the greatest index of a block that began
        self._usage: dict[str, int] = {}
        self._spent = Usage()  # usage of the earlier responses of a paused answer
        self._stop: StopReason | None = None
        self._pauses = False
        self._hidden_chars = 0  # of signatures

    def take(self, event: SSEEvent) -> None:
        kind = event.event
        if kind == "message":  # the event has no name: some servers with this API leave the name out
            typed = parse(TYPED, event.data, "an event")
            kind = typed.type or ""
            if not kind:
                self.pass_over(event.data)
        take = self._TAKES.get(kind)
        if take is not None:
            take(self, event.data)

    def take_document(self, document: dict[str, Any]) -> None:
        """Decode a whole message: servers without streaming answer with one."""
        if document.get("type") != "message":
            return
        self._start(json_text({"message": document}))
        content: Any = document.get("content")
        for index, block in enumerate(cast("list[Any]", content) if isinstance(content, list) else ()):
            self._begin(json_text({"index": index, "content_block": block}))
            self._end_block(index)
        self._note_stop(json_text({"delta": document, "usage": document.get("usage")}))
        self._finish("")

    def end_mark(self) -> None:
        self._end_blocks()
        super().end_mark()

    def end_of_body(self) -> None:
        if self._stop is None:
            super().end_of_body()
        self._finish("")  # all that is missing is the word that nothing is missing

    def _grow(self, data: str) -> None:
        event = parse(BLOCK_DELTA, data, "a content block delta")
        if event.index in self._opaque:
            self.writer.count(len(data))
            self._opaque[event.index].grow(read_or_none(data))
            return
        block = self._blocks.get(event.index)
        if block is None and event.index >= self._next:
            block = self._begin_by(event.index, event.delta)
        if block is None:
            return
        if piece := block.read(event.delta):
            block.arguments = ""
            self._grow_block(event.index, block, piece)
        if event.delta.signature is not None:
            self._sign(block, event.delta.signature)
        if event.delta.citation is not None:
            self._cite(block, event.delta.citation)

    def _begin(self, data: str) -> None:
        event = parse(BLOCK_START, data, "the start of a content block")
        self._end_block(event.index)
        self._next = max(self._next, event.index + 1)
        content = event.content_block
        match content.type:
            case "text":
                block, begun = _Block(self.writer.text(), _TEXT), content.text
                for citation in content.citations or ():
                    self._cite(block, citation)
            case "thinking":
                block, begun = _Block(self.writer.thinking(), _THINKING), content.thinking
                self._sign(block, content.signature)
            case "redacted_thinking":
                block, begun = _Block(self.writer.thinking(), _THINKING), None
                block.redacted = True
                self._sign(block, content.data)
            case "tool_use":
                block, begun = _Block(None, _ARGUMENTS), None
                self.calls.piece(event.index, content.id or "", content.name or "", signature=_caller(content.caller))
                block.arguments = _given(content.input)
            case _:
                self._open_opaque(event.index, data)
                return
        self._blocks[event.index] = block
        self._grow_block(event.index, block, begun or "")

    def _open_opaque(self, wire_index: int, data: str) -> None:
        self.writer.count(len(data))
        if len(self._opaque) >= MAX_BLOCKS:
            raise WireError(f"the model's message has more than {MAX_BLOCKS} content blocks")
        self._opaque[wire_index] = OpaqueBlock(read_or_none(data))

    def _cite(self, block: _Block, citation: dict[str, Any]) -> None:
        self.writer.count(len(json_text(citation)))
        block.citations += carried([citation])

    def _begin_by(self, wire_index: int, delta: Delta) -> _Block | None:
        """Return a block whose start never came. Its first delta tells the kind."""
        if delta.text:
            block = _Block(self.writer.text(), _TEXT)
        elif delta.thinking or delta.signature:
            block = _Block(self.writer.thinking(), _THINKING)
        elif delta.partial_json:
            block = _Block(None, _ARGUMENTS)
        else:
            return None
        self._next = wire_index + 1
        self._blocks[wire_index] = block
        return block

    def _grow_block(self, wire_index: int, block: _Block, piece: str) -> None:
        if block.index is not None:
            self.writer.grow(block.index, piece)
        elif piece:
            self.calls.piece(wire_index, arguments=piece)

    def _sign(self, block: _Block, signature: str | None) -> None:
        self._hidden_chars += len(signature or "")
        if self._hidden_chars > MAX_MESSAGE_CHARS:
            raise WireError(f"the model's message has signatures of more than {MAX_MESSAGE_CHARS} characters")
        block.signature = signature or None

    def _end(self, data: str) -> None:
        self._end_block(parse(BLOCK_STOP, data, "the end of a content block").index)

    def _end_block(self, wire_index: int) -> None:
        opaque = self._opaque.pop(wire_index, None)
        if opaque is not None and opaque.kind:
            self.writer.opaque(opaque.kind, opaque.raw())
        block = self._blocks.pop(wire_index, None)
        if block is None:
            return
        self._grow_block(wire_index, block, block.arguments)
        if block.index is None:
            self.calls.end(wire_index)
        else:
            self.writer.end(block.index, signature=block.signature, redacted=block.redacted, citations=block.citations)

    def _start(self, data: str) -> None:
        message = parse(MESSAGE_START, data, "the start of the message").message or Message()
        if self._begun:
            if message.id not in (None, self.writer.response_id):
                raise WireError("the provider began a second message inside the first", "transient")
            return  # a repeated start
        self._begun = True
        self.writer.response_id = message.id
        self._count(message.usage)
        self.writer.start()

    def _note_stop(self, data: str) -> None:
        event = parse(MESSAGE_DELTA, data, "the end of the message")
        self._count(event.usage)
        stop = event.delta
        if stop is None or not stop.stop_reason:
            return
        if stop.stop_reason == "refusal":
            raise WireError(_refusal(stop.stop_details or StopDetails()))
        self._stop = stop_reason(stop.stop_reason)
        self._pauses = stop.stop_reason == _PAUSE

    def _end_blocks(self) -> None:
        for wire_index in sorted({*self._blocks, *self._opaque}):
            self._end_block(wire_index)

    def _finish(self, _: str) -> None:
        self._end_blocks()
        if self._stop is None:
            return super().end_mark()
        if self._pauses and not self.writer.message.calls:
            self.paused = True
        else:
            self.done(self._stop)

    def resume(self) -> AssistantMessage:
        self._sse = SSEParser(max_stray_bytes=MAX_BODY_BYTES)
        self._begun, self._next, self._stop = False, 0, None
        self._usage, self._spent = {}, self.writer.usage
        return super().resume()

    def _fail(self, data: str) -> None:
        raise reported(read_or_none(data))

    def _count(self, usage: Counts | None) -> None:
        if usage is None:
            return
        counts = msgspec.structs.asdict(usage)
        details = counts.pop("output_tokens_details")
        counts["thinking"] = details and details.thinking_tokens
        split = counts.pop("cache_creation")
        if split is not None:
            counts["hour"] = split.ephemeral_1h_input_tokens
        self._usage |= {name: min(max(count, 0), MAX_TOKENS) for name, count in counts.items() if count is not None}
        self.writer.usage = self._spent.plus(self._priced())

    def _priced(self) -> Usage:
        written = self._usage.get("cache_creation_input_tokens", 0)
        read = self._usage.get("cache_read_input_tokens", 0)
        fresh = self._usage.get("input_tokens", 0)
        prices = prices_of(self.writer.model, fresh + read + written)
        return priced(
            self.writer.model,
            input=fresh,
            output=self._usage.get("output_tokens", 0),
            cache_read=read,
            cache_write=written,
            cache_write_cost=_write_cost(prices, written, self._usage.get("hour", 0)),
            reasoning=self._usage.get("thinking", 0),
        )

    _TAKES: ClassVar[dict[str, Callable[["Decoder", str], None]]] = {
        "content_block_delta": _grow,
        "content_block_start": _begin,
        "content_block_stop": _end,
        "message_start": _start,
        "message_delta": _note_stop,
        "message_stop": _finish,
        "error": _fail,
    }


def _write_cost(prices: Cost, written: int, for_an_hour: int) -> float:
    """Return the cost of cache writes. For five minutes, the descriptor's price, or else 1.25 times the input price.

    For an hour, twice the input price ("Prompt caching", Pricing).
    """
    for_an_hour = min(for_an_hour, written)
    for_minutes = (written - for_an_hour) * (prices.cache_write or 1.25 * prices.input)
    return (for_minutes + for_an_hour * 2 * prices.input) / 1_000_000


def _given(arguments: msgspec.Raw) -> str:
    text = arguments_text(arguments)
    return "" if text == "{}" else text


def _caller(caller: dict[str, Any] | None) -> str | None:
    """Return the signature of a call that the server's own code made. The server wants it back."""
    return None if caller is None or caller.get("type") in (None, "direct") else json_text({"caller": caller})


def _refusal(details: StopDetails) -> str:
    """Fail the call after a refusal: the API requires that refused turns aren't sent again, and failed turns aren't."""
    why = details.explanation or "the provider gave no reason"
    return f"the model refused to answer: {why}" + (f" ({details.category})" if details.category else "")


ADAPTER = Adapter(API, build_request, Decoder)
