"""How a client gets in: from the head of its HTTP request to a WebSocket and a principal, or to a refusal it can read.

The order is: is it a WebSocket request, may it come from there, does it speak a wire that we know, who is it.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

import trio
from trio_websocket import WebSocketConnection, WebSocketRequest, wrap_server_stream

from ...protocol import rpc
from ...protocol.errors import AdjournError, Unauthorized
from ..core.faults import foreign_error, internal_error
from .access import (
    Authenticator,
    Credentials,
    Principal,
    is_own_host,
    is_welcome_origin,
    parse_origins,
    token_of,
)
from .transport import Transport

__all__ = ["Admitted", "Handshake"]

logger = logging.getLogger("adjourn.gateway")

RECEIVE_BYTES = 16 * 1024
_HOST = re.compile(rb"^host:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_UPGRADE = re.compile(rb"^upgrade:[ \t]*websocket", re.IGNORECASE | re.MULTILINE)
_NOT_FOR_BROWSING = (
    b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"
    b"This is an adjourn gateway; it speaks JSON-RPC over WebSocket. Try: adjourn chat ws://<this address>\n"
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A client that was let in."""

    ws: WebSocketConnection
    form: rpc.Format  # the wire that it chose
    takes_batches: bool  # whether it wants waiting notifications in batches
    principal: Principal | None  # None: anonymous, for there is no authenticator


class _Refusal(Exception):
    """The request is refused. `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Handshake:
    """The handshakes of one gateway. Bounding their time is the caller's.

    Raises: InvalidParams for `origins` that aren't any.
    """

    def __init__(
        self,
        authenticator: Authenticator | None,
        *,
        host: str | None,
        origins: Iterable[str],
        max_message_bytes: int,
    ) -> None:
        self._authenticator = authenticator
        self._host, self._origins = host, parse_origins(origins)
        self._max_message_bytes = max_message_bytes

    async def admit(self, transport: Transport, nursery: trio.Nursery) -> Admitted | None:
        """A client that was let in, its WebSocket's reader running in `nursery`; None after it was told why not."""
        head = await transport.read_head()
        if head is None:
            return None
        if not _UPGRADE.search(head):
            await transport.send_all(_NOT_FOR_BROWSING)
            return None
        request = await wrap_server_stream(
            nursery, transport, max_message_size=self._max_message_bytes, receive_buffer_size=RECEIVE_BYTES
        )
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        try:
            self._check_source(head, headers)
            form, subprotocol = _choose_form(request.proposed_subprotocols)
            takes_batches = _takes_batches(request.path)
        except _Refusal as refusal:
            logger.warning("refused %s: %s", transport.peer, refusal)
            plain = [(b"Content-Type", b"text/plain; charset=utf-8")]
            await request.reject(refusal.status, extra_headers=plain, body=f"{refusal}\n".encode())
            return None
        principal = await self._identify(transport.peer, request, headers)
        ws = await request.accept(subprotocol=subprotocol)
        if isinstance(principal, AdjournError):
            error = rpc.error_reply(None, principal, form)
            await ws.send_message(error if form.binary else error.decode())
            await ws.aclose(rpc.UNAUTHORIZED_CLOSE if isinstance(principal, Unauthorized) else 1011, principal.message)
            return None
        return Admitted(ws, form, takes_batches, principal)

    def _check_source(self, head: bytes, headers: Mapping[str, str]) -> None:
        """Raises: _Refusal for a page of an unknown origin, or one that reached us under a name that isn't ours."""
        if not is_welcome_origin(headers.get("origin"), self._origins):
            raise _Refusal(
                403, f"pages of origin {headers['origin']!r} may not connect here; see the gateway's origins"
            )
        found = _HOST.search(head)  # trio-websocket doesn't show it
        host = found[1].decode("latin-1") if found else ""
        if not is_own_host(host, self._host, self._origins):
            raise _Refusal(403, f"{host!r} is no name of this gateway; see its origins")

    async def _identify(
        self, peer: str, request: WebSocketRequest, headers: Mapping[str, str]
    ) -> Principal | AdjournError | None:
        """The client's principal; None without an authenticator; or the error that the client is told."""
        if self._authenticator is None:
            return None
        token = token_of(headers, request.proposed_subprotocols)
        where, task = f"the authentication of {peer}", trio.lowlevel.current_task()
        try:
            principal = await self._authenticator(Credentials(token, headers, peer))
        except BaseException as raised:  # noqa: ASYNC103  # foreign_error raises what is ours
            return internal_error(foreign_error(raised, where, logger, task=task), where, logger)  # noqa: ASYNC104
        if principal is None:
            logger.warning("refused %s: not authenticated", peer)
            return Unauthorized("expected a token that is known here, as Authorization: Bearer or as a subprotocol")
        return principal


def _choose_form(offered: Sequence[str]) -> tuple[rpc.Format, str | None]:
    """The wire, and the subprotocol to answer with. Raises: _Refusal if none of those offered is known."""
    wires = [name for name in offered if not name.startswith(rpc.AUTH_SUBPROTOCOL)]
    if not wires:
        return rpc.JSON, None
    for name in wires:
        if name in rpc.FORMATS:
            return rpc.FORMATS[name], name
    raise _Refusal(400, f"expected one of the subprotocols {', '.join(rpc.FORMATS)}, or none")


def _takes_batches(path: str) -> bool:
    """Whether the request's query says `batch=1`. Raises: _Refusal for another value than 0 or 1."""
    given = parse_qs(path.partition("?")[2]).get("batch", ["0"])[-1]
    if given not in ("0", "1"):
        raise _Refusal(400, "batch: expected 0 or 1")
    return given == "1"
