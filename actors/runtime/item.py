"""An event or snapshot for the watchers of an event log, with its encodings. Data only."""

from typing import Literal, TypeAlias

import msgspec

from ...protocol import codec
from ...protocol.events import Envelope, Event
from ...protocol.methods import RunSnapshot
from ...protocol.transcript import Snapshot
from .memory_budget import Share

__all__ = ["Format", "Item"]

Format: TypeAlias = Literal["json", "msgpack"]


class Item(msgspec.Struct, eq=False, gc=False):
    """An event or a snapshot of a run. It is encoded once for all watchers, in each wire format that one needs."""

    run_id: str
    seq: int
    time: int  # ms since the epoch
    content: Event | Snapshot
    share: Share | None = None  # counts the encodings' bytes while the log has this item
    frames: dict[Format, bytes] | None = None  # WebSocket frames of this item, which the gateway's clients share
    _json: bytes | None = None
    _msgpack: bytes | None = None

    @property
    def is_snapshot(self) -> bool:
        """Whether this is a snapshot, not an event."""
        return isinstance(self.content, Snapshot)

    @property
    def envelope(self) -> Envelope | RunSnapshot:
        """The content with run id, seq and time, as on the wire. Not cached, as few items need it."""
        if isinstance(self.content, Snapshot):
            return RunSnapshot(self.run_id, self.seq, self.content)
        return Envelope(self.run_id, self.seq, self.time, self.content)

    def encoded(self, form: Format) -> bytes:
        """Returns the envelope in a wire format."""
        kept = self._json if form == "json" else self._msgpack
        if kept is not None:
            return kept
        if form == "json":
            encoding = self._json = codec.to_json(self.envelope)
        else:
            encoding = self._msgpack = codec.to_msgpack(self.envelope)
        return self._counted(encoding)

    def server_sent(self) -> bytes:
        """Returns the event as a server-sent event, with its `seq` as id. JSON has no line breaks to escape."""
        return b"id: %d\ndata: %b\n\n" % (self.seq, self.encoded("json"))

    def keep_frame(self, form: Format, frame: bytes) -> bytes:
        """Keeps a WebSocket frame of this item, and returns it."""
        if self.frames is None:
            self.frames = {}
        self.frames[form] = frame
        return self._counted(frame)

    def release(self) -> int:
        """Stops counting encodings, as the log is about to drop this item. Returns the bytes counted so far."""
        self.share = None
        return self.encoded_bytes

    def _counted(self, encoding: bytes) -> bytes:
        if self.share is not None:
            self.share.add(len(encoding))
        return encoding

    @property
    def encoded_bytes(self) -> int:
        """The size of all encodings kept so far, the gateway's frames included."""
        frames = self.frames.values() if self.frames else ()
        return len(self._json or b"") + len(self._msgpack or b"") + sum(map(len, frames))
