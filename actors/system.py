"""The actor system: which runs are in memory, and the verbs by which the world reaches any run, in memory or not.

A run is activated by the first message that needs it and leaves memory when it has been parked for a while. Reading and
watching never activate one: they use its event log, or one folded from its record. What happens at a certain time,
whoever is in memory, is `sweeper.py`'s.
"""

import hashlib
import logging
import os
import platform
import re
import secrets
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any

import msgspec
import trio

from ..protocol import codec
from ..protocol.errors import (
    AdjournError,
    AgentNotFound,
    InvalidParams,
    LimitExceeded,
    RunIdConflict,
    RunNotFound,
    ShuttingDown,
    StaleEpoch,
    StoreUnavailable,
    Stranded,
    VersionConflict,
)
from ..protocol.events import Status
from ..protocol.inputs import Abort, Begin, ClientResult, Decide, Decline, Input, Offer, Recover, Reply, Tick
from ..protocol.machine import begin, resume_seq, step
from ..protocol.messages import AssistantMessage, Message, Text, ToolResultMessage, UserBlock, UserMessage, Wire
from ..protocol.record import FINAL, Entry, Head, History, Record
from ..protocol.transcript import Snapshot
from ..stores.address import open_store
from ..stores.base import Page, Store
from .agent import Agent
from .effects import Threads, internal_error
from .eventlog import EventLog, SnapshotEnvelope
from .handle import Run
from .mailbox import ActorCrashed, ActorEnded, Mailbox
from .run import BACKOFF_S, RunActor, Services, answer, folded
from .supervisor import ChildSpec, Supervisor, open_supervisor
from .sweeper import sweep

__all__ = ["Aborted", "ActorSystem", "open_actor_system"]

logger = logging.getLogger("adjourn.system")

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
RECOVERIES_AT_ONCE = 32
RECENT_LOGS = 128  # of ended runs, kept for those who reconnect


class Aborted(Wire, frozen=True):
    """How an aborted run ended. `abandoned`: calls whose blocking function would not stop in time and goes on alone."""

    status: Status
    seq: int
    abandoned: tuple[str, ...] = ()


