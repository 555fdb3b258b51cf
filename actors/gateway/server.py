"""Serves a system's runs over WebSocket: listens, accepts clients, pings them, and has them leave at the end.

`handshake.py` lets a client in, `connection.py` reads what it says, and `procedures.py` does what it asks for.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version

import trio
from trio_websocket import ConnectionClosed

from ...protocol import rpc
from ...protocol.errors import InvalidParams
from ...protocol.loopback import is_loopback
from ...protocol.methods import ServerDescription
from ..core.faults import internal_error
from ..runtime.system import ActorSystem
from .access import Authenticator, Authorizer, token_authenticator
from .connection import Connection
from .guard import Guard
from .handshake import Handshake
from .limits import GatewayLimits
from .procedures import Procedures
from .transport import Transport

__all__ = [
    "Authenticator",
    "Authorizer",
    "Gateway",
    "GatewayLimits",
    "serve_gateway",
    "token_authenticator",
]

logger = logging.getLogger("adjourn.gateway")

LINGER_S = 1.0  # for a client to read why it was refused


@dataclass(frozen=True)
class Gateway:
    """A gateway that listens."""

    addresses: tuple[tuple[str, int], ...]  # host and port of each listener

    @property
    def url(self) -> str:
        """The `ws://` address to connect to: the first one."""
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

    Cancelled, it stops listening, finishes requests under way, closes every connection (close code 1001) and returns
    within `limits.close_s`. The runs go on.

    Args:
        host: where to listen; None is every address. Anything but loopback demands an authenticator.
        port: 0 takes a free one.
        authenticator: says who a client is. None: anonymous access, loopback only.
        authorizer: says whether a client may do what it asks for, an `Action`. None: everything is allowed.
        origins: of web pages that may connect, beside those of this machine, as `https://example.org`. Their host names
            are also names under which the gateway may be reached.

    Raises: InvalidParams, before it listens; OSError, if it can't; StaleEpoch, in a group, when another process has
        become the owner of the system's store.
    """
    if authenticator is None and not is_loopback(host):
        where = "every address" if not host else repr(host)
        raise InvalidParams(f"host: listening on {where} demands an authenticator; without one only 127.0.0.1 or ::1")
    limits = limits or GatewayLimits()
    handshake = Handshake(authenticator, host=host, origins=origins, max_message_bytes=limits.max_message_bytes)
    server = _Server(system, handshake, authorizer, limits)
    listeners = await trio.open_tcp_listeners(port, host=host)
    gateway = Gateway(tuple(listener.socket.getsockname()[:2] for listener in listeners))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.look_after)
        nursery.start_soon(system.wait_lost)
        await nursery.start(partial(trio.serve_listeners, server.receive, listeners))
        task_status.started(gateway)


@dataclass(eq=False)
class _Visit:
    """A client, from the moment that its TCP connection is accepted."""

    transport: Transport
    scope: trio.CancelScope
    connection: Connection | None = None  # once the client is let in
    nursery: trio.Nursery = field(init=False)


class _Server:
    """The clients of one gateway, from the moment that they are accepted to their end."""

    def __init__(
        self, system: ActorSystem, handshake: Handshake, authorizer: Authorizer | None, limits: GatewayLimits
    ) -> None:
        self._system, self._handshake = system, handshake
        self._authorizer, self._limits = authorizer, limits
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
        """Ping silent clients, and drop those that don't read or answer. Cancelled, it has all clients leave."""
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
        """Serve one client to its end. Shielded: only `look_after` cancels it. Raises nothing."""
        transport = Transport(stream)
        with trio.CancelScope(shield=True) as scope:
            if self._leaving:
                return
            visit = _Visit(transport, scope)
            self._visits.add(visit)
            try:
                await self._visit(visit)
            except* (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionClosed):
                pass  # the client went in the middle of something
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
        """The handshake: at its end `connection` is set, or the client has been told why not."""
        admitted = await self._handshake.admit(visit.transport, visit.nursery)
        if admitted is None:
            return
        principal, peer = admitted.principal, visit.transport.peer
        visit.connection = Connection(
            admitted.ws,
            visit.transport,
            admitted.form,
            Procedures(self._system, self._description, Guard(self._system, principal, self._authorizer)),
            self._limits,
            takes_batches=admitted.takes_batches,
            client=peer if principal is None else f"{principal.name} ({peer})",
        )
