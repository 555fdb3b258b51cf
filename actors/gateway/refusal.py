"""Why a client may not come in, and the HTTP response that says so. Plain data; for WebSocket and HTTP alike."""

from dataclasses import dataclass
from http import HTTPStatus

__all__ = ["Refusal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A client is not let in. The same attempt may well succeed later where there is a `retry_after_s`."""

    status: int  # of HTTP
    message: str  # a sentence for people
    retry_after_s: int | None = None
    limit: str | None = None  # the field of `GatewayLimits` that was reached, for the log

    def response(self) -> bytes:
        """The whole HTTP/1.1 response, after which the connection is closed."""
        body = f"{self.message}\n".encode(errors="backslashreplace")
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            "Connection: close",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
        ]
        if self.status == HTTPStatus.UPGRADE_REQUIRED:
            lines.append("Upgrade: websocket")  # RFC 9110, 15.5.22 demands it
        if self.retry_after_s is not None:
            lines.append(f"Retry-After: {self.retry_after_s}")
        return "\r\n".join([*lines, "", ""]).encode() + body
