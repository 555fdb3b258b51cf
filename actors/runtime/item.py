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
            return RunSnapshot(run_id=self.run_id, seq=self.seq, snapshot=self.content)
        return Envelope(run_id=self.run_id, seq=self.seq, time=self.time, event=self.content)

    def encoded(self, form: Format) -> bytes:
        """Returns the envelope in a wire format."""
        if form == "json":
            if self._json is None:
                self._json = self._counted(codec.to_json(self.envelope))
            return self._json
        if self._msgpack is None:
            self._msgpack = self._counted(codec.to_msgpack(self.envelope))
        return self._msgpack

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
