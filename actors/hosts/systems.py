"""A system for other threads: a blocking version, and one for asyncio."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from ...protocol.bounds import Bounds
from ...protocol.tree import ActorTree
from ..agent import Agent
from ..runtime.run import Run
from ..runtime.system import ActorSystem
from ..runtime.system_statistics import SystemStatistics
from .asgi import AsgiApp, AsgiBridge
from .runs import AsyncioRun, BlockingRun
from .verbs import Hosted, awaited, blocking

__all__ = ["AsyncioSystem", "BlockingSystem"]

P = ParamSpec("P")


class _HostedSystem(Hosted[ActorSystem]):
    __slots__ = ()

    @property
    def agents(self) -> Mapping[str, Agent]:
        """The agents whose runs can be started, by name."""
        return self.inner.agents

    @property
    def bounds(self) -> Bounds:
        """Size limits of values from outside. As `ActorSystem.bounds`."""
        return self.inner.bounds

    @property
    def blocking(self) -> "BlockingSystem":
        """The same system, with blocking methods."""
        return BlockingSystem(self.thread, self.inner)

    @property
    def asyncio(self) -> "AsyncioSystem":
        """The same system, with methods for asyncio."""
        return AsyncioSystem(self.thread, self.inner)


def _blocking_start(
    start: Callable[Concatenate[ActorSystem, P], Awaitable[Run]],
) -> Callable[Concatenate[_HostedSystem, P], BlockingRun]:
    begin = blocking(start)

    @wraps(start)
    def started(self: _HostedSystem, /, *args: P.args, **options: P.kwargs) -> BlockingRun:
        return BlockingRun(self.thread, begin(self, *args, **options))

    return started


def _awaited_start(
    start: Callable[Concatenate[ActorSystem, P], Awaitable[Run]],
) -> Callable[Concatenate[_HostedSystem, P], Coroutine[Any, Any, AsyncioRun]]:
    begin = awaited(start)

    @wraps(start)
    async def started(self: _HostedSystem, /, *args: P.args, **options: P.kwargs) -> AsyncioRun:
        return AsyncioRun(self.thread, await begin(self, *args, **options))

    return started


async def _announce(system: ActorSystem, url: str, *, web_url: str | None = None) -> None:  # noqa: ASYNC910
    """As `ActorSystem.announce`."""
    system.announce(url, web_url=web_url)


async def _statistics(system: ActorSystem) -> SystemStatistics:  # noqa: ASYNC910
    """Returns what the system holds in memory now."""
    return system.statistics()


async def _observe(system: ActorSystem, *, limit: int = 1000, depth: int = 32) -> ActorTree:  # noqa: ASYNC910
    """Returns the living actors as plain data. As `ActorSystem.observe`."""
    return system.observe(limit=limit, depth=depth)


class BlockingSystem(_HostedSystem):
    """An `ActorSystem` with blocking methods. Any thread except the system's own may use it."""

    __slots__ = ()

    def run(self, run_id: str) -> BlockingRun:
        """Returns a handle on a run, without checking that the run exists: the handle's methods do."""
        return BlockingRun(self.thread, self.inner.run(run_id))

    start = _blocking_start(ActorSystem.start)
    resume = blocking(ActorSystem.resume)
    decline = blocking(ActorSystem.decline)
    claim = blocking(ActorSystem.claim)
    unclaim = blocking(ActorSystem.unclaim)
    result = blocking(ActorSystem.result)
    abort = blocking(ActorSystem.abort)
    delete = blocking(ActorSystem.delete)
    get = blocking(ActorSystem.get)
    head = blocking(ActorSystem.head)
    list = blocking(ActorSystem.list)
    stranded = blocking(ActorSystem.stranded)
    timeline = blocking(ActorSystem.timeline)
    wait_lost = blocking(ActorSystem.wait_lost)
    observe = blocking(_observe)
    announce = blocking(_announce)
    nodes = blocking(ActorSystem.nodes)
    statistics = blocking(_statistics)


class AsyncioSystem(_HostedSystem):
    """An `ActorSystem` for asyncio. Any asyncio loop may use it.

    Cancelling one of its methods also cancels it on the system's thread, and returns when it has ended there. Changes
    that were saved before remain: a cancelled `start` may have started its run.
    """

    __slots__ = ()

    def run(self, run_id: str) -> AsyncioRun:
        """Returns a handle on a run, without checking that the run exists: the handle's methods do."""
        return AsyncioRun(self.thread, self.inner.run(run_id))

    def asgi(self, app: Callable[[ActorSystem], AsgiApp]) -> AsgiBridge:
        """Makes a trio ASGI app usable in an asyncio server: `api.mount("/agents", system.asgi(web_app))`.

        `app` is called once, on the system's thread, with the `ActorSystem`. To pass options:
        `functools.partial(web_app, authenticator=...)`.

        Raises: what `app` raises; ShuttingDown, RuntimeError, as all methods here.
        """

        async def made() -> AsgiApp:  # noqa: ASYNC910
            return app(self.inner)

        return AsgiBridge(self.thread, self.thread.block_briefly(made))

    start = _awaited_start(ActorSystem.start)
    resume = awaited(ActorSystem.resume)
    decline = awaited(ActorSystem.decline)
    claim = awaited(ActorSystem.claim)
    unclaim = awaited(ActorSystem.unclaim)
    result = awaited(ActorSystem.result)
    abort = awaited(ActorSystem.abort)
    delete = awaited(ActorSystem.delete)
    get = awaited(ActorSystem.get)
    head = awaited(ActorSystem.head)
    list = awaited(ActorSystem.list)
    stranded = awaited(ActorSystem.stranded)
    timeline = awaited(ActorSystem.timeline)
    wait_lost = awaited(ActorSystem.wait_lost)
    observe = awaited(_observe)
    announce = awaited(_announce)
    nodes = awaited(ActorSystem.nodes)
    statistics = awaited(_statistics)
