"""Newline-delimited JSON, taken apart into its lines. What a line says is not looked at here, and there is no I/O."""

from collections.abc import Iterator

from .message_writer import WireError

__all__ = ["MAX_LINE_BYTES", "LineSplitter"]

MAX_LINE_BYTES = 16 * 1024 * 1024


class LineSplitter:
    """Turns bytes into lines, however they are cut. At most `max_line_bytes` of an unfinished line are held, and time
    is linear in the bytes fed."""

    def __init__(self, *, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_bytes = max_line_bytes
        self._partial = bytearray()  # a line without its end

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that `chunk` completes, without their ends, blank ones left out. Take them all before the next
        `feed`. After the lines before it, one that is too long raises WireError; the splitter is of no use then."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._check_size(len(self._partial) + len(line))
            if self._partial:
                line = bytes(self._partial + line)
                self._partial.clear()
            if line and not line.isspace():
                yield line
        self._check_size(len(self._partial) + len(rest))
        self._partial += rest

    def rest(self) -> bytes:
        """The line that has begun and not ended: a last one may come without its newline."""
        return bytes(self._partial.strip())

    def _check_size(self, line_bytes: int) -> None:
        if line_bytes > self._max_bytes:
            raise WireError(f"the provider sent a line of more than {self._max_bytes} bytes")
