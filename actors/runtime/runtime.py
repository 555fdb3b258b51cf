"""Builds the parts of one actor system and connects them. The handles in `run.py` and `system.py` use them."""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

import trio

from ...protocol.bounds import Bounds
from ...protocol.record import Head, Limits
from ...stores.base import Store
from ...stores.gil import thread_friendly
from ..agent import Agent
from ..core.mailbox import Mailbox
from ..core.supervisor import ChildSpec, Supervisor
from ..tools.hostloop import HostLoop
from ..tools.threads import Threads
from .activation import Activation
from .changes import Changes
from .contracts import Contracts
from .follower import Follower
from .keepalive import KeepAlive
from .lookout import Lookout
from .membership import Membership
from .memory_budget import MemoryBudget
from .recovery import Recovery
from .registry import RUNS, Registry
from .resting import Resting
from .run_count import RunCount
from .services import Services
from .sweeper import Alarm, Sweeper
from .takeover import Takeover
from .tenure import Tenure

__all__ = ["Runtime"]

logger = logging.getLogger("adjourn.system")

LEAVING_S = 1.0  # for cancelled runs to end; the log then names those that don't


class Runtime:
    """All parts of one system, for its handles and for tests.

    `supervisor`: of the system's own actors; it has a child `RUNS`, the supervisor of the runs.
    """

    def __init__(
        self,
        store: Store,
        agents: Mapping[str, Agent],
        supervisor: Supervisor,
        *,
        tenure: Tenure,
        clock: Callable[[], float],
        passivate_after_s: float,
        cleanup_s: float,
        max_threads: int,
        max_runs: int,
        memory_budget_bytes: int,
        max_history_bytes: int,
        bounds: Bounds,
        host_loop: HostLoop | None,
    ) -> None:
        self.store, self.agents, self.supervisor = store, agents, supervisor
        self.now = lambda: int(clock() * 1000)  # the time, in ms since the epoch
        self.bounds = _widened(bounds, agents.values())
        self._alarm = Alarm()
        self.changes = Changes()
        self.contracts = Contracts(agents)
        self.count = RunCount(store, max_runs)
        self.resting = Resting(MemoryBudget(memory_budget_bytes), passivate_after_s)
        self.tenure = tenure
        self.registry = Registry(
            store,
            supervisor.supervisor(RUNS),
            self.count,
            self.resting,
            tenure=tenure,
            tell_lost=self._alarm.ring,
            deleted=self.changes.deleted,
        )
        self.services = Services(
            store=store,
            now=self.now,
            tenure=tenure,
            changed=self._saved,
            rested=self.registry.rested,
            delete=self.registry.delete,
            threads=Threads(trio.CapacityLimiter(max_threads), friendly=thread_friendly),
            host_loop=host_loop,
            cleanup_s=cleanup_s,
        )
        self.activation = Activation(
            self.services,
            self.registry,
            self.contracts,
            self.count,
            self.bounds,
            tenure,
            max_history_bytes=max_history_bytes,
        )
        tenure.lost = self.registry.drop if tenure.is_shared else self.registry.leave
        self.sweeper = Sweeper(
            store, self.registry, self.activation, self._alarm, now=self.now, is_shared=tenure.is_shared
        )
        self.follower = Follower(tenure.store, self.registry.logs, tenure) if isinstance(tenure, Membership) else None
        self.keepalive = KeepAlive()
        self.thread_friendly = thread_friendly  # for other rooms that wait for a thread

    async def open(self) -> None:
        """Counts the runs, and starts the background actors. Raises: StoreUnavailable."""
        await self.count.read()
        for spec in (
            ChildSpec[None]("sweeper", self.sweeper.run, shutdown_s=0),
            ChildSpec[None]("resting", partial(self.resting.run, leave=self.registry.leave_memory), shutdown_s=0),
            ChildSpec[None]("keepalive", self.keepalive.run, shutdown_s=0),
            *self._ownership_chores(),
        ):
            self.supervisor.start_child(spec)

    def _ownership_chores(self) -> tuple[ChildSpec[None], ...]:
        recovery = Recovery(self.store, self.activation, self.contracts, self.changes, is_clean=self.tenure.is_clean)
        tenure = self.tenure
        if not isinstance(tenure, Membership) or self.follower is None:
            return (
                ChildSpec[None]("recovery", recovery.run, "transient", shutdown_s=0),
                ChildSpec[None]("tenure", self._stop_chores, "temporary", shutdown_s=0),
            )
        takeover = Takeover(tenure.store, tenure, recovery, tuple(self.agents), self.registry.in_memory)
        lookout = Lookout(tenure.store, self.changes)
        return (
            ChildSpec[None]("lease", tenure.run, shutdown_s=0),
            ChildSpec[None]("lease watch", tenure.watch, shutdown_s=0),
            ChildSpec[None]("takeover", takeover.run, shutdown_s=0),
            ChildSpec[None]("follower", self.follower.run, shutdown_s=0),
            ChildSpec[None]("lookout", lookout.run, shutdown_s=0),
        )

    async def close(self, drain_s: float) -> None:
        """Refuses new work, waits up to `drain_s` seconds for running runs, and takes every run out of memory."""
        with trio.move_on_after(drain_s, shield=True):
            await self.registry.drain()
        self.registry.leave()
        with trio.move_on_after(LEAVING_S, shield=True):
            await self.registry.wait_empty()
        for actor in self.registry.active.values():
            tools = ", ".join(actor.executing) or "no tool"
            logger.warning("this system can't close yet: run %s does not stop (%s)", actor.state.head.id, tools)

    def thread_friendly(self) -> AbstractContextManager[object]:
        """Returns a context manager in which other threads get Python's global lock even if this loop is busy."""
        return thread_friendly()

    async def _stop_chores(self, mailbox: Mailbox[None]) -> None:
        """The actor that stops the sweeper and recovery when the store gets another owner."""
        await self.tenure.wait_over()
        for name in ("sweeper", "recovery"):
            await self.supervisor.stop_child(name)

    def _saved(self, head: Head) -> None:
        if head.next_due is not None:
            self._alarm.note(head.next_due)
        self.changes.saved(head)


def _widened(bounds: Bounds, agents: Iterable[Agent]) -> Bounds:
    """Returns the bounds, with the largest input and result bounds of any agent."""
    limits = [agent.limits for agent in agents] or [Limits()]
    return replace(
        bounds,
        max_input_bytes=max(each.max_input_bytes for each in limits),
        max_result_bytes=max(each.max_result_bytes for each in limits),
    )
