"""Builds one assistant message from the deltas of its stream. Pure."""

from typing import Any, cast

import msgspec

from . import codec
from .events import (
    OpaqueBlock,
    StreamDelta,
    TextDelta,
    TextEnd,
    TextStart,
    ThinkingDelta,
    ThinkingEnd,
    ThinkingStart,
    ToolcallDelta,
    ToolcallEnd,
    ToolcallStart,
)
from .messages import AssistantBlock, AssistantMessage, Opaque, Text, Thinking, ToolCall

__all__ = ["PartialMessage"]


class _Growing:
    """A block that may still grow: the block as last built, and the pieces of its text.

    `takes`: the type of the deltas that fit the block; None if it no longer grows. Then `pieces` is empty.
    """

    __slots__ = ("block", "ended", "pieces", "takes")

    def __init__(self, block: AssistantBlock) -> None:
        self.block = block
        self.ended = False
        self.takes: type[StreamDelta] | None
        if type(block) is Text:
            self.takes, self.pieces = TextDelta, [block.text]
        elif type(block) is Thinking:
            self.takes, self.pieces = ThinkingDelta, [block.thinking]
        elif type(block) is ToolCall and block.raw_arguments is not None:
            self.takes, self.pieces = ToolcallDelta, [block.raw_arguments]
        else:  # a call with parsed arguments has no raw text, and no longer grows
            self.takes, self.pieces, self.ended = None, [], True

    def whole(self) -> AssistantBlock:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
            self.block = _with_text(self.block, self.pieces[0])
        return self.block

    def end_call(self, signature: str | None) -> None:
        if signature is not None:
            self.block = msgspec.structs.replace(cast(ToolCall, self.block), signature=signature)
        call = self.whole()
        if isinstance(call, ToolCall) and self.pieces:
            self.ended = True
            arguments = _arguments(self.pieces[0])
            if arguments is not None:
                self.block = msgspec.structs.replace(call, arguments=arguments, raw_arguments=None)
                self.takes, self.pieces = None, []


class PartialMessage:
    """Builds one assistant message from its deltas. `apply` costs O(1), `message` O(deltas since the last call).

    While a call's arguments stream, its block has `arguments` {} and the text so far in `raw_arguments`. When the call
    ends, the text is parsed. If it isn't a JSON object, `raw_arguments` stays. Empty text means no arguments.

    Args:
        message: the message so far.
    """

    __slots__ = ("_blocks", "_message")

    def __init__(self, message: AssistantMessage) -> None:
        self._message = message
        self._blocks: dict[int, _Growing] = {}  # by content index, in order
        for index, block in enumerate(message.content):
            self._blocks[index] = _Growing(block)

    def apply(self, delta: StreamDelta) -> None:
        """Apply one delta. A delta that fits no block is ignored."""
        # Exact types, because `isinstance` takes several times as long here.
        if type(delta) is TextDelta or type(delta) is ThinkingDelta or type(delta) is ToolcallDelta:
            growing = self._blocks.get(delta.content_index)
            if growing is not None and growing.takes is type(delta):
                growing.pieces.append(delta.delta)
            return
        match delta:  # text first: each case before the right one costs an `isinstance` that fails
            case TextStart():
                self._start(delta.content_index, Text(text=""))
            case TextEnd():
                if delta.signature is not None or delta.citations:
                    self._end_text(delta)
            case ThinkingStart():
                self._start(delta.content_index, Thinking(thinking=""))
            case ToolcallStart():
                call = ToolCall(
                    id=delta.id, name=delta.name, arguments={}, raw_arguments="", provider_id=delta.provider_id
                )
                self._start(delta.content_index, call)
            case OpaqueBlock():
                self._start(delta.content_index, delta.block)
            case ThinkingEnd():
                if growing := self._at(delta.content_index, Thinking):
                    thinking = cast(Thinking, growing.block)
                    growing.block = msgspec.structs.replace(
                        thinking, signature=delta.signature, redacted=delta.redacted
                    )
            case ToolcallEnd():
                if growing := self._at(delta.content_index, ToolCall):
                    growing.end_call(delta.signature)
            case _:
                pass

    def grow(self, index: int, text: str) -> None:
        """Apply a delta to a block that is open: the same as `apply`, for a caller that knows that the delta fits."""
        self._blocks[index].pieces.append(text)

    def message(self, *, keep_incomplete_calls: bool) -> AssistantMessage:
        """Return the message so far, with or without the calls whose arguments are still streaming."""
        return msgspec.structs.replace(self._message, content=self.content(keep_incomplete_calls=keep_incomplete_calls))

    def content(self, *, keep_incomplete_calls: bool) -> tuple[AssistantBlock, ...]:
        """Return the blocks of `message`."""
        content: list[AssistantBlock] = []
        for growing in self._blocks.values():
            if keep_incomplete_calls or growing.ended or type(growing.block) is not ToolCall:
                content.append(growing.whole())
        return tuple(content)

    def _end_text(self, delta: TextEnd) -> None:
        if growing := self._at(delta.content_index, Text):
            growing.block = msgspec.structs.replace(
                cast(Text, growing.block), signature=delta.signature, citations=delta.citations
            )

    def _at(self, index: int, kind: type) -> _Growing | None:
        growing = self._blocks.get(index)
        return growing if growing is not None and type(growing.block) is kind else None

    def _start(self, index: int, block: AssistantBlock) -> None:
        if 0 <= index <= len(self._blocks):
            self._blocks[index] = _Growing(block)


def _with_text(block: AssistantBlock, text: str) -> AssistantBlock:
    match block:
        case Text():
            return msgspec.structs.replace(block, text=text)
        case Thinking():
            return msgspec.structs.replace(block, thinking=text)
        case ToolCall():
            return msgspec.structs.replace(block, raw_arguments=text)
        case Opaque():
            return block


def _arguments(text: str) -> dict[str, Any] | None:
    if not text:
        return {}
    try:
        value = codec.parse_json(text)
    except codec.CodecError:
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None
