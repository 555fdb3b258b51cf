"""Serves a system's runs over WebSocket: listens, accepts clients, pings them, and closes them at the end.

`handshake.py` admits a client, `connection.py` reads its frames, and `procedures.py` carries out its requests.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import trio
from trio_websocket import ConnectionClosed

from ...protocol.misspelt import names_parameters
from ..core.faults import internal_error
from ..core.loops import MOUNTED, check_trio
from ..runtime.system import ActorSystem
from .access import Authenticator, Authorizer, token_authenticator
from .connection import Connection
from .door import Door, Guest
from .handshake import LINGER_S, Handshake
from .limits import GatewayLimits
from .listening import Listening, check_host
from .peers import Peers
from .refusal import Refusal
from .sessions import Sessions
from .sparse_log import SparseLog
from .transport import Transport
from .websocket import TrioWebSocket

__all__ = [
    "Authenticator",
    "Authorizer",
    "Gateway",
    "GatewayLimits",
    "Peers",
    "serve_gateway",
    "token_authenticator",
]

logger = logging.getLogger("adjourn.gateway")

MAX_LINGERING = 64  # refused clients that still get time to read why; beyond, a slow one may miss it


class Gateway(Listening):
    """A listening gateway; its `url` begins with `ws://`.

    Attributes:
        addresses: the addresses that it listens on.
    """

    scheme = "ws"


@names_parameters
async def serve_gateway(
    system: ActorSystem,
    *,
    host: str | None = "127.0.0.1",
    port: int = 8765,
    authenticator: Authenticator | None = None,
    authorizer: Authorizer | None = None,
    origins: Iterable[str] = (),
    limits: GatewayLimits | None = None,
    peers: Peers | None = None,
    task_status: trio.TaskStatus[Gateway] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves a system's runs to clients until cancelled; `nursery.start` returns the `Gateway` once it listens.

    When cancelled, stops listening, finishes requests in flight, closes every connection (close code 1001) and returns
    within `limits.close_s`. The runs go on.

    Args:
        host: address to listen on; None is every address. Anything but loopback needs an authenticator.
        port: 0 picks a free port.
        authenticator: says who a client is. None: anonymous access, loopback only.
        authorizer: says whether a client may perform an `Action`. A run that the client may not `run.get` does not
            exist for it. None: everything is allowed.
        origins: web pages that may connect, besides those of this machine, as `https://example.org`. The gateway also
            answers under their host names.
        limits: of each connection, of all connections, and of each address. Behind a reverse proxy all clients
            have one address: see `GatewayLimits`.
        peers: how to ask the other nodes of a shared store about their runs. None: clients must connect to the node
            that owns the run.

    Raises: InvalidParams, before it listens; OSError if it can't listen; StaleEpoch if another process of the group has
        become the owner of the system's store.
    """
    check_trio("serve_gateway", MOUNTED)
    check_host(host, authenticator)
    limits = limits or GatewayLimits()
    if peers is not None and authenticator is not None:
        authenticator = peers.recognizing(authenticator)
    log = SparseLog(logger, trio.current_time)
    handshake = Handshake(authenticator, log, host=host, origins=origins, max_message_bytes=limits.max_message_bytes)
    server = _Server(system, Door(limits, trio.current_time), handshake, authorizer, limits, log, peers)
    listeners = await trio.open_tcp_listeners(port, host=host)
    gateway = Gateway(tuple(listener.socket.getsockname()[:2] for listener in listeners))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.look_after)
        nursery.start_soon(system.wait_lost)
        await nursery.start(partial(trio.serve_listeners, server.receive, listeners))
        task_status.started(gateway)


@dataclass(eq=False)
class _Visit:
    """A client, from the moment its TCP connection is accepted."""

    guest: Guest
    transport: Transport
    scope: trio.CancelScope
    connection: Connection | None = None  # set once the client is admitted
    nursery: trio.Nursery = field(init=False)


class _Server:
    """The clients of one gateway, from accept to close."""

    def __init__(
        self,
        system: ActorSystem,
        door: Door,
        handshake: Handshake,
        authorizer: Authorizer | None,
        limits: GatewayLimits,
        log: SparseLog,
        peers: Peers | None,
    ) -> None:
        self._door, self._handshake, self._sessions = door, handshake, Sessions(system, authorizer, limits, peers)
        self._limits, self._log = limits, log
        self._visits: set[_Visit] = set()
        self._lingering = 0
        self._leaving = False

    # All clients.

    async def look_after(self) -> None:
        """Pings silent clients, and drops clients that don't read or answer. When cancelled, closes all connections."""
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
                logger.info("dropped %s: it has read nothing for %g s", transport.peer, limits.stall_s)
                visit.scope.cancel()
        elif connection is not None and connection.is_open and transport.silent_since is not None:
            silent_s = now - transport.silent_since
            if silent_s >= limits.pong_s:
                logger.info("dropped %s: it has been silent for %g s", transport.peer, silent_s)
                visit.scope.cancel()
            elif silent_s >= limits.ping_s:
                visit.nursery.start_soon(connection.ping)

    # One client.

    async def receive(self, stream: trio.SocketStream) -> None:
        """Serves one client to its end, or refuses it if there is no room. Raises nothing."""
        transport = Transport(stream)
        guest = self._door.enter(transport.address)
        if isinstance(guest, Refusal):
            await self._turn_away(transport, guest)
            return
        try:
            await self._receive(guest, transport)
        finally:
            guest.leave()

    async def _turn_away(self, transport: Transport, refusal: Refusal) -> None:
        """Sends the refusal without reading the request: refusing must cost less than serving."""
        text = "refused %s: %s (GatewayLimits.%s)"
        self._log.warning(refusal.limit, text, transport.peer, refusal.message, refusal.limit)
        with trio.move_on_after(LINGER_S), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await transport.send_all(refusal.response())
            if self._lingering < MAX_LINGERING:
                self._lingering += 1
                try:
                    await transport.linger(LINGER_S)
                finally:
                    self._lingering -= 1

    async def _receive(self, guest: Guest, transport: Transport) -> None:
        """Serves one client to its end. Shielded: only `look_after` cancels it."""
        with trio.CancelScope(shield=True) as scope:
            if self._leaving:
                return
            visit = _Visit(guest, transport, scope)
            self._visits.add(visit)
            try:
                await self._visit(visit)
            except* (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionClosed):
                pass  # the client disconnected
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
            visit.guest.handshake_over()
            if visit.connection is not None:
                await visit.connection.serve()
            nursery.cancel_scope.cancel()
        if visit.connection is not None and (fault := visit.connection.fault) is not None:
            if not transport.close_sent:
                await transport.say_close(*fault)
            await transport.linger(LINGER_S)

    async def _let_in(self, visit: _Visit) -> None:
        """Does the handshake: sets `connection`, or tells the client why it is refused."""
        admitted = await self._handshake.admit(visit.guest, visit.transport, visit.nursery)
        if admitted is None:
            return
        wanted, transport = admitted.wanted, visit.transport
        socket = TrioWebSocket(admitted.ws, transport, self._limits, binary=wanted.form.binary)
        visit.connection = self._sessions.connection(socket, wanted, admitted.principal, transport.peer)
