"""The frames of a WebSocket in the bytes that come from its client (RFC 6455, 5.2): counted and cut, not read. No I/O.

What is in a frame is trio-websocket's to read; it takes 10 µs for the smallest, and keeps each piece of a message that
isn't finished.
"""

__all__ = ["Fragments"]

FRAMES_AT_ONCE = 64  # that are handed on before others have their turn
_FINAL, _OPCODE, _MASKED, _LENGTH = 0x80, 0x0F, 0x80, 0x7F
_FIRST_CONTROL = 0x8  # opcodes from here on are of control frames, which may stand between fragments


class Fragments:
    """Follows the frames of one connection. Behind a frame that is none it counts on, as well as it can."""

    def __init__(self) -> None:
        self.unfinished = 0  # frames of a message whose last frame has not come yet
        self.most = 0  # of these at any time
        self._ahead = 0  # bytes that still belong to the current frame
        self._head = b""  # the begin of a frame, not yet long enough to be understood

    def skip(self, size: int) -> None:
        """Take the next `size` bytes for none of any frame."""
        self._ahead += size

    def cut(self, data: bytes | bytearray) -> int:
        """Follow the next bytes; returns how many of them to hand on at once: at most `FRAMES_AT_ONCE` frames.

        The rest is to be given again.
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
        """Read a frame's head, or as much of it as has come; returns how many of these bytes belong to it."""
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
        """Bytes that a frame's head takes, or at least 2."""
        if len(head) < 2:
            return 2
        return 2 + {126: 2, 127: 8}.get(head[1] & _LENGTH, 0) + (4 if head[1] & _MASKED else 0)
