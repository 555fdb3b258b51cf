"""Why a client is refused, and the HTTP response that says so. Plain data; for WebSocket and HTTP."""

from dataclasses import dataclass
from http import HTTPStatus

__all__ = ["Refusal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused client. With `retry_after_s`, the same attempt may succeed later."""

    status: int  # HTTP status
    message: str  # a sentence for people
    retry_after_s: int | None = None
    limit: str | None = None  # the exceeded field of `GatewayLimits`, for the log

    def response(self) -> bytes:
        """Returns the whole HTTP/1.1 response; the connection is closed after it."""
        body = f"{self.message}\n".encode(errors="backslashreplace")
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            "Connection: close",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
        ]
        if self.status == HTTPStatus.UPGRADE_REQUIRED:
            lines.append("Upgrade: websocket")  # required by RFC 9110, 15.5.22
        if self.retry_after_s is not None:
            lines.append(f"Retry-After: {self.retry_after_s}")
        return "\r\n".join([*lines, "", ""]).encode() + body
