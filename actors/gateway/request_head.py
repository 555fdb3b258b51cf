"""The head of an HTTP/1.1 request, parsed strictly by h11. Pure."""

from dataclasses import dataclass

import h11

from .refusal import Refusal
from .source import Headers, values_of

__all__ = ["RequestHead", "parse_head"]

_READ_AS_ASCII = (b"connection", b"upgrade", b"sec-websocket-")  # wsproto would fail on non-ASCII values


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a client's HTTP request."""

    version: str  # HTTP version, as `1.1`
    target: str  # path and query
    headers: Headers

    @property
    def is_upgrade(self) -> bool:
        """Whether the request asks for a WebSocket."""
        return any(value.lower() == "websocket" for value in values_of(self.headers, b"upgrade"))

    @property
    def subprotocols(self) -> list[str]:
        """The offered subprotocols, in the client's order."""
        offered = ",".join(values_of(self.headers, b"sec-websocket-protocol")).split(",")
        return [name.strip() for name in offered if name.strip()]


def parse_head(head: bytes) -> RequestHead | Refusal:
    """Parses a request head that ends with its empty line; returns why it is invalid otherwise.

    Stricter than h11, as RFC 9112 allows. Refuses a lone CR or LF as a line end (2.2), a folded header (5.2), and a
    target that is no path, because it would name a second host beside the Host header (3.2.2). Refuses a body, because
    it could be read as frames.
    """
    if head.count(b"\r\n") != head.count(b"\n") or head.count(b"\r\n") != head.count(b"\r"):
        return Refusal(400, "expected each line of the request to end with CR and LF")
    if b"\r\n " in head or b"\r\n\t" in head:
        return Refusal(400, "expected each header on one line")
    connection = h11.Connection(h11.SERVER)
    try:
        connection.receive_data(head)
        request = connection.next_event()
    except h11.RemoteProtocolError as error:
        return Refusal(400, f"expected a request of HTTP/1.1: {error}")
    if not isinstance(request, h11.Request):
        return Refusal(400, "expected a request of HTTP/1.1")
    headers = tuple(request.headers)
    if any(name.startswith(_READ_AS_ASCII) and not value.isascii() for name, value in headers):
        return Refusal(400, "expected no character beyond ASCII in the headers of the handshake")
    if any(name in (b"content-length", b"transfer-encoding") for name, _ in headers):
        return Refusal(400, "expected a request without a body")
    if not request.target.startswith(b"/"):
        return Refusal(400, "expected a path as the request's target")
    return RequestHead(request.http_version.decode(), request.target.decode(), headers)
