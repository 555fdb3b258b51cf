"""HTTP as the models need it: clients that share their connections, one exchange at a time, faults told in words.

All of httpx is behind this module, and is loaded when it is first needed. No model API here.

HTTP/2 is for those who ask for it: httpcore (1.0.9) doesn't reset the stream of a call that is cancelled, so the
provider goes on with it, and a call that is cancelled while it sends takes the connection's other calls with it.
"""

# flake8: noqa: ASYNC127  # httpx is what the library stands on
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

DRAIN_S = 0.1  # for the rest of a body that is of no interest, so that its connection can be used again
DRAIN_BYTES = 64 * 1024
CLOSE_S = 5.0
KEEP_ALIVE_S = 30.0  # of an idle connection
KEEP_ALIVE = 100  # idle connections

_TELL_HEADERS = ("receive_response_headers.complete", "receive_response_headers.failed")  # log records of httpcore's


class NetworkFault(ProgramError):
    """An exchange that came to nothing. `str` is for people."""

    def __init__(self, text: str, kind: ErrorKind) -> None:
        super().__init__(text)
        self.kind: ErrorKind = kind


class _Clients:
    """The clients of a trio run, one a provider, for as long as anybody keeps them."""

    def __init__(self) -> None:
        self.keepers = 0
        self.open: dict[tuple[str, bool], httpx.AsyncClient] = {}


_clients: trio.lowlevel.RunVar[_Clients] = trio.lowlevel.RunVar("adjourn.actors.httpclient")


@asynccontextmanager
async def keep_clients() -> AsyncGenerator[None]:
    """Within the block the exchanges of this trio run share a client a provider; the last such block closes them."""
    import_module("httpx")  # now, when nobody waits: it takes a tenth of a second
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
    """One request and its response, as it comes. `aclose` it, whatever happens."""

    def __init__(self, provider: Provider, base_url: str) -> None:
        self._provider, self._base_url = provider, base_url
        self._own: httpx.AsyncClient | None = None  # where nobody keeps clients
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None  # as they come off the network
        self._inflater: Inflater | None = None  # of a compressed body
        self._socket: httpcore.AsyncNetworkStream | None = None  # that was opened for this exchange
        self._socket_is_ours = False  # no connection has it in its care yet

    async def send(self, request: HTTPRequest, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
        """Send it, and wait for the head of the response: its status, and its headers, with names in lower case.

        Raises: NetworkFault."""
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
            raise NetworkFault(f"{self._base_url} sent a body in {encoding}, which nobody had asked for", "terminal")
        return response.status_code, dict(response.headers)

    async def chunk(self) -> bytes | None:
        """The next piece of the body, as the network gives it; None at the end. Raises: NetworkFault."""
        assert self._chunks is not None
        try:
            if self._inflater is None:
                return await anext(self._chunks, None)
            return await _inflated(self._chunks, self._inflater)
        except Exception as error:
            raise self._fault(error) from None

    async def read(self, max_bytes: int, within_s: float) -> bytes:
        """The body, or its beginning, as far as it comes within that time."""
        body = bytearray()
        with trio.move_on_after(within_s), suppress(NetworkFault):
            while len(body) < max_bytes and (chunk := await self.chunk()) is not None:
                body += chunk
        return bytes(body[:max_bytes])

    async def aclose(self, *, drain: bool = False) -> None:
        """Close the connection, at once. With `drain` it may be used again, if the rest of the body comes within
        `DRAIN_S`. Shield it."""
        # httpx reads through a stack of generators, which end in good order by an exception from below alone: the
        # cancellation of the read. A read that is cancelled closes the connection.
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
        """httpcore (1.0.9) forgets the socket of a TLS handshake that is cancelled."""
        if event.endswith("connect_tcp.complete"):
            self._socket, self._socket_is_ours = info["return_value"], True
        elif event.endswith("start_tls.started"):  # also through a proxy, which was connected before
            self._socket_is_ours = True
        elif event.endswith("send_request_headers.started"):
            self._socket_is_ours = False

    def _fault(self, error: Exception) -> NetworkFault:
        import httpx

        at, provider = self._base_url, self._provider
        said = str(error) or type(error).__name__
        match error:
            case httpx.ConnectTimeout():
                text = f"{at} did not let us connect within {provider.connect_timeout_s:g} s"
            case httpx.ReadTimeout():
                text = f"nothing came from {at} for {provider.idle_timeout_s:g} s"
            case httpx.WriteTimeout():
                text = f"{at} took nothing of the request for {provider.write_timeout_s:g} s"
            case httpx.ConnectError():
                text = _unreachable(error, at, provider)
            case httpx.ProxyError():
                text = f"the proxy before {at}: {said}"
            case zlib.error():
                text = f"what {at} sent can't be decompressed: {said}"
            case httpx.UnsupportedProtocol() | httpx.LocalProtocolError() | httpx.InvalidURL():
                return NetworkFault(f"no request can be made to {at}: {said}", "terminal")
            case httpx.HTTPError() | httpx.StreamError():
                text = f"the connection to {at} broke: {said}"
            case ImportError() | ValueError() | OSError() if self._response is None:
                return NetworkFault(f"no request can be made to {at}: {said}", "terminal")
            case _:  # what httpcore let through
                text = f"the connection to {at} broke: {type(error).__name__}: {said}"
        return NetworkFault(text, "transient")


async def _inflated(chunks: AsyncIterator[bytes], inflater: Inflater) -> bytes | None:
    """The next piece of a compressed body, which may be empty. None at the end."""
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
    """The error, and what is behind it."""
    yield error
    inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())  # of a group
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
        mounts=dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]")),  # no proxy to this machine itself
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none: calls know nothing of each other
        headers={"user-agent": "adjourn", "accept-encoding": "identity"},
        follow_redirects=False,  # keys would go along
    )


def _tells_no_headers(record: logging.LogRecord) -> bool:
    """At DEBUG hpack writes all headers into the log, and httpcore those of responses: keys too, where a server says
    them back."""
    if record.levelno > logging.DEBUG:
        return True
    return record.name.startswith("httpcore.") and not record.getMessage().startswith(_TELL_HEADERS)


@cache
def _tls() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()  # reads hundreds of certificates: 20 ms
