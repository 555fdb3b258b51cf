"""Who may come in over HTTP: the gateway's own rules, asked of each request, in front of the app. No routes here.

A page of a strange origin, and a name that isn't this server's, are refused before anything else is looked at. Without
an authenticator only this machine is served.
"""

import logging
from collections.abc import Iterable
from http import HTTPStatus

import trio
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ...protocol.errors import AdjournError, Unauthorized
from ...protocol.loopback import is_loopback
from ..core.faults import foreign_error, internal_error
from ..gateway.access import (
    Authenticator,
    Credentials,
    Principal,
    is_own_host,
    is_welcome_origin,
    parse_origins,
    token_of,
)
from .problems import PROBLEM_TYPE, HttpRefusal, problem, status_of

__all__ = ["Door", "refusal"]

logger = logging.getLogger("adjourn.web")

OPEN_PATHS = ("/healthz", "/openapi.json")  # nothing of any run is told there
PRINCIPAL = "adjourn.principal"  # where a request's scope has who sent it


def refusal(error: AdjournError | HttpRefusal) -> Response:
    """The response that tells an error."""
    if isinstance(error, HttpRefusal):
        return Response(problem(error), error.status, error.headers, PROBLEM_TYPE)
    headers = {"www-authenticate": "Bearer"} if isinstance(error, Unauthorized) else {}
    if error.retryable:
        headers["retry-after"] = "1"
    return Response(problem(error), status_of(error), headers, PROBLEM_TYPE)


class Door:
    """An ASGI app around another: it passes on who is let in, and answers everyone else.

    Raises: InvalidParams for `origins` that aren't any.
    """

    def __init__(
        self, app: ASGIApp, *, authenticator: Authenticator | None, host: str | None, origins: Iterable[str]
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._host, self._origins = host, parse_origins(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check_source(Headers(scope=scope))
            scope[PRINCIPAL] = await self._identify(scope)
        except (AdjournError, HttpRefusal) as error:
            await refusal(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_source(self, headers: Headers) -> None:
        """Raises: HttpRefusal."""
        if not is_welcome_origin(headers.get("origin"), self._origins):
            raise HttpRefusal(HTTPStatus.FORBIDDEN, f"pages of origin {headers['origin']!r} may not use this server")
        if not is_own_host(headers.get("host", ""), self._host, self._origins):
            raise HttpRefusal(HTTPStatus.MISDIRECTED_REQUEST, f"{headers.get('host')!r} is no name of this server")

    async def _identify(self, scope: Scope) -> Principal | None:
        """Who sent the request; None: anonymous. Raises: Unauthorized, InternalError, HttpRefusal."""
        peer = _peer(scope)
        if self._authenticator is None:
            if not is_loopback(peer):
                raise HttpRefusal(HTTPStatus.FORBIDDEN, "without an authenticator only this machine is served")
            return None
        if scope["path"].removeprefix(scope.get("root_path", "")) in OPEN_PATHS:
            return None
        headers = dict(Headers(scope=scope))
        where, task = f"the authentication of {peer}", trio.lowlevel.current_task()
        try:
            principal = await self._authenticator(Credentials(token_of(headers, ()), headers, peer))
        except BaseException as raised:  # noqa: ASYNC103  # foreign_error raises what is ours
            raise internal_error(foreign_error(raised, where, logger, task=task), where, logger) from None
        if principal is None:
            logger.warning("refused %s: not authenticated", peer)
            raise Unauthorized("expected a token that is known here, as Authorization: Bearer")
        return principal


def principal_of(request: Request) -> Principal | None:
    """Who sent a request that was let in; None: anonymous."""
    return request.scope[PRINCIPAL]


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
