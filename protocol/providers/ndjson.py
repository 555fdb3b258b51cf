"""Splits newline-delimited JSON into lines, without parsing them. No I/O."""

from collections.abc import Iterator

from .message_writer import WireError

__all__ = ["MAX_LINE_BYTES", "LineSplitter"]

MAX_LINE_BYTES = 16 * 1024 * 1024


class LineSplitter:
    """Splits bytes, in chunks of any size, into lines.

    It holds at most `max_line_bytes` of an unfinished line. Time is linear in the bytes fed.
    """

    def __init__(self, *, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_bytes = max_line_bytes
        self._partial = bytearray()  # a line without its end

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that `chunk` completes, without their ends and without blank lines.

        Take all lines before the next `feed`.

        Raises: WireError for a line that is too long, after the lines before it. Then the splitter can't be used again.
        """
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
        """Return the unfinished line: the last line may come without its newline."""
        return bytes(self._partial.strip())

    def _check_size(self, line_bytes: int) -> None:
        if line_bytes > self._max_bytes:
            raise WireError(f"the provider sent a line of more than {self._max_bytes} bytes")