class ActorSystem:
    """The runs of one store, and the agents that they may be of. Open it with `open_actor_system`."""

    def __init__(
        self,
        store: Store,
        agents: Iterable[Agent],
        supervisor: Supervisor,
        *,
        epoch: int,
        clock: Callable[[], float],
        passivate_after_s: float,
        cleanup_s: float,
        max_threads: int,
    ) -> None:
        self.store = store
        self.agents: dict[str, Agent] = {}
        for agent in agents:
            if agent.name in self.agents:
                raise ValueError(f"two agents are called {agent.name!r}")
            self.agents[agent.name] = agent
        self.passivate_after_s = passivate_after_s
        self.epoch = epoch
        self.due_moved = trio.Event()  # something may be due earlier than the sweeper thinks
        self.sweep_at: int | None = None  # when the sweeper looks again, ms; None: when it is called
        self._supervisor = supervisor
        self._clock = clock
        self._active: dict[str, RunActor] = {}
        self._opening: dict[str, trio.Event] = {}
        self._logs: dict[str, EventLog] = {}
        self._recent: OrderedDict[str, EventLog] = OrderedDict()
        self._watchers: set[Callable[[Head, bool], None]] = set()
        self.activations = 0
        self._closing = False
        self._rested = trio.Event()  # a run has come to rest
        self._services = Services(
            store=store,
            now=self.now,
            changed=self._changed,
            rested=self._rest,
            limiter=trio.CapacityLimiter(max_threads),
            threads=Threads(),
            cleanup_s=cleanup_s,
        )

    def now(self) -> int:
        """The time, ms since the epoch."""
        return int(self._clock() * 1000)

    # The verbs.

    async def start(
        self,
        agent: Agent | str,
        input: str | Sequence[Message],  # noqa: A002  # the wire's word
        *,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        by: str | None = None,
    ) -> Run:
        """Begin a run; it is saved when this returns. Text stands for one user message.

        With a `run_id` of your own the call may be repeated: the same agent, input and `by` give the same run.

        Raises: AgentNotFound, InvalidParams, LimitExceeded, RunIdConflict, StoreUnavailable, ShuttingDown.
        """
        self._check_open()
        chosen = self._agent(agent)
        now = self.now()
        messages = _messages(input, now)
        digest = _check_start(chosen, input, messages, metadata or {}, run_id, by)
        key = run_id or uuid.uuid4().hex
        while key in self._opening:
            await self._opening[key].wait()
        if key in self._active:
            return await self._same(key, digest)
        given = Begin(
            run_id=key,
            nonce=secrets.token_hex(8),
            spec=chosen.spec(),
            input=messages,
            metadata=dict(metadata or {}),
            owner=by,
            start_digest=digest,
            epoch=self.epoch,
        )
        transition = begin(given, now)
        assert transition.head is not None
        with self._single_flight(key):
            is_new = await self._save_first(transition.head, transition.append)
            if is_new:
                log = EventLog(key)
                actor = RunActor(self._services, chosen, transition.head, History(transition.append), log)
                actor.pending = list(transition.effects)
                log.publish(transition.events, now)
                self._enter(actor)
                self._changed(transition.head)
        return Run(self, key) if is_new else await self._same(key, digest)

    async def resume(
        self,
        run_id: str,
        decision: Any,
        tool_call_id: str | None = None,
        *,
        by: str | None = None,
        digest: str | None = None,
    ) -> Reply:
        """Decide a gated call. Saved when this returns; the tool executes after that.

        `tool_call_id` may be left out while the run has had exactly one gated call. `digest`: of the input that the
        decider was shown, from `tool_decision_pending`.

        Raises: RunNotFound, DecisionInvalid, DecisionConflict, NotPending, ToolCallIdRequired, RunEnded, Stranded,
            StoreUnavailable, ShuttingDown. After any of them the call still waits, if it did before.
        """
        given = Decide(decision=decision, tool_call_id=tool_call_id, by=by, args_digest=digest)
        return await self._ask(run_id, given)

    async def decline(
        self, run_id: str, tool_call_id: str | None = None, *, reason: str | None = None, by: str | None = None
    ) -> Reply:
        """Say no to a gated call, whatever its schema: it gets an error result. Raises: as `resume`."""
        return await self._ask(run_id, Decline(tool_call_id=tool_call_id, by=by, reason=reason))

    async def claim(self, run_id: str, tool_call_id: str, *, by: str | None = None) -> str:
        """Take a client-side call, and be given the token that its result must carry.

        Raises: RunNotFound, ClaimTaken, NotPending, RunEnded, Stranded, StoreUnavailable, ShuttingDown.
        """
        token = secrets.token_urlsafe(24)
        await self._ask(run_id, Offer(tool_call_id=tool_call_id, digest=_token_digest(token), by=by))
        return token

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
        """Give the result of a claimed call: text, content blocks, or plain data (for the model as JSON text).

        Raises: RunNotFound, ClaimTaken, NotPending, RunEnded, InvalidParams, LimitExceeded, Stranded,
            StoreUnavailable, ShuttingDown.
        """
        try:
            content, details = _content(result)
            size = len(codec.to_json([content, details]))
        except codec.CodecError as error:
            raise InvalidParams(f"result: {error}") from error
        maximum = (await self._history(run_id)).spec.limits.max_result_bytes
        if size > maximum:
            text = f"the result takes {size} bytes, and at most {maximum} are allowed"
            raise LimitExceeded(text, limit="maxResultBytes", maximum=maximum)
        given = ClientResult(
            tool_call_id=tool_call_id,
            digest=_token_digest(token),
            content=content,
            details=details,
            is_error=is_error,
            by=by,
        )
        return await self._ask(run_id, given)

    async def abort(self, run_id: str, reason: str = "aborted", *, by: str | None = None) -> Aborted:
        """Stop a run for good, and return when it is over. Idempotent; of an ended run it tells how it ended.

        Raises: RunNotFound, StoreUnavailable, ShuttingDown.
        """
        reply, actor = await self._deliver(run_id, Abort(by=by, reason=reason))
        if actor is None:
            return Aborted(status=reply.status, seq=reply.seq)
        await actor.ref.wait_ended()
        if actor.head.status not in FINAL:
            raise ShuttingDown("the process leaves; the run is ended when it is back", runId=run_id)
        return Aborted(status=actor.head.status, seq=actor.head.seq, abandoned=actor.abandoned)

    async def delete(self, run_id: str) -> None:
        """Forget a run; one that isn't over is aborted first. Raises: RunNotFound, StoreUnavailable, ShuttingDown."""
        await self.abort(run_id, "deleted")
        with suppress(RunNotFound):  # with no retention it is gone by now
            await self.forget((await self._record(run_id)).head)

    async def forget(self, head: Head) -> None:
        """Delete a run that is over. Its watchers finish with what they have."""
        await self.store.delete(head.id)
        for logs in (self._logs, self._recent):
            log = logs.pop(head.id, None)
            if log is not None:
                log.close()
        self._tell(head, deleted=True)

    async def get(self, run_id: str) -> SnapshotEnvelope:
        """The whole visible state of a run. Raises: RunNotFound, RecordTooNew, StoreUnavailable."""
        item = (await self.log(run_id)).snapshot()
        assert isinstance(item.envelope, SnapshotEnvelope)
        return item.envelope

    async def head(self, run_id: str) -> Head:
        """Where a run stands, without what was said in it. Raises: RunNotFound, RecordTooNew, StoreUnavailable."""
        actor = self._active.get(run_id)
        return actor.head if actor is not None else (await self._record(run_id)).head

    async def list(self, *, status: Status | None = None, limit: int = 100, after: str | None = None) -> Page:
        """A page of heads, newest first. Raises: InvalidParams, StoreUnavailable."""
        return await self.store.list(status=status, limit=limit, after=after)

    def run(self, run_id: str) -> Run:
        """A handle on a run, whether it exists or not: its methods will tell."""
        return Run(self, run_id)

    def is_stranded(self, head: Head) -> bool:
        """Whether the run can't go on here because its agent, or the tool of an open call, isn't loaded."""
        agent = self.agents.get(head.agent)
        if head.status in FINAL:
            return False
        return agent is None or any(agent.tool(call.name) is None for call in head.calls if call.phase != "done")

    # Watching.

    async def log(self, run_id: str) -> EventLog:
        """The run's event log: the live one, or one folded from its record.

        Watch it at once, without an await in between. Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        log = self._known_log(run_id)
        if log is None:
            record = await self._record(run_id)
            log = self._known_log(run_id) or self._new_log(record)
        return log

    async def wait(self, run_id: str, *, paused: bool) -> Snapshot:
        """Wait until the run is over, or else (with `paused`) parked. Raises: RunNotFound, ShuttingDown."""
        log = await self.log(run_id)
        moved = trio.Event()
        with log.watch(log.seq, wake=lambda: moved.set()) as cursor:
            while not (log.closed or (paused and log.status == "paused")):
                if not cursor.take():
                    await moved.wait()
                    moved = trio.Event()
        actor = self._active.get(run_id)
        if log.status in FINAL and actor is not None:
            await actor.ref.wait_ended()  # a status is not an end: its task is to be over too
        if log.status not in FINAL and not (paused and log.status == "paused"):
            raise ShuttingDown("the process leaves; the run goes on when it is back", runId=run_id)
        snapshot = log.snapshot().envelope
        assert isinstance(snapshot, SnapshotEnvelope)
        return snapshot.snapshot

    def watch_changes(self, watcher: Callable[[Head, bool], None]) -> Callable[[], None]:
        """Call `watcher(head, deleted)` after each save; returns what ends it. The watcher must not wait."""
        self._watchers.add(watcher)
        return partial(self._watchers.discard, watcher)

    def _changed(self, head: Head) -> None:
        if head.next_due is not None and (self.sweep_at is None or head.next_due < self.sweep_at):
            self.due_moved.set()
        self._tell(head, deleted=False)

    def _tell(self, head: Head, *, deleted: bool) -> None:
        for watcher in tuple(self._watchers):
            watcher(head, deleted)

    def _known_log(self, run_id: str) -> EventLog | None:
        return self._logs.get(run_id) or self._recent.get(run_id)

    def _new_log(self, record: Record) -> EventLog:
        log = EventLog(record.head.id, seq=record.head.seq, fold=folded(record))
        log.watched_first = self._keep
        log.unwatched = self._drop
        if self._closing:
            log.close()
        return log

    def _keep(self, log: EventLog) -> None:
        self._logs.setdefault(log.run_id, log)

    def _drop(self, log: EventLog) -> None:
        """Forget a log that nobody watches, of a run that is not in memory; a few ended ones are kept a while."""
        if log.run_id not in self._active and self._logs.get(log.run_id) is log:
            del self._logs[log.run_id]
            if log.status in FINAL:
                self._recent[log.run_id] = log
                while len(self._recent) > RECENT_LOGS:
                    self._recent.popitem(last=False)

    # Which runs are in memory.

    async def _ask(self, run_id: str, given: Input) -> Reply:
        reply, _ = await self._deliver(run_id, given)
        return reply

    async def _deliver(self, run_id: str, given: Input) -> tuple[Reply, RunActor | None]:
        """The run's reply, and the actor that gave it; None where the record of an ended run did."""
        while True:
            self._check_open()
            actor = await self._activate(run_id)
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
                raise internal_error(error, f"run {run_id}") from error

    async def tick(self, run_id: str) -> None:
        """Let a run do what is due. Raises: as the verbs."""
        with suppress(RunNotFound):
            await self._ask(run_id, Tick())

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
                actor = await self._activate(head.id)
            except Exception as error:
                logger.warning("run %s is not recovered: %s", head.id, error)
                if not isinstance(error, AdjournError) or error.retryable:
                    failed.add(head.id)
                return
        if isinstance(actor, RunActor) and actor.agent is None:
            logger.warning("run %s is stranded: agent %r, or one of its tools, is not loaded", head.id, head.agent)

    async def _activate(self, run_id: str) -> RunActor | Record:
        """The run's actor, brought into memory if need be; its record, if it is over."""
        while True:
            if run_id in self._active:
                return self._active[run_id]
            if run_id in self._opening:
                await self._opening[run_id].wait()
                continue
            with self._single_flight(run_id):
                record = await self._record(run_id)
                return record if record.head.status in FINAL else await self._revive(record)

    @contextmanager
    def _single_flight(self, run_id: str) -> Generator[None]:
        opened = self._opening[run_id] = trio.Event()
        try:
            yield
        finally:
            del self._opening[run_id]
            opened.set()

    async def _revive(self, record: Record) -> RunActor:
        self._check_open()
        head = msgspec.structs.replace(record.head, epoch=self.epoch)
        history = History(record.journal)
        log = self._logs.get(head.id)
        if log is None:
            log = self._new_log(record)
        elif log.seq != head.seq:
            log.restart(head.seq, folded(record))
        agent = self.agents.get(head.agent)
        if agent is not None and any(agent.tool(name) is None for name in history.tools):
            agent = None
        actor = RunActor(self._services, agent, head, history, log)
        log.skip_to(resume_seq(head))
        if agent is not None and head.status == "running":
            await actor.commit(Recover())
        self._enter(actor)
        return actor

    def _enter(self, actor: RunActor) -> None:
        self._check_open()
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
        self._active[run_id] = actor
        self._logs[run_id] = actor.log
        if self.sweep_at is None:
            self.due_moved.set()  # there is something to passivate again

    async def _tend(self, actor: RunActor, mailbox: Mailbox[Input]) -> None:
        try:
            await actor(mailbox)
            if actor.head.status in FINAL and not actor.history.spec.limits.retention_s:
                with suppress(AdjournError):  # then the sweeper does it
                    await self.forget(actor.head)
        finally:
            self._leave(actor)

    def _leave(self, actor: RunActor) -> None:
        run_id = actor.head.id
        if self._active.get(run_id) is actor:
            del self._active[run_id]
            self._rest()
            if not actor.log.watched:
                self._drop(actor.log)

    def passivate_idle(self) -> bool:
        """Take out of memory what has been parked for long enough. Returns whether any run is left in it."""
        before = trio.current_time() - self.passivate_after_s
        for actor in [a for a in self._active.values() if a.parked_at is not None and a.parked_at <= before]:
            if actor.is_idle:
                actor.leave()
                self._leave(actor)
        return bool(self._active)

    async def drain(self) -> None:
        """Refuse new work from now on, and wait until nothing is under way."""
        self._closing = True
        while not all(actor.at_rest for actor in self._active.values()):
            self._rested = trio.Event()
            await self._rested.wait()

    def _rest(self) -> None:
        self._rested.set()

    def leave(self) -> None:
        """Let the watchers go, and take every run out of memory: what is saved is what the next owner finds."""
        self._closing = True
        for log in tuple(self._logs.values()):
            log.close()
        for actor in tuple(self._active.values()):
            actor.leave()

    # Small change.

    def _check_open(self) -> None:
        if self._closing:
            raise ShuttingDown("this process is leaving; what it holds is saved")

    def _agent(self, agent: Agent | str) -> Agent:
        name = agent if isinstance(agent, str) else agent.name
        known = self.agents.get(name)
        if known is None or (isinstance(agent, Agent) and known is not agent):
            names = ", ".join(sorted(self.agents)) or "none"
            raise AgentNotFound(f"there is no agent {name!r} here; known: {names}", agent=name)
        return known

    async def _save_first(self, head: Head, append: Sequence[Entry]) -> bool:
        """Save a run that begins; False when there is one of that id. A lost acknowledgement does not matter."""
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

    async def _record(self, run_id: str) -> Record:
        record = await self.store.load(run_id) if RUN_ID.fullmatch(run_id) else None
        if record is None:
            raise RunNotFound(f"there is no run {run_id!r}", runId=run_id)
        return record

    async def _history(self, run_id: str) -> History:
        actor = self._active.get(run_id)
        return actor.history if actor else History((await self._record(run_id)).journal)

    async def _same(self, run_id: str, digest: str) -> Run:
        """The run that a repeated start means, if it is the same start."""
        actor = await self._activate(run_id)
        if actor.head.start_digest != digest:
            text = f"run id {run_id!r} is taken by a run with another agent, input or principal"
            raise RunIdConflict(text, runId=run_id)
        return Run(self, run_id)


