"""Encodes events and replies: notifications, batches, WebSocket frames. Pure; no I/O.

An event's frame is the same for all clients of a wire format, so it is encoded once and kept with the event; so is a
short snapshot's. The parts of a long snapshot are encoded for each client when they are sent.
"""

from collections.abc import Iterable, Iterator, Sequence

from ...protocol import rpc
from ...protocol.errors import LimitExceeded
from ...protocol.methods import RunSnapshot
from ...protocol.parts import PAGE_BYTES, PART_BYTES, parts_of
from ..runtime.item import Format, Item

__all__ = ["Framing", "message_frame"]


class Framing:
    """Encodes for one client: its wire format, whether it takes batches, and its largest message."""

    def __init__(
        self, form: rpc.Format, *, takes_batches: bool, max_batch_bytes: int, max_message_bytes: int | None = None
    ) -> None:
        self.form = form
        self.takes_batches = takes_batches
        self._max_message_bytes = max_message_bytes  # None: no limit
        half = PAGE_BYTES if max_message_bytes is None else max_message_bytes // 2  # leaves room for the envelope
        self._max_batch_bytes = min(max_batch_bytes, half)
        self._part_bytes = min(PART_BYTES, half)
        self.page_bytes = min(PAGE_BYTES, half)  # size of one page of run.get
        self._format: Format = "msgpack" if form.binary else "json"

    def frames(self, items: Sequence[Item]) -> Iterator[bytes]:
        """Yields events in order as whole WebSocket frames, many frames in one bytes object. Encodes lazily.

        Raises: LimitExceeded for an event too large for the client, after the frames before it.
        """
        if self.takes_batches and len(items) > 1:
            for message in self.messages(map(self._notification, items)):
                yield message_frame(message, binary=self.form.binary)
        else:
            for group in _groups(map(self._frame, items), self._max_batch_bytes):
                yield b"".join(group)

    def parts(self, item: Item) -> Iterator[bytes]:
        """Yields a snapshot as whole WebSocket frames, in order. Encodes lazily.

        Raises: LimitExceeded if a part is too large for the client.
        """
        kept = item.frames.get(self._format) if item.frames else None
        if kept is not None:
            self.check_size(len(kept))
            yield kept
            return
        whole = item.envelope
        assert isinstance(whole, RunSnapshot)
        for part in parts_of(whole, self._part_bytes):
            frame = message_frame(rpc.notification("run.snapshot", part, self.form), binary=self.form.binary)
            if part.from_ == 0 and part.next is None:
                item.keep_frame(self._format, frame)
            self.check_size(len(frame))
            yield frame

    def messages(self, notifications: Iterable[bytes]) -> Iterator[bytes]:
        """Yields the notifications as messages: one each, or batches up to the byte limit if the client takes
        batches.
        """
        if not self.takes_batches:
            yield from notifications
            return
        for group in _groups(notifications, self._max_batch_bytes):
            yield group[0] if len(group) == 1 else rpc.batch(group, self.form)

    def check_size(self, size: int) -> None:
        """Checks that the client takes messages of this size. Raises: LimitExceeded."""
        maximum = self._max_message_bytes
        if maximum is not None and size > maximum:
            text = f"a message of {size} bytes was to be sent, and this client takes at most {maximum}"
            raise LimitExceeded(text, limit="maxMessageBytes", maximum=maximum)

    def _frame(self, item: Item) -> bytes:
        frame = item.frames.get(self._format) if item.frames else None
        if frame is None:
            return item.keep_frame(self._format, message_frame(self._notification(item), binary=self.form.binary))
        self.check_size(len(frame))
        return frame

    def _notification(self, item: Item) -> bytes:
        notification = rpc.event_notification(item.encoded(self._format), self.form)
        self.check_size(len(notification))
        return notification


def _groups(pieces: Iterable[bytes], max_bytes: int) -> Iterator[Sequence[bytes]]:
    """Yields the pieces in groups of at most `max_bytes`; a single larger piece is a group of its own.

    If the next piece raises, the pieces before it come first, then the error.
    """
    group: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            if group and size + len(piece) > max_bytes:
                yield group
                group, size = [], 0
            group.append(piece)
            size += len(piece)
    except LimitExceeded:
        if group:
            yield group
        raise
    if group:
        yield group


def message_frame(payload: bytes, *, binary: bool) -> bytes:
    """Returns a whole server message as one frame: unmasked, uncompressed (RFC 6455, 5.2). Text must be UTF-8."""
    first = b"\x82" if binary else b"\x81"
    size = len(payload)
    if size < 126:
        return first + size.to_bytes(1) + payload
    if size < 65_536:
        return first + b"\x7e" + size.to_bytes(2) + payload
    return first + b"\x7f" + size.to_bytes(8) + payload
