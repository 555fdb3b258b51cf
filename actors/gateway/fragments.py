"""Finds WebSocket frames in a client's bytes (RFC 6455, 5.2) and counts them, without reading their content. No I/O.

trio-websocket reads the frames. It takes 10 µs for the smallest one, and keeps each piece of an unfinished message.
"""

__all__ = ["Fragments"]

FRAMES_AT_ONCE = 64  # handed on before other tasks run
_FINAL, _OPCODE, _MASKED, _LENGTH = 0x80, 0x0F, 0x80, 0x7F
_FIRST_CONTROL = 0x8  # control frames have opcodes from here on; they may stand between fragments


class Fragments:
    """Follows the frames of one connection. After bytes that are no valid frame, it counts on as well as it can."""

    def __init__(self) -> None:
        self.unfinished = 0  # frames of the unfinished message
        self.most = 0  # highest value of `unfinished` so far
        self._ahead = 0  # bytes of the current frame still to come
        self._head = b""  # the beginning of an incomplete frame head

    def skip(self, size: int) -> None:
        """Skips `size` bytes that belong to no frame."""
        self._ahead += size

    def cut(self, data: bytes | bytearray) -> int:
        """Follows the next bytes; returns how many of them to hand on now: at most `FRAMES_AT_ONCE` frames.

        The caller passes the remaining bytes again later.
        """
        at = frames = 0
        while at < len(data):
            if self._ahead:
                step = min(self._ahead, len(data) - at)
                self._ahead -= step
                at += step
            elif frames == FRAMES_AT_ONCE:
                break
            else:
                at += self._read_head(data[at : at + 14])
                frames += 1
        return at

    def _read_head(self, data: bytes | bytearray) -> int:
        """Reads a frame head, or the part that has arrived; returns how many of these bytes belong to it."""
        head = self._head + data
        size = self._size_of(head)
        if len(head) < size:
            self._head = head
            return len(data)
        taken = size - len(self._head)
        self._head = b""
        short = head[1] & _LENGTH
        self._ahead = short if short < 126 else int.from_bytes(head[2 : 4 if short == 126 else 10])
        if head[0] & _OPCODE < _FIRST_CONTROL:
            self.unfinished = 0 if head[0] & _FINAL else self.unfinished + 1
            self.most = max(self.most, self.unfinished)
        return taken

    @staticmethod
    def _size_of(head: bytes) -> int:
        """Size of the frame head in bytes; 2 while it is unknown."""
        if len(head) < 2:
            return 2
        return 2 + {126: 2, 127: 8}.get(head[1] & _LENGTH, 0) + (4 if head[1] & _MASKED else 0)
