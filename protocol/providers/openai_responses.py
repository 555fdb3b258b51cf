"""Decodes the stream of OpenAI's Responses API. `openai_responses_request` builds the requests.

An output item is a message (each of its parts a text block), a reasoning item (a thinking block) or a function call.
Items are identified by `output_index`, which is more reliable across servers than ids, and may come interleaved.
Unknown events are ignored.

Source: OpenAI's API reference, "Streaming events", and the types of the `openai` package 3.54 (October 2026); raw
`reasoning_text` comes from servers of open weights (vLLM, LM Studio).
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from ..messages import ModelDescriptor
from ..sse import SSEEvent
from .adapter import Adapter
from .decoding import json_text, parse
from .error_words import reported
from .event_stream import EventStreamDecoder
from .finish_reasons import stop_reason
from .loose import read_or_none
from .message_writer import WireError
from .openai_responses_request import Kept, build_request
from .openai_responses_texts import ResponseTexts
from .openai_responses_wire import (
    CALL_ITEM,
    DELTA,
    ITEM_EVENT,
    KIND,
    MESSAGE_ITEM,
    REASONING_ITEM,
    RESPONSE_EVENT,
    CallItem,
    Delta,
    Part,
    ReasoningItem,
    Response,
    usage_in,
)

__all__ = ["ADAPTER", "Decoder"]


_CUSTOM_CALL = "custom_tool_call"  # the call of a tool whose input is text


class _Item:
    """An open reasoning item or function call."""

    __slots__ = ("block", "grown", "part")

    def __init__(self, block: int | None) -> None:
        self.block = block  # its content index; None: a call
        self.grown = False  # something has come of it
        self.part: tuple[bool, int] | None = None  # of the reasoning: raw or not, and the part's index


class Decoder(EventStreamDecoder):
    """Decodes the body of one response, as server-sent events."""

    def __init__(self, model: ModelDescriptor) -> None:
        super().__init__(model)
        self._texts = ResponseTexts(self.writer)
        self._items: dict[int, _Item] = {}  # by output index. Each is a block, so `MAX_BLOCKS` bounds their number
        self._latest_call: _Item | None = None  # the latest call, until it ends
        self._seen: Counter[str] = Counter()  # items with content, by type; messages are in `_texts`
        self._passed: Counter[str] = Counter()  # items of the whole response, by type

    def take(self, event: SSEEvent) -> None:
        # The `type` in the data is the same as the event's name, which some servers leave out.
        handle = self._HANDLERS.get(event.event)
        if handle is None:
            kind = parse(KIND, event.data, "an event")
            handle = self._HANDLERS.get(kind.type or "")
            if not kind.type:
                self.pass_over(event.data)
        if handle is not None:
            handle(self, event.data)

    def take_document(self, document: dict[str, Any]) -> None:
        """Decode a whole response: servers without streaming answer with one."""
        if document.get("object") == "response":
            self._completed(json_text({"response": document}))

    def _text_delta(self, data: str) -> None:
        event = parse(DELTA, data, "a piece of text")
        if event.delta:
            self._texts.grow(event.output_index or 0, event.content_index or 0, event.delta)

    def _text_done(self, data: str) -> None:
        event = parse(DELTA, data, "a text")
        self._texts.take_whole(event.output_index or 0, event.content_index or 0, event.text or event.refusal)

    def _annotation_added(self, data: str) -> None:
        event = parse(DELTA, data, "an annotation")
        if event.annotation is not None:
            self._texts.annotate(event.output_index or 0, event.content_index or 0, event.annotation)

    def _arguments_delta(self, data: str) -> None:
        event = parse(DELTA, data, "a piece of a call's arguments")
        item = self._items.get(event.output_index or 0, self._latest_call)
        if event.delta and item is not None and item.block is None:
            item.grown = True
            self.calls.piece(event.output_index or 0, arguments=event.delta)

    def _arguments_done(self, data: str) -> None:
        event = parse(DELTA, data, "a call's arguments")
        item = self._items.get(event.output_index or 0)
        if event.arguments and item is not None and item.block is None and not item.grown:  # whole at once
            item.grown = True
            self.calls.piece(event.output_index or 0, arguments=event.arguments)

    def _summary_delta(self, data: str) -> None:
        event = parse(DELTA, data, "a piece of a reasoning summary")
        self._grow_thinking(event, (False, event.summary_index or 0))

    def _reasoning_delta(self, data: str) -> None:
        event = parse(DELTA, data, "a piece of reasoning")
        self._grow_thinking(event, (True, event.content_index or 0))

    def _grow_thinking(self, event: Delta, part: tuple[bool, int]) -> None:
        item = self._items.get(event.output_index or 0)
        if item is None:
            item = self._open_thinking(event.output_index or 0)
        if event.delta and item.block is not None:
            if item.part not in (None, part):
                self.writer.grow(item.block, "\n\n")
            item.part, item.grown = part, True
            self.writer.grow(item.block, event.delta)

    def _item_added(self, data: str) -> None:
        event = parse(ITEM_EVENT, data, "an output item")
        index, body = event.output_index or 0, bytes(event.item)
        self._forget(index)
        match parse(KIND, body, "an output item").type:
            case "function_call":
                self._open_call(index, parse(CALL_ITEM, body, "a call"))
            case "reasoning":
                self._open_thinking(index)
            case _:
                pass  # a message's parts begin with their first text

    def _item_done(self, data: str) -> None:
        event = parse(ITEM_EVENT, data, "an output item")
        self._take_item(event.output_index or 0, bytes(event.item))

    def _take_item(self, index: int, body: bytes) -> None:
        """Handle a finished output item. Content that didn't come in pieces is taken from it."""
        match parse(KIND, body, "an output item").type:
            case "function_call":
                self._call_done(index, parse(CALL_ITEM, body, "a call"))
            case "reasoning":
                self._reasoning_done(index, parse(REASONING_ITEM, body, "a reasoning item"))
            case "message":
                message = parse(MESSAGE_ITEM, body, "a message")
                self._texts.take_message(index, message)
                if message.has_others:  # kept, but sent back as a note: the API accepts only text in a message
                    self.writer.opaque("message", str(body, errors="replace"))
            case kind if kind == _CUSTOM_CALL:
                call = parse(CALL_ITEM, body, "a call")
                arguments = json_text({"input": call.input or ""})
                self._call_done(index, CallItem(call_id=call.call_id, name=call.name, arguments=arguments))
            case str(kind) if kind:  # a block of the server's own tools
                self.writer.opaque(kind, str(body, errors="replace"))
                self._seen[kind] += 1
            case _:
                pass
        self._forget(index)

    def _call_done(self, output_index: int, call: CallItem) -> None:
        item = self._items.get(output_index)
        if item is None or item.block is not None:
            item = self._open_call(output_index, call)
        if not item.grown and call.arguments:  # no pieces came
            self.calls.piece(output_index, arguments=call.arguments)

    def _reasoning_done(self, output_index: int, reasoning: ReasoningItem) -> None:
        item = self._items.get(output_index)
        if item is None or item.block is None:
            item = self._open_thinking(output_index)
        block = item.block or 0
        raw, summary = _joined(reasoning.content), _joined(reasoning.summary)
        is_raw = item.part[0] if item.part is not None else bool(raw)
        if not item.grown and (raw or summary):  # no pieces came
            item.grown = True
            self.writer.grow(block, raw or summary)
        # Without encryption, only the reasoning itself can be sent back, not a summary of it.
        signature = None
        if reasoning.encrypted_content or (is_raw and (reasoning.id or reasoning.signature)):
            encrypted = reasoning.encrypted_content or None
            signature = Kept(reasoning.id, encrypted, reasoning.signature, reasoning.format).as_text()
        self.writer.end(block, signature=signature, redacted=signature is not None and not item.grown)

    def _open_call(self, output_index: int, call: CallItem) -> _Item:
        self.calls.piece(output_index, call.call_id or "", call.name or "")
        self._seen["function_call"] += 1
        item = self._items[output_index] = self._latest_call = _Item(None)
        return item

    def _open_thinking(self, output_index: int) -> _Item:
        self._seen["reasoning"] += 1
        item = self._items[output_index] = _Item(self.writer.thinking())
        return item

    def _forget(self, output_index: int) -> None:
        """End an output item's open blocks."""
        item = self._items.pop(output_index, None)
        if item is not None and item.block is not None:
            self.writer.end(item.block)
        if item is not None and item is self._latest_call:
            self._latest_call = None
        self.calls.end(output_index)
        self._texts.end(output_index)

    def _begun(self, data: str) -> None:
        """Handle a response that is created, queued or in progress. Its usage counts, should the answer be aborted."""
        known = self.writer.response_id
        self.writer.start()
        if known not in (None, self._response(data).id):
            raise WireError("the provider began a second response inside the first", "transient")

    def _completed(self, data: str) -> None:
        self._end(data, cut_off=False)

    def _incomplete(self, data: str) -> None:
        self._end(data, cut_off=True)

    def _end(self, data: str, *, cut_off: bool) -> None:
        """Handle the end of the response. Its status may say more than the event's name."""
        response = self._response(data)
        status = response.status or ""
        if response.error or status == "failed":
            raise reported(response.error)
        for index, item in enumerate(response.output or ()):
            self._take_unseen(index, bytes(item))
        self._texts.end_all()
        details = response.incomplete_details
        if details is not None and details.reason:
            self.done(stop_reason(details.reason))
        elif status == "cancelled":
            self.done(stop_reason(status))
        else:
            self.done("length" if cut_off or status == "incomplete" else "stop")

    def _take_unseen(self, index: int, body: bytes) -> None:
        """Take what was not streamed of an item from the whole response: some servers stream nothing."""
        kind = parse(KIND, body, "an output item").type or ""
        begun = self._items.get(index)
        if kind == _CUSTOM_CALL:
            kind = "function_call"
        elif kind == "message" and not parse(MESSAGE_ITEM, body, "a message").says_something:
            return
        self._passed[kind] += 1
        if self._passed[kind] > (self._texts.messages if kind == "message" else self._seen[kind]):
            self._take_item(-1 - index, body)  # an index that no streamed item has
        elif begun is not None and kind == ("function_call" if begun.block is None else "reasoning"):
            self._take_item(index, body)
        elif kind == "message":
            self._texts.end(index, parse(MESSAGE_ITEM, body, "a message"))

    def _response_failed(self, data: str) -> None:
        raise reported(self._response(data).error)

    def _failed(self, data: str) -> None:
        raise reported(read_or_none(data))

    def _response(self, data: str) -> Response:
        """Return the response so far, and keep its id and usage."""
        response = parse(RESPONSE_EVENT, data, "a response").response or Response()
        self.writer.response_id = response.id or self.writer.response_id
        if response.usage is not None:
            self.writer.usage = usage_in(self.writer.model, response.usage)
        return response

    _HANDLERS: ClassVar[dict[str, Callable[["Decoder", str], Any]]] = {
        "response.output_text.delta": _text_delta,
        "response.output_text.done": _text_done,
        "response.output_text.annotation.added": _annotation_added,
        "response.refusal.delta": _text_delta,
        "response.refusal.done": _text_done,
        "response.function_call_arguments.delta": _arguments_delta,
        "response.function_call_arguments.done": _arguments_done,
        "response.reasoning_summary_text.delta": _summary_delta,
        "response.reasoning_text.delta": _reasoning_delta,
        "response.output_item.added": _item_added,
        "response.output_item.done": _item_done,
        "response.created": _begun,
        "response.queued": _begun,
        "response.in_progress": _begun,
        "response.completed": _completed,
        "response.incomplete": _incomplete,
        "response.failed": _response_failed,
        "error": _failed,
    }


def _joined(parts: list[Part] | None) -> str:
    return "\n\n".join(part.text for part in parts or () if part.text)


ADAPTER = Adapter("openai-responses", build_request, Decoder)
