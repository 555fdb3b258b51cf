"""The base of decoders of server-sent events: events in order, the end mark, and errors. No API's format here."""

from abc import abstractmethod
from typing import Any, cast

from ..messages import ModelDescriptor
from ..sse import SSEEvent, SSEParser
from .decoding import StreamDecoder, json_text
from .error_words import one_line, reported, tells_error
from .faults import MAX_BODY_BYTES
from .loose import read_or_none
from .message_writer import WireError

__all__ = ["EventStreamDecoder"]

END_MARK = "[DONE]"  # OpenAI's; some servers send it in other APIs too
_NOTHING = frozenset({"", "null", "[]"})  # the data of an event that only keeps the connection open


class EventStreamDecoder(StreamDecoder):
    """Decodes server-sent events. Ignores events without data; an event named `error` fails the call.

    Some servers answer with a JSON document instead of events. An error in it fails the call with the server's message.
    """

    def __init__(self, model: ModelDescriptor) -> None:
        super().__init__(model)
        self._sse = SSEParser(max_stray_bytes=MAX_BODY_BYTES)

    @abstractmethod
    def take(self, event: SSEEvent) -> None:
        """Decode one event that has data. Raises: WireError."""

    def take_document(self, document: dict[str, Any]) -> None:
        """Decode a JSON document that came instead of events and isn't an error. Raises: WireError."""

    def receive(self, data: bytes) -> None:
        for event in self._sse.feed(data):
            if self.writer.ended or self.paused:
                return
            self._receive_event(event)

    def receive_end(self) -> None:
        stray = self._sse.stray
        # The last event may lack its blank line. If its JSON is cut off, the event is ignored.
        for event in self._sse.feed(b"\n\n"):
            if not self.ended and (event.data.startswith(END_MARK) or read_or_none(event.data) is not None):
                self._receive_event(event)
        document = read_or_none(stray)
        if document is not None and not self.ended:
            self._receive_document(document)
        if not self.ended and not self.paused:
            self.end_of_body()

    def end_mark(self) -> None:
        """Handle the server's end mark: the message is complete. Raises: WireError."""
        if not self.writer.has_blocks:
            super().receive_end()
        self.done("stop")

    def end_of_body(self) -> None:
        """Handle the end of the body before the end of the message. Raises: WireError if the message is incomplete."""
        super().receive_end()

    def pass_over(self, data: str) -> None:
        """Pass over an event of no known kind. Raises: WireError if it reports an error."""
        value = read_or_none(data)
        if tells_error(value):
            raise reported(value)

    def _receive_event(self, event: SSEEvent) -> None:
        if event.data.strip() in _NOTHING:
            return
        if event.event == "error":
            raise reported(read_or_none(event.data) or event.data)
        if event.data.startswith(END_MARK):
            self.end_mark()
        else:
            self.take(event)

    def _receive_document(self, document: Any) -> None:
        if isinstance(document, list) and document:
            document = cast("list[Any]", document)[0]
        if not isinstance(document, dict):
            return
        fields = cast("dict[str, Any]", document)
        if tells_error(fields):
            raise reported(fields)
        self.take_document(fields)
        if fields and not self.writer.has_blocks and not self.ended:
            raise WireError(f"the provider sent no stream but JSON: {one_line(json_text(fields))}")
