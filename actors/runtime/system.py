"""The actor system: what a program or the gateway calls to start, list and reach runs, in memory or not.

A method on one run calls the same method of its handle, in `run.py`. `registry.py` has the runs in memory.
"""

import logging
import os
import platform
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from ...protocol.bounds import Bounds
from ...protocol.errors import AgentNotFound, InvalidParams
from ...protocol.events import Status
from ...protocol.limits import RunLimits
from ...protocol.messages import Message
from ...protocol.methods import Aborted, RunSnapshot, Timeline
from ...protocol.misspelt import names_parameters
from ...protocol.options import ModelOptions
from ...protocol.parts import PART_BYTES
from ...protocol.record import Head
from ...protocol.transitions import Reply
from ...protocol.tree import ActorTree
from ...stores.address import open_store
from ...stores.base import Page, Store
from ...stores.shared import Node, SharedStore
from ..agent import Agent
from ..core.child import SupervisorSpec
from ..core.loops import check_trio
from ..core.supervisor import Supervisor, open_supervisor
from ..tools.hostloop import HostLoop
from .actor_tree import ActorTrees
from .eventlog import EventLog
from .membership import Membership
from .registry import RUNS
from .run import Run
from .runtime import Runtime
from .system_statistics import SystemStatistics
from .tenure import SoleTenure, Tenure
from .upstream import Dial
from .wallclock import WallClock, steady_clock
from .watchdog import watched

__all__ = ["ActorSystem", "open_actor_system"]

logger = logging.getLogger("adjourn.system")


