"""The actor system: the verbs by which a program, or a gateway, reaches any run, in memory or not.

Which runs are in memory is `roster.py`'s business, and what one run does with a message `run.py`'s.
"""

import hashlib
import os
import platform
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

import trio

from ...protocol import codec
from ...protocol.errors import (
    AgentNotFound,
    InvalidParams,
    LimitExceeded,
    RunIdConflict,
    RunNotFound,
    ShuttingDown,
)
from ...protocol.events import Status
from ...protocol.machine import begin
from ...protocol.messages import Message
from ...protocol.methods import Aborted, RunSnapshot
from ...protocol.record import FINAL, Head, History
from ...protocol.transcript import Snapshot
from ...protocol.transitions import Abort, Begin, ClaimCall, ClientResult, Decide, Decline, Input, Reply
from ...stores.address import open_store
from ...stores.base import Page, Store
from ..agent import Agent
from ..core.mailbox import Mailbox
from ..core.supervisor import ChildSpec, open_supervisor
from .admission import check_start, content_of, messages_of
from .eventlog import EventLog
from .keepalive import KeepAlive
from .roster import Roster
from .run import Run
from .run_actor import RunActor
from .sweeper import sweep

__all__ = ["ActorSystem", "open_actor_system"]


class ActorSystem:
    """The runs of one store, and the agents that they may be of. Open it with `open_actor_system`."""

    def __init__(self, roster: Roster, agents: Mapping[str, Agent], keepalive: KeepAlive) -> None:
        self._roster = roster
        self.agents = agents
        self.keepalive = keepalive

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
        self._roster.check_open()
        chosen = self._agent(agent)
        now = self._roster.now()
        messages = messages_of(input, now)
        digest = check_start(chosen, input, messages, metadata or {}, run_id, by)
        key = run_id or secrets.token_hex(16)
        while key in self._roster.opening:
            await self._roster.opening[key].wait()
        if key in self._roster.active:
            return await self._same(key, digest)
        if self._roster.is_full:
            with suppress(RunNotFound):
                return await self._same(key, digest)
        given = Begin(
            run_id=key,
            nonce=secrets.token_hex(8),
            spec=chosen.spec(),
            input=messages,
            metadata=dict(metadata or {}),
            owner=by,
            start_digest=digest,
            epoch=self._roster.epoch,
        )
        transition = begin(given, now)
        assert transition.head is not None
        with self._roster.single_flight(key):
            is_new = await self._roster.save_first(transition.head, transition.append)
            if is_new and not self._roster.is_closing:  # else it is saved, and begins when the next owner recovers it
                log = EventLog(key)
                actor = RunActor(self._roster.services, chosen, transition.head, History(transition.append), log)
                actor.pending = list(transition.effects)
                actor.publish(transition.events, now)
                self._roster.enter(actor)
                self._roster.changed(transition.head)
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
        await self._ask(run_id, ClaimCall(tool_call_id=tool_call_id, digest=_token_digest(token), by=by))
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
            content, details = content_of(result)
            size = len(codec.to_json([content, details]))
        except codec.CodecError as error:
            raise InvalidParams(f"result: {error}") from error
        maximum = (await self._roster.history(run_id)).spec.limits.max_result_bytes
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
        reply, actor = await self._roster.deliver(run_id, Abort(by=by, reason=reason))
        if actor is None:
            return Aborted(run_id=run_id, status=reply.status, seq=reply.seq, abandoned=())
        await actor.ref.wait_ended()
        if actor.head.status not in FINAL:
            raise ShuttingDown("the process leaves; the run is ended when it is back", runId=run_id)
        head = actor.head
        return Aborted(run_id=run_id, status=head.status, seq=head.seq, abandoned=actor.abandoned)

    async def delete(self, run_id: str) -> None:
        """Forget a run; one that isn't over is aborted first. Raises: RunNotFound, StoreUnavailable, ShuttingDown."""
        await self.abort(run_id, "deleted")
        with suppress(RunNotFound):  # with no retention it is gone by now
            await self._roster.forget((await self._roster.record(run_id)).head)

    async def get(self, run_id: str) -> RunSnapshot:
        """The whole visible state of a run. Raises: RunNotFound, RecordTooNew, StoreUnavailable."""
        item = (await self.log(run_id)).snapshot()
        assert isinstance(item.envelope, RunSnapshot)
        return item.envelope

    async def list(self, *, status: Status | None = None, limit: int = 100, after: str | None = None) -> Page:
        """A page of heads, newest first. Raises: InvalidParams, StoreUnavailable."""
        return await self._roster.store.list(status=status, limit=limit, after=after)

    def run(self, run_id: str) -> Run:
        """A handle on a run, whether it exists or not: its methods will tell."""
        return Run(self, run_id)

    async def wait(self, run_id: str, *, paused: bool) -> Snapshot:
        """Wait until the run is over, or else (with `paused`) parked. Raises: RunNotFound, ShuttingDown."""
        log = await self.log(run_id)
        while not (log.closed or (paused and log.status == "paused")):
            await log.wait_status()
        actor = self._roster.active.get(run_id)
        if log.status in FINAL and actor is not None:
            await actor.ref.wait_ended()  # a status is not an end: its task is to be over too
        if log.status not in FINAL and not (paused and log.status == "paused"):
            raise ShuttingDown("the process leaves; the run goes on when it is back", runId=run_id)
        snapshot = log.snapshot().envelope
        assert isinstance(snapshot, RunSnapshot)
        return snapshot.snapshot

    async def head(self, run_id: str) -> Head:
        """Where a run stands, without what was said in it. Raises: RunNotFound, RecordTooNew, StoreUnavailable."""
        return await self._roster.head(run_id)

    async def log(self, run_id: str) -> EventLog:
        """The run's event log, for watching it. Watch it at once, without an await in between.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        return await self._roster.log(run_id)

    def is_stranded(self, head: Head) -> bool:
        """Whether the run can't go on here because its agent, or one of its tools, isn't loaded.

        Of a run that has not been in memory yet, only the tools of open calls are known.
        """
        return self._roster.is_stranded(head)

    def watch_changes(self, watcher: Callable[[Head, bool], None]) -> Callable[[], None]:
        """Call `watcher(head, deleted)` after each save; returns what ends it. The watcher must not wait."""
        return self._roster.watch_changes(watcher)

    def under_way(self) -> tuple[Head, ...]:
        """The runs in memory that have not come to rest: what leaving the block waits for. Any thread may ask."""
        return tuple(actor.head for actor in tuple(self._roster.active.values()) if not actor.at_rest)

    async def close_store(self) -> None:
        """Close the store under what is under way, for a process that ends by force: nothing is saved any more."""
        await self._roster.store.aclose()

    async def _ask(self, run_id: str, given: Input) -> Reply:
        reply, _ = await self._roster.deliver(run_id, given)
        return reply

    def _agent(self, agent: Agent | str) -> Agent:
        name = agent if isinstance(agent, str) else agent.name
        known = self.agents.get(name)
        if known is None or (isinstance(agent, Agent) and known is not agent):
            names = ", ".join(sorted(self.agents)) or "none"
            raise AgentNotFound(f"there is no agent {name!r} here; known: {names}", agent=name)
        return known

    async def _same(self, run_id: str, digest: str) -> Run:
        """The run that a repeated start means, if it is the same start."""
        actor = await self._roster.activate(run_id)
        if actor.head.start_digest != digest:
            text = f"run id {run_id!r} is taken by a run with another agent, input or principal"
            raise RunIdConflict(text, runId=run_id)
        return Run(self, run_id)


def _by_name(agents: Iterable[Agent]) -> dict[str, Agent]:
    known: dict[str, Agent] = {}
    for agent in agents:
        if known.setdefault(agent.name, agent) is not agent:
            raise ValueError(f"two agents are called {agent.name!r}")
    return known


async def _open_models(agents: Iterable[Agent], stack: AsyncExitStack) -> None:
    """Give the models what they keep between calls, for as long as the stack."""
    for model in {id(agent.language_model): agent.language_model for agent in agents}.values():
        opened: Callable[[], AbstractAsyncContextManager[object]] | None = getattr(model, "opened", None)
        if opened is not None:
            await stack.enter_async_context(opened())


def _token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


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
        max_runs: how many runs there may be that are not over, parked ones included; then no new one begins.
        clock: seconds since the epoch; a test may bring its own.

    Raises: what opening the store raises: StoreInUse, StoreUnavailable, StoreCorrupt, StoreTooNew, InvalidParams.
    """
    known = _by_name(agents)
    async with AsyncExitStack() as stack:
        if isinstance(store, str):
            store = await stack.enter_async_context(open_store(store))
        epoch = await store.acquire(f"{platform.node()}:{os.getpid()}")
        await _open_models(known.values(), stack)
        supervisor = await stack.enter_async_context(open_supervisor())
        roster = Roster(
            store,
            known,
            supervisor,
            epoch=epoch,
            clock=clock,
            passivate_after_s=passivate_after_s,
            cleanup_s=cleanup_s,
            max_threads=max_threads,
            max_runs=max_runs,
        )
        await roster.count_open()
        supervisor.start_child(ChildSpec[None]("sweeper", partial(sweep, roster), shutdown_s=0))
        keepalive = KeepAlive()
        supervisor.start_child(ChildSpec[None]("keepalive", keepalive.run, shutdown_s=0))
        supervisor.start_child(ChildSpec[None]("recovery", partial(recovery, roster), "transient", shutdown_s=0))
        drain_now = 0.0
        try:
            yield ActorSystem(roster, known, keepalive)
            drain_now = drain_s
        finally:
            with trio.move_on_after(drain_now, shield=True):
                await roster.drain()
            roster.leave()


async def recovery(roster: Roster, mailbox: Mailbox[None]) -> None:
    """The actor that brings back live runs, once, at the start."""
    await roster.recover()
