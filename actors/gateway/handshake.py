"""How a client gets in: from the head of its HTTP request to a WebSocket and a principal, or to a refusal it can read.

The order is: is it a WebSocket request, may it come from there, does it speak a wire that we know, who is it.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

import trio
from trio_websocket import WebSocketConnection, wrap_server_stream

from ...protocol import rpc
from ...protocol.errors import AdjournError, Unauthorized
from ..core.faults import foreign_error, internal_error
from .access import Authenticator, Credentials, Principal, token_of
from .door import Guest
from .refusal import Refusal
from .request_head import RequestHead, parse_head
from .source import Sources
from .sparse_log import SparseLog
from .transport import MAX_HEAD_BYTES, Transport

__all__ = ["Admitted", "Handshake"]

logger = logging.getLogger("adjourn.gateway")

LINGER_S = 1.0  # for a client to read why it was refused
RECEIVE_BYTES = 16 * 1024
LEAST_MESSAGE_BYTES = 65_536  # that a client takes: every reply to what changes state fits into it
_NOT_FOR_BROWSING = Refusal(
    426, "This is an adjourn gateway; it speaks JSON-RPC over WebSocket. Try: adjourn chat ws://<this address>"
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A client that was let in."""

    ws: WebSocketConnection
    form: rpc.Format  # the wire that it chose
    takes_batches: bool  # whether it wants waiting notifications in batches
    max_message_bytes: int | None  # the largest message that it takes; None: it didn't say
    principal: Principal | None  # None: anonymous, for there is no authenticator


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a request that may come in asks for."""

    head: RequestHead
    form: rpc.Format
    subprotocol: str | None  # to answer with
    takes_batches: bool
    max_message_bytes: int | None


class Handshake:
    """The handshakes of one gateway. Bounding their time is the caller's.

    Raises: InvalidParams for `origins` that aren't any.
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
        """A client that was let in, its WebSocket's reader running in `nursery`; None after it was told why not."""
        data = await transport.read_head()
        if data is None:
            return None
        wanted = self._read(data)
        if isinstance(wanted, Refusal):
            if wanted is not _NOT_FOR_BROWSING:
                self._log.warning(wanted.status, "refused %s: %s", transport.peer, wanted.message)
            await transport.send_all(wanted.response())
            await transport.linger(LINGER_S)
            return None
        request = await wrap_server_stream(
            nursery, transport, max_message_size=self._max_message_bytes, receive_buffer_size=RECEIVE_BYTES
        )
        principal = await self._identify(guest, transport.peer, wanted.head)
        ws = await request.accept(subprotocol=wanted.subprotocol)
        if isinstance(principal, AdjournError):
            error = rpc.error_reply(None, principal, wanted.form)
            await ws.send_message(error if wanted.form.binary else error.decode())
            await ws.aclose(rpc.UNAUTHORIZED_CLOSE if isinstance(principal, Unauthorized) else 1011, principal.message)
            return None
        return Admitted(ws, wanted.form, wanted.takes_batches, wanted.max_message_bytes, principal)

    def _read(self, data: bytes) -> _Wanted | Refusal:
        """What the request with this head wants, or why it is refused."""
        if len(data) > MAX_HEAD_BYTES:
            return Refusal(431, f"the head of a request may take {MAX_HEAD_BYTES} bytes")
        head = parse_head(data)
        if isinstance(head, Refusal):
            return head
        if not head.is_upgrade:
            return _NOT_FOR_BROWSING
        refusal = self._sources.refusal(head.version, head.headers)
        if refusal is not None:
            return refusal
        chosen = _choose_form(head.subprotocols)
        if chosen is None:
            return Refusal(400, f"expected one of the subprotocols {', '.join(rpc.FORMATS)}, or none")
        takes_batches, max_message_bytes = _takes_batches(head.target), _max_message_bytes(head.target)
        if isinstance(takes_batches, Refusal):
            return takes_batches
        if isinstance(max_message_bytes, Refusal):
            return max_message_bytes
        return _Wanted(head, *chosen, takes_batches, max_message_bytes)

    async def _identify(self, guest: Guest, peer: str, head: RequestHead) -> Principal | AdjournError | None:
        """The client's principal; None without an authenticator; or the error that the client is told."""
        if self._authenticator is None:
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        token = token_of(headers, head.subprotocols)
        where, task = f"the authentication of {peer}", trio.lowlevel.current_task()
        try:
            principal = await self._authenticator(Credentials(token, headers, peer))
        except BaseException as raised:  # noqa: ASYNC103  # foreign_error raises what is ours
            return internal_error(foreign_error(raised, where, logger, task=task), where, logger)  # noqa: ASYNC104
        if principal is None:
            guest.login_failed()
            self._log.warning(Unauthorized, "refused %s: not authenticated", peer)
            return Unauthorized("expected a token that is known here, as Authorization: Bearer or as a subprotocol")
        return principal


def _choose_form(offered: Sequence[str]) -> tuple[rpc.Format, str | None] | None:
    """The wire, and the subprotocol to answer with; None if none of those offered is known."""
    wires = [name for name in offered if not name.startswith(rpc.AUTH_SUBPROTOCOL)]
    if not wires:
        return rpc.JSON, None
    return next(((rpc.FORMATS[name], name) for name in wires if name in rpc.FORMATS), None)


def _takes_batches(target: str) -> bool | Refusal:
    """Whether the request's query says `batch=1`."""
    given = _query(target, "batch") or "0"
    return given == "1" if given in ("0", "1") else Refusal(400, "batch: expected 0 or 1")


def _max_message_bytes(target: str) -> int | Refusal | None:
    """What the request's query says as `maxMessageBytes`; None: nothing."""
    given = _query(target, "maxMessageBytes")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 16 and int(given) >= LEAST_MESSAGE_BYTES):
        return Refusal(400, f"maxMessageBytes: expected a number of at least {LEAST_MESSAGE_BYTES}")
    return int(given)


def _query(target: str, name: str) -> str | None:
    return parse_qs(target.partition("?")[2], keep_blank_values=True).get(name, [None])[-1]