class ActorSystem:
    """The runs of one store, and the agents that they may use. Open it with `open_actor_system`.

    `runtime` has the system's parts, for tests and debugging; they may change with any version.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._web_url: str | None = None

    @property
    def agents(self) -> Mapping[str, Agent]:
        """The loaded agents, by name."""
        return self.runtime.agents

    @property
    def bounds(self) -> Bounds:
        """The size bounds of values from outside. For inputs and results: the largest bound of any loaded agent."""
        return self.runtime.bounds

    @property
    def supervisor(self) -> Supervisor:
        """The supervisor of the system's own actors. A program may start actors of its own below it.

        They stop with the system, and `observe` shows them. Their restarts count towards its limit: when it gives up,
        the system ends with RestartIntensityExceeded. Start a supervisor of your own below it for another limit.
        """
        return self.runtime.supervisor

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
        """Begins a run and returns its handle; the run is saved then. A text `input` is one user message.

        `run_id`: makes the call safe to repeat: the same agent, input, `by`, `after`, `options` and `limits` return the
        same run.
        `after`: the id of a run to continue from. Its messages, at most the system's `max_history_bytes`, come before
        the input.
        `options`: for this run's model calls; fields left at their default come from the agent's options. They are
        recorded, so they also apply after a restart. Headers are never recorded, so they are refused here.
        `limits`: for this run alone, recorded with it. Limits looser than the agent's raise InvalidParams, and so does
        `max_cost` if the model has no prices.

        Raises: AgentNotFound, InvalidParams, LimitExceeded, RunIdConflict, RunNotFound (of `after`), StoreUnavailable,
            ShuttingDown.
        """
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
        """Returns the handle on a run without looking it up: its methods raise RunNotFound if there is no such run."""
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
        """Decides a gated call. As `Run.resume`."""
        return await self.run(run_id).resume(decision, tool_call_id, by=by, digest=digest, arguments=arguments)

    async def decline(
        self, run_id: str, tool_call_id: str | None = None, *, reason: str | None = None, by: str | None = None
    ) -> Reply:
        """Declines a gated call. As `Run.decline`."""
        return await self.run(run_id).decline(tool_call_id, reason=reason, by=by)

    async def claim(self, run_id: str, tool_call_id: str, *, claimant: str | None = None, by: str | None = None) -> str:
        """Claims a client-side call. As `Run.claim`."""
        return await self.run(run_id).claim(tool_call_id, claimant=claimant, by=by)

    async def unclaim(self, run_id: str, tool_call_id: str, token: str, *, by: str | None = None) -> Reply:
        """Gives a claimed call back. As `Run.unclaim`."""
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
        """Gives the result of a claimed call. As `Run.result`."""
        return await self.run(run_id).result(tool_call_id, token, result, is_error=is_error, by=by)

    async def abort(self, run_id: str, reason: str = "aborted", *, by: str | None = None) -> Aborted:
        """Ends a run. As `Run.abort`."""
        return await self.run(run_id).abort(reason, by=by)

    async def delete(self, run_id: str) -> None:
        """Deletes a run, after aborting it if it is not over. As `Run.delete`."""
        await self.run(run_id).delete()

    async def get(self, run_id: str) -> RunSnapshot:
        """Returns the whole visible state of a run. As `Run.get`."""
        return await self.run(run_id).get()

    async def timeline(self, run_id: str, start: int = 0, *, max_bytes: int = PART_BYTES) -> Timeline:
        """Returns a page of what happened in a run. As `Run.timeline`."""
        return await self.run(run_id).timeline(start, max_bytes=max_bytes)

    async def head(self, run_id: str) -> Head:
        """Returns a run's head, without its messages. As `Run.head`."""
        return await self.run(run_id).head()

    async def log(self, run_id: str) -> EventLog:
        """Returns a run's event log, to be watched at once. As `Run.log`."""
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
        """Returns a page of heads, newest first. Filters: `status`; `agent`; `waiting`: only runs with a call that
        waits for a decision or a client.

        Raises: InvalidParams, StoreUnavailable, StaleEpoch.
        """
        self.runtime.tenure.check()
        store = self.runtime.store
        return await store.list(status=status, agent=agent, waiting=waiting, limit=limit, after=after)

    async def stranded(self, head: Head) -> str | None:
        """Returns why a run can't continue in this process, as text for people; None if it can.

        Loads the record only if the agent has changed since the run began.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable, StaleEpoch.
        """
        self.runtime.tenure.check()
        is_known, fault = self.runtime.contracts.quick_fault(head)
        return fault if is_known else await self.run(head.id).stranded()

    def watch_changes(
        self, watcher: Callable[[Head, bool], None], missed: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Calls `watcher(head, deleted)` after each save and deletion; returns the function that stops this.

        The watcher must neither wait nor raise.

        Args:
            watcher: called with the run's head, and whether the run was deleted.
            missed: watch what other nodes of a shared store change too: some milliseconds later, or without hints up to
                a second. A watcher sees the latest state of a run, and may see it twice. `missed` is called when some
                of these changes are lost, for example because the store did not answer: then list the runs again. It
                must neither wait nor raise.
        """
        return self.runtime.changes.watch(watcher, missed)

    def announce(self, url: str, *, web_url: str | None = None) -> None:
        """Tells the other nodes of a shared store at which URLs this one is. Without effect in other stores.

        Args:
            url: the `ws://` URL at which other nodes reach this system's gateway.
            web_url: the `http://` or `https://` URL at which browsers reach this system's `web_app`. Clients of all
                nodes can read it. None: a page whose node is lost doesn't connect to this one.
        """
        tenure = self.runtime.tenure
        if isinstance(tenure, Membership):
            self._web_url = web_url
            tenure.announce(url)

    @property
    def web_url(self) -> str | None:
        """The URL for browsers that was announced, if any."""
        return self._web_url

    async def nodes(self) -> Sequence[Node]:
        """Returns the other live nodes of a shared store; none in other stores. Raises: StoreUnavailable."""
        tenure = self.runtime.tenure
        if not isinstance(tenure, Membership):
            return ()
        return [node for node in await tenure.store.nodes() if node.id != tenure.node.id]

    def watch_nodes(self, dial: Dial) -> None:
        """Gives watchers here each event of the runs that other nodes of a shared store own, as it is published.

        Without this call, and while the other node can't be reached, they get a snapshot after each save, up to a
        second late. Gateways call this for `Peers`. Without effect in other stores.

        Args:
            dial: returns an async context manager that connects to the gateway at a URL, and gives a `Client` or any
                object with its method `events`. Each node has one connection, while runs of that node are watched here.
        """
        if self.runtime.follower is not None:
            self.runtime.follower.dial = dial

    def is_active(self, run_id: str) -> bool:
        """Whether the run is in memory here."""
        return run_id in self.runtime.registry.active

    async def wait_lost(self) -> None:
        """Waits until another process has become the store's owner, which makes this system useless.

        The system notices this when the store refuses a write. From then on all methods, watchers and waiting tasks
        raise StaleEpoch, and no run is in memory.

        Raises: StaleEpoch, always.
        """
        await self.runtime.tenure.wait_over()
        self.runtime.tenure.check()

    def under_way(self) -> tuple[Head, ...]:
        """Returns the heads of the runs that shutting down would wait for. Safe to call from any thread."""
        actors = tuple(self.runtime.registry.active.values())
        return tuple(actor.state.head for actor in actors if not actor.at_rest)

    def observe(self, *, limit: int = 1000, depth: int = 32) -> ActorTree:
        """Returns the living actors as plain data: the system's own, those of the program, and the runs in memory.

        The tree is cut as `Supervisor.observe` says. Nothing waits, so call this again to follow the tree.

        Raises: ValueError.
        """
        runtime = self.runtime
        root = runtime.supervisor.observe(limit=limit, depth=depth)
        return ActorTrees(runtime.registry, runtime.contracts, runtime.now()).of(root)

    def statistics(self) -> SystemStatistics:
        """Returns what the system holds in memory now."""
        registry, budget = self.runtime.registry, self.runtime.resting.budget
        logs = registry.logs.live.keys() | registry.logs.recent.keys()
        return SystemStatistics(
            active_runs=len(registry.active),
            kept_logs=len(logs - registry.active.keys()),
            held_bytes=budget.held,
            budget_bytes=budget.max_bytes,
        )

    async def close_store(self) -> None:
        """Closes the store without waiting for runs, for a forced exit: nothing is saved any more."""
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
    """Checks that no tool needs an asyncio loop. Raises: InvalidParams."""
    for agent in agents:
        for tool in agent.tools:
            if tool.loop is not None:
                raise InvalidParams(
                    f"agent {agent.name!r}: tool {tool.spec.name} is declared with loop='asyncio', and there is no "
                    "asyncio loop here to execute it in. Open the system in a program on asyncio, with `async with "
                    "open_threaded_system(...)`; or write the tool for trio, or as a sync function"
                )


async def _open_models(agents: Iterable[Agent], stack: AsyncExitStack) -> None:
    """Opens what models keep between calls, such as connections, until the stack closes."""
    for model in {id(agent.language_model): agent.language_model for agent in agents}.values():
        opened: Callable[[], AbstractAsyncContextManager[object]] | None = getattr(model, "opened", None)
        if opened is not None:
            await stack.enter_async_context(opened())


async def _tenure(store: Store, lease_s: float, beat_s: float) -> Tenure:
    """Becomes the store's owner, or one of the nodes of a shared store. Raises: StoreUnavailable, InvalidParams."""
    if not (store.claims.shared and isinstance(store, SharedStore)):
        return SoleTenure(store, await store.acquire(f"{platform.node()}:{os.getpid()}"))
    if not 0 < 3 * beat_s <= lease_s:
        raise InvalidParams(f"beat_s: expected at most a third of lease_s ({lease_s:g}), got {beat_s:g}")
    membership = Membership(store, lease_s, beat_s)
    await membership.join()
    return membership


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
    lease_s: float = 10.0,
    beat_s: float = 2.0,
    bounds: Bounds | None = None,
    clock: Callable[[], float] | None = None,
    host_loop: HostLoop | None = None,
) -> AsyncGenerator[ActorSystem]:
    """Opens a store and executes its runs until the block ends.

    Runs that were running when the last owner died continue by themselves; parked ones stay in the store until a
    message comes. Leaving the block refuses new work, waits up to `drain_s` seconds for running runs to park or end,
    and leaves the others to the next owner's recovery. Leaving it by an error or cancellation does not wait. No task
    is left running.

    If another process becomes the store's owner, everything raises StaleEpoch: see `ActorSystem.wait_lost`.

    A PostgreSQL or Valkey store is shared: each system that opens it is a node, which owns the runs in its memory.
    While a node lives, its runs raise RunElsewhere in other systems, where reading and watching them still works.

    Args:
        agents: the agents that runs may use. A stored run whose agent is missing is `stranded`: it stays unchanged.
        store: an open store, or an address (`memory:`, `sqlite:///runs.db`, `postgresql://user@host/database`,
            `valkey://user@host/0`) to open for the block.
        drain_s: seconds that leaving the block waits for running runs.
        passivate_after_s: seconds that a parked run, or the log of an ended one, stays in memory.
        cleanup_s: seconds that an aborted run waits for a blocking tool's thread before it abandons it.
        max_threads: how many blocking tools execute at once.
        max_runs: how many runs may be unfinished, parked ones included; above it, no new run begins.
        memory_budget_bytes: about how much memory runs and their logs may take. Above it, parked runs and logs of ended
            ones leave memory at once, the longest at rest first. Running and watched runs count, but stay.
        max_history_bytes: the largest transcript, as JSON, that a run may continue from (`after`).
        store_timeout_s: seconds after which a call of the store raises StoreUnavailable, up to a quarter late. A
            store that hangs can't block the program, not even when the block ends.
        lease_s: in a store that several systems share, seconds until this system's lease ends, if it is not renewed.
            Then the others continue its runs.
        beat_s: seconds between two renewals of the lease; at most a third of `lease_s`.
        bounds: the largest metadata, decisions, edited arguments and reasons. The agent's `Limits` bound inputs and
            results.
        clock: returns seconds since the epoch, for tests. None: the machine's clock through a `WallClock`, which
            ignores a jump of more than a minute until it has lasted three minutes.
        host_loop: executes tools declared with `loop="asyncio"`; `open_threaded_system` provides it.

    Raises: InvalidParams for a tool whose loop is missing or an invalid address; RuntimeError outside of trio;
        StoreInUse, StoreUnavailable, StoreCorrupt, StoreTooNew.
    """
    check_trio("open_actor_system")
    known = _by_name(agents)
    if host_loop is None:
        _check_loops(known.values())
    async with AsyncExitStack() as stack:
        if isinstance(store, str):
            store = await stack.enter_async_context(open_store(store))
        await stack.enter_async_context(watched(store, store_timeout_s))  # first, so also while the store is released
        tenure = await _tenure(store, lease_s, beat_s)
        stack.push_async_callback(tenure.leave)  # called when no run is in memory any more
        await _open_models(known.values(), stack)
        supervisor = await stack.enter_async_context(open_supervisor())
        await supervisor.start_supervisor(SupervisorSpec(RUNS, restart="temporary"))
        runtime = Runtime(
            store,
            known,
            supervisor,
            tenure=tenure,
            clock=clock or WallClock(time.time, steady_clock()).read,
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
