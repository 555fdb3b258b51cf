"""The gateway's protocol over the WebSocket of an ASGI server: `/ws`.

Which of the gateway's rules hold on its own port (`gateway/server.py`, with trio-websocket) and on `/ws`:

| rule | own port | `/ws` |
|---|---|---|
| Host, Origin, tokens, 4401 after an error frame | yes | yes |
| limits of connections, per peer, of failed logins | before the head is read | when the request is read |
| limits of handshakes | yes | no: the server limits the time for a head |
| subprotocols, `batch`, `maxMessageBytes` | yes | yes |
| max_message_bytes: 1009 | yes | by the server: Hypercorn closes with 1009 |
| max_fragments | yes | no: the server joins them |
| requests in flight, subscriptions, waiting bytes | yes | yes |
| the wrong kind of frame: 1003 | yes | yes |
| pings to silent clients | yes | by the server, each `ping_s` |
| clients that don't read, or don't answer pings, are dropped | yes | those that don't read, by `serving.py` |
| 1001 when the server stops | yes | yes |
| frames encoded once for all clients | yes | the content is; the server makes each frame |

`tests/integration/test_gateway_sockets.py` tests both.
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
    """A `gateway.websocket.WebSocket` over an ASGI server's accepted WebSocket."""

    def __init__(self, receive: Receive, send: Send, *, binary: bool) -> None:
        self._receive, self._send, self._binary = receive, send, binary
        self._is_open = True
        self.closed: tuple[int, str] | None = None  # always None: the server has told its client

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
        """Does nothing: the server pings."""
        await trio.lowlevel.checkpoint()

    async def aclose(self, code: int, reason: str) -> None:
        """As `WebSocket.aclose`."""
        if self._is_open:
            self._is_open = False
            await self._send({"type": "websocket.close", "code": code, "reason": reason})


class Sockets:
    """An ASGI app for the WebSockets of admitted clients."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._open: set[Connection] = set()

    def leave(self) -> None:
        """Closes all WebSockets."""
        for connection in self._open:
            connection.leave(1001, "the server is shutting down; reconnect later")

    async def serve(
        self, principal: Principal | AdjournError | None, peer: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serves one client to its end; or sends, in the client's wire format, why it is refused."""
        wanted = parse_wanted(scope["subprotocols"], scope["query_string"].decode("latin-1"), scope["headers"])
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
    """Refuses a WebSocket request with a status and a sentence; only with 403 if the server can't send more."""
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
    """Yields the messages of whole frames made by `gateway.framing.message_frame`."""
    at = 0
    while at < len(frames):
        short = frames[at + 1]
        extra = {126: 2, 127: 8}.get(short, 0)
        begin = at + 2 + extra
        at = begin + (int.from_bytes(frames[at + 2 : begin]) if extra else short)
        yield frames[begin:at]
