"""The actor system: the verbs by which a program, or a gateway, reaches any run, in memory or not.

Each verb on a run is the one of its handle in `run.py`; which runs are in memory is `registry.py`'s business.
"""

import logging
import os
import platform
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import trio

from ...protocol.bounds import Bounds
from ...protocol.errors import AgentNotFound, InvalidParams, StaleEpoch
from ...protocol.events import Status
from ...protocol.limits import RunLimits
from ...protocol.messages import Message
from ...protocol.methods import Aborted, RunSnapshot, Timeline
from ...protocol.misspelt import names_parameters
from ...protocol.options import ModelOptions
from ...protocol.parts import PART_BYTES
from ...protocol.record import Head
from ...protocol.transitions import Reply
from ...stores.address import open_store
from ...stores.base import Page, Store
from ..agent import Agent
from ..core.loops import check_trio
from ..core.supervisor import open_supervisor
from ..tools.hostloop import HostLoop
from .eventlog import EventLog
from .run import Run
from .runtime import Runtime
from .system_statistics import SystemStatistics
from .tenure import Tenure
from .wallclock import WallClock, steady_clock
from .watchdog import watched

__all__ = ["ActorSystem", "open_actor_system"]

logger = logging.getLogger("adjourn.system")

RELEASE_S = 5.0  # for the store to take note that its owner leaves


