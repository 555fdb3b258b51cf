"""Runs a server: an actor system and its gateway, until a signal. Prints nothing: `app.py` does."""

import errno
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

import trio

from ...protocol.errors import InvalidParams
from ...protocol.events import Status
from ...protocol.loopback import is_loopback
from ...protocol.record import Head
from ..agent import Agent
from ..gateway.peers import Peers
from ..gateway.server import GatewayLimits, serve_gateway, token_authenticator
from ..models.httpmodel import HTTPModel, ProviderError
from ..runtime.system import ActorSystem, open_actor_system
from .leaving import bounded_departure

__all__ = ["GRACE_S", "LEASE_S", "Metrics", "Place", "Ready", "serve"]

logger = logging.getLogger("adjourn.cli")

Metrics = Callable[[str], tuple[bytes, str]]  # as `web_app` takes them

CHECK_S = 2.0  # time for an Ollama server to list its models, at the start
MAX_COUNTED = 1000
LEASE_S = 10.0  # of this process in a store that several share
BEATS = 5  # renewals in a lease
DRAIN_S = 5.0  # time for model and tool calls to end, when the process is asked to stop
GRACE_S = 2.0  # further time, before the process ends by force


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen, and which clients may connect."""

    host: str
    port: int  # 0: a free one
    token: str | None = field(default=None, repr=False)
    http_port: int | None = None  # 0: a free one; None: no HTTP. HTTP needs the extra `web`
    origins: tuple[str, ...] = ()  # of web pages that may connect, besides loopback
    metrics: Metrics | None = None  # makes the answer of /metrics
    node_url: str | None = None  # where other nodes of the store reach the gateway; None: where it listens
    public_url: str | None = None  # where browsers reach the page; None: where it listens, if that is loopback


@dataclass(frozen=True, slots=True)
class Ready:
    """A listening server: its URLs, and the runs in its store. Counts stop at `MAX_COUNTED`."""

    url: str
    http_url: str | None  # None: no HTTP
    going_on: int  # runs that the last process did not finish; they go on now
    waiting: int  # runs that wait for a decision or a client
    stranded: int  # runs of either kind whose agent or tool isn't loaded


async def serve(
    agents: Sequence[Agent],
    *,
    store: str,
    place: Place,
    ready: Callable[[Ready], None],
    stopping: Callable[[], None],
    meanwhile: Callable[[str], Awaitable[None]] | None = None,
    takes_interrupts: bool = False,
    lease_s: float = LEASE_S,
    drain_s: float = DRAIN_S,
    grace_s: float = GRACE_S,
) -> None:
    """Serves until SIGTERM or SIGINT, or until `meanwhile(url)` returns.

    If `meanwhile` `takes_interrupts`, SIGINT does not stop the server.

    To stop, the server calls `stopping`, tells its clients, and gives model and tool calls `drain_s` seconds to end.
    Everything is saved. If the process still runs `grace_s` seconds later, it exits with `leaving.FORCED`. A second
    signal ends it at once. In both cases the next start recovers the runs.

    Raises: as `open_actor_system` and `serve_gateway`; InvalidParams if it can't listen.
    """
    stop = trio.Event()
    numbers = (signal.SIGTERM,) if takes_interrupts else (signal.SIGTERM, signal.SIGINT)
    with trio.open_signal_receiver(*numbers) as signals, bounded_departure(drain_s + grace_s, *numbers) as departure:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch_signals, signals, stop, stopping)
            clients = trio.CancelScope()
            async with open_actor_system(
                agents, store=store, drain_s=drain_s, lease_s=lease_s, beat_s=lease_s / BEATS
            ) as system:
                departure.of(system)
                try:
                    system.watch_changes(_tell_failed)
                    await _check_models(agents)
                    counts = await _count(system)
                    listen = partial(_serve_clients, system, place, clients, lease_s=lease_s, close_s=drain_s)
                    # Entered before the system's block, so that the clients are told while the system stops.
                    url, http_url = await nursery.start(listen)
                    ready(Ready(url, http_url, *counts))
                    await _until(stop, meanwhile and partial(meanwhile, url))
                finally:
                    departure.begin()
                    clients.cancel()  # clients are told while calls of the runs end
            nursery.cancel_scope.cancel()


async def _serve_clients(  # noqa: ASYNC114, ASYNC128  # says when both listen
    system: ActorSystem,
    place: Place,
    scope: trio.CancelScope,
    *,
    lease_s: float,
    close_s: float,
    task_status: trio.TaskStatus[tuple[str, str | None]],
) -> None:
    """Serves over WebSocket, and over HTTP if the place has a port for HTTP, until `scope` is cancelled."""
    options = {
        "host": place.host,
        # The clients share the token too, so nodes must not ask in others' names with it.
        "peers": Peers(place.token, names_clients=False, lease_s=lease_s),
        "authenticator": token_authenticator(place.token) if place.token else None,
        "limits": GatewayLimits(close_s=close_s),
        "origins": (*place.origins, *_own_origins(place)),
    }
    with scope:
        async with trio.open_nursery() as nursery:
            with _listening(place.host, place.port, "--port"):
                gateway = await nursery.start(partial(serve_gateway, system, port=place.port, **options))
            http_url = None
            if place.http_port is not None:
                from ..web import serve_web  # needs the extra `web`

                with _listening(place.host, place.http_port, "--http-port"):
                    serve_http = partial(serve_web, system, port=place.http_port, metrics=place.metrics, **options)
                    http = await nursery.start(serve_http)
                http_url = http.url
            _announce(system, place, gateway.url, http_url)
            task_status.started((gateway.url, http_url))


def _own_origins(place: Place) -> Iterator[str]:
    """Yields the origins of the node's URLs, because the gateway refuses requests to a name that no origin has."""
    for url in (place.node_url, place.public_url):
        if url is not None:
            parts = urlsplit(url)
            yield f"{parts.scheme.replace('ws', 'http')}://{parts.netloc}"


