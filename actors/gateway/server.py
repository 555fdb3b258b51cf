"""The gateway: JSON-RPC 2.0 over WebSocket. Here clients are listened for, let in and looked after; what a client then
says is `connection.py`'s, and what its methods do `procedures.py`'s.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from urllib.parse import parse_qs

import trio
from trio_websocket import ConnectionClosed, WebSocketRequest, wrap_server_stream

from ...protocol import rpc
from ...protocol.errors import AdjournError, InvalidParams, Unauthorized
from ...protocol.loopback import is_loopback
from ...protocol.methods import ServerDescription
from ..core.faults import internal_error
from ..runtime.system import ActorSystem
from .access import (
    Authenticator,
    Authorizer,
    Credentials,
    Principal,
    is_own_host,
    is_welcome_origin,
    parse_origins,
    token_authenticator,
    token_of,
)
from .connection import Connection
from .guard import Guard
from .limits import GatewayLimits
from .procedures import Procedures
from .transport import Transport

__all__ = [
    "Authenticator",
    "Authorizer",
    "Credentials",
    "Gateway",
    "GatewayLimits",
    "Principal",
    "serve_gateway",
    "token_authenticator",
]

logger = logging.getLogger("adjourn.gateway")

RECEIVE_BYTES = 16 * 1024
LINGER_S = 1.0  # for a client to read why it was refused
_HOST = re.compile(rb"^host:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_UPGRADE = re.compile(rb"^upgrade:[ \t]*websocket", re.IGNORECASE | re.MULTILINE)
_NOT_FOR_BROWSING = (
    b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"
    b"This is an adjourn gateway; it speaks JSON-RPC over WebSocket. Try: adjourn chat ws://<this address>\n"
)


@dataclass(frozen=True)
class Gateway:
    """A gateway that listens."""

    addresses: tuple[tuple[str, int], ...]  # host and port of each

    @property
    def url(self) -> str:
        """Where to connect: the first address."""
        host, port = self.addresses[0]
        return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"


async def serve_gateway(
    system: ActorSystem,
    *,
    host: str | None = "127.0.0.1",
    port: int = 8765,
    authenticator: Authenticator | None = None,
    authorizer: Authorizer | None = None,
    origins: Iterable[str] = (),
    limits: GatewayLimits | None = None,
    task_status: trio.TaskStatus[Gateway] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a system's runs to clients until cancelled; `nursery.start` gives the `Gateway` once it listens.

    Cancelled, it stops listening, lets requests under way come to their end, tells every client (close code 1001) and
    returns within `limits.close_s`. Nothing happens to the runs.

    Args:
        host: where to listen; None is everywhere. Anything but this machine alone demands an authenticator.
        port: 0 takes a free one.
        authenticator: who is this? None: everybody is nobody in particular, and welcome.
        authorizer: may they do this?
        origins: of web pages that may connect, beside those of this machine, as `https://example.org`; also names
            under which the gateway is reached.

    Raises: InvalidParams, before it listens; OSError, if it can't.
    """
    if authenticator is None and not is_loopback(host):
        where = "every address" if not host else repr(host)
        raise InvalidParams(f"host: listening on {where} demands an authenticator; without one only 127.0.0.1 or ::1")
    server = _Server(system, host, authenticator, authorizer, parse_origins(origins), limits or GatewayLimits())
    listeners = await trio.open_tcp_listeners(port, host=host)
    gateway = Gateway(tuple(listener.socket.getsockname()[:2] for listener in listeners))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.look_after)
        await nursery.start(partial(trio.serve_listeners, server.receive, listeners))
        task_status.started(gateway)


@dataclass(eq=False)
class _Visit:
    """A client, from the moment that it is accepted."""

    transport: Transport
    scope: trio.CancelScope
    connection: Connection | None = None  # once it is let in
    nursery: trio.Nursery = field(init=False)


