"""The WebSocket interface under a connection, and its implementation with trio-websocket.

`actors/web` implements it for ASGI servers. One task reads and another one sends.
"""

from contextlib import suppress
from typing import Protocol

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from ...protocol.errors import ProgramError
from .framing import message_frame
from .limits import GatewayLimits
from .transport import Transport

__all__ = ["SocketClosed", "TrioWebSocket", "WebSocket"]

SPARE_BYTES = 65_536  # allowed beyond a message of full size, for frame heads, pings and the next message


class SocketClosed(ProgramError):
    """The WebSocket is closed, or the client is gone. `fault`: close code and reason, if the client sent too much."""

    def __init__(self, fault: tuple[int, str] | None = None) -> None:
        super().__init__(fault)
        self.fault = fault


class WebSocket(Protocol):
    """Sends messages to one client, and receives them. `binary`: whether sent messages are binary."""

    async def receive(self) -> str | bytes:
        """Returns the next message. Raises: SocketClosed."""
        ...

    async def send_message(self, payload: bytes) -> None:
        """Sends a message, after earlier sends. Raises: SocketClosed."""
        ...

    async def send_frames(self, frames: bytes) -> None:
        """Sends whole frames (`framing.message_frame`), one message each. Raises: SocketClosed."""
        ...

    async def ping(self) -> None:
        """Pings the client; returns when it answers or is gone."""
        ...

    async def aclose(self, code: int, reason: str) -> None:
        """Closes with this code and reason. Idempotent."""
        ...

    @property
    def closed(self) -> tuple[int, str] | None:
        """Close code and reason, if the client or the protocol closed the WebSocket abnormally."""
        ...


class TrioWebSocket:
    """The gateway's own WebSocket. Frames encoded once for many clients bypass trio-websocket."""

    def __init__(self, ws: WebSocketConnection, transport: Transport, limits: GatewayLimits, *, binary: bool) -> None:
        transport.most_unfinished = 2 * limits.max_message_bytes + SPARE_BYTES
        transport.most_fragments = limits.max_fragments
        self._ws, self._transport, self._binary = ws, transport, binary
        bounds = f"at most {limits.max_message_bytes} bytes a message, in at most {limits.max_fragments + 1} frames"
        self._too_big = (1009, bounds)

    async def receive(self) -> str | bytes:
        """As `WebSocket.receive`."""
        try:
            message = await self._ws.get_message()
        except ConnectionClosed:
            raise SocketClosed(self._too_big if self._transport.overrun else None) from None
        self._transport.unfinished = 0
        return message

    async def send_message(self, payload: bytes) -> None:
        """As `WebSocket.send_message`."""
        # trio-websocket would copy a long message three more times.
        await self.send_frames(message_frame(payload, binary=self._binary))

    async def send_frames(self, frames: bytes) -> None:
        """As `WebSocket.send_frames`."""
        try:
            await self._transport.send_frames(frames)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise SocketClosed from None

    async def ping(self) -> None:
        """As `WebSocket.ping`."""
        with suppress(ConnectionClosed):
            await self._ws.ping()

    async def aclose(self, code: int, reason: str) -> None:
        """As `WebSocket.aclose`."""
        await self._ws.aclose(code, reason)

    @property
    def closed(self) -> tuple[int, str] | None:
        """As `WebSocket.closed`."""
        reason = None if self._transport.overrun else self._ws.closed
        return None if reason is None or reason.code == 1000 else (reason.code, reason.reason or "")
