"""A process that serves: an actor system and its gateway, from start to a signal. What is printed is `cli.py`'s."""

import errno
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import trio

from ...protocol.errors import InvalidParams
from ...protocol.events import Status
from ..agent import Agent
from ..gateway.server import Gateway, serve_gateway, token_authenticator
from ..runtime.system import ActorSystem, open_actor_system

__all__ = ["Place", "Ready", "serve"]

MAX_COUNTED = 1000


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
) -> None:
    """Serve until SIGTERM or SIGINT, or, with `meanwhile(url)`, until that returns or SIGTERM comes.

    Then `stopping` is called, the clients are told, what is under way gets some seconds to come to rest, and everything
    is saved. Another signal ends the process at once: its runs are recovered at the next start.

    Raises: what `open_actor_system` and `serve_gateway` raise; InvalidParams where it can't listen.
    """
    stop = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, *(() if meanwhile else (signal.SIGINT,))) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch_signals, signals, stop, stopping)
            async with open_actor_system(agents, store=store) as system:
                await _serve(system, stop, place, ready, meanwhile)
            nursery.cancel_scope.cancel()


async def _serve(
    system: ActorSystem,
    stop: trio.Event,
    place: Place,
    ready: Callable[[Ready], None],
    meanwhile: Callable[[str], Awaitable[None]] | None,
) -> None:
    counts = await _count(system)
    authenticator = token_authenticator(place.token) if place.token else None
    listen = partial(serve_gateway, system, host=place.host, port=place.port, authenticator=authenticator)
    async with trio.open_nursery() as nursery:
        try:
            gateway: Gateway = await nursery.start(listen)
        except OSError as error:
            raise InvalidParams(f"cannot listen on {place.host}:{place.port}: {_why(error)}") from error
        ready(Ready(gateway.url, *counts))
        await _until(stop, meanwhile and partial(meanwhile, gateway.url))
        nursery.cancel_scope.cancel()


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
    async for number in signals:
        if stop.is_set():
            os._exit(128 + number)
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
