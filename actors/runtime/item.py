"""One entry of an event log, an event or a snapshot, and its encodings. Data only."""

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
    """An event or a snapshot of a run. It is encoded once per wire format, when first wanted, for all watchers."""

    run_id: str
    seq: int
    time: int  # ms since the epoch
    content: Event | Snapshot
    share: Share | None = None  # where its encodings count, for as long as its log has it
    frames: dict[Format, bytes] | None = None  # the WebSocket frames that the gateway made of it, for all its clients
    _json: bytes | None = None
    _msgpack: bytes | None = None

    @property
    def is_snapshot(self) -> bool:
        """Whether this is a snapshot, not an event."""
        return isinstance(self.content, Snapshot)

    @property
    def envelope(self) -> Envelope | RunSnapshot:
        """The content with run id, seq and time, as on the wire. Made anew each time: few events are asked for it."""
        if isinstance(self.content, Snapshot):
            return RunSnapshot(run_id=self.run_id, seq=self.seq, snapshot=self.content)
        return Envelope(run_id=self.run_id, seq=self.seq, time=self.time, event=self.content)

    def encoded(self, form: Format) -> bytes:
        """The envelope in a wire format."""
        if form == "json":
            if self._json is None:
                self._json = self._counted(codec.to_json(self.envelope))
            return self._json
        if self._msgpack is None:
            self._msgpack = self._counted(codec.to_msgpack(self.envelope))
        return self._msgpack

    def keep_frame(self, form: Format, frame: bytes) -> bytes:
        """Keep a frame that was made of it, and return it."""
        if self.frames is None:
            self.frames = {}
        self.frames[form] = frame
        return self._counted(frame)

    def release(self) -> int:
        """Count no encoding any more: the log is about to let go of it. Returns how many bytes were counted so far."""
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