def _token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _messages(given: str | Sequence[Message], now: int) -> tuple[Message, ...]:
    if isinstance(given, str):
        return (UserMessage(content=given, timestamp=now),)
    messages: tuple[Any, ...] = tuple(given)
    if not messages or not all(isinstance(m, UserMessage | AssistantMessage | ToolResultMessage) for m in messages):
        raise InvalidParams("input: expected text, or at least one message")
    return messages


def _content(result: Any) -> tuple[tuple[UserBlock, ...], Any]:
    """A client's result as content blocks and details."""
    if isinstance(result, str):
        return (Text(text=result),), None
    try:
        blocks = msgspec.convert(result, tuple[UserBlock, ...], strict=True) if result else ()
    except msgspec.ValidationError:
        blocks = ()
    if blocks:
        return blocks, None
    codec.check_value(result)
    return (Text(text=codec.to_json(result).decode()),), result


def _check_start(
    agent: Agent,
    given: str | Sequence[Message],
    messages: tuple[Message, ...],
    metadata: Mapping[str, Any],
    run_id: str | None,
    by: str | None,
) -> str:
    """What a start must not be; returns its digest, which only a start with a run id needs."""
    if run_id is not None and not RUN_ID.fullmatch(run_id):
        raise InvalidParams(f"runId: expected 1 to 128 of A-Z a-z 0-9 _ -, got {run_id!r}")
    try:
        plain = given if isinstance(given, str) else msgspec.to_builtins(messages)
        codec.check_value(plain)
        codec.check_value(dict(metadata))
        size = len(codec.to_json([plain, metadata]))
    except (codec.CodecError, TypeError) as error:
        raise InvalidParams(f"input or metadata: {error}") from error
    maximum = agent.limits.max_input_bytes
    if size > maximum:
        text = f"the input takes {size} bytes, and at most {maximum} are allowed"
        raise LimitExceeded(text, limit="maxInputBytes", maximum=maximum)
    return codec.digest([by, agent.name, plain]) if run_id is not None else ""


