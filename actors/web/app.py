"""Builds the ASGI app, and turns errors into HTTP responses. `routes.py` has the handlers."""

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from http import HTTPStatus
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ...protocol import codec
from ...protocol.errors import AdjournError, InvalidParams
from ...protocol.misspelt import names_parameters
from ..core.faults import internal_error
from ..gateway.access import Authenticator, Authorizer
from ..gateway.limits import GatewayLimits
from ..gateway.peers import Peers
from ..gateway.sessions import Sessions
from ..runtime.system import ActorSystem
from .entry import OPEN_PATHS, Entry, refusal
from .page_files import page_files, page_of_nodes
from .problems import HttpRefusal
from .routes import Handler, Metrics, Routes
from .socket import Sockets

__all__ = ["web_app"]

logger = logging.getLogger("adjourn.web")

LOOPBACK = r"https?://(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?"  # pages of this machine
EXPOSED = ("X-Run-Id", "Location", "Link", "ETag", "Retry-After")


@names_parameters
def web_app(
    system: ActorSystem,
    *,
    authenticator: Authenticator | None = None,
    authorizer: Authorizer | None = None,
    origins: Iterable[str] = (),
    allow_credentials: bool = False,
    host: str | None = None,
    limits: GatewayLimits | None = None,
    page: bool = True,
    metrics: Metrics | None = None,
    peers: Peers | None = None,
) -> Entry:
    """Returns an ASGI app that serves a system's runs over HTTP, alone or mounted in another app. It runs on trio.

    The gateway's protocol is at `/ws`, a page for people at `/`. If you run it on a server of your own, call the app's
    `leave()` before that server stops.

    Args:
        authenticator: says who a client is, from `Authorization: Bearer`. None: anonymous access, from this machine
            only.
        authorizer: says whether a client may perform an `Action`, as for the gateway. None: everything is allowed.
        origins: web pages that may use the app, besides those of this machine, as `https://example.org`. They are the
            CORS allow-list, and their host names are names of this server. The page may connect to them when it loses
            this node of a shared store.
        allow_credentials: lets pages of other origins send cookies, for an authenticator that reads cookies.
        host: another name of this server, if it is bound to one.
        limits: the gateway's limits; the message size here limits a request's body.
        page: serves the page, at `/`, `/page/` and `/js/`, without authentication. It is the same for everyone.
        metrics: answers `/metrics`, such as a `PrometheusMetrics`. It is called with the request's `Accept` header and
            returns the body and its content type. The authorizer is asked for the method `metrics`. None: no such path.
        peers: how to ask the other nodes of a shared store about their runs, as for the gateway.

    Raises: InvalidParams.
    """
    allowed = tuple(origins)
    if "*" in allowed:
        raise InvalidParams("origins: expected each one by name: `*` would let any page decide")
    limits = limits or GatewayLimits()
    if peers is not None and authenticator is not None:
        authenticator = peers.recognizing(authenticator)
    sessions = Sessions(system, authorizer, limits, peers)
    handlers = Routes(system, sessions, limits, metrics).table()
    files: Mapping[str, Handler] = page_files() if page else {}
    handlers |= {path: {"GET": file} for path, file in files.items()}
    if page and peers is not None and system.runtime.tenure.is_shared:
        handlers["/"] = {"GET": page_of_nodes(page_files()["/"], allowed)}
    cors = partial(
        CORSMiddleware,
        allow_origins=allowed,
        allow_origin_regex=LOOPBACK,
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=("Authorization", "Content-Type", "Last-Event-ID", "If-None-Match"),
        allow_credentials=allow_credentials,
        expose_headers=EXPOSED,
    )
    app = Starlette(
        routes=[_route(path, verbs) for path, verbs in handlers.items()],
        exception_handlers={HTTPException: _http_error},
    )
    return Entry(
        cors(app),
        Sockets(sessions),
        cors=cors,
        authenticator=authenticator,
        open_paths=OPEN_PATHS | files.keys(),
        host=host,
        origins=allowed,
        limits=limits,
    )


def _route(path: str, handlers: Mapping[str, Handler]) -> Route:
    verbs = [*handlers, *(["HEAD"] if "GET" in handlers else []), "OPTIONS"]
    allow = ", ".join(verbs)

    async def endpoint(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers={"allow": allow})
        handler = handlers["GET" if request.method == "HEAD" else request.method]
        try:
            return await handler(request)
        except (AdjournError, HttpRefusal) as error:
            return refusal(error)
        except codec.CodecError as error:
            return refusal(InvalidParams(str(error), errors=[{"path": error.path, "message": error.message}]))
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it
        except Exception as error:
            return refusal(internal_error(error, f"{request.method} {request.url.path}", logger))

    return Route(path, endpoint, methods=verbs)


async def _http_error(request: Request, error: Exception) -> Response:
    """Turns Starlette's own refusals (no such path, no such verb) into problem documents."""
    found = cast(HTTPException, error)
    return refusal(HttpRefusal(HTTPStatus(found.status_code), found.detail, **(found.headers or {})))
