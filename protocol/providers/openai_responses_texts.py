"""The texts of one answer of the Responses API: each part of a message is a text block. No events and no JSON here."""

from typing import Any

from .decoding import json_text
from .message_writer import MessageWriter
from .opaque_blocks import carried
from .openai_responses_wire import MessageItem

__all__ = ["ResponseTexts"]


class ResponseTexts:
    """Writes text blocks. A part is identified by its message's output index and its own content index."""

    def __init__(self, writer: MessageWriter) -> None:
        self._writer = writer
        self._messages: set[int] = set()  # output indexes of messages with content
        self._open: dict[tuple[int, int], int] = {}  # content indexes of unfinished blocks
        self._cited: dict[tuple[int, int], list[dict[str, Any]]] = {}  # annotations that came as events

    @property
    def messages(self) -> int:
        """How many messages have content, of any type."""
        return len(self._messages)

    def grow(self, output_index: int, content_index: int, delta: str) -> None:
        """Add to a part. The first piece begins its block."""
        block = self._open.get((output_index, content_index))
        if block is None:
            self._messages.add(output_index)
            block = self._open[output_index, content_index] = self._writer.text()
        self._writer.grow(block, delta)

    def take_whole(self, output_index: int, content_index: int, text: str | None) -> None:
        """Take a whole part, unless it came in pieces, or its message has ended."""
        is_open = output_index not in self._messages or any(key[0] == output_index for key in self._open)
        if is_open:
            self._take(output_index, content_index, text)

    def annotate(self, output_index: int, content_index: int, annotation: dict[str, Any]) -> None:
        """Keep a citation of a part until the part ends."""
        self._writer.count(len(json_text(annotation)))
        self._cited.setdefault((output_index, content_index), []).append(annotation)

    def take_message(self, output_index: int, message: MessageItem) -> None:
        """Take the parts of a finished message that didn't come in pieces, and end it."""
        if message.says_something:
            self._messages.add(output_index)
        for content_index, part in enumerate(message.content or ()):
            self._take(output_index, content_index, part.text or part.refusal)
        self.end(output_index, message)

    def end(self, output_index: int, message: MessageItem | None = None) -> None:
        """End a message's open blocks. Its `phase` becomes their signature; annotations become their citations."""
        for key in [key for key in self._open if key[0] == output_index]:
            parts = message.content if message is not None and message.content else []
            cited = parts[key[1]].annotations if 0 <= key[1] < len(parts) else None
            for citation in cited or ():
                self._writer.count(len(json_text(citation)))
            phase = None if message is None else message.phase
            citations = carried(cited or self._cited.get(key, ()))
            self._writer.end(self._open.pop(key), signature=phase, citations=citations)

    def end_all(self) -> None:
        """End every open block."""
        for output_index in {key[0] for key in self._open}:
            self.end(output_index)

    def _take(self, output_index: int, content_index: int, text: str | None) -> None:
        if text and (output_index, content_index) not in self._open:
            self.grow(output_index, content_index, text)