@asynccontextmanager
async def open_actor_system(
    agents: Iterable[Agent] = (),
    *,
    store: Store | str = "memory:",
    passivate_after_s: float = 60.0,
    drain_s: float = 5.0,
    cleanup_s: float = 5.0,
    max_threads: int = 40,
    clock: Callable[[], float] = time.time,
) -> AsyncGenerator[ActorSystem]:
    """The runs of a store, alive for as long as the block.

    Runs that were live when the last owner died go on by themselves; parked ones cost nothing until they are called.
    Leaving the block refuses new work, gives what is under way `drain_s` seconds to come to rest, and leaves the rest
    to the next owner's recovery. Left by an error or a cancellation, it doesn't wait. No task is left after it.

    Args:
        agents: all that runs may be of; a stored run whose agent isn't here stays put, as `stranded`.
        store: an open store, or an address (`memory:`, `sqlite:///runs.db`) to open for the block.
        passivate_after_s: how long a parked run stays in memory.
        cleanup_s: how long an aborted run waits for a blocking tool's thread before it leaves it behind.
        max_threads: how many blocking tools execute at once.
        clock: seconds since the epoch; a test may bring its own.

    Raises: what opening the store raises: StoreInUse, StoreUnavailable, StoreCorrupt, StoreTooNew, InvalidParams.
    """
    async with AsyncExitStack() as stack:
        if isinstance(store, str):
            store = await stack.enter_async_context(open_store(store))
        epoch = await store.acquire(f"{platform.node()}:{os.getpid()}")
        supervisor = await stack.enter_async_context(open_supervisor())
        system = ActorSystem(
            store,
            agents,
            supervisor,
            epoch=epoch,
            clock=clock,
            passivate_after_s=passivate_after_s,
            cleanup_s=cleanup_s,
            max_threads=max_threads,
        )
        supervisor.start_child(ChildSpec[None]("sweeper", partial(sweep, system), shutdown_s=0))
        supervisor.start_child(ChildSpec[None]("recovery", partial(recovery, system), "transient", shutdown_s=0))
        drain_now = 0.0
        try:
            yield system
            drain_now = drain_s
        finally:
            with trio.move_on_after(drain_now, shield=True):
                await system.drain()
            system.leave()


async def recovery(system: ActorSystem, mailbox: Mailbox[None]) -> None:
    """The actor that brings back live runs, once, at the start."""
    await system.recover()