class ActorSystem:
    """The runs of one store, and the agents that they may be of. Open it with `open_actor_system`.

    `runtime` has the parts that it is made of, for tests and for who looks inside; they may change with any version.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @property
    def agents(self) -> Mapping[str, Agent]:
        """The agents that runs may be of, by name."""
        return self.runtime.agents

    @property
    def bounds(self) -> Bounds:
        """The most that values from outside may take; of inputs and results, the most that any agent here allows."""
        return self.runtime.bounds

    async def start(
        self,
        agent: Agent | str,
        input: str | Sequence[Message],  # noqa: A002  # the wire's word
        *,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        by: str | None = None,
        after: str | None = None,
        options: ModelOptions | None = None,
        limits: RunLimits | None = None,
    ) -> Run:
        """Begin a run; it is saved when this returns. Text stands for one user message.

        With a `run_id` of your own the call may be repeated: the same agent, input, `by`, `after`, `options` and
        `limits` give the same run.
        `after`: the id of a run that this one goes on from: all that was said in it stands before the input, at most
        the system's `max_history_bytes`.
        `options`: of this run's model calls. What they leave at its default is the agent's. They are recorded, so they
        hold after a restart too; headers are not recorded, and so not taken here.
        `limits`: of this run alone, recorded with it. They only tighten the agent's: looser ones are InvalidParams, as
        is a `max_cost` for a model without prices.

        Raises: AgentNotFound, InvalidParams, LimitExceeded, RunIdConflict, RunNotFound (of `after`), StoreUnavailable,
            ShuttingDown.
        """
        self.runtime.registry.check_open()
        begun = await self.runtime.activation.start(
            self._agent(agent),
            input,
            run_id=run_id,
            metadata=metadata or {},
            by=by,
            after=after,
            options=options,
            limits=limits,
        )
        return self.run(begun)

    def run(self, run_id: str) -> Run:
        """A handle on a run, whether it exists or not: its methods will tell."""
        return Run(self.runtime, run_id)

    async def resume(
        self,
        run_id: str,
        decision: Any,
        tool_call_id: str | None = None,
        *,
        by: str | None = None,
        digest: str | None = None,
        arguments: dict[str, Any] | None = None,
    ) -> Reply:
        """Decide a gated call. As `Run.resume`."""
        return await self.run(run_id).resume(decision, tool_call_id, by=by, digest=digest, arguments=arguments)

    async def decline(
        self, run_id: str, tool_call_id: str | None = None, *, reason: str | None = None, by: str | None = None
    ) -> Reply:
        """Say no to a gated call. As `Run.decline`."""
        return await self.run(run_id).decline(tool_call_id, reason=reason, by=by)

    async def claim(self, run_id: str, tool_call_id: str, *, claimant: str | None = None, by: str | None = None) -> str:
        """Take a client-side call. As `Run.claim`."""
        return await self.run(run_id).claim(tool_call_id, claimant=claimant, by=by)

    async def unclaim(self, run_id: str, tool_call_id: str, token: str, *, by: str | None = None) -> Reply:
        """Give a claimed call back. As `Run.unclaim`."""
        return await self.run(run_id).unclaim(tool_call_id, token, by=by)

    async def result(
        self,
        run_id: str,
        tool_call_id: str,
        token: str,
        result: Any,
        *,
        is_error: bool = False,
        by: str | None = None,
    ) -> Reply:
        """Give the result of a claimed call. As `Run.result`."""
        return await self.run(run_id).result(tool_call_id, token, result, is_error=is_error, by=by)

    async def abort(self, run_id: str, reason: str = "aborted", *, by: str | None = None) -> Aborted:
        """Stop a run for good. As `Run.abort`."""
        return await self.run(run_id).abort(reason, by=by)

    async def delete(self, run_id: str) -> None:
        """Delete a run; one that isn't over is aborted first. As `Run.delete`."""
        await self.run(run_id).delete()

    async def get(self, run_id: str) -> RunSnapshot:
        """The whole visible state of a run. As `Run.get`."""
        return await self.run(run_id).get()

    async def timeline(self, run_id: str, start: int = 0, *, max_bytes: int = PART_BYTES) -> Timeline:
        """A page of what happened in a run. As `Run.timeline`."""
        return await self.run(run_id).timeline(start, max_bytes=max_bytes)

    async def head(self, run_id: str) -> Head:
        """Where a run stands, without what was said in it. As `Run.head`."""
        return await self.run(run_id).head()

    async def log(self, run_id: str) -> EventLog:
        """A run's event log, for watching it at once. As `Run.log`."""
        return await self.run(run_id).log()

    async def list(
        self,
        *,
        status: Status | None = None,
        agent: str | None = None,
        waiting: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """A page of heads, newest first: of runs in a status, of an agent, that wait for somebody's decision.

        Raises: InvalidParams, StoreUnavailable, StaleEpoch.
        """
        self.runtime.tenure.check()
        store = self.runtime.store
        return await store.list(status=status, agent=agent, waiting=waiting, limit=limit, after=after)

    async def stranded(self, head: Head) -> str | None:
        """Why a run can't go on here, in words for people; None if it can.

        The record is loaded only where the agent has changed since the run began.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable, StaleEpoch.
        """
        self.runtime.tenure.check()
        is_known, fault = self.runtime.contracts.quick_fault(head)
        return fault if is_known else await self.run(head.id).stranded()

    def watch_changes(self, watcher: Callable[[Head, bool], None]) -> Callable[[], None]:
        """Call `watcher(head, deleted)` after each save; returns what ends it. The watcher must not wait."""
        return self.runtime.changes.watch(watcher)

    async def wait_lost(self) -> None:
        """Wait until another process has become the store's owner; this system is of no use then.

        It is noticed at the first write that the store refuses. From then on everything here raises StaleEpoch,
        watchers and waiters too, and all runs have left memory.

        Raises: StaleEpoch, always.
        """
        await self.runtime.tenure.wait_over()
        self.runtime.tenure.check()

    def under_way(self) -> tuple[Head, ...]:
        """The runs in memory that have not come to rest: what leaving the block waits for. Any thread may ask."""
        actors = tuple(self.runtime.registry.active.values())
        return tuple(actor.state.head for actor in actors if not actor.at_rest)

    def statistics(self) -> SystemStatistics:
        """What the system holds in memory now."""
        registry, budget = self.runtime.registry, self.runtime.resting.budget
        logs = registry.logs.live.keys() | registry.logs.recent.keys()
        return SystemStatistics(
            active_runs=len(registry.active),
            kept_logs=len(logs - registry.active.keys()),
            held_bytes=budget.held,
            budget_bytes=budget.max_bytes,
        )

    async def close_store(self) -> None:
        """Close the store under what is under way, for a process that ends by force: nothing is saved any more."""
        await self.runtime.store.aclose()

    def _agent(self, agent: Agent | str) -> Agent:
        name = agent if isinstance(agent, str) else agent.name
        known = self.agents.get(name)
        if known is None or (isinstance(agent, Agent) and known is not agent):
            names = ", ".join(sorted(self.agents)) or "none"
            raise AgentNotFound(f"there is no agent {name!r} here; known: {names}", agent=name)
        return known


def _by_name(agents: Iterable[Agent]) -> dict[str, Agent]:
    known: dict[str, Agent] = {}
    for agent in agents:
        if known.setdefault(agent.name, agent) is not agent:
            raise ValueError(f"two agents are called {agent.name!r}")
    return known


def _check_loops(agents: Iterable[Agent]) -> None:
    """Raises: InvalidParams for an agent with a tool that needs an asyncio loop, of which there is none."""
    for agent in agents:
        for tool in agent.tools:
            if tool.loop is not None:
                raise InvalidParams(
                    f"agent {agent.name!r}: tool {tool.spec.name} is declared with loop='asyncio', and there is no "
                    "asyncio loop here to execute it in. Open the system in a program on asyncio, with `async with "
                    "open_threaded_system(...)`; or write the tool for trio, or as a sync function"
                )


async def _open_models(agents: Iterable[Agent], stack: AsyncExitStack) -> None:
    """Give the models what they keep between calls, for as long as the stack."""
    for model in {id(agent.language_model): agent.language_model for agent in agents}.values():
        opened: Callable[[], AbstractAsyncContextManager[object]] | None = getattr(model, "opened", None)
        if opened is not None:
            await stack.enter_async_context(opened())


async def _release(store: Store, tenure: Tenure) -> None:
    """Leave the store in order, so that what goes on in its runs is no crash to the next owner."""
    if tenure.is_over:
        return
    with trio.move_on_after(RELEASE_S, shield=True):
        try:
            await store.release(tenure.epoch)
        except StaleEpoch as refusal:
            tenure.end(refusal)
        except Exception as error:
            logger.warning("the store does not take note that this process leaves in order: %s", error)


@names_parameters
@asynccontextmanager
async def open_actor_system(
    agents: Iterable[Agent] = (),
    *,
    store: Store | str = "memory:",
    passivate_after_s: float = 60.0,
    drain_s: float = 5.0,
    cleanup_s: float = 5.0,
    max_threads: int = 40,
    max_runs: int = 1_000_000,
    memory_budget_bytes: int = 64_000_000,
    max_history_bytes: int = 16_000_000,
    store_timeout_s: float = 15.0,
    bounds: Bounds | None = None,
    clock: Callable[[], float] | None = None,
    host_loop: HostLoop | None = None,
) -> AsyncGenerator[ActorSystem]:
    """The runs of a store, alive for as long as the block.

    Runs that were live when the last owner died go on by themselves; parked ones cost nothing until they are called.
    Leaving the block refuses new work, gives what is under way `drain_s` seconds to come to rest, and leaves the rest
    to the next owner's recovery. Left by an error or a cancellation, it doesn't wait. No task is left after it.

    Where another process becomes the store's owner, everything raises StaleEpoch: see `ActorSystem.wait_lost`.

    Args:
        agents: all that runs may be of; a stored run whose agent isn't here stays put, as `stranded`.
        store: an open store, or an address (`memory:`, `sqlite:///runs.db`) to open for the block.
        passivate_after_s: how long a parked run stays in memory, and the log of an ended one for who reconnects.
        cleanup_s: how long an aborted run waits for a blocking tool's thread before it leaves it behind.
        max_threads: how many blocking tools execute at once.
        max_runs: how many runs there may be that are not over, parked ones included; then no new one begins.
        memory_budget_bytes: how much the runs in memory and their logs may take, about. Above it, what has been at rest
            longest leaves memory at once. What is under way, or watched, stays, but it counts.
        max_history_bytes: how long the transcript may be that a run goes on from (`after`), as JSON.
        store_timeout_s: how long a call of the store may take, and a quarter of that more; then it raises
            StoreUnavailable, and what hangs holds nobody, on leaving the block neither.
        bounds: how much metadata, decisions, edited arguments and reasons may take. Inputs and results are bounded by
            their agent's `Limits`.
        clock: seconds since the epoch, for tests: it is taken as it is. None: the machine's, as a `WallClock`, which
            believes a jump by more than a minute only after three minutes.
        host_loop: where tools execute that were declared with `loop="asyncio"`; `open_threaded_system` gives it.

    Raises: InvalidParams, for a tool whose loop is missing or an address that is none; RuntimeError outside of trio;
        StoreInUse, StoreUnavailable, StoreCorrupt, StoreTooNew.
    """
    check_trio("open_actor_system")
    known = _by_name(agents)
    if host_loop is None:
        _check_loops(known.values())
    async with AsyncExitStack() as stack:
        if isinstance(store, str):
            store = await stack.enter_async_context(open_store(store))
        await stack.enter_async_context(watched(store, store_timeout_s))  # also while the store is left
        acquired = await store.acquire(f"{platform.node()}:{os.getpid()}")
        tenure = Tenure(acquired.epoch)
        stack.push_async_callback(_release, store, tenure)  # when all runs have left
        await _open_models(known.values(), stack)
        supervisor = await stack.enter_async_context(open_supervisor())
        runtime = Runtime(
            store,
            known,
            supervisor,
            tenure=tenure,
            is_clean=acquired.is_clean,
            clock=clock or WallClock(time.time, steady_clock()),
            passivate_after_s=passivate_after_s,
            cleanup_s=cleanup_s,
            max_threads=max_threads,
            max_runs=max_runs,
            memory_budget_bytes=memory_budget_bytes,
            max_history_bytes=max_history_bytes,
            bounds=bounds or Bounds(),
            host_loop=host_loop,
        )
        await runtime.open()
        drain_now = 0.0
        try:
            yield ActorSystem(runtime)
            drain_now = drain_s
        finally:
            await runtime.close(drain_now)  # noqa: ASYNC102  # shielded and bounded inside
