"""Decompresses a response's body, in pieces of bounded size. No network here."""

import zlib
from typing import Protocol

__all__ = ["INFLATED_BYTES", "Inflater"]

INFLATED_BYTES = 64 * 1024  # most bytes of output at once: a compressed byte may become a thousand

_GZIP = b"\x1f\x8b"


class _Stream(Protocol):
    """The type of `zlib.decompressobj()`, which has no public name."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


class Inflater:
    """Decompresses one body: gzip, also of several members (RFC 1952, section 2.2), or `deflate`.

    Some servers send `deflate` without its header; that is accepted. Data after the compressed data is ignored.
    """

    def __init__(self, encoding: str) -> None:
        self.ended = False  # all further input is ignored
        self._may_be_raw = encoding == "deflate"
        self._packed = b""  # input not decompressed yet
        self._stream: _Stream | None = None  # of the current member
        self._members = 0  # complete members

    @property
    def has_more(self) -> bool:
        """Whether `inflate` has input left."""
        return not self.ended and (bool(self._packed) if self._stream else len(self._packed) >= len(_GZIP))

    def inflate(self, packed: bytes = b"") -> bytes:
        """Adds input, and returns up to `INFLATED_BYTES` of output; empty if more input is needed.

        Raises: zlib.error."""
        self._packed += packed
        inflated = b""
        while self.has_more and not inflated:
            stream = self._stream = self._stream or self._begin()
            if stream is None:
                break
            inflated = stream.decompress(self._packed, INFLATED_BYTES)
            self._packed = stream.unconsumed_tail
            if stream.eof:
                self._packed, self._stream = stream.unused_data, None
                self._members += 1
        return inflated

    def _begin(self) -> "_Stream | None":
        head = self._packed[: len(_GZIP)]
        if self._members and head != _GZIP:
            self.ended = True
            return None
        has_header = head == _GZIP or (head[0] & 15 == zlib.DEFLATED and int.from_bytes(head, "big") % 31 == 0)
        return zlib.decompressobj(-zlib.MAX_WBITS if self._may_be_raw and not has_header else zlib.MAX_WBITS | 32)
