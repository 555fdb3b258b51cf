"""The options that only `adjourn serve` has; loads the served module."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import trio
import typer

from ...protocol.errors import InvalidParams
from ..agent import Agent
from .durations import parse_duration
from .loading import load_agents
from .logs import LogFormat
from .reaching import gateway_url
from .reloading import restart_process, wait_changed
from .screen import clean
from .serving import Place
from .tracebacks import traceback_of

if TYPE_CHECKING:
    from ..middleware.prometheus import PrometheusMetrics

__all__ = ["Format", "Lease", "NodeUrl", "Origins", "PublicUrl", "Reload", "WithMetrics", "loaded", "metrics_of"]

Origins = Annotated[
    list[str] | None,
    typer.Option(
        "--origin",
        envvar="ADJOURN_ORIGIN",
        show_default=False,
        help="Origin of web pages that may connect, as https://example.org. Repeat the option for several; "
        "separate them by spaces in the variable.",
    ),
]
Format = Annotated[
    LogFormat | None,
    typer.Option(
        "--log-format",
        envvar="ADJOURN_LOG_FORMAT",
        show_default="text, or the module's own",
        help="Format of adjourn's log on stderr. Without it, a module that configures logging gets the log.",
    ),
]
Reload = Annotated[
    bool,
    typer.Option("--reload", envvar="ADJOURN_RELOAD", help="Restart when a Python file below this folder changes."),
]
WithMetrics = Annotated[
    bool,
    typer.Option("--metrics", envvar="ADJOURN_METRICS", help="Serve /metrics for Prometheus over HTTP."),
]
NodeUrl = Annotated[
    str | None,
    typer.Option(
        envvar="ADJOURN_NODE_URL",
        parser=gateway_url,
        metavar="URL",
        show_default="where it listens",
        help="Where other processes that share the store reach this one: ws://HOST:PORT.",
    ),
]


def _public_url(given: str) -> str:
    """Returns the URL unchanged. Raises: typer.BadParameter unless a browser can open it."""
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise typer.BadParameter(f"expected http://HOST:PORT or https://HOST, got {given!r}")
    return given


PublicUrl = Annotated[
    str | None,
    typer.Option(
        envvar="ADJOURN_PUBLIC_URL",
        parser=_public_url,
        metavar="URL",
        show_default="where it listens, if that is loopback",
        help="Where browsers reach this process, as https://one.example.org. An open page goes on here when its own "
        "process, which shares the store, dies. --origin must name that page.",
    ),
]


def _lease(text: str) -> float:
    """Returns the seconds of a lease. Raises: typer.BadParameter."""
    seconds = parse_duration(text)
    if not 0 < seconds < math.inf:
        raise typer.BadParameter(f"a lease must end; expected 1s or longer, got {text!r}")
    return seconds


Lease = Annotated[
    float | None,
    typer.Option(
        envvar="ADJOURN_LEASE",
        parser=_lease,
        metavar="DURATION",
        show_default="10s",
        help="How long a lease lasts: others that share the store continue the runs of this process then, if it dies.",
    ),
]


def loaded(address: str, before: dict[Path, float] | None) -> list[Agent]:
    """Returns the agents at an address.

    `before`: the files' last modification times, for a server that reloads: if the module fails, it waits for the next
    change and restarts. None: the server does not reload.
    """
    try:
        return load_agents(address)
    except InvalidParams as error:
        for line in () if error.__cause__ is None else traceback_of(error.__cause__):
            typer.echo(clean(line), err=True)
        if before is None:
            raise
        typer.echo(f"adjourn: {clean(error.message)}; waiting for a change", err=True)
        trio.run(wait_changed, Path.cwd(), before)
    restart_process()


def metrics_of(place: Place) -> "PrometheusMetrics":
    """Returns the metrics for a server's /metrics. Raises: typer.BadParameter without HTTP or the extra."""
    if place.http_port is None:
        raise typer.BadParameter(
            "/metrics needs HTTP: install the extra `web`, and omit --no-http", param_hint="--metrics"
        )
    try:
        from ..middleware.prometheus import PrometheusMetrics
    except ImportError as error:
        raise typer.BadParameter(str(error), param_hint="--metrics") from error
    return PrometheusMetrics()
