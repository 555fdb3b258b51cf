"""The state of one run in memory, changed one transition at a time, each saved before it is published.

The task and the mailbox are in `run_actor.py`.

A save whose outcome is unknown leaves the run in *doubt*: before its next transition or event, the run loads its record
to learn the outcome.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec
import trio

from ...protocol.errors import AdjournError, StaleEpoch, StoreUnavailable, Stranded, VersionConflict
from ...protocol.events import Event
from ...protocol.machine import resume_seq, step
from ...protocol.record import FINAL, Head, History, Record
from ...protocol.transitions import Effect, Input, Reply, Reserve, Stop, Transition
from ..agent import Agent
from ..middleware.taps import Taps, taps_of
from .contracts import check_code
from .dependencies import Dependencies
from .eventlog import EventLog
from .fairlock import FairLock
from .records import folded
from .services import BACKOFF_S, Services

__all__ = ["GONE", "RunState", "answer"]

MAX_SHOWN = 1024  # events published at once ahead of durability; a save reserves far more numbers


class Carrier(Protocol):
    """The part of the run actor that the state calls."""

    def stop_effects(self) -> None:
        """Cancels all running effects."""
        ...

    async def wait_for_store(self, reason: str, wait_s: float) -> None:
        """Waits `wait_s` seconds before the store is asked again. `reason`: why it failed, as text."""
        ...


class Gone:
    """The carrier of a run without an actor: it has no effects to stop and no mail to answer."""

    def stop_effects(self) -> None:
        """Does nothing."""

    async def wait_for_store(self, reason: str, wait_s: float) -> None:
        """Waits `wait_s` seconds."""
        await trio.sleep(wait_s)


GONE = Gone()


class RunState:
    """The current state of a run. `agent` is None if its code isn't loaded; then the run can only be ended."""

    __slots__ = (
        "_lock",
        "agent",
        "carrier",
        "dependencies",
        "doubt",
        "head",
        "history",
        "log",
        "pending",
        "services",
        "store_down",
        "taps",
    )

    def __init__(self, services: Services, agent: Agent | None, head: Head, history: History, log: EventLog) -> None:
        self.services, self.agent = services, agent
        self.carrier: Carrier = GONE  # the run's actor, if it has one
        self.head, self.history, self.log = head, history, log
        self.pending: tuple[Effect, ...] = ()  # effects still to be carried out
        self.store_down = False
        self._lock = FairLock()  # held from a step until its transition is adopted
        self.doubt: Transition | None = None  # the transition whose save has an unknown outcome
        self.dependencies = None if agent is None or agent.deps is None else Dependencies(agent.deps, head)
        self.taps: Taps | None = None if agent is None else taps_of(agent.middleware, head)

    @property
    def is_changing(self) -> bool:
        """Whether a transition is being saved or adopted."""
        return self._lock.locked()

    # Transitions.

    async def commit(self, given: Input, *, insist: bool = False) -> Transition:
        """Makes one transition: step, save, adopt. With `insist`, retries until the store answers.

        If cancelled, the transition happened completely or not at all.
        """
        wait_s, longest = BACKOFF_S
        while True:
            if not self._lock.acquire_nowait():
                await self._lock.acquire()
            try:
                if self.doubt is not None:
                    await self._settle_doubt(self.doubt)
                transition = step(self.head, self.history, given, now=self.services.now(), seq=self.log.seq)
                head = transition.head
                if head is not None:
                    if transition.executes or self.agent is None:
                        self._check_code(transition)
                    try:
                        await self.services.store.save(head, transition.append, expected_version=self.head.version)
                    except BaseException as error:
                        self._not_saved(transition, error)
                        raise
                    self._adopt(transition, head)
                return transition
            except StoreUnavailable as error:
                if not insist:
                    raise
                reason = str(error)
            finally:
                self._lock.release()
            await self.carrier.wait_for_store(reason, wait_s)
            wait_s = min(2 * wait_s, longest)

    async def reload(self) -> bool:
        """Replaces the state by the stored record, once the store answers. False: the record was deleted."""
        wait_s, longest = BACKOFF_S
        while True:
            await self._lock.acquire()  # an asker may be in the middle of a commit
            try:
                record = await self._load()
                if record is not None:
                    self._replace(record)
                self.store_down = False
                return record is not None
            except StoreUnavailable as error:
                reason = str(error)
            finally:
                self._lock.release()
            await self.carrier.wait_for_store(reason, wait_s)
            wait_s = min(2 * wait_s, longest)

    def _check_code(self, transition: Transition) -> None:
        if self.agent is not None:
            check_code(self.agent, self.history, transition)
        elif any(not isinstance(effect, Stop) for effect in transition.effects):
            raise Stranded(f"the code of agent {self.head.agent!r} is not loaded here", runId=self.head.id)

    def _not_saved(self, transition: Transition, error: BaseException) -> None:
        """Handles a save that raised. Raises: StoreUnavailable, for an error of the store itself."""
        if isinstance(error, StaleEpoch):
            self.services.tenure.refused(error)
        elif isinstance(error, trio.Cancelled):
            self.doubt = transition  # a cancelled save may have happened
        elif isinstance(error, Exception) and not isinstance(error, VersionConflict):
            self.doubt = transition
            raise StoreUnavailable(f"the store did not save: {error}", runId=self.head.id) from error

    async def _settle_doubt(self, doubt: Transition) -> None:
        """Finds out whether a save without acknowledgement happened, and adopts its transition if so."""
        record = await self._load()
        self.doubt, self.store_down = None, False
        if record is not None and doubt.head is not None:
            stored = record.head
            if (stored.version, stored.epoch) == (doubt.head.version, doubt.head.epoch):
                self._adopt(doubt, doubt.head)

    async def _load(self) -> Record | None:
        """Returns the record. Raises: StoreUnavailable for any error of the store: even a corrupt one may recover."""
        try:
            return await self.services.store.load(self.head.id)
        except Exception as error:
            raise StoreUnavailable(f"the store does not answer: {error}", runId=self.head.id) from error

    def _adopt(self, transition: Transition, head: Head) -> None:
        self.head = head
        self.history.extend(transition.append)
        if transition.events:
            self.log.publish(transition.events, head.updated_at)
            if self.taps is not None:
                self.tap(self.taps, transition.events, head.updated_at)
        for effect in transition.effects:
            if type(effect) is Stop:
                self.pending = ()
                self.carrier.stop_effects()
            else:
                self.pending += (effect,)
        self.services.changed(head)

    def _replace(self, record: Record) -> None:
        self.pending, self.doubt = (), None
        if record.head.version != self.head.version:
            self.log.restart(record.head.seq, folded(record))
        self.head = msgspec.structs.replace(record.head, epoch=self.head.epoch)
        self.history = History(record.journal)
        self.log.skip_to(resume_seq(self.head))
        self.services.changed(self.head)

    # What is shown.

    async def show(self, events: Sequence[Event], sizes: list[int] | None = None) -> None:
        """Publishes events ahead of durability, between commits, with reserved numbers. Waits for lossless readers.

        `sizes`: as in `EventLog.publish_pieces`; only for pieces of one message. Raises: trio.ClosedResourceError if
        the run is over or has left memory.
        """
        count = len(events)
        if count > MAX_SHOWN:
            for at in range(0, count, MAX_SHOWN):
                await self.show(events[at : at + MAX_SHOWN], sizes and sizes[at : at + MAX_SHOWN])
            return
        while not self._may_show(count):
            if not self.log.has_room:
                await self.log.wait_room()
            elif self._lock.locked():
                await self._lock.acquire()
                self._lock.release()
            else:
                await self.commit(Reserve(), insist=True)
        time = self.services.now()
        if sizes is None:
            self.log.publish(events, time)
        else:
            self.log.publish_pieces(events, time, sizes)
        if self.taps is not None:
            self.tap(self.taps, events, time)

    def _may_show(self, count: int) -> bool:
        """Whether this many events can be published now. Raises: trio.ClosedResourceError if never again."""
        head, log = self.head, self.log
        if self.carrier is GONE or head.status in FINAL:
            raise trio.ClosedResourceError("the run is over or has left memory: it publishes nothing any more")
        settled = self.doubt is None and not self._lock.locked()
        return settled and log.seq + count <= head.seq_ceiling and log.has_room

    def tap(self, taps: Taps, events: Sequence[Event], time: int) -> None:
        """Gives events that were just published to the run's taps, and publishes what went wrong in them."""
        taps.see(events, self.log.seq, time)
        # Only while the run is running: only then are numbers reserved, and nothing may follow `agent_end`.
        errors = taps.untold
        if errors and self.head.status == "running" and self.log.seq + len(errors) <= self.head.seq_ceiling:
            taps.untold = []
            self.log.publish(errors, time)
            taps.see(errors, self.log.seq, time)


def answer(transition: Transition) -> Reply:
    """Returns the reply to the sender. Raises: the reply itself, if it is an error."""
    if isinstance(transition.reply, AdjournError):
        raise transition.reply
    return transition.reply  # pyright: ignore[reportReturnType]  # inputs from outside always have one
