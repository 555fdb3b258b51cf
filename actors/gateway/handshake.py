"""Admits a client: from the head of its HTTP request to a WebSocket and a principal, or to a readable refusal.

Checks in this order: a WebSocket request? an allowed Host and Origin? a known subprotocol? who is the client?
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import trio
from trio_websocket import WebSocketConnection, wrap_server_stream

from ...protocol import rpc
from ...protocol.errors import AdjournError, Unauthorized
from .access import Authenticator, Principal
from .door import Guest
from .identity import identify
from .refusal import Refusal
from .request_head import RequestHead, parse_head
from .source import Sources
from .sparse_log import SparseLog
from .transport import MAX_HEAD_BYTES, Transport
from .wanted import Wanted, parse_wanted

__all__ = ["Admitted", "Handshake"]

logger = logging.getLogger("adjourn.gateway")

LINGER_S = 1.0  # time for a refused client to read why
RECEIVE_BYTES = 16 * 1024
_NOT_FOR_BROWSING = Refusal(
    426, "This is an adjourn gateway; it speaks JSON-RPC over WebSocket. Try: adjourn chat ws://<this address>"
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """An admitted client."""

    ws: WebSocketConnection
    wanted: Wanted
    principal: Principal | None  # None: anonymous, there is no authenticator


class Handshake:
    """The handshakes of one gateway. The caller bounds their time.

    Raises: InvalidParams for invalid `origins`.
    """

    def __init__(
        self,
        authenticator: Authenticator | None,
        log: SparseLog,
        *,
        host: str | None,
        origins: Iterable[str],
        max_message_bytes: int,
    ) -> None:
        self._authenticator, self._log = authenticator, log
        self._sources = Sources(host, origins)
        self._max_message_bytes = max_message_bytes

    async def admit(self, guest: Guest, transport: Transport, nursery: trio.Nursery) -> Admitted | None:
        """Returns an admitted client, with its WebSocket's reader running in `nursery`; None after a refusal was
        sent.
        """
        data = await transport.read_head()
        if data is None:
            return None
        read = self._read(data)
        if isinstance(read, Refusal):
            if read is not _NOT_FOR_BROWSING:
                self._log.warning(read.status, "refused %s: %s", transport.peer, read.message)
            await transport.send_all(read.response())
            await transport.linger(LINGER_S)
            return None
        head, wanted = read
        request = await wrap_server_stream(
            nursery, transport, max_message_size=self._max_message_bytes, receive_buffer_size=RECEIVE_BYTES
        )
        principal = None
        if self._authenticator is not None:
            principal = await identify(
                self._authenticator, guest, self._log, transport.peer, head.headers, head.subprotocols
            )
        ws = await request.accept(subprotocol=wanted.subprotocol)
        if isinstance(principal, AdjournError):
            error = rpc.error_reply(None, principal, wanted.form)
            await ws.send_message(error if wanted.form.binary else error.decode())
            await ws.aclose(rpc.UNAUTHORIZED_CLOSE if isinstance(principal, Unauthorized) else 1011, principal.message)
            return None
        return Admitted(ws, wanted, principal)

    def _read(self, data: bytes) -> tuple[RequestHead, Wanted] | Refusal:
        """Returns what the request with this head wants, or why it is refused."""
        if len(data) > MAX_HEAD_BYTES:
            return Refusal(431, f"expected a request head of at most {MAX_HEAD_BYTES} bytes")
        head = parse_head(data)
        if isinstance(head, Refusal):
            return head
        if not head.is_upgrade:
            return _NOT_FOR_BROWSING
        refusal = self._sources.refusal(head.version, head.headers)
        if refusal is not None:
            return refusal
        wanted = parse_wanted(head.subprotocols, head.target.partition("?")[2], head.headers)
        return wanted if isinstance(wanted, Refusal) else (head, wanted)
