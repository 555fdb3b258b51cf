"""The roster: which runs of a store are in memory, and how a message finds its run, in memory or not.

A run is activated by the first message that needs it and leaves memory when it has been parked for a while. Reading and
watching never activate one: they use its event log, or one folded from its record. The verbs are `system.py`'s; what
happens at a certain time, whoever is in memory, is `sweeper.py`'s.
"""

import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import msgspec
import trio

from ...protocol.errors import (
    AdjournError,
    LimitExceeded,
    RunNotFound,
    ShuttingDown,
    StaleEpoch,
    StoreUnavailable,
    Stranded,
    VersionConflict,
)
from ...protocol.machine import resume_seq, step
from ...protocol.record import FINAL, Entry, Head, History, Record
from ...protocol.transitions import Abort, Input, Recover, Reply, Tick
from ...stores.base import Store
from ...stores.gil import thread_friendly
from ..agent import Agent
from ..core.faults import internal_error
from ..core.mailbox import ActorCrashed, ActorEnded, Mailbox
from ..core.supervisor import ChildSpec, Supervisor
from ..tools.threads import Threads
from .eventlog import EventLog
from .run_actor import RunActor
from .run_state import BACKOFF_S, Services, answer, folded

__all__ = ["RUN_ID", "Roster"]

logger = logging.getLogger("adjourn.system")

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
RECOVERIES_AT_ONCE = 32
RECENT_LOGS = 128  # of ended runs, kept for those who reconnect


class _Flight:
    """A run's way into memory, one at a time: who finds it in `opening` waits for the end of this block."""

    __slots__ = ("_opened", "_opening", "_run_id")

    def __init__(self, opening: dict[str, trio.Event], run_id: str) -> None:
        self._opening, self._run_id = opening, run_id

    def __enter__(self) -> None:
        self._opened = self._opening[self._run_id] = trio.Event()

    def __exit__(self, *error: object) -> None:
        del self._opening[self._run_id]
        self._opened.set()


