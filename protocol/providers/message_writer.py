"""Writes one assistant message as the events of a stream, within bounds. No bytes here: see `decoding`."""

from typing import Any

import msgspec

from ..errors import ProgramError
from ..events import (
    Done,
    Failed,
    OpaqueBlock,
    Start,
    StreamDelta,
    StreamEvent,
    TextDelta,
    TextEnd,
    TextStart,
    ThinkingDelta,
    ThinkingEnd,
    ThinkingStart,
    ToolcallDelta,
    ToolcallEnd,
    ToolcallStart,
    UsageSoFar,
)
from ..messages import AssistantMessage, ErrorKind, ModelDescriptor, Opaque, StopReason, Usage
from ..partial import PartialMessage

__all__ = ["MAX_BLOCKS", "MAX_MESSAGE_CHARS", "MessageWriter", "WireError"]

MAX_MESSAGE_CHARS = 16 * 1024 * 1024  # in a message: deltas, signatures, ids and names of calls
MAX_BLOCKS = 1024  # in a message

_LONE = "\ufffd"  # replaces a lone surrogate


class WireError(ProgramError):
    """The provider's stream can't go on: it broke the API's rules, or reported a failure. `str` is for people."""

    def __init__(self, message: str, kind: ErrorKind = "terminal") -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind


class MessageWriter:
    """Writes one assistant message, block by block. `take` returns the new events.

    Several blocks may be open at once. Writes after the end are ignored. Consecutive pieces of one block between two
    `take`s become one delta: watchers get the same text at the same time, and an event costs as much for eight tokens
    as for one.
    """

    def __init__(self, model: ModelDescriptor) -> None:
        self.model = model
        self._told = self.usage = Usage()
        self.response_id: str | None = None
        self.ended = False
        self._partial = PartialMessage(
            AssistantMessage(content=(), api=model.api, provider=model.provider, model=model.id)
        )
        self._events: list[StreamEvent] = []
        self._open: dict[int, type] = {}  # unfinished blocks
        self._pieces: list[str] = []  # pieces without an event yet
        self._growing = -1  # the block that `_pieces` belong to
        self._halves: dict[int, str] = {}  # by block: a high surrogate that waits for its low one
        self._ids: set[str] = set()
        self._blocks = 0
        self._chars = 0
        self._started = False

    @property
    def has_blocks(self) -> bool:
        """Whether the message has any block."""
        return self._blocks > 0

    @property
    def message(self) -> AssistantMessage:
        """The message so far."""
        return self._message(keep_incomplete_calls=False)

    def take(self) -> list[StreamEvent]:
        """Return the events since the last `take`."""
        self._join()
        events, self._events = self._events, []
        if self.usage is not self._told and not self.ended:
            self._told = self.usage
            events.append(UsageSoFar(usage=self.usage))
        return events

    def start(self) -> None:
        """Begin the message. Idempotent. The first block does this too."""
        if not self._started:
            self._started = True
            self._events.append(Start())

    def text(self) -> int:
        """Begin a text block; returns its content index."""
        index = self._begin(TextDelta)
        self._put(TextStart(content_index=index))
        return index

    def thinking(self) -> int:
        """Begin a thinking block; returns its content index."""
        index = self._begin(ThinkingDelta)
        self._put(ThinkingStart(content_index=index))
        return index

    def call(self, provider_id: str, name: str) -> int:
        """Begin a tool call; returns its content index. An id that is empty or taken is replaced by another."""
        index = self._begin(ToolcallDelta)
        provider_id, name = mended(provider_id), mended(name)
        wanted = provider_id or f"call_{index}"
        while wanted in self._ids:
            wanted += "_"
        self._ids.add(wanted)
        self.count(len(wanted) + len(name))
        self._put(ToolcallStart(content_index=index, id=wanted, name=name))
        return index

    def opaque(self, kind: str, raw: str) -> None:
        """Add a provider's own block; `raw` is its JSON text."""
        index = self._begin(OpaqueBlock)
        kind, raw = mended(kind), mended(raw)
        self.count(len(kind) + len(raw))
        del self._open[index]
        self._put(OpaqueBlock(content_index=index, block=Opaque(api=self.model.api, kind=kind, raw=raw)))

    def grow(self, index: int, delta: str) -> None:
        """Add to an open block. An empty delta, or one for a block that isn't open, does nothing.

        Raises: WireError when the message gets longer than `MAX_MESSAGE_CHARS`."""
        if not delta or index not in self._open:
            return
        if self._halves or not delta.isascii():
            delta = self._whole(index, delta)
            if not delta:
                return
        if index != self._growing:
            self._join()
            self._growing = index
        self._chars += len(delta)
        if self._chars > MAX_MESSAGE_CHARS:
            self.count(0)
        self._pieces.append(delta)

    def count(self, chars: int) -> None:
        """Count characters that are kept for the message but not yet in it.

        Raises: WireError when there are more than `MAX_MESSAGE_CHARS`."""
        self._chars += chars
        if self._chars > MAX_MESSAGE_CHARS:
            raise WireError(f"the model's message has more than {MAX_MESSAGE_CHARS} characters")

    def end(
        self,
        index: int,
        *,
        signature: str | None = None,
        redacted: bool = False,
        citations: tuple[dict[str, Any], ...] = (),
    ) -> None:
        """End a block, with its signature. `redacted` is for thinking blocks, `citations` for text blocks.

        Raises: WireError when the signature makes the message longer than `MAX_MESSAGE_CHARS`."""
        if self._halves.pop(index, ""):
            self.grow(index, _LONE)
        if signature is not None:
            signature = mended(signature)
            self.count(len(signature))
        self._join()
        kind = self._open.pop(index, None)
        if kind is TextDelta:
            self._put(TextEnd(content_index=index, signature=signature, citations=citations))
        elif kind is ThinkingDelta:
            self._put(ThinkingEnd(content_index=index, signature=signature, redacted=redacted))
        elif kind is ToolcallDelta:
            self._put(ToolcallEnd(content_index=index, signature=signature))

    def end_all(self) -> None:
        """End every open block."""
        for index in list(self._open):
            self.end(index)

    def done(self, reason: StopReason) -> None:
        """Complete the message. With calls in it, `stop` becomes `toolUse`; without calls, `toolUse` becomes `stop`."""
        if self.ended:
            return
        self.start()
        self.end_all()
        message = self._message(keep_incomplete_calls=True)
        if reason in ("stop", "toolUse"):
            reason = "toolUse" if message.calls else "stop"
        self.ended = True
        self._events.append(Done(reason=reason, message=msgspec.structs.replace(message, stop_reason=reason)))

    def fail(
        self, text: str, kind: ErrorKind, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        """Fail the message. It keeps all content so far, except calls with unfinished arguments."""
        if self.ended:
            return
        self.ended = True
        partial = self._message(keep_incomplete_calls=False)
        message = msgspec.structs.replace(partial, stop_reason="error", error_message=mended(text), error_kind=kind)
        self._events.append(Failed(reason="error", error=message, status=status, retry_after_s=retry_after_s))

    def _whole(self, index: int, delta: str) -> str:
        """Return the text that can be sent. A high surrogate at its end waits for its low one."""
        delta = self._halves.pop(index, "") + delta
        if "\ud800" <= delta[-1] <= "\udbff":
            self._halves[index] = delta[-1]
            delta = delta[:-1]
        return mended(delta)

    def _begin(self, kind: type) -> int:
        self.start()
        self._join()
        index = self._blocks
        if index >= MAX_BLOCKS:
            raise WireError(f"the model's message has more than {MAX_BLOCKS} content blocks")
        self._blocks += 1
        self._open[index] = kind
        return index

    def _join(self) -> None:
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            index, delta = self._growing, "".join(pieces)
            self._partial.grow(index, delta)
            self._events.append(self._open[index](content_index=index, delta=delta))

    def _put(self, event: StreamDelta) -> None:
        self._partial.apply(event)
        self._events.append(event)

    def _message(self, *, keep_incomplete_calls: bool) -> AssistantMessage:
        self._join()
        partial = self._partial.message(keep_incomplete_calls=keep_incomplete_calls)
        return msgspec.structs.replace(
            partial, usage=self.usage, response_id=self.response_id and mended(self.response_id)
        )


def mended(text: str) -> str:
    """Return the text with surrogate pairs joined to characters, and lone surrogates replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
