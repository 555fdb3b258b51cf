"""Events and replies of the gateway as bytes: notifications, batches of them, WebSocket frames. Pure; no I/O.

A frame of an event is the same for every client of a wire format, so it is made once and kept with the event.
"""

from collections.abc import Iterator, Sequence

from msgspec import Raw

from ...protocol import rpc
from ..runtime.item import Format, Item

__all__ = ["Framing", "message_frame"]


class Framing:
    """What goes out to one client: its wire format, and whether it takes batches of notifications."""

    def __init__(self, form: rpc.Format, *, takes_batches: bool, max_batch_bytes: int) -> None:
        self.form = form
        self.takes_batches = takes_batches
        self._max_batch_bytes = max_batch_bytes
        self._format: Format = "msgpack" if form.binary else "json"

    def frames(self, items: Sequence[Item]) -> bytes:
        """The items as whole WebSocket frames, in order."""
        if not self.takes_batches or len(items) == 1:
            return b"".join([self._frame(item) for item in items])
        messages = self.messages([self._notification(item) for item in items])
        return b"".join([message_frame(message, binary=self.form.binary) for message in messages])

    def messages(self, notifications: Sequence[bytes]) -> Iterator[bytes]:
        """The notifications as messages: one each, or batches up to the byte cap for a client that takes them."""
        if not self.takes_batches:
            yield from notifications
            return
        group: list[bytes] = []
        size = 0
        for notification in notifications:
            if group and size + len(notification) > self._max_batch_bytes:
                yield self._batch(group)
                group, size = [], 0
            group.append(notification)
            size += len(notification)
        if group:
            yield self._batch(group)

    def _batch(self, group: Sequence[bytes]) -> bytes:
        return group[0] if len(group) == 1 else rpc.batch(group, self.form)

    def _frame(self, item: Item) -> bytes:
        frame = item.frames.get(self._format) if item.frames else None
        if frame is None:
            frame = item.keep_frame(self._format, message_frame(self._notification(item), binary=self.form.binary))
        return frame

    def _notification(self, item: Item) -> bytes:
        encoded = item.encoded(self._format)
        if item.is_snapshot:
            return rpc.notification("run.snapshot", Raw(encoded), self.form)
        return rpc.event_notification(encoded, self.form)


def message_frame(payload: bytes, *, binary: bool) -> bytes:
    """A whole message of a server as one frame: unmasked, uncompressed (RFC 6455, 5.2). Text must be UTF-8."""
    first = b"\x82" if binary else b"\x81"
    size = len(payload)
    if size < 126:
        return first + size.to_bytes(1) + payload
    if size < 65_536:
        return first + b"\x7e" + size.to_bytes(2) + payload
    return first + b"\x7f" + size.to_bytes(8) + payload
