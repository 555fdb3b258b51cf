"""Serves an ASGI app over HTTP/1.1 and HTTP/2 with Hypercorn. Only this file uses Hypercorn.

Hypercorn's own worker shields its sends, so it can't stop while a client doesn't read. Therefore this file listens,
applies the limits and stops the server; Hypercorn serves one connection at a time.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.types import ASGIApp, Receive, Scope, Send

from ...protocol.misspelt import names_parameters
from ..core.faults import internal_error
from ..core.loops import MOUNTED, check_trio
from ..gateway.access import Authenticator, Authorizer
from ..gateway.door import Door
from ..gateway.handshake import LINGER_S
from ..gateway.limits import GatewayLimits
from ..gateway.listening import Listening, check_host
from ..gateway.peers import Peers
from ..gateway.refusal import Refusal
from ..gateway.sparse_log import SparseLog
from ..gateway.transport import Transport
from ..runtime.system import ActorSystem
from .app import web_app
from .routes import Metrics

__all__ = ["WebServer", "serve_app", "serve_web"]

logger = logging.getLogger("adjourn.web")


class WebServer(Listening):
    """A listening HTTP server; its `url` begins with `http://`.

    Attributes:
        addresses: the addresses that it listens on.
    """

    scheme = "http"


@names_parameters
async def serve_web(  # noqa: ASYNC128  # serve_app says when it has started
    system: ActorSystem,
    *,
    host: str | None = "127.0.0.1",
    port: int = 8766,
    authenticator: Authenticator | None = None,
    authorizer: Authorizer | None = None,
    origins: Iterable[str] = (),
    limits: GatewayLimits | None = None,
    metrics: Metrics | None = None,
    peers: Peers | None = None,
    task_status: trio.TaskStatus[WebServer] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves a system's runs over HTTP until cancelled; `nursery.start` returns the `WebServer` once it listens.

    The arguments are those of `serve_gateway` and `web_app`. When cancelled, stops as `serve_app` does.

    Raises: InvalidParams, before it listens; OSError if it can't listen.
    """
    check_host(host, authenticator)
    limits = limits or GatewayLimits()
    app = web_app(
        system,
        authenticator=authenticator,
        authorizer=authorizer,
        origins=origins,
        host=host,
        limits=limits,
        metrics=metrics,
        peers=peers,
    )
    await serve_app(app, host=host, port=port, limits=limits, task_status=task_status)


async def serve_app(
    app: ASGIApp,
    *,
    host: str | None,
    port: int,
    limits: GatewayLimits,
    task_status: trio.TaskStatus[WebServer] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves an app until cancelled; `nursery.start` returns the `WebServer` once it listens.

    When cancelled, stops listening, calls `app.leave()` if the app has it, lets requests in progress finish, and closes
    every connection within `limits.close_s`.

    Raises: OSError if it can't listen.
    """
    check_trio("serve_app", MOUNTED)
    connections = _Connections(app, limits)
    listeners = await trio.open_tcp_listeners(port, host=host)
    server = WebServer(tuple(listener.socket.getsockname()[:2] for listener in listeners))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connections.look_after)
        await nursery.start(partial(trio.serve_listeners, connections.receive, listeners))
        task_status.started(server)


class _Connection(Transport):
    """The stream under Hypercorn. Sends in pieces, to notice when a client stops reading."""

    def __init__(self, stream: trio.SocketStream) -> None:
        super().__init__(stream)
        self.socket = stream.socket
        self.send_eof = stream.send_eof
        self.scope = trio.CancelScope(shield=True)  # around everything that serves the connection
        self._requests = 0  # requests that the app is answering
        self._is_open = True

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the app answer a request."""
        self._requests += 1
        try:
            await app(scope, receive, send)
        finally:
            self._requests -= 1
            self._end_if_over()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Returns bytes from the client; empty once it has disconnected."""
        data: bytes | bytearray = b""
        try:
            data = await self._stream.receive_some(max_bytes)
        finally:
            if not data:
                self._is_open = False
                self._end_if_over()
        return data

    async def aclose(self) -> None:
        """Closes the TCP connection."""
        self._is_open = False
        self._end_if_over()
        await self._stream.aclose()

    def _end_if_over(self) -> None:
        # Otherwise Hypercorn would wait until its next ping.
        if not (self._is_open or self._requests):
            self.scope.cancel()

    async def break_off(self) -> None:
        """Closes at once, even during a send."""
        await trio.aclose_forcefully(self._stream)


class _Connections:
    """The connections of one server, from accept to close."""

    def __init__(self, app: ASGIApp, limits: GatewayLimits) -> None:
        self._app = app
        self._leave: Callable[[], None] | None = getattr(app, "leave", None)
        self._limits = limits
        self._door = Door(limits, trio.current_time)
        self._log = SparseLog(logger, trio.current_time)
        self._context = WorkerContext(None)
        self._config = Config()
        self._config.keep_alive_timeout = limits.handshake_s  # also for the first request
        self._config.websocket_max_message_size = limits.max_message_bytes
        self._config.websocket_ping_interval = limits.ping_s
        self._config.include_server_header = False
        self._config.errorlog = self._config.accesslog = None
        self._open: set[_Connection] = set()
        self._empty = trio.Event()  # set when the last connection has closed, while the server stops

    async def look_after(self) -> None:
        """Drops clients that don't read. When cancelled, closes all connections."""
        try:
            while True:
                await trio.sleep(self._limits.stall_s / 4)
                for connection in [each for each in self._open if self._stalls(each)]:
                    logger.info("dropped %s: it has read nothing for %g s", connection.peer, self._limits.stall_s)
                    await connection.break_off()
        finally:
            if self._leave is not None:
                self._leave()
            with trio.move_on_after(self._limits.close_s, shield=True):
                await self._context.terminated.set()  # idle connections close now, others after their requests
                if self._open:
                    await self._empty.wait()
            with trio.CancelScope(shield=True):  # closing by force doesn't wait
                for connection in tuple(self._open):
                    await connection.break_off()

    def _stalls(self, connection: _Connection) -> bool:
        since = connection.sending_since
        return since is not None and trio.current_time() - since >= self._limits.stall_s

    async def receive(self, stream: trio.SocketStream) -> None:
        """Serves one connection to its end. Shielded: only `look_after` ends it. Raises nothing."""
        connection = _Connection(stream)
        guest = self._door.enter(connection.address)
        if isinstance(guest, Refusal):
            text = "refused %s: %s (GatewayLimits.%s)"
            self._log.warning(guest.limit, text, connection.peer, guest.message, guest.limit)
            with trio.move_on_after(LINGER_S), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await connection.send_all(guest.response())
            return
        guest.handshake_over()
        self._open.add(connection)
        try:
            app = ASGIWrapper(cast(Any, partial(connection.answer, self._app)))  # the same protocol with other types
            with connection.scope:
                await TCPServer(app, self._config, self._context, ConnectionState({}), cast(Any, connection))
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client disconnected
        except* Exception as group:
            internal_error(group, f"the connection of {connection.peer}", logger)
        finally:
            guest.leave()
            self._open.discard(connection)
            if not self._open:
                self._empty.set()