def _announce(system: ActorSystem, place: Place, url: str, http_url: str | None) -> None:
    """Tells the other nodes of the store where this one is reached, also by browsers."""
    web_url = place.public_url or (http_url if is_loopback(place.host) else None)
    if place.node_url is not None or not ip_address(urlsplit(url).hostname or "").is_unspecified:
        system.announce(place.node_url or url, web_url=web_url)
    elif system.runtime.tenure.is_shared:
        logger.warning("other servers that share the store can't reach this one: give --node-url ws://HOST:PORT")


@contextmanager
def _listening(host: str, port: int, option: str) -> Generator[None]:
    """Turns an OSError of the block, which listens, into InvalidParams."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            why = f"another process uses it, maybe another adjourn; {option} 0 picks a free port"
        raise InvalidParams(f"cannot listen on {host}:{port}: {why}") from error


async def _until(stop: trio.Event, meanwhile: Callable[[], Awaitable[None]] | None) -> None:
    async with trio.open_nursery() as nursery:

        async def body() -> None:
            if meanwhile is not None:
                await meanwhile()
                stop.set()

        nursery.start_soon(body)
        await stop.wait()
        nursery.cancel_scope.cancel()


async def _watch_signals(signals: AsyncIterator[int], stop: trio.Event, stopping: Callable[[], None]) -> None:
    async for _ in signals:
        if not stop.is_set():
            stop.set()
            stopping()


def _tell_failed(head: Head, deleted: bool) -> None:
    """Logs a failed run, with its cause."""
    if head.status == "failed" and not deleted:
        cause = "" if head.error is None else f": {head.error.message}"
        logger.error("the run failed (%s)%s", head.reason, cause, extra={"run": head.id, "agent": head.agent})


async def _check_models(agents: Sequence[Agent]) -> None:
    """Logs what would make model calls fail and can be checked now: a missing key, a missing model."""
    async with trio.open_nursery() as nursery:
        for agent in agents:
            if isinstance(agent.language_model, HTTPModel):
                nursery.start_soon(_check_model, agent.name, agent.language_model)


async def _check_model(agent_name: str, model: HTTPModel) -> None:
    with trio.move_on_after(CHECK_S):
        try:
            await model.check()
        except ProviderError as error:
            logger.warning("agent %s can't ask its model: %s", agent_name, error)


async def _count(system: ActorSystem) -> tuple[int, int, int]:
    statuses: tuple[Status, Status] = ("running", "paused")
    pages = [await system.list(status=status, limit=MAX_COUNTED) for status in statuses]
    counts = [0, 0, 0]
    for place, page in enumerate(pages):
        for head in page.heads:
            counts[2 if await system.stranded(head) else place] += 1
    return counts[0], counts[1], counts[2]
