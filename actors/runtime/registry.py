"""The registry of the runs in memory, and of those being activated (`activation.py`).

A run enters as a supervised child. It leaves when it is over, has been parked for long, or the system closes.
"""

from collections.abc import Callable

import trio

from ...protocol.codec import MAX_INT
from ...protocol.errors import ShuttingDown, StaleEpoch
from ...protocol.record import FINAL, Head
from ...protocol.transitions import Input
from ...stores.base import Store
from ..core.supervisor import ChildSpec, Supervisor
from .log_cache import LogCache
from .resting import Resting
from .run_actor import RunActor
from .run_count import RunCount
from .run_state import GONE
from .tenure import Tenure

__all__ = ["RUNS", "Registry"]

RUNS = "runs"  # the name of the supervisor of all runs


class Registry:
    """The runs in memory, by id: children of `supervisor`. `resting` takes parked ones out of memory.

    Calls `tell_lost` after adding a run to `lost`, and `deleted` with the head of a deleted run.
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
        self.opening: dict[str, Flight] = {}  # runs being activated
        self.logs = LogCache(store, self.active, self.opening, resting, tenure)
        self.activations = 0
        self._store, self._supervisor, self._count, self._resting = store, supervisor, count, resting
        self._tenure, self._tell_lost, self._deleted = tenure, tell_lost, deleted
        self.lost: set[str] = set()  # unfinished runs whose actor ended; the sweeper activates them again
        self._deleted_seq = 0  # the largest `seq` of any run deleted here
        self._closing = False
        self._rested: trio.Event | None = None  # set when a run parks or leaves; None until a task waits for it
        self._note_ended = self._ended  # one bound method for all runs, to save memory

    @property
    def is_closing(self) -> bool:
        """Whether new runs and activations are refused."""
        return self._closing

    def check_open(self) -> None:
        """Checks that new work is accepted. Raises: StaleEpoch, ShuttingDown."""
        self._tenure.check()
        if self._closing:
            raise ShuttingDown("this process is shutting down; its runs are saved")

    def single_flight(self, run_id: str) -> "Flight":
        """Returns a block that activates `run_id`: meanwhile others find the run in `opening` and wait."""
        return Flight(self.opening, run_id)

    def in_memory(self) -> list[str]:
        """Returns the ids of the runs that are in memory or being activated."""
        return [*self.active, *self.opening]

    def seq_above_namesakes(self, now: int) -> int:
        """Returns the `seq` above which a run's events begin if its id may have belonged to a deleted run.

        It is larger than any `seq` of the deleted run, so that a watcher of that run gets a snapshot. To hold after a
        restart too, it is the time in microseconds (`now`: ms): no run has 1,000 events a millisecond for long.
        """
        return max(min(now * 1000, MAX_INT // 2), self._deleted_seq + 1)

    def enter(self, actor: RunActor) -> None:
        """Starts the run's actor. Raises: ShuttingDown, StaleEpoch."""
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
        actor.ended = self._note_ended
        actor.ref = self._supervisor.start_child(spec)
        self.active[head.id] = actor
        self.logs.keep(actor.state.log)
        actor.state.log.share.add(actor.weight)

    def actor_named(self, name: str) -> RunActor | None:
        """Returns the run's actor that is the child of this name, if the run is in memory."""
        actor = self.active.get(name.rpartition("/")[0])
        return actor if actor is not None and actor.ref.name == name else None

    async def delete(self, head: Head) -> None:
        """Deletes a run that is over. Its watchers still get the events already in its log. Raises: StaleEpoch."""
        self._deleted_seq = max(self._deleted_seq, head.seq)
        try:
            await self._store.delete(head.id, epoch=self._tenure.epoch_to_delete(head))
        except StaleEpoch as refusal:
            self._tenure.refused(refusal)
            raise
        self.logs.forget(head.id)
        self._deleted(head)

    def passivate(self, actor: RunActor) -> None:
        """Takes a run out of memory if it is parked and idle. A busy run is added to `resting` when it parks again."""
        if actor.is_idle:
            actor.leave()
            self.left(actor)

    def leave_memory(self, run_id: str) -> None:
        """Takes a run, or the log of a run that is not in memory, out of memory after its time at rest."""
        actor = self.active.get(run_id)
        if actor is not None:
            self.passivate(actor)
        else:
            self.logs.drop_rested(run_id)

    async def drain(self) -> None:
        """Refuses new work from now on, and waits until no run is being activated and all are parked."""
        self._closing = True
        while self.opening:
            await next(iter(self.opening.values())).wait()
        while not all(actor.at_rest for actor in self.active.values()):
            self._rested = trio.Event()
            await self._rested.wait()

    async def wait_empty(self) -> None:
        """Waits until no run is in memory."""
        while self.active:
            self._rested = trio.Event()
            await self._rested.wait()

    def rested(self, run_id: str) -> None:
        """Notes that a run has parked."""
        if run_id in self.active:
            self._resting.add(run_id)
        if self._rested is not None:
            self._rested.set()

    def leave(self) -> None:
        """Closes all logs, and takes every run out of memory without further saves."""
        self._closing = True
        self.logs.close()
        for actor in tuple(self.active.values()):
            actor.leave()

    def drop(self) -> None:
        """Takes every run out of memory at once, without saves: other nodes may own them."""
        for actor in tuple(self.active.values()):
            actor.cancel()

    def _ended(self, actor: RunActor) -> None:
        """Notes that a run's actor has ended."""
        run_id = actor.state.head.id
        if actor.is_lost and not self._closing and self.active.get(run_id) is actor:
            self.lost.add(run_id)
            self._tell_lost()
        self.left(actor)

    def left(self, actor: RunActor) -> None:
        """Notes that a run is no longer in memory, even if a shielded tool keeps its actor from ending yet."""
        actor.state.carrier = GONE  # breaks the reference cycle between the actor and its state
        head = actor.state.head
        if self.active.get(head.id) is actor:
            del self.active[head.id]
            self._count.left(head)
            if self._rested is not None:
                self._rested.set()
            self._resting.remove(head.id)
            actor.state.log.share.add(-actor.weight)
            self.logs.release(actor.state.log)
            if head.status not in FINAL:
                self._tenure.let_go(head.id, head.epoch)


class Flight:
    """One activation of a run. While the block runs, nobody else may activate it."""

    __slots__ = ("_opening", "_over", "_run_id")

    def __init__(self, opening: "dict[str, Flight]", run_id: str) -> None:
        self._opening, self._run_id = opening, run_id
        self._over: trio.Event | None = None  # created for the first task that waits

    def __enter__(self) -> None:
        self._opening[self._run_id] = self

    def __exit__(self, *error: object) -> None:
        del self._opening[self._run_id]
        if self._over is not None:
            self._over.set()

    async def wait(self) -> None:
        """Waits until the block has ended."""
        if self._over is None:
            self._over = trio.Event()
        await self._over.wait()
