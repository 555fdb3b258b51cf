"""The run actor: carries out what the state machine decides. Which runs are in memory is `roster.py`'s business.

Each transition goes the same way: save, adopt and publish, answer, start effects. The actor's one task carries the
effects out: the model, and a tool that is the only open call, on the task itself; several tools in a nursery, while
the task serves mail. While it is occupied with a single effect, the mailbox is not read; `ask` then makes the
transition on the asker's task, in order, under the same lock. The lock is fair, so such a transition is always made
before that of the effect's completion, and nobody has to wake the task for it.

A save whose outcome isn't known leaves the actor in *doubt*: before anything else is stepped, saved or shown, it asks
the store what happened.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import trio

from ..protocol.errors import AdjournError, StaleEpoch, StoreUnavailable, Stranded, VersionConflict
from ..protocol.events import Event
from ..protocol.inputs import (
    Effect,
    Input,
    Recover,
    Reply,
    Reserve,
    StartModel,
    StartTool,
    Stop,
    Stopped,
    Tick,
    ToolDone,
    Transition,
)
from ..protocol.machine import resume_seq, step
from ..protocol.record import FINAL, Head, History, Record
from ..protocol.transcript import Transcript, replay
from ..stores.base import Store
from .actor import ActorRef
from .agent import Agent
from .effects import ModelCall, Threads, call_tool
from .eventlog import EventLog
from .fairlock import FairLock
from .faults import bare_error, internal_error
from .mailbox import Mail, Mailbox

__all__ = ["RunActor", "Services", "answer", "folded"]

logger = logging.getLogger("adjourn.runs")

MAX_CRASHES = 5  # of the actor itself, in a row
BACKOFF_S = (0.1, 5.0)  # first and longest wait for a store that does not answer
MAX_SHOWN = 1024  # events published at once ahead of durability, well below the numbers that a save reserves


@dataclass(frozen=True, slots=True)
class Services:
    """What the system gives to each run."""

    store: Store
    now: Callable[[], int]  # ms since the epoch
    changed: Callable[[Head], None]  # called after each save
    rested: Callable[[], None]  # called when a run begins to wait for the outside
    limiter: trio.CapacityLimiter  # of worker threads for blocking tools
    threads: Threads
    cleanup_s: float  # how long a thread may take to stop before it is left behind


class RunActor:
    """One run in memory. `agent` is None when its code isn't loaded: then it can only end."""

    __slots__ = (
        "_doubt",
        "_flying",
        "_lock",
        "_model",
        "_occupied",
        "_scope",
        "abandoned",
        "agent",
        "head",
        "history",
        "log",
        "mailbox",
        "parked_at",
        "pending",
        "ref",
        "services",
        "store_down",
    )

    def __init__(self, services: Services, agent: Agent | None, head: Head, history: History, log: EventLog) -> None:
        self.services, self.agent = services, agent
        self.head, self.history, self.log = head, history, log
        self.pending: list[Effect] = []
        self.abandoned: tuple[str, ...] = ()
        self.store_down = False
        self.parked_at: float | None = None  # on trio's clock
        self.ref: ActorRef[Input]  # given by who starts the actor
        self.mailbox: Mailbox[Input]  # known once the task has begun
        self._lock = FairLock()  # held from step to adoption
        self._scope = trio.CancelScope()
        self._occupied = False  # by an effect on the task itself
        self._flying: set[Effect] = set()  # tools in the nursery, until what came of them is served
        self._doubt: Transition | None = None  # a save whose outcome is not known
        self._model: ModelCall | None = None  # the latest, until what came of it is saved

    # From outside.

    async def ask(self, given: Input) -> Reply:
        """Give the run an input from outside and return its reply.

        Raises: what the machine answers; StoreUnavailable; ActorEnded when the actor left memory meanwhile.
        """
        if self.store_down:
            raise self._unavailable()
        if not self._occupied:
            return await self.ref.ask(given)
        try:
            return answer(await self.commit(given))
        except Exception as error:
            told = self._told(error)
            if told is error:
                raise
            raise told from error

    @property
    def at_rest(self) -> bool:
        """Whether the run waits in memory, with nothing under way."""
        return self.parked_at is not None and self.mailbox.is_idle

    @property
    def is_idle(self) -> bool:
        """Whether the run waits for the outside, with nothing under way and nothing unsaved."""
        busy = self._occupied or self._flying or self.pending or self._doubt or self._lock.locked()
        return self.at_rest and not busy

    def leave(self) -> None:
        """Take the run out of memory. What is saved is all that remains."""
        self._scope.cancel()

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
                self._store_fails(error)
            finally:
                self._lock.release()
            await trio.sleep(wait_s)
            wait_s = min(2 * wait_s, longest)

    def _store_fails(self, error: Exception) -> None:
        """While the store is down: who asks is told so, now and from now on. What the run's own effects say stays."""
        logger.warning("run %s waits for the store: %s", self.head.id, error)
        self.store_down = True
        with suppress(trio.WouldBlock, trio.EndOfChannel, trio.BusyResourceError):  # busy: the task serves it itself
            for _ in range(self.mailbox.statistics().waiting_mail):
                mail = self.mailbox.receive_nowait()
                if isinstance(mail.body, ToolDone):
                    self.mailbox.put_reserved_nowait(mail.body)
                else:
                    mail.fail(self._unavailable())

    def _unavailable(self) -> StoreUnavailable:
        return StoreUnavailable("the store does not answer; the run waits in safety", runId=self.head.id)

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
            self.log.publish(transition.events, head.updated_at)
        for effect in transition.effects:
            if isinstance(effect, Stop):
                self.pending.clear()
                if self._occupied or self._flying:
                    self._scope.cancel()
            else:
                self.pending.append(effect)
        self.services.changed(head)

    # The actor's task.

    async def __call__(self, mailbox: Mailbox[Input]) -> None:
        """The actor: over when the run is, when it is asked to stop while parked, or when it is to `leave`."""
        self.mailbox = mailbox
        crashes, crash = 0, None
        while True:
            version = self.head.version
            try:
                if crash is not None and not await self._reload(crash):
                    logger.error("run %s is gone from the store", self.head.id)
                    return
                with self._scope:
                    await self._live()
                await self._finish()
                return
            except Exception as group:
                crash = bare_error(group)
                if isinstance(crash, StaleEpoch):
                    logger.error("run %s: the store has a newer owner; left to it", self.head.id)
                    return
                logger.exception("run %s crashed", self.head.id)
                crashes = 1 if self.head.version > version else crashes + 1
                if crashes > MAX_CRASHES:
                    raise

    async def _live(self) -> None:
        while True:
            if self.pending:
                await self._work()
            elif self.head.status in FINAL or self.head.abort or not await self._park():
                return

    async def _park(self) -> bool:
        """Wait for mail and serve it. False when none will come any more. (Nothing of it stays in a parked frame.)"""
        self.parked_at = trio.current_time()
        self.services.rested()
        try:
            mail = await self.mailbox.receive()
        except trio.EndOfChannel:
            return False
        finally:
            self.parked_at = None
        await self._serve(mail)
        return True

    async def _work(self) -> None:
        while not self.mailbox.is_idle and self.pending:
            try:
                await self._serve(self.mailbox.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                break
        effects, self.pending = self.pending, []
        waiting = sum(call.phase != "done" for call in self.head.calls)
        if len(effects) == 1 and waiting <= 1:
            self._occupied = True
            try:
                given = await self._carry_out(effects[0])
            finally:
                self._occupied = False
            await self.commit(given, insist=True)
            if not self.head.abort:
                self._model = None
        elif effects:
            await self._fly(effects)

    async def _fly(self, effects: list[Effect]) -> None:
        """Carry out several tools at once, serving mail until none is left."""
        async with trio.open_nursery() as nursery:
            while True:
                for effect in effects:
                    self._flying.add(effect)
                    nursery.start_soon(self._fly_one, effect)
                if not self._flying:
                    break
                try:
                    mail = await self.mailbox.receive()
                except trio.EndOfChannel:
                    break
                await self._serve(mail)
                effects = []
                if any(isinstance(effect, StartTool) for effect in self.pending):
                    effects, self.pending = self.pending, []
            nursery.cancel_scope.cancel()  # what still executes is not wanted any more

    async def _fly_one(self, effect: Effect) -> None:
        try:
            given = await self._carry_out(effect)
        except BaseException:
            self._flying.discard(effect)
            raise
        self.mailbox.put_reserved_nowait(given)

    async def _serve(self, mail: Mail[Input]) -> None:
        if isinstance(mail.body, ToolDone):
            self._flying.discard(StartTool(mail.body.tool_call_id))
            await self.commit(mail.body, insist=True)
            return
        try:
            mail.reply(answer(await self.commit(mail.body)))
        except Exception as error:
            mail.fail(self._told(error))
            if not isinstance(error, AdjournError) or isinstance(error, VersionConflict | StaleEpoch):
                raise
        if self._doubt is not None:
            with suppress(Stranded):
                await self.commit(Tick(), insist=True)

    def _told(self, error: Exception) -> AdjournError:
        """What an asker is told of what its message led to."""
        if isinstance(error, VersionConflict | StaleEpoch):
            text = "the run was saved by somebody else; it is loaded anew"
            return StoreUnavailable(text, runId=self.head.id)
        return error if isinstance(error, AdjournError) else internal_error(error, f"run {self.head.id}", logger)

    async def _finish(self) -> None:
        """After the loop: end an aborted run, and answer what is left in the mailbox."""
        if not self.head.abort or self.head.status in FINAL:
            return
        calls = {call.id for call in self.head.calls}
        with trio.move_on_after(self.services.cleanup_s):
            await self.services.threads.wait_without(calls)
        self.abandoned = tuple(sorted(self.services.threads & calls))
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while True:
                await self._serve(self.mailbox.receive_nowait())  # also results that came in the last moment
        partial = self._model.partial.message(keep_incomplete_calls=False) if self._model else None
        await self.commit(Stopped(partial=partial), insist=True)

    async def _reload(self, error: Exception) -> bool:
        """After a crash: everything from the record. False when it is gone."""
        self._scope = trio.CancelScope()
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
                self._store_fails(unavailable)
            await trio.sleep(wait_s)
            wait_s = min(2 * wait_s, longest)
        self.store_down = False
        if record is None:
            return False
        if self.agent is not None:
            await self.commit(Recover(error=f"{type(error).__name__}: {error}"), insist=True)
        return True

    def _replace(self, record: Record) -> None:
        self.pending, self._doubt, self._model = [], None, None
        self._flying.clear()
        if record.head.version != self.head.version:
            self.log.restart(record.head.seq, folded(record))
        self.head = msgspec.structs.replace(record.head, epoch=self.head.epoch)
        self.history = History(record.journal)
        self.log.skip_to(resume_seq(self.head))
        self.services.changed(self.head)

    # Effects.

    async def _carry_out(self, effect: Effect) -> Input:
        assert self.agent is not None
        if isinstance(effect, StartModel):
            self._model = ModelCall(self.agent, self.head, self.history, effect.key, self.services.now(), self._show)
            return await self._model.run()
        assert isinstance(effect, StartTool)
        call = next(call for call in self.head.calls if call.id == effect.tool_call_id)
        return await call_tool(
            self.agent,
            self.head,
            self.history,
            call,
            self._show,
            limiter=self.services.limiter,
            threads=self.services.threads,
        )

    async def _show(self, events: Sequence[Event]) -> None:
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
            self.log.publish(part, self.services.now())

    def _may_show(self, count: int) -> bool:
        settled = self._doubt is None and not self._lock.locked()
        return settled and self.log.has_room and self.log.seq + count <= self.head.seq_ceiling


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
