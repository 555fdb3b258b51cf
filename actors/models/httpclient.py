"""HTTP for the models: one request and its response at a time, over shared connections, with readable errors.

Only this module uses httpx, and loads it when first needed. No model API here.

HTTP/2 is off by default: httpcore (1.0.9) does not reset the stream of a cancelled call, so the provider continues the
answer; and a call cancelled while it sends breaks the other calls on its connection.
"""

# flake8: noqa: ASYNC127  # httpx is a dependency on purpose
import importlib.util
import logging
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import trio

from ...protocol.errors import ProgramError
from ...protocol.loopback import is_loopback
from ...protocol.messages import ErrorKind
from ...protocol.providers.adapter import HTTPRequest
from .inflater import Inflater
from .provider import Provider

if TYPE_CHECKING:
    import httpcore
    import httpx

__all__ = ["CLOSE_S", "Exchange", "NetworkFault", "keep_clients"]

DRAIN_S = 0.1  # to read the rest of an unwanted body, so that the connection can be reused
DRAIN_BYTES = 64 * 1024
CLOSE_S = 5.0
KEEP_ALIVE_S = 30.0  # of an idle connection
KEEP_ALIVE = 100  # idle connections

_TELL_HEADERS = ("receive_response_headers.complete", "receive_response_headers.failed")  # httpcore's log records


class NetworkFault(ProgramError):
    """A request failed on the network. `str` is for people."""

    def __init__(self, text: str, kind: ErrorKind) -> None:
        super().__init__(text)
        self.kind: ErrorKind = kind


class _Clients:
    """The shared clients of a trio run, one a provider, while a `keep_clients` block is open."""

    def __init__(self) -> None:
        self.keepers = 0
        self.open: dict[tuple[str, bool], httpx.AsyncClient] = {}


_clients: trio.lowlevel.RunVar[_Clients] = trio.lowlevel.RunVar("adjourn.actors.httpclient")


@asynccontextmanager
async def keep_clients() -> AsyncGenerator[None]:
    """Lets requests of this trio run share one client a provider in the block. The last open block closes them."""
    import_module("httpx")  # now, because it takes 0.1 s that a call would wait for
    try:
        clients = _clients.get()
    except LookupError:
        clients = _Clients()
        _clients.set(clients)
    clients.keepers += 1
    try:
        yield
    finally:
        clients.keepers -= 1
        if not clients.keepers:
            leaving, clients.open = clients.open, {}
            with trio.move_on_after(CLOSE_S, shield=True):
                for client in leaving.values():
                    await client.aclose()


