"""Cursors of lists as clients hold them: sealed, for a store's own one names a run, maybe one of others. Pure."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from ...protocol.errors import InvalidParams

__all__ = ["SealedCursors"]

TAG_BYTES = 16


class SealedCursors:
    """Makes cursors that can only be given back, not read and not made, without `key` (32 random bytes).

    The tag is the cursor's HMAC and, as a synthetic nonce (RFC 5297 has the idea), chooses the key stream.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, cursor: str) -> str:
        """What a client is given in place of a store's cursor."""
        text = cursor.encode()
        tag = self._tag(text)
        return urlsafe_b64encode(tag + self._mixed(text, tag)).decode().rstrip("=")

    def open(self, sealed: str) -> str:
        """The store's cursor again. Raises: InvalidParams, unless `seal` made it with this key."""
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