class _Refusal(Exception):
    """A handshake that is turned down. `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Server:
    def __init__(
        self,
        system: ActorSystem,
        host: str | None,
        authenticator: Authenticator | None,
        authorizer: Authorizer | None,
        origins: frozenset[str],
        limits: GatewayLimits,
    ) -> None:
        self._system, self._host, self._limits = system, host, limits
        self._authenticator, self._authorizer, self._origins = authenticator, authorizer, origins
        self._visits: set[_Visit] = set()
        self._leaving = False
        self._description = ServerDescription(
            name="adjourn",
            version=version("adjourn"),
            protocol=tuple(rpc.FORMATS),
            limits={
                "maxMessageBytes": limits.max_message_bytes,
                "maxInFlight": limits.max_in_flight,
                "maxSubscriptions": limits.max_subscriptions,
                "maxBatchBytes": limits.max_batch_bytes,
            },
        )

    # All clients.

    async def look_after(self) -> None:
        """Ping who is silent and drop who doesn't read or answer; when cancelled, have everybody leave."""
        limits = self._limits
        try:
            while True:
                await trio.sleep(min(limits.stall_s, limits.ping_s, limits.pong_s) / 4)
                for visit in tuple(self._visits):
                    self._look_at(visit, trio.current_time())
        finally:
            self._leaving = True
            deadline = trio.current_time() + limits.close_s
            for visit in self._visits:
                if visit.connection is None:
                    visit.scope.cancel()
                else:
                    visit.scope.deadline = deadline
                    visit.connection.leave(1001, "the server is shutting down; reconnect later")

    def _look_at(self, visit: _Visit, now: float) -> None:
        transport, limits, connection = visit.transport, self._limits, visit.connection
        if transport.sending_since is not None:
            if now - transport.sending_since >= limits.stall_s:
                logger.info("%s has read nothing for %g s: dropped", transport.peer, limits.stall_s)
                visit.scope.cancel()
        elif connection is not None and connection.is_open and transport.silent_since is not None:
            silent_s = now - transport.silent_since
            if silent_s >= limits.pong_s:
                logger.info("%s has been silent for %g s: dropped", transport.peer, silent_s)
                visit.scope.cancel()
            elif silent_s >= limits.ping_s:
                visit.nursery.start_soon(connection.ping)

    # One client.

    async def receive(self, stream: trio.SocketStream) -> None:
        """Everything about one client. Its cancellation is `look_after`'s alone; it raises nothing else."""
        transport = Transport(stream)
        with trio.CancelScope(shield=True) as scope:
            if self._leaving:
                return
            visit = _Visit(transport, scope)
            self._visits.add(visit)
            try:
                await self._visit(visit)
            except* (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionClosed):
                pass  # it went in the middle of something
            except* Exception as group:
                internal_error(group, f"the visit of {transport.peer}", logger)
            finally:
                self._visits.discard(visit)

    async def _visit(self, visit: _Visit) -> None:
        transport = visit.transport
        async with trio.open_nursery() as nursery:
            visit.nursery = nursery
            with trio.move_on_after(self._limits.handshake_s) as handshake:
                transport.on_close = handshake.cancel
                await self._let_in(visit)
            transport.on_close = None
            if visit.connection is not None:
                await visit.connection.serve()
            nursery.cancel_scope.cancel()
        if visit.connection is not None and (fault := visit.connection.fault) is not None:
            if not transport.close_sent:
                await transport.say_close(*fault)
            await transport.linger(LINGER_S)

    async def _let_in(self, visit: _Visit) -> None:
        """The handshake: to its end, `connection` is set, or the client has been told why not."""
        head = await visit.transport.read_head()
        if head is None:
            return
        if not _UPGRADE.search(head):
            await visit.transport.send_all(_NOT_FOR_BROWSING)
            return
        request = await wrap_server_stream(
            visit.nursery,
            visit.transport,
            max_message_size=self._limits.max_message_bytes,
            receive_buffer_size=RECEIVE_BYTES,
        )
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        try:
            self._check_source(head, headers)
            form, subprotocol = _choose_form(request.proposed_subprotocols)
            takes_batches = _takes_batches(request.path)
        except _Refusal as refusal:
            logger.warning("%s was turned down: %s", visit.transport.peer, refusal)
            plain = [(b"Content-Type", b"text/plain; charset=utf-8")]
            await request.reject(refusal.status, extra_headers=plain, body=f"{refusal}\n".encode())
            return
        principal = await self._identify(visit, request, headers)
        ws = await request.accept(subprotocol=subprotocol)
        if isinstance(principal, AdjournError):
            error = rpc.error_reply(None, principal, form)
            await ws.send_message(error if form.binary else error.decode())
            await ws.aclose(rpc.UNAUTHORIZED_CLOSE if isinstance(principal, Unauthorized) else 1011, principal.message)
            return
        visit.connection = Connection(
            ws,
            visit.transport,
            form,
            Procedures(self._system, self._description, Guard(self._system, principal, self._authorizer)),
            self._limits,
            takes_batches=takes_batches,
            client=visit.transport.peer if principal is None else f"{principal.name} ({visit.transport.peer})",
        )

    def _check_source(self, head: bytes, headers: Mapping[str, str]) -> None:
        """Raises: _Refusal for a page from elsewhere, or one that reached us under a name that isn't ours."""
        if not is_welcome_origin(headers.get("origin"), self._origins):
            raise _Refusal(
                403, f"pages of origin {headers['origin']!r} may not connect here; see the gateway's origins"
            )
        found = _HOST.search(head)  # trio-websocket doesn't show it
        host = found[1].decode("latin-1") if found else ""
        if not is_own_host(host, self._host, self._origins):
            raise _Refusal(403, f"{host!r} is no name of this gateway; see its origins")

    async def _identify(
        self, visit: _Visit, request: WebSocketRequest, headers: Mapping[str, str]
    ) -> Principal | AdjournError | None:
        """Who it is; nobody in particular, if nobody asks; or why it is turned down."""
        if self._authenticator is None:
            return None
        token = token_of(headers, request.proposed_subprotocols)
        try:
            principal = await self._authenticator(Credentials(token, headers, visit.transport.peer))
        except Exception as error:
            return internal_error(error, f"the authentication of {visit.transport.peer}", logger)
        if principal is None:
            logger.warning("%s was turned down: not authenticated", visit.transport.peer)
            return Unauthorized("expected a token that is known here, as Authorization: Bearer or as a subprotocol")
        return principal


def _choose_form(offered: Sequence[str]) -> tuple[rpc.Format, str | None]:
    """The wire, and the subprotocol to answer with. Raises: _Refusal."""
    wires = [name for name in offered if not name.startswith(rpc.AUTH_SUBPROTOCOL)]
    if not wires:
        return rpc.JSON, None
    for name in wires:
        if name in rpc.FORMATS:
            return rpc.FORMATS[name], name
    raise _Refusal(400, f"expected one of the subprotocols {', '.join(rpc.FORMATS)}, or none")


def _takes_batches(path: str) -> bool:
    given = parse_qs(path.partition("?")[2]).get("batch", ["0"])[-1]
    if given not in ("0", "1"):
        raise _Refusal(400, "batch: expected 0 or 1")
    return given == "1"
