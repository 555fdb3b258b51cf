"""The gateway's protocol over the WebSocket of an ASGI server: `/ws`.

What each door keeps of the gateway's rules (the gateway's own is `gateway/server.py`, with trio-websocket):

| rule | its own door | `/ws` |
|---|---|---|
| sources, tokens, 4401 after an error frame | yes | yes |
| limits of connections, per peer, of failed logins | before the head is read | when the request is read |
| limits of handshakes | yes | no: the server bounds the time that a head may take |
| subprotocols, `batch`, `maxMessageBytes` | yes | yes |
| max_message_bytes: 1009 | yes | by the server: Hypercorn closes with 1009 |
| max_fragments | yes | no: the server joins them |
| requests in flight, subscriptions, bytes that wait | yes | yes |
| the wrong kind of frame: 1003 | yes | yes |
| pings to silent clients | yes | by the server, each `ping_s` |
| clients that don't read, or don't answer pings, are dropped | yes | those that don't read, by `serving.py` |
| 1001 when the server leaves | yes | yes |
| frames made once for all clients | yes | encodings are; each frame is made anew by the server |

`tests/integration/test_gateway_sockets.py` runs at both doors.
"""

from collections.abc import Iterator

import trio
from starlette.types import Receive, Scope, Send

from ...protocol import rpc
from ...protocol.errors import AdjournError, Unauthorized
from ..gateway.access import Principal
from ..gateway.connection import Connection
from ..gateway.refusal import Refusal
from ..gateway.sessions import Sessions
from ..gateway.wanted import parse_wanted
from ..gateway.websocket import SocketClosed

__all__ = ["AsgiWebSocket", "Sockets", "refuse_socket"]


class AsgiWebSocket:
    """As `gateway.websocket.WebSocket`, over what an ASGI server hands its app. It was accepted."""

    def __init__(self, receive: Receive, send: Send, *, binary: bool) -> None:
        self._receive, self._send, self._binary = receive, send, binary
        self._is_open = True
        self.closed: tuple[int, str] | None = None  # the server has told its client already

    async def receive(self) -> str | bytes:
        """As `WebSocket.receive`."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._is_open = False
            raise SocketClosed
        text = message.get("text")
        return message["bytes"] if text is None else text

    async def send_message(self, payload: bytes) -> None:
        """As `WebSocket.send_message`."""
        if not self._is_open:
            raise SocketClosed
        await self._send(
            {"type": "websocket.send", "bytes": payload}
            if self._binary
            else {"type": "websocket.send", "text": payload.decode()}
        )

    async def send_frames(self, frames: bytes) -> None:
        """As `WebSocket.send_frames`."""
        for payload in payloads_of(frames):
            await self.send_message(payload)

    async def ping(self) -> None:
        """Nothing: the server pings."""
        await trio.lowlevel.checkpoint()

    async def aclose(self, code: int, reason: str) -> None:
        """As `WebSocket.aclose`."""
        if self._is_open:
            self._is_open = False
            await self._send({"type": "websocket.close", "code": code, "reason": reason})


class Sockets:
    """An ASGI app for WebSockets of clients that were let in."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._open: set[Connection] = set()

    def leave(self) -> None:
        """Have all clients leave."""
        for connection in self._open:
            connection.leave(1001, "the server is shutting down; reconnect later")

    async def serve(
        self, principal: Principal | AdjournError | None, peer: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve one client to its end; or tell it why it isn't let in, in its own wire."""
        wanted = parse_wanted(scope["subprotocols"], scope["query_string"].decode("latin-1"))
        if isinstance(wanted, Refusal):
            await refuse_socket(wanted, scope, receive, send)
            return
        await receive()  # websocket.connect
        await send({"type": "websocket.accept", "subprotocol": wanted.subprotocol, "headers": []})
        socket = AsgiWebSocket(receive, send, binary=wanted.form.binary)
        if isinstance(principal, AdjournError):
            await socket.send_message(rpc.error_reply(None, principal, wanted.form))
            code = rpc.UNAUTHORIZED_CLOSE if isinstance(principal, Unauthorized) else 1011
            await socket.aclose(code, principal.message)
            return
        connection = self._sessions.connection(socket, wanted, principal, peer)
        self._open.add(connection)
        try:
            await connection.serve()
        finally:
            self._open.discard(connection)


async def refuse_socket(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request for a WebSocket with a status and a sentence; with 403 alone where the server can do no more."""
    await receive()  # websocket.connect
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.message})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", str(refusal.retry_after_s).encode()))
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
    body = f"{refusal.message}\n".encode(errors="backslashreplace")
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})


def payloads_of(frames: bytes) -> Iterator[bytes]:
    """The messages in whole frames, as `gateway.framing.message_frame` makes them."""
    at = 0
    while at < len(frames):
        short = frames[at + 1]
        extra = {126: 2, 127: 8}.get(short, 0)
        begin = at + 2 + extra
        at = begin + (int.from_bytes(frames[at + 2 : begin]) if extra else short)
        yield frames[begin:at]
