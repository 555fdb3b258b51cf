"""The registry: which runs are in memory, and which are on their way in. How one is brought in is `activation.py`'s.

A run enters as a supervised child; it leaves when it is over, when it has been parked for long, or with the system.
"""

from collections.abc import Callable

import trio

from ...protocol.codec import MAX_INT
from ...protocol.errors import ShuttingDown, StaleEpoch
from ...protocol.record import Head
from ...protocol.transitions import Input
from ...stores.base import Store
from ..core.supervisor import ChildSpec, Supervisor
from .log_cache import LogCache
from .resting import Resting
from .run_actor import RunActor
from .run_count import RunCount
from .run_state import GONE
from .tenure import Tenure

__all__ = ["Registry"]


class Registry:
    """The runs in memory, by id. `resting` takes parked ones out of memory.

    `tell_lost` is called when there is a new one in `lost`, `deleted` with the head of a run that was deleted.
    """

    def __init__(
        self,
        store: Store,
        supervisor: Supervisor,
        count: RunCount,
        resting: Resting,
        *,
        tenure: Tenure,
        tell_lost: Callable[[], None],
        deleted: Callable[[Head], None],
    ) -> None:
        self.active: dict[str, RunActor] = {}
        self.opening: dict[str, trio.Event] = {}  # runs on their way in; set when that is over
        self.logs = LogCache(store, self.active, resting, tenure)
        self.activations = 0
        self._store, self._supervisor, self._count, self._resting = store, supervisor, count, resting
        self._tenure, self._tell_lost, self._deleted = tenure, tell_lost, deleted
        self.lost: set[str] = set()  # runs whose actor has gone although they go on; the sweeper brings them back
        self._deleted_seq = 0  # the largest number that a run deleted here had
        self._closing = False
        self._rested = trio.Event()  # a run has come to rest
        self._leave_rested = self._passivate_rested  # bound once for all runs: each parked one holds it

    @property
    def is_closing(self) -> bool:
        """Whether nothing enters memory any more."""
        return self._closing

    def check_open(self) -> None:
        """Check that new work is taken. Raises: StaleEpoch, ShuttingDown."""
        self._tenure.check()
        if self._closing:
            raise ShuttingDown("this process is leaving; what it holds is saved")

    def single_flight(self, run_id: str) -> "Flight":
        """A block in which `run_id` is on its way in: others find it in `opening` and wait."""
        return Flight(self.opening, run_id)

    def seq_above_namesakes(self, now: int) -> int:
        """The number above which the events of a run begin whose id may have been that of a deleted one. `now` in ms.

        A watcher who knows the numbers of the deleted run must be below, and so gets a snapshot, after a restart too.
        So it is the time in microseconds: no run has a thousand events a millisecond for long.
        """
        return max(min(now * 1000, MAX_INT // 2), self._deleted_seq + 1)

    def enter(self, actor: RunActor) -> None:
        """Start the run's actor. Raises: ShuttingDown."""
        self.check_open()
        head = actor.state.head
        self.activations += 1
        spec: ChildSpec[Input] = ChildSpec(
            name=f"{head.id}/{self.activations}",
            start=actor,
            restart="temporary",
            shutdown_s=0,
            cancel=actor.cancel,
            reserved=actor.state.history.spec.limits.max_concurrent_tools + 8,
        )
        actor.ended = self._ended
        actor.ref = self._supervisor.start_child(spec)
        self.active[head.id] = actor
        self.logs.keep(actor.state.log)
        actor.state.log.share.add(actor.weight)

    async def delete(self, head: Head) -> None:
        """Delete a run that is over. Its watchers finish with what they have."""
        self._deleted_seq = max(self._deleted_seq, head.seq)
        try:
            await self._store.delete(head.id, epoch=self._tenure.epoch)
        except StaleEpoch as refusal:
            self._tenure.end(refusal)
            raise
        self.logs.forget(head.id)
        self._deleted(head)

    def passivate(self, actor: RunActor) -> None:
        """Take a run out of memory if it is parked and nothing is under way; else it will park again."""
        if actor.is_idle:
            actor.leave()
            self.left(actor)

    def _passivate_rested(self, run_id: str) -> None:
        actor = self.active.get(run_id)
        if actor is not None:
            self.passivate(actor)

    async def drain(self) -> None:
        """Refuse new work from now on, and wait until nothing is under way: no run on its way in, none that works."""
        self._closing = True
        while self.opening:
            await next(iter(self.opening.values())).wait()
        while not all(actor.at_rest for actor in self.active.values()):
            self._rested = trio.Event()
            await self._rested.wait()

    async def wait_empty(self) -> None:
        """Wait until no run is in memory."""
        while self.active:
            self._rested = trio.Event()
            await self._rested.wait()

    def rested(self, run_id: str) -> None:
        """Note that a run has parked."""
        if run_id in self.active:
            self._resting.add(run_id, self._leave_rested)
        self._rested.set()

    def leave(self) -> None:
        """Close all logs, and take every run out of memory: what is saved is what the next owner finds."""
        self._closing = True
        self.logs.close()
        for actor in tuple(self.active.values()):
            actor.leave()

    def _ended(self, actor: RunActor) -> None:
        """Note that a run's actor has ended."""
        run_id = actor.state.head.id
        if actor.is_lost and not self._closing and self.active.get(run_id) is actor:
            self.lost.add(run_id)
            self._tell_lost()
        self.left(actor)

    def left(self, actor: RunActor) -> None:
        """Note that a run is no longer in memory, also where its actor can't end yet (a tool shields itself)."""
        actor.state.carrier = GONE  # else the two would keep each other alive
        head = actor.state.head
        if self.active.get(head.id) is actor:
            del self.active[head.id]
            self._count.left(head)
            self._rested.set()
            self._resting.remove(head.id)
            actor.state.log.share.add(-actor.weight)
            self.logs.release(actor.state.log)


class Flight:
    """A run's way into memory, one at a time."""

    __slots__ = ("_opened", "_opening", "_run_id")

    def __init__(self, opening: dict[str, trio.Event], run_id: str) -> None:
        self._opening, self._run_id = opening, run_id

    def __enter__(self) -> None:
        self._opened = self._opening[self._run_id] = trio.Event()

    def __exit__(self, *error: object) -> None:
        del self._opening[self._run_id]
        self._opened.set()
