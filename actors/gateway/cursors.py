"""Sealed list cursors: a store's own cursor names a run, perhaps one that the client may not see. Pure."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from ...protocol.errors import InvalidParams

__all__ = ["SealedCursors"]

TAG_BYTES = 16


class SealedCursors:
    """Seals cursors with `key` (32 random bytes). Without the key, a client can neither read nor forge one.

    The tag is the cursor's HMAC. The tag also serves as a synthetic nonce (an idea of RFC 5297) for the key stream.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, cursor: str) -> str:
        """Returns the sealed cursor for clients."""
        text = cursor.encode()
        tag = self._tag(text)
        return urlsafe_b64encode(tag + self._mixed(text, tag)).decode().rstrip("=")

    def open(self, sealed: str) -> str:
        """Returns the store's cursor. Raises: InvalidParams unless `seal` made this one with the same key."""
        try:
            data = urlsafe_b64decode(sealed.encode() + b"=" * (-len(sealed) % 4))
        except ValueError:
            data = b""
        tag, text = data[:TAG_BYTES], self._mixed(data[TAG_BYTES:], data[:TAG_BYTES])
        if not hmac.compare_digest(tag, self._tag(text)):
            raise InvalidParams(f"after: expected a cursor from an earlier page of this server, got {sealed[:100]!r}")
        return text.decode()

    def _tag(self, text: bytes) -> bytes:
        return hmac.digest(self._key, text, "sha256")[:TAG_BYTES]

    def _mixed(self, text: bytes, tag: bytes) -> bytes:
        stream = hashlib.shake_256(self._key + tag).digest(len(text))
        return bytes(a ^ b for a, b in zip(text, stream, strict=True))