class Roster:
    """The runs of one store. One for a system."""

    def __init__(
        self,
        store: Store,
        agents: Mapping[str, Agent],
        supervisor: Supervisor,
        *,
        epoch: int,
        clock: Callable[[], float],
        passivate_after_s: float,
        cleanup_s: float,
        max_threads: int,
        max_runs: int,
    ) -> None:
        self.store, self.agents, self.epoch = store, agents, epoch
        self.passivate_after_s = passivate_after_s
        self.due_moved = trio.Event()  # something may be due earlier than the sweeper thinks
        self.sweep_at: int | None = None  # when the sweeper looks again, ms; None: when it is called
        self.active: dict[str, RunActor] = {}
        self.opening: dict[str, trio.Event] = {}
        self.logs: dict[str, EventLog] = {}
        self.recent: OrderedDict[str, EventLog] = OrderedDict()
        self.activations = 0
        self._stranded: set[str] = set()  # runs found to want code that isn't loaded; heads don't tell all of it
        self._open = 0  # runs that are not over, in memory or not, and those that begin
        self._max_runs = max_runs
        self._supervisor = supervisor
        self._clock = clock
        self._watchers: set[Callable[[Head, bool], None]] = set()
        self._closing = False
        self._rested = trio.Event()  # a run has come to rest
        self.services = Services(
            store=store,
            now=self.now,
            changed=self.changed,
            rested=self._rest,
            threads=Threads(trio.CapacityLimiter(max_threads), friendly=thread_friendly),
            cleanup_s=cleanup_s,
        )

    def now(self) -> int:
        """The time, ms since the epoch."""
        return int(self._clock() * 1000)

    # Reading and watching.

    async def log(self, run_id: str) -> EventLog:
        """The run's event log: the live one, or one folded from its record.

        Watch it at once, without an await in between. Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        log = self._known_log(run_id)
        if log is None:
            record = await self.record(run_id)
            log = self._known_log(run_id) or self._new_log(record)
        return log

    def watch_changes(self, watcher: Callable[[Head, bool], None]) -> Callable[[], None]:
        """Call `watcher(head, deleted)` after each save; returns what ends it. The watcher must not wait."""
        self._watchers.add(watcher)
        return partial(self._watchers.discard, watcher)

    def changed(self, head: Head) -> None:
        if head.next_due is not None and (self.sweep_at is None or head.next_due < self.sweep_at):
            self.due_moved.set()
        self._tell(head, deleted=False)

    def _tell(self, head: Head, *, deleted: bool) -> None:
        for watcher in tuple(self._watchers):
            watcher(head, deleted)

    def _known_log(self, run_id: str) -> EventLog | None:
        return self.logs.get(run_id) or self.recent.get(run_id)

    def _new_log(self, record: Record) -> EventLog:
        log = EventLog(record.head.id, seq=record.head.seq, fold=folded(record))
        log.watched_first = self._keep
        log.unwatched = self._drop
        if self._closing:
            log.close()
        return log

    def _keep(self, log: EventLog) -> None:
        self.logs.setdefault(log.run_id, log)

    def _drop(self, log: EventLog) -> None:
        """Forget a log that nobody watches, of a run that is not in memory; a few ended ones are kept a while."""
        if log.run_id not in self.active and self.logs.get(log.run_id) is log:
            del self.logs[log.run_id]
            if log.status in FINAL:
                self.recent[log.run_id] = log
                while len(self.recent) > RECENT_LOGS:
                    self.recent.popitem(last=False)

    async def deliver(self, run_id: str, given: Input) -> tuple[Reply, RunActor | None]:
        """The run's reply, and the actor that gave it; None where the record of an ended run did."""
        while True:
            self.check_open()
            actor = await self.activate(run_id)
            if isinstance(actor, Record):  # over: the record answers
                history = History(actor.journal)
                return answer(step(actor.head, history, given, now=self.now(), seq=actor.head.seq)), None
            if actor.agent is None and not isinstance(given, Abort | Tick):
                text = f"agent {actor.head.agent!r}, or one of the run's tools, is not loaded in this process"
                raise Stranded(text, runId=run_id, agent=actor.head.agent)
            try:
                return await actor.ask(given), actor
            except ActorEnded:
                await trio.lowlevel.checkpoint()  # it left memory meanwhile
            except ActorCrashed as error:
                raise internal_error(error, f"run {run_id}", logger) from error

    async def tick(self, run_id: str) -> None:
        """Let a run do what is due. Raises: as the verbs."""
        with suppress(RunNotFound):
            await self.deliver(run_id, Tick())

    async def recover(self) -> None:
        """Bring back into memory every run that was live when the last owner of the store died, store willing."""
        wait_s, longest = BACKOFF_S
        while not await self._recover_all():
            await trio.sleep(wait_s)
            wait_s = min(2 * wait_s, longest)

    async def _recover_all(self) -> bool:
        """Whether nothing is left to try again."""
        limiter = trio.CapacityLimiter(RECOVERIES_AT_ONCE)
        failed: set[str] = set()
        after: str | None = None
        while True:
            try:
                page = await self.store.list(status="running", limit=500, after=after)
            except Exception as error:
                logger.warning("recovery waits for the store: %s", error)
                return False
            async with trio.open_nursery() as nursery:
                for head in page.heads:
                    nursery.start_soon(self._recover_one, head, limiter, failed)
            after = page.after
            if after is None:
                return not failed

    async def _recover_one(self, head: Head, limiter: trio.CapacityLimiter, failed: set[str]) -> None:
        async with limiter:
            try:
                actor = await self.activate(head.id)
            except Exception as error:
                logger.warning("run %s is not recovered: %s", head.id, error)
                if not isinstance(error, AdjournError) or error.retryable:
                    failed.add(head.id)
                return
        if isinstance(actor, RunActor) and actor.agent is None:
            logger.warning("run %s is stranded: agent %r, or one of its tools, is not loaded", head.id, head.agent)

    async def activate(self, run_id: str) -> RunActor | Record:
        """The run's actor, brought into memory if need be; its record, if it is over."""
        while True:
            if run_id in self.active:
                return self.active[run_id]
            if run_id in self.opening:
                await self.opening[run_id].wait()
                continue
            with self.single_flight(run_id):
                record = await self.record(run_id)
                return record if record.head.status in FINAL else await self._revive(record)

    def single_flight(self, run_id: str) -> "_Flight":
        return _Flight(self.opening, run_id)

    async def _revive(self, record: Record) -> RunActor:
        self.check_open()
        head = msgspec.structs.replace(record.head, epoch=self.epoch)
        history = History(record.journal)
        log = self.logs.get(head.id)
        if log is None:
            log = self._new_log(record)
        elif log.seq != head.seq:
            log.restart(head.seq, folded(record))
        agent = self.agents.get(head.agent)
        if agent is not None and any(agent.tool(name) is None for name in history.tools):
            agent = None
        if agent is None:
            self._stranded.add(head.id)
        actor = RunActor(self.services, agent, head, history, log)
        log.skip_to(resume_seq(head))
        if agent is not None and head.status == "running":
            await actor.commit(Recover())
        self.enter(actor)
        return actor

    def enter(self, actor: RunActor) -> None:
        self.check_open()
        run_id = actor.head.id
        self.activations += 1
        spec: ChildSpec[Input] = ChildSpec(
            name=f"{run_id}/{self.activations}",
            start=partial(self._tend, actor),
            restart="temporary",
            shutdown_s=0,
            reserved=actor.history.spec.limits.max_concurrent_tools + 8,
        )
        actor.ref = self._supervisor.start_child(spec)
        actor.log.watched_first, actor.log.unwatched = self._keep, self._drop
        self.active[run_id] = actor
        self.logs[run_id] = actor.log
        if self.sweep_at is None:
            self.due_moved.set()  # there is something to passivate again

    async def _tend(self, actor: RunActor, mailbox: Mailbox[Input]) -> None:
        try:
            await actor(mailbox)
            if actor.head.status in FINAL and actor.history.spec.limits.retention_s == 0:
                with suppress(AdjournError):  # then the sweeper does it
                    await self.forget(actor.head)
        finally:
            self._leave(actor)

    def _leave(self, actor: RunActor) -> None:
        run_id = actor.head.id
        if self.active.get(run_id) is actor:
            del self.active[run_id]
            self._open -= actor.head.status in FINAL
            self._rest()
            if not actor.log.watched:
                self._drop(actor.log)

    def passivate_idle(self) -> bool:
        """Take out of memory what has been parked for long enough. Returns whether any run is left in it."""
        before = trio.current_time() - self.passivate_after_s
        for actor in [a for a in self.active.values() if a.parked_at is not None and a.parked_at <= before]:
            if actor.is_idle:
                actor.leave()
                self._leave(actor)
        return bool(self.active)

    async def drain(self) -> None:
        """Refuse new work from now on, and wait until nothing is under way."""
        self._closing = True
        while not all(actor.at_rest for actor in self.active.values()):
            self._rested = trio.Event()
            await self._rested.wait()

    def _rest(self) -> None:
        self._rested.set()

    def leave(self) -> None:
        """Let the watchers go, and take every run out of memory: what is saved is what the next owner finds."""
        self._closing = True
        for log in tuple(self.logs.values()):
            log.close()
        for actor in tuple(self.active.values()):
            actor.leave()

    async def forget(self, head: Head) -> None:
        """Delete a run that is over. Its watchers finish with what they have."""
        await self.store.delete(head.id)
        self._stranded.discard(head.id)
        for logs in (self.logs, self.recent):
            log = logs.pop(head.id, None)
            if log is not None:
                log.close()
        self._tell(head, deleted=True)

    async def head(self, run_id: str) -> Head:
        """Where a run stands, without what was said in it. Raises: RunNotFound, RecordTooNew, StoreUnavailable."""
        actor = self.active.get(run_id)
        return actor.head if actor is not None else (await self.record(run_id)).head

    def is_stranded(self, head: Head) -> bool:
        """Whether the run can't go on here because its agent, or one of its tools, isn't loaded.

        Of a run that has not been in memory yet, only the tools of open calls are known.
        """
        if head.status in FINAL:
            return False
        agent = self.agents.get(head.agent)
        if agent is None or head.id in self._stranded:
            return True
        return any(agent.tool(call.name) is None for call in head.calls if call.phase != "done")

    @property
    def is_closing(self) -> bool:
        """Whether nothing enters memory any more."""
        return self._closing

    def check_open(self) -> None:
        """Nothing, while new work is taken. Raises: ShuttingDown."""
        if self._closing:
            raise ShuttingDown("this process is leaving; what it holds is saved")

    async def count_open(self) -> None:
        """Begin to know how many runs are not over. Raises: StoreUnavailable."""
        self._open = await self.store.count("running") + await self.store.count("paused")

    @property
    def is_full(self) -> bool:
        """Whether no new run may begin."""
        return self._open >= self._max_runs

    async def save_first(self, head: Head, append: Sequence[Entry]) -> bool:
        """Save a run that begins; False when there is one of that id. A lost acknowledgement does not matter.

        Raises: LimitExceeded, StaleEpoch, StoreUnavailable.
        """
        if self.is_full:
            text = f"{self._max_runs} runs are not over yet, and more may not begin"
            raise LimitExceeded(text, limit="maxRuns", maximum=self._max_runs)
        self._open += 1  # at once: others may begin during the save
        is_new = False
        try:
            is_new = await self._save_first(head, append)
        finally:
            self._open -= not is_new
        return is_new

    async def _save_first(self, head: Head, append: Sequence[Entry]) -> bool:
        try:
            await self.store.save(head, append, expected_version=0)
            return True
        except VersionConflict:
            return False
        except StaleEpoch:
            raise
        except Exception as error:
            failure = StoreUnavailable(f"the store did not save: {error}", runId=head.id)
        with suppress(Exception):
            record = await self.store.load(head.id)
            if record is not None and record.head.nonce == head.nonce:
                return True
        raise failure

    async def record(self, run_id: str) -> Record:
        record = await self.store.load(run_id) if RUN_ID.fullmatch(run_id) else None
        if record is None:
            raise RunNotFound(f"there is no run {run_id!r}", runId=run_id)
        return record

    async def history(self, run_id: str) -> History:
        actor = self.active.get(run_id)
        return actor.history if actor else History((await self.record(run_id)).journal)
