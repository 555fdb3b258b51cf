"""One run in memory, and how it changes: a transition at a time, saved before it is shown. No task and no mail here;
those are `run.py`'s.

A save whose outcome isn't known leaves the run in *doubt*: before anything else is stepped, saved or shown, the store
is asked what happened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import trio

from ...protocol.errors import AdjournError, StaleEpoch, StoreUnavailable, Stranded, VersionConflict
from ...protocol.events import Event
from ...protocol.machine import resume_seq, step
from ...protocol.record import Head, History, Record
from ...protocol.transcript import Transcript, replay
from ...protocol.transitions import Effect, Input, Reply, Reserve, Stop, Transition
from ...stores.base import Store
from ..agent import Agent
from ..middleware.taps import Taps, taps_of
from ..tools.threads import Threads
from .eventlog import EventLog
from .fairlock import FairLock

__all__ = ["BACKOFF_S", "RunState", "Services", "answer", "folded"]

BACKOFF_S = (0.1, 5.0)  # first and longest wait for a store that does not answer
MAX_SHOWN = 1024  # events published at once ahead of durability, well below the numbers that a save reserves


@dataclass(frozen=True, slots=True)
class Services:
    """What the system gives to each run."""

    store: Store
    now: Callable[[], int]  # ms since the epoch
    changed: Callable[[Head], None]  # called after each save
    rested: Callable[[], None]  # called when a run begins to wait for the outside
    threads: Threads  # for blocking tools
    cleanup_s: float  # how long a thread may take to stop before it is left behind


class RunState:
    """What a run is at this moment. `agent` is None when its code isn't loaded: then it can only end."""

    __slots__ = (
        "_doubt",
        "_lock",
        "_taps",
        "agent",
        "head",
        "history",
        "log",
        "pending",
        "services",
        "store_down",
    )

    def __init__(self, services: Services, agent: Agent | None, head: Head, history: History, log: EventLog) -> None:
        self.services, self.agent = services, agent
        self.head, self.history, self.log = head, history, log
        self.pending: list[Effect] = []  # that wait to be carried out
        self.store_down = False
        self._lock = FairLock()  # held from step to adoption
        self._doubt: Transition | None = None  # a save whose outcome is not known
        self._taps: Taps | None = None if agent is None else taps_of(agent.middleware, head.id)

    # What the task does about it.

    def stop_effects(self) -> None:
        """Cancel all that is under way."""
        raise NotImplementedError

    def store_fails(self, error: Exception) -> None:
        """The store does not answer; it is asked again until it does."""
        raise NotImplementedError

    # Transitions.

    async def commit(self, given: Input, *, insist: bool = False) -> Transition:
        """Make one transition: step, save, adopt. With `insist`, wait for a store that does not answer.

        Cancelled, it has happened or has not.
        """
        wait_s, longest = BACKOFF_S
        while True:
            await self._lock.acquire()
            try:
                return await self._commit(given)
            except StoreUnavailable as error:
                if not insist:
                    raise
                self.store_fails(error)
            finally:
                self._lock.release()
            await trio.sleep(wait_s)
            wait_s = min(2 * wait_s, longest)

    async def reload(self) -> bool:
        """Take everything from the record, once the store answers. False when the run is gone from it."""
        wait_s, longest = BACKOFF_S
        while True:
            try:
                await self._lock.acquire()  # an asker may be in the middle of a commit
                try:
                    record = await self._load()
                    if record is not None:
                        self._replace(record)
                    break
                finally:
                    self._lock.release()
            except StoreUnavailable as unavailable:
                self.store_fails(unavailable)
            await trio.sleep(wait_s)
            wait_s = min(2 * wait_s, longest)
        self.store_down = False
        return record is not None

    async def _commit(self, given: Input) -> Transition:
        if self._doubt is not None:
            await self._settle_doubt(self._doubt)
        transition = step(self.head, self.history, given, now=self.services.now(), seq=self.log.seq)
        if transition.head is not None:
            if self.agent is None and any(not isinstance(effect, Stop) for effect in transition.effects):
                raise Stranded(f"the code of agent {self.head.agent!r} is not loaded here", runId=self.head.id)
            await self._save(transition, transition.head)
            self._adopt(transition, transition.head)
        return transition

    async def _save(self, transition: Transition, head: Head) -> None:
        try:
            await self.services.store.save(head, transition.append, expected_version=self.head.version)
        except (VersionConflict, StaleEpoch):
            raise
        except trio.Cancelled:
            self._doubt = transition  # not every store knows whether it has happened
            raise
        except Exception as error:
            self._doubt = transition
            raise StoreUnavailable(f"the store did not save: {error}", runId=head.id) from error

    async def _settle_doubt(self, doubt: Transition) -> None:
        """Find out whether a save happened whose acknowledgement did not come."""
        record = await self._load()
        self._doubt, self.store_down = None, False
        if record is not None and doubt.head is not None:
            stored = record.head
            if (stored.version, stored.epoch) == (doubt.head.version, doubt.head.epoch):
                self._adopt(doubt, doubt.head)

    async def _load(self) -> Record | None:
        """The record. Raises: StoreUnavailable for all that may pass."""
        try:
            return await self.services.store.load(self.head.id)
        except Exception as error:
            if isinstance(error, AdjournError) and not error.retryable:
                raise
            raise StoreUnavailable(f"the store does not answer: {error}", runId=self.head.id) from error

    def _adopt(self, transition: Transition, head: Head) -> None:
        self.head = head
        self.history.extend(transition.append)
        if transition.events:
            self.publish(transition.events, head.updated_at)
        for effect in transition.effects:
            if isinstance(effect, Stop):
                self.pending.clear()
                self.stop_effects()
            else:
                self.pending.append(effect)
        self.services.changed(head)

    def _replace(self, record: Record) -> None:
        self.pending, self._doubt = [], None
        if record.head.version != self.head.version:
            self.log.restart(record.head.seq, folded(record))
        self.head = msgspec.structs.replace(record.head, epoch=self.head.epoch)
        self.history = History(record.journal)
        self.log.skip_to(resume_seq(self.head))
        self.services.changed(self.head)

    # What is shown.

    async def show(self, events: Sequence[Event]) -> None:
        """Publish ahead of durability: once lossless readers have room, between commits, with reserved numbers."""
        for at in range(0, len(events), MAX_SHOWN):
            part = events[at : at + MAX_SHOWN]
            while not self._may_show(len(part)):
                if not self.log.has_room:
                    await self.log.wait_room()
                elif self._lock.locked():
                    await self._lock.acquire()
                    self._lock.release()
                else:
                    await self.commit(Reserve(), insist=True)
            self.publish(part, self.services.now())

    def _may_show(self, count: int) -> bool:
        settled = self._doubt is None and not self._lock.locked()
        return settled and self.log.has_room and self.log.seq + count <= self.head.seq_ceiling

    def publish(self, events: Sequence[Event], time: int) -> None:
        """Add events to the run's log, and let the agent's taps see them. `time` in ms."""
        self.log.publish(events, time)
        if self._taps is not None:
            self._taps.see(events, self.log.seq, time)
            self._tell_of_taps(self._taps, time)

    def _tell_of_taps(self, taps: Taps, time: int) -> None:
        # Only while the run goes on: numbers beyond the head's are kept for a running one, and `agent_end` comes last.
        errors = taps.untold
        if errors and self.head.status == "running" and self.log.seq + len(errors) <= self.head.seq_ceiling:
            taps.untold = []
            self.log.publish(errors, time)
            taps.see(errors, self.log.seq, time)


def folded(record: Record) -> Transcript:
    """What whoever had watched the run would see."""
    transcript = Transcript()
    for event in replay(record):
        transcript.apply(event)
    return transcript


def answer(transition: Transition) -> Reply:
    """What the sender is told; raised, if it is an error."""
    if isinstance(transition.reply, AdjournError):
        raise transition.reply
    return transition.reply  # pyright: ignore[reportReturnType]  # inputs from outside always have one
