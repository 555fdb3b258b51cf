"""Decompresses a response's body, in pieces of bounded size. No network here."""

import zlib
from typing import Protocol

__all__ = ["INFLATED_BYTES", "Inflater"]

INFLATED_BYTES = 64 * 1024  # of a body at once: a compressed byte may hold a thousand

_GZIP = b"\x1f\x8b"


class _Stream(Protocol):
    """What `zlib.decompressobj` gives; the library has no public name for its type."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


class Inflater:
    """Inflates one body. Gzip may have several members (RFC 1952, section 2.2), each of which begins anew; `deflate`
    may lack its header, as some servers send it. What follows the compressed data is passed over."""

    def __init__(self, encoding: str) -> None:
        self.ended = False  # nothing that comes can matter any more
        self._may_be_raw = encoding == "deflate"
        self._packed = b""  # that was not inflated yet
        self._stream: _Stream | None = None  # of the member under way
        self._members = 0  # that have ended

    @property
    def has_more(self) -> bool:
        """Whether `inflate` has something to go on with."""
        return not self.ended and (bool(self._packed) if self._stream else len(self._packed) >= len(_GZIP))

    def inflate(self, packed: bytes = b"") -> bytes:
        """At most `INFLATED_BYTES` of this and what came before; nothing where more is needed.

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
