"""Connects one WebSocket to a gateway, does the handshake, and maps each failure to an error.

`session.py` sends and receives; `link.py` reconnects.
"""

import math
import os
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import uniform
from typing import Any, cast
from urllib.parse import quote, urlsplit

import trio
from trio_websocket import ConnectionRejected, WebSocketConnection, wrap_client_stream
from wsproto.utilities import ProtocolError

from ...protocol.errors import AdjournError, ConnectionLost, Forbidden, InvalidParams, Unauthorized
from ...protocol.rpc import NODE_HEADER, PRINCIPAL_HEADER, Format

__all__ = ["FAULTS", "Backoff", "End", "Settings", "end_of", "open_socket"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """The wait before the next attempt to connect: exponential, times a random factor of 0.5 to 1.

    Attributes:
        first_s: seconds before the second attempt, at most; doubled for each further one.
        maximum_s: seconds before any attempt, at most.
        attempts: failed attempts in a row before the client gives up. None: it never gives up.
    """

    first_s: float = 0.2
    maximum_s: float = 15.0
    attempts: int | None = None

    def delay_s(self, attempt: int) -> float:
        """Seconds to wait after failed attempt number `attempt`, counted from 0."""
        return uniform(0.5, 1.0) * min(self.maximum_s, self.first_s * 2.0 ** min(attempt, 64))  # noqa: S311


@dataclass(frozen=True, slots=True)
class Settings:
    """The server's address and the connection's options. Raises: InvalidParams for a bad `url` or `token`."""

    url: str
    form: Format
    token: str | None = field(repr=False)
    ssl_context: ssl.SSLContext | None
    backoff: Backoff | None  # None: no reconnecting
    wait_for_server: bool  # whether the first connection is retried too
    connect_timeout_s: float  # limit of one attempt
    ping_interval_s: float  # also the limit for the answer to a ping
    close_timeout_s: float  # limit of the closing handshake
    max_message_bytes: int  # limit of one message from the server
    is_node: bool = False  # whether the client is a node of a shared store, and the server another one
    principal: str | None = None  # the client in whose name a node sends requests; None: in its own name

    def __post_init__(self) -> None:
        self.address()
        self.headers()

    def address(self) -> tuple[str, int, str, bool]:
        """Returns host, port, resource, and whether to use TLS. Raises: InvalidParams."""
        if "@" in self.url.partition("//")[2].partition("/")[0]:  # errors would show the password, and it has no effect
            raise InvalidParams("url: expected no user or password in it; pass a `token` instead")
        expected = f"url: expected ws://host:port or wss://host:port, got {self.url!r}"
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InvalidParams(expected) from error
        if parts.scheme not in ("ws", "wss") or not host:
            raise InvalidParams(expected)
        tls = parts.scheme == "wss"
        # Ask for batches, and announce the size limit: the server then refuses a larger reply; otherwise we'd have to
        # close.
        asked = f"{parts.query and f'{parts.query}&'}batch=1&maxMessageBytes={self.max_message_bytes}"
        resource = f"{parts.path or '/'}?{asked}"
        return host, port or (443 if tls else 80), resource, tls

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Returns the headers of the handshake. Raises: InvalidParams."""
        headers = [(NODE_HEADER.encode(), b"1")] if self.is_node else []
        if self.token is None:
            return headers
        if not (self.token.isascii() and self.token.isprintable()):
            raise InvalidParams("token: expected printable ASCII")
        headers.append((b"authorization", b"Bearer " + self.token.encode()))
        if self.principal is not None:
            headers.append((PRINCIPAL_HEADER.encode(), quote(self.principal).encode()))
        return headers


class _Refused(Exception):
    """The gateway refuses the client, and would refuse another attempt too."""

    def __init__(self, error: AdjournError) -> None:
        super().__init__(error)
        self.error = error


class _Tap(trio.abc.Stream):
    """A stream that reports its end: trio-websocket doesn't notice it during the handshake."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.over = trio.Event()  # set when the stream ends

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = b""
        try:
            data = await self._stream.receive_some(max_bytes)
        finally:
            if not data:
                self.over.set()
        return data

    async def aclose(self) -> None:
        self.over.set()
        await self._stream.aclose()


@asynccontextmanager
async def open_socket(wire: trio.Nursery, settings: Settings) -> AsyncGenerator[WebSocketConnection]:
    """Opens a WebSocket to the gateway; its reader runs in `wire`.

    Leaving the block closes it within `close_timeout_s`, with a closing handshake unless `wire` is cancelled.

    Raises: some of `FAULTS`, also in groups; `wire` may fail with them too.
    """
    limit_s = settings.connect_timeout_s
    with trio.CancelScope(deadline=trio.current_time() + limit_s) as patience:
        stream = _Tap(await _dial(settings))
        try:
            socket = await _shake_hands(wire, stream, settings)
            patience.deadline = math.inf
            try:
                yield socket
            finally:
                with trio.move_on_after(settings.close_timeout_s, shield=True):
                    await socket.aclose()
        finally:
            await trio.aclose_forcefully(stream)
    if patience.cancelled_caught:
        raise ConnectionLost(f"{settings.url} does not answer within {limit_s:g} s")


async def _dial(settings: Settings) -> trio.abc.Stream:
    host, port, _, tls = settings.address()
    if not tls:
        return await trio.open_tcp_stream(host, port)
    context = settings.ssl_context
    stream = await trio.open_ssl_over_tcp_stream(host, port, ssl_context=context, https_compatible=True)
    try:
        await stream.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


async def _shake_hands(wire: trio.Nursery, stream: _Tap, settings: Settings) -> WebSocketConnection:
    host, port, resource, tls = settings.address()
    name = f"[{host}]" if ":" in host else host
    wanted = settings.form.subprotocol
    sockets: list[WebSocketConnection] = []
    async with trio.open_nursery() as watch:
        watch.start_soon(_cancel_when, stream.over, watch.cancel_scope)
        socket = await wrap_client_stream(
            wire,
            cast(Any, stream),  # the annotation is narrower than what the code needs
            name if port == (443 if tls else 80) else f"{name}:{port}",
            resource,
            subprotocols=[wanted],
            extra_headers=settings.headers(),
            max_message_size=settings.max_message_bytes,
            receive_buffer_size=None,
        )
        sockets.append(socket)
        watch.cancel_scope.cancel()
    if not sockets:
        await trio.lowlevel.checkpoint()  # if the reader in `wire` was refused, let that error come first
        raise ConnectionLost(f"{settings.url} closed the connection in the middle of the handshake")
    socket = sockets[0]
    if socket.subprotocol != wanted:
        raise _Refused(ConnectionLost(f"{settings.url} does not speak {wanted}; it may not be an adjourn gateway"))
    return socket


async def _cancel_when(over: trio.Event, scope: trio.CancelScope) -> None:
    await over.wait()
    scope.cancel()


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt to connect ended."""

    why: AdjournError
    is_final: bool = False  # whether another attempt would end the same way
    was_up: bool = False  # whether requests were possible


FAULTS = (ConnectionLost, ConnectionRejected, ProtocolError, OSError, trio.BrokenResourceError, _Refused)


def end_of(faults: BaseException, url: str) -> End:
    """Maps one of `FAULTS`, or a group of them, to the end of the attempt."""
    error = _first(faults)
    match error:
        case _Refused():
            return End(error.error, is_final=True)
        case ConnectionLost():
            return End(error)
        case ConnectionRejected():
            return _rejection(error, url)
        case OSError():
            return End(ConnectionLost(f"nothing answers at {url}{_usual_port(url)}: {_why(_root(error))}"))
        case trio.BrokenResourceError() if isinstance(error.__cause__, ssl.SSLError):
            return End(ConnectionLost(f"TLS with {url} fails: {error.__cause__}"), is_final=True)
        case _:
            return End(ConnectionLost(f"lost the connection to {url}: {error}"))


def _usual_port(url: str) -> str:
    """Returns a note about the port of a URL that names none."""
    parts = urlsplit(url)
    if parts.port is not None:
        return ""
    return f" (at port {443 if parts.scheme == 'wss' else 80}, because the URL names no port)"


def _rejection(rejected: ConnectionRejected, url: str) -> End:
    status = rejected.status_code
    words = (rejected.body or b"").decode(errors="replace").strip()[:200]
    if status < 400 or words.startswith("<"):  # an HTML page
        words = "it may not be an adjourn gateway"
    text = f"{url} refuses the connection with HTTP status {status}{words and f': {words}'}"
    match status:
        case 400:
            return End(InvalidParams(text), is_final=True)
        case 401:
            return End(Unauthorized(text), is_final=True)
        case 403:
            return End(Forbidden(text), is_final=True)
        case _:
            return End(ConnectionLost(text), is_final=status < 500 and status not in (408, 429))


def _first(error: BaseException | None) -> BaseException | None:
    """Returns the first error of a group, or the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = cast(BaseExceptionGroup[BaseException], error).exceptions[0]
    return error


def _why(error: BaseException) -> str:
    """Returns the operating system's text for an error, without trio's additions: the number and the address."""
    match error:
        case socket.gaierror(strerror=str(words)):
            return words
        case OSError(errno=int(number)) if not isinstance(error, ssl.SSLError):
            return os.strerror(number).lower()
        case _:
            return str(error)


def _root(error: BaseException) -> BaseException:
    """Returns the first cause below trio's "all attempts to connect failed"."""
    while (cause := _first(error.__cause__)) is not None:
        error = cause
    return error