class Exchange:
    """One request and its streamed response. Always call `aclose`."""

    def __init__(self, provider: Provider, base_url: str) -> None:
        self._provider, self._base_url = provider, base_url
        self._own: httpx.AsyncClient | None = None  # used if no `keep_clients` block is open
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None  # of the body, as received
        self._inflater: Inflater | None = None  # set for a compressed body
        self._socket: httpcore.AsyncNetworkStream | None = None  # opened for this request
        self._socket_is_ours = False  # whether no httpcore connection owns the socket yet

    async def send(self, request: HTTPRequest, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
        """Sends the request. Returns the response's status, and its headers with names in lower case.

        Raises: NetworkFault.
        """
        try:
            client = self._client()
            wanted = self._build(client, request, headers)
            self._response = response = await client.send(wanted, stream=True)
        except Exception as error:
            raise self._fault(error) from None
        self._chunks = aiter(cast("httpx.AsyncByteStream", response.stream))
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._inflater = Inflater(encoding)
        elif encoding not in ("identity", ""):
            raise NetworkFault(f"{self._base_url} sent a body in {encoding}, which was not requested", "terminal")
        return response.status_code, dict(response.headers)

    async def chunk(self) -> bytes | None:
        """Returns the next chunk of the body, as received; None at the end. Raises: NetworkFault."""
        assert self._chunks is not None
        try:
            if self._inflater is None:
                return await anext(self._chunks, None)
            return await _inflated(self._chunks, self._inflater)
        except Exception as error:
            raise self._fault(error) from None

    async def read(self, max_bytes: int, within_s: float) -> bytes:
        """Returns the part of the body that is received in time, at most `max_bytes`."""
        body = bytearray()
        with trio.move_on_after(within_s), suppress(NetworkFault):
            while len(body) < max_bytes and (chunk := await self.chunk()) is not None:
                body += chunk
        return bytes(body[:max_bytes])

    async def aclose(self, *, drain: bool = False) -> None:
        """Closes the connection at once. With `drain` it is kept for reuse if the body ends within `DRAIN_S`.

        Call it in a shielded scope.
        """
        # httpx reads through nested generators. Only an exception from the innermost one ends them all properly: the
        # cancellation of the read, which also closes the connection.
        if self._chunks is not None:
            with trio.move_on_after(DRAIN_S if drain else 0) as scope, suppress(Exception):
                left = DRAIN_BYTES
                async for chunk in self._chunks:
                    left -= len(chunk)
                    if left < 0:
                        scope.cancel()
        if self._response is not None:
            await self._response.aclose()
        if self._socket is not None and self._socket_is_ours:
            await self._socket.aclose()
        if self._own is not None:
            await self._own.aclose()

    def _client(self) -> "httpx.AsyncClient":
        try:
            clients = _clients.get()
        except LookupError:
            clients = _Clients()
        name = (self._provider.name or self._base_url, self._provider.http2)
        client = clients.open.get(name)
        if client is None:
            client = _new_client(self._provider)
            if clients.keepers:
                clients.open[name] = client
            else:
                self._own = client
        return client

    def _build(self, client: "httpx.AsyncClient", request: HTTPRequest, headers: Mapping[str, str]) -> "httpx.Request":
        provider = self._provider
        times = {"connect": provider.connect_timeout_s, "write": provider.write_timeout_s, "pool": None}
        return client.build_request(
            request.method,
            self._base_url + request.path,
            headers={**request.headers, **headers},
            content=request.body or None,
            extensions={"timeout": {**times, "read": provider.idle_timeout_s}, "trace": self._trace},
        )

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Keeps the socket, to close it: httpcore (1.0.9) leaks the socket of a cancelled TLS handshake."""
        if event.endswith("connect_tcp.complete"):
            self._socket, self._socket_is_ours = info["return_value"], True
        elif event.endswith("start_tls.started"):  # also through a proxy, after connecting to the proxy
            self._socket_is_ours = True
        elif event.endswith("send_request_headers.started"):
            self._socket_is_ours = False

    def _fault(self, error: Exception) -> NetworkFault:
        import httpx

        at, provider = self._base_url, self._provider
        said = str(error) or type(error).__name__
        match error:
            case httpx.ConnectTimeout():
                text = f"{at} did not accept a connection within {provider.connect_timeout_s:g} s"
            case httpx.ReadTimeout():
                text = f"{at} sent nothing for {provider.idle_timeout_s:g} s"
            case httpx.WriteTimeout():
                text = f"{at} read nothing of the request for {provider.write_timeout_s:g} s"
            case httpx.ConnectError():
                text = _unreachable(error, at, provider)
            case httpx.ProxyError():
                text = f"the proxy before {at}: {said}"
            case zlib.error():
                text = f"the body from {at} can't be decompressed: {said}"
            case httpx.UnsupportedProtocol() | httpx.LocalProtocolError() | httpx.InvalidURL():
                return NetworkFault(f"no request can be made to {at}: {said}", "terminal")
            case httpx.HTTPError() | httpx.StreamError():
                text = f"the connection to {at} broke: {said}"
            case ImportError() | ValueError() | OSError() if self._response is None:
                return NetworkFault(f"no request can be made to {at}: {said}", "terminal")
            case _:  # an exception that httpcore did not wrap
                text = f"the connection to {at} broke: {type(error).__name__}: {said}"
        return NetworkFault(text, "transient")


async def _inflated(chunks: AsyncIterator[bytes], inflater: Inflater) -> bytes | None:
    """Returns the next decompressed chunk, which may be empty; None at the end."""
    if inflater.has_more:
        await trio.lowlevel.checkpoint()
        return inflater.inflate()
    packed = None if inflater.ended else await anext(chunks, None)
    return None if packed is None else inflater.inflate(packed)


def _unreachable(error: Exception, at: str, provider: Provider) -> str:
    hint = f" {provider.when_unreachable}" if provider.when_unreachable else ""
    for cause in _causes(error):
        match cause:
            case ConnectionRefusedError() if _is_proxied(at):
                return f"nothing listens at the proxy that the environment names for {at}"
            case ConnectionRefusedError():
                return f"nothing listens at {at}.{hint}"
            case socket.gaierror():
                return f"there is no address for the host of {at}: {cause.strerror or cause}"
            case ssl.SSLError():
                return f"no TLS with {at}: {cause.strerror or cause}"
            case _:
                pass
    return f"no connection to {at}: {error}.{hint}"


def _is_proxied(at: str) -> bool:
    from urllib.request import getproxies, proxy_bypass  # slow to load, as httpx is

    parts, proxies = urlsplit(at), getproxies()
    host = parts.hostname or ""
    return not is_loopback(host) and (parts.scheme in proxies or "all" in proxies) and not proxy_bypass(host)


def _causes(error: BaseException, depth: int = 10) -> Iterator[BaseException]:
    """Yields the error and all its causes."""
    yield error
    inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())  # of an exception group
    for each in (error.__cause__, error.__context__, *inner):
        if each is not None and depth:
            yield from _causes(each, depth - 1)


def _new_client(provider: Provider) -> "httpx.AsyncClient":
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx

    if provider.http2 and importlib.util.find_spec("h2") is None:
        raise ImportError("HTTP/2 is an extra: pip install 'adjourn[http2]'")
    for name in ("httpcore.http11", "httpcore.http2", "hpack.hpack", "hpack.table"):
        logging.getLogger(name).addFilter(_tells_no_headers)
    return httpx.AsyncClient(
        http1=not provider.http2,
        http2=provider.http2,
        verify=_tls(),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=KEEP_ALIVE, keepalive_expiry=KEEP_ALIVE_S),
        mounts=dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]")),  # no proxy for loopback
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # no cookies: calls are independent
        headers={"user-agent": "adjourn", "accept-encoding": "identity"},
        follow_redirects=False,  # a redirect would send the keys to another server
    )


def _tells_no_headers(record: logging.LogRecord) -> bool:
    """Drops log records with headers, which may hold keys.

    At DEBUG hpack logs all headers, and httpcore those of responses, where a server may echo a key.
    """
    if record.levelno > logging.DEBUG:
        return True
    return record.name.startswith("httpcore.") and not record.getMessage().startswith(_TELL_HEADERS)


@cache
def _tls() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()  # reads hundreds of certificates: 20 ms
