"""Admission over HTTP: the gateway's rules, checked for each request before the app gets it. No routes here.

Checks Origin and Host first: a page of a foreign origin, and a wrong server name, are refused. Without an authenticator
only clients on this machine are served.
"""

import logging
from collections.abc import Callable, Iterable, Set
from http import HTTPStatus

import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ...protocol.errors import AdjournError, Unauthorized
from ...protocol.loopback import is_loopback
from ..core.loops import MOUNTED, check_trio
from ..gateway.access import Authenticator, Principal
from ..gateway.door import Door, Guest
from ..gateway.identity import identify
from ..gateway.limits import GatewayLimits
from ..gateway.refusal import Refusal
from ..gateway.source import Sources
from ..gateway.sparse_log import SparseLog
from .problems import PROBLEM_TYPE, HttpRefusal, problem, status_of
from .socket import Sockets, refuse_socket

__all__ = ["OPEN_PATHS", "Entry", "principal_of", "refusal"]

logger = logging.getLogger("adjourn.web")

OPEN_PATHS = frozenset({"/healthz", "/openapi.json"})  # these tell nothing about runs
SOCKET_PATH = "/ws"
PRINCIPAL = "adjourn.principal"  # key of the request's principal in its scope


def refusal(error: AdjournError | HttpRefusal) -> Response:
    """Returns the HTTP response for an error."""
    if isinstance(error, HttpRefusal):
        return Response(problem(error), error.status, error.headers, PROBLEM_TYPE)
    headers = {"www-authenticate": "Bearer"} if isinstance(error, Unauthorized) else {}
    if error.retryable:
        headers["retry-after"] = "1"
    return Response(problem(error), status_of(error), headers, PROBLEM_TYPE)


class Entry:
    """Wraps an ASGI app: passes admitted requests on, and answers all others. WebSockets go to `sockets`.

    Requests for `open_paths` need no authentication, and neither do a browser's preflight requests, which carry no
    token. `cors` wraps the answers to clients that are not authenticated, so that pages of other origins can read them.

    Raises: InvalidParams for invalid `origins`.
    """

    def __init__(
        self,
        app: ASGIApp,
        sockets: Sockets,
        *,
        cors: Callable[[ASGIApp], ASGIApp],
        authenticator: Authenticator | None,
        open_paths: Set[str],
        host: str | None,
        origins: Iterable[str],
        limits: GatewayLimits,
    ) -> None:
        self._app, self._sockets, self._cors = app, sockets, cors
        self._authenticator = authenticator
        self._open_paths = open_paths
        self._sources = Sources(host, origins)
        self._door = Door(limits, trio.current_time)
        self._log = SparseLog(logger, trio.current_time)

    def leave(self) -> None:
        """Closes all WebSockets, because the server is about to stop."""
        self._sockets.leave()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admits a request, or refuses it. Until it is answered, a request counts as a connection."""
        check_trio("web_app", MOUNTED)
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        address = _address(scope)
        guest = self._door.enter(address)
        if isinstance(guest, Refusal):
            text = "refused %s: %s (GatewayLimits.%s)"
            self._log.warning(guest.limit, text, address, guest.message, guest.limit)
            await _turn_away(guest, scope, receive, send)
            return
        try:
            guest.handshake_over()
            await self._let_in(guest, address, scope, receive, send)
        finally:
            guest.leave()

    async def _let_in(self, guest: Guest, address: str, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(address, scope)
        if refused is not None:
            self._log.warning(refused.status, "refused %s: %s", address, refused.message)
            await _turn_away(refused, scope, receive, send)
            return
        found = await self._identify(guest, address, scope)
        if scope["type"] == "websocket":
            await self._sockets.serve(found, address, scope, receive, send)
        elif isinstance(found, AdjournError):
            await self._cors(refusal(found))(scope, receive, send)
        else:
            scope[PRINCIPAL] = found
            await self._app(scope, receive, send)

    def _refusal(self, address: str, scope: Scope) -> Refusal | None:
        """Returns why a request is refused before its sender is known; None if it is not."""
        if self._authenticator is None and not is_loopback(address):
            return Refusal(HTTPStatus.FORBIDDEN, "without an authenticator, only clients on this machine are served")
        if scope["type"] == "websocket" and _path(scope) != SOCKET_PATH:
            return Refusal(HTTPStatus.NOT_FOUND, f"WebSockets are at {SOCKET_PATH}")
        return self._sources.refusal(scope["http_version"], scope["headers"])

    async def _identify(self, guest: Guest, address: str, scope: Scope) -> Principal | AdjournError | None:
        """Returns who sent the request; None: anonymous; or the error for the client."""
        if self._authenticator is None or _path(scope) in self._open_paths or _is_preflight(scope):
            return None
        offered = scope.get("subprotocols", ())
        return await identify(self._authenticator, guest, self._log, address, scope["headers"], offered)


def _is_preflight(scope: Scope) -> bool:
    """Whether this is a CORS preflight request, which browsers send without a token. It reaches no route."""
    names = {name for name, _ in scope["headers"]}
    return scope.get("method") == "OPTIONS" and names >= {b"origin", b"access-control-request-method"}


async def _turn_away(refused: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await refuse_socket(refused, scope, receive, send)
    else:
        await _told(refused)(scope, receive, send)


def _told(refused: Refusal) -> Response:
    headers = {} if refused.retry_after_s is None else {"retry-after": str(refused.retry_after_s)}
    return refusal(HttpRefusal(HTTPStatus(refused.status), refused.message, **headers))


def principal_of(request: Request) -> Principal | None:
    """Returns who sent an admitted request; None: anonymous."""
    return request.scope[PRINCIPAL]


def _path(scope: Scope) -> str:
    return scope["path"].removeprefix(scope.get("root_path", ""))


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
