"""Server-sent events: an encoder, and an incremental parser (WHATWG HTML, section 9.2). No I/O, no reconnecting.

The parser doesn't interpret the data. `[DONE]`, with which some model APIs end a stream, is an ordinary event here; the
APIs' adapters handle it.
"""

import re

import msgspec

from .errors import ProgramError

MAX_EVENT_BYTES = 16 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_NEWLINE = re.compile(rb"\r\n|\r|\n")
_FIELDS = frozenset({b"id", b"event", b"retry"})
_RETRY = re.compile(r"[0-9]{1,15}")  # bounded, because int() fails on very long texts; 15 digits are 30,000 years


class SSETooLarge(ProgramError, ValueError):
    """An event or a line is larger than the parser's bound."""


class SSEEvent(msgspec.Struct, frozen=True, gc=False):
    """One dispatched event."""

    data: str  # the data lines, joined by "\n"
    event: str = "message"
    id: str = ""  # the last event id when this event was dispatched: it may come from an earlier one
    retry_ms: int | None = None  # the reconnection time; None: this event didn't set it


def encode_event(
    data: bytes,
    *,
    id: int | str | None = None,  # noqa: A002 - the field's name
    event: str | None = None,
    retry_ms: int | None = None,
) -> bytes:
    """Encode one event, with its blank line. `data` is UTF-8. Readers get each newline in it (CRLF, CR, LF) as "\\n".

    Raises: ValueError for an id or event name that holds a newline or NUL."""
    head = b""
    if retry_ms is not None:
        head += b"retry: %d\n" % retry_ms
    if isinstance(id, int):
        head += b"id: %d\n" % id
    elif id is not None:
        head += b"id: %b\n" % _one_line("id", id)
    if event is not None:
        head += b"event: %b\n" % _one_line("event", event)
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(_NEWLINE.split(data))
    return b"%bdata: %b\n\n" % (head, data)


def encode_comment(text: str = "") -> bytes:
    """Encode a comment, which readers ignore. Use it to keep an idle connection alive. It may contain newlines."""
    return b": " + b"\n: ".join(_NEWLINE.split(text.encode())) + b"\n\n"


def _one_line(name: str, value: str) -> bytes:
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError(f"expected an {name} without newlines and NUL, got {value!r}")
    return value.encode()


class SSEParser:
    """Parses bytes, in chunks of any size, into events. `feed` returns the events that a chunk completes.

    Invalid UTF-8 becomes U+FFFD. The parser holds at most `max_event_bytes` of an unfinished event. Time is linear in
    the bytes fed, whatever the size of chunks. `last_event_id` is the id to reconnect with, `retry_ms` the reconnection
    time that the stream set last (None: it set none).

    With `max_stray_bytes`, lines that are not fields of the standard are kept, up to so many bytes: see `stray`. Some
    model servers report failures in a field `error`, which then becomes an event named `error`."""

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES, max_stray_bytes: int = 0) -> None:
        self.last_event_id = ""
        self.retry_ms: int | None = None
        self._max_bytes = max_event_bytes
        self._at_start = True  # a byte order mark may follow
        self._after_cr = False  # the last chunk ended with CR: a LF now belongs to it
        self._partial = bytearray()  # a line without its end
        self._stray, self._max_stray = bytearray(), max_stray_bytes
        self._id = ""  # kept after the event; public once the event is dispatched
        self._clear_event()

    def feed(self, chunk: bytes) -> list[SSEEvent]:
        """Return the events that `chunk` completes, in order.

        Raises: SSETooLarge. After it, the parser can't be used, and events completed by the same chunk are lost."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        lines = chunk.splitlines()  # bytes split only at CR, LF and CRLF
        if not lines:
            return []
        rest = b"" if chunk.endswith((b"\n", b"\r")) else lines.pop()
        self._after_cr = chunk.endswith(b"\r")
        if lines and self._partial:
            lines[0] = bytes(self._partial) + lines[0]
            self._partial.clear()
        events: list[SSEEvent] = []
        for line in lines:
            size = len(line)
            if size > self._room:
                raise self._too_large()
            if self._at_start:
                self._at_start = False
                line = line.removeprefix(_BOM)
            if not line:
                self._dispatch(events)
                continue
            if line.startswith(b"data: "):  # nearly all lines
                self._data.append(line[6:])
                self._room -= size
                continue
            name, _, value = line.partition(b":")
            if name == b"data":
                self._data.append(value)
                self._room -= size
            elif name in _FIELDS:
                self._set(name, value.removeprefix(b" ").decode(errors="replace"))
            elif name and self._max_stray:
                self._keep(name, line, value)
        if rest:
            self._partial += rest
            if len(self._partial) > self._room:
                raise self._too_large()
        return events

    @property
    def stray(self) -> bytes:
        """Return the lines that are not fields, and the unfinished line."""
        return bytes(self._stray + self._partial)

    def _keep(self, name: bytes, line: bytes, value: bytes) -> None:
        if name == b"error":
            self._event = "error"
            self._data.append(value)
            self._room -= len(line)
        elif len(self._stray) + len(line) < self._max_stray:
            self._stray += line + b"\n"

    def close(self) -> None:
        """End the stream. An event without its blank line is dropped, as the standard requires."""
        self._partial.clear()
        self._clear_event()

    def _set(self, name: bytes, value: str) -> None:
        if name == b"event":
            self._event = value
        elif name == b"id":
            if "\0" not in value:
                self._id = value
        elif _RETRY.fullmatch(value):
            self.retry_ms = self._retry_ms = int(value)

    def _dispatch(self, events: list[SSEEvent]) -> None:
        self.last_event_id = self._id
        if self._data:
            data = b"\n".join(self._data).decode(errors="replace")
            events.append(SSEEvent(data, self._event or "message", self._id, self._retry_ms))
        self._clear_event()

    def _clear_event(self) -> None:
        self._data: list[bytes] = []
        # Check the size before looking at the line, so that the result doesn't depend on where chunks end.
        self._room = self._max_bytes
        self._event = ""
        self._retry_ms: int | None = None

    def _too_large(self) -> SSETooLarge:
        return SSETooLarge(f"expected events of at most {self._max_bytes} bytes")
