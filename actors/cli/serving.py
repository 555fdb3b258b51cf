"""A process that serves: an actor system and its gateway, from start to a signal. What is printed is `app.py`'s."""

import errno
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import trio

from ...protocol.errors import InvalidParams
from ...protocol.events import Status
from ..agent import Agent
from ..gateway.server import Gateway, GatewayLimits, serve_gateway, token_authenticator
from ..runtime.system import ActorSystem, open_actor_system
from .leaving import bounded_departure

__all__ = ["GRACE_S", "Place", "Ready", "serve"]

MAX_COUNTED = 1000
DRAIN_S = 5.0  # for what is under way to come to rest, when the process is asked to stop
GRACE_S = 2.0  # beyond that, before the process ends by force


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen, and what clients have to show there."""

    host: str
    port: int  # 0: a free one
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """What there is to say when the gateway listens. Counts stop at `MAX_COUNTED`."""

    url: str
    going_on: int  # runs that the last process left in the middle; they go on now
    waiting: int  # runs that wait for a decision, or for a client
    stranded: int  # of both, those whose agent isn't loaded


async def serve(
    agents: Sequence[Agent],
    *,
    store: str,
    place: Place,
    ready: Callable[[Ready], None],
    stopping: Callable[[], None],
    meanwhile: Callable[[str], Awaitable[None]] | None = None,
    drain_s: float = DRAIN_S,
    grace_s: float = GRACE_S,
) -> None:
    """Serve until SIGTERM or SIGINT, or, with `meanwhile(url)`, until that returns or SIGTERM comes.

    Then `stopping` is called, and at the same time the clients are told and what is under way gets `drain_s` seconds to
    come to rest; everything is saved. What would hold the process for `grace_s` seconds more is left behind: the
    process exits, with `leaving.FORCED`. Another signal ends it at once. In both cases the runs are recovered at the
    next start.

    Raises: what `open_actor_system` and `serve_gateway` raise; InvalidParams where it can't listen.
    """
    stop = trio.Event()
    numbers = (signal.SIGTERM,) if meanwhile else (signal.SIGTERM, signal.SIGINT)
    with trio.open_signal_receiver(*numbers) as signals, bounded_departure(drain_s + grace_s, *numbers) as departure:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch_signals, signals, stop, stopping)
            clients = trio.CancelScope()
            async with open_actor_system(agents, store=store, drain_s=drain_s) as system:
                departure.of(system)
                try:
                    counts = await _count(system)
                    listen = partial(_serve_clients, system, place, clients, close_s=drain_s)
                    # Outside of the system's block on purpose: the two are left at the same time.
                    gateway: Gateway = await nursery.start(listen)
                    ready(Ready(gateway.url, *counts))
                    await _until(stop, meanwhile and partial(meanwhile, gateway.url))
                finally:
                    departure.begin()
                    clients.cancel()  # they are told while the runs come to rest
            nursery.cancel_scope.cancel()


async def _serve_clients(  # noqa: ASYNC114, ASYNC128  # the gateway says when it has started
    system: ActorSystem,
    place: Place,
    scope: trio.CancelScope,
    *,
    close_s: float,
    task_status: trio.TaskStatus[Gateway],
) -> None:
    with scope:
        try:
            await serve_gateway(
                system,
                host=place.host,
                port=place.port,
                authenticator=token_authenticator(place.token) if place.token else None,
                limits=GatewayLimits(close_s=close_s),
                task_status=task_status,
            )
        except OSError as error:
            raise InvalidParams(f"cannot listen on {place.host}:{place.port}: {_why(error)}") from error


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


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "something else does, maybe another adjourn; --port 0 picks a free port"
    return error.strerror or str(error)


async def _count(system: ActorSystem) -> tuple[int, int, int]:
    statuses: tuple[Status, Status] = ("running", "paused")
    pages = [await system.list(status=status, limit=MAX_COUNTED) for status in statuses]
    counts = [0, 0, 0]
    for place, page in enumerate(pages):
        for head in page.heads:
            counts[2 if await system.stranded(head) else place] += 1
    return counts[0], counts[1], counts[2]
