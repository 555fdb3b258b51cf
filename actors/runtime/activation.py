"""Begins runs, activates stored ones when a message comes, and delivers messages to them.

`registry.py` has the runs in memory.
"""

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import trio

from ...protocol.bounds import Bounds
from ...protocol.errors import LimitExceeded, RunElsewhere, RunIdConflict, RunNotFound, StaleEpoch, Stranded
from ...protocol.limits import RunLimits
from ...protocol.machine import begin, resume_seq, step
from ...protocol.messages import Message
from ...protocol.options import ModelOptions
from ...protocol.record import FINAL, Head, History, Record
from ...protocol.transcript import Snapshot
from ...protocol.transitions import Abort, Begin, Input, Recover, Reply, Tick
from ...stores.shared import Claimed
from ..agent import Agent
from ..core.errors import ActorCrashed, ActorEnded
from ..core.faults import internal_error
from .admission import check_given, check_history, check_limits, check_start, messages_of, spec_of
from .contracts import Contracts
from .eventlog import EventLog
from .instructions import begun_spec, own_bytes, shared_spec
from .records import load_record
from .registry import Registry
from .run_actor import RunActor
from .run_count import RunCount
from .run_state import RunState, answer
from .services import Services
from .tenure import Tenure
from .weight import weigh

__all__ = ["Activation"]

logger = logging.getLogger("adjourn.system")


class Activation:
    """Begins runs, activates stored ones, and delivers inputs to them."""

    def __init__(
        self,
        services: Services,
        registry: Registry,
        contracts: Contracts,
        count: RunCount,
        bounds: Bounds,
        tenure: Tenure,
        *,
        max_history_bytes: int,
    ) -> None:
        self._services, self._registry, self._contracts, self._count = services, registry, contracts, count
        self._bounds = bounds
        self._tenure = tenure
        self._max_history_bytes = max_history_bytes

    async def start(
        self,
        agent: Agent,
        given: str | Sequence[Message],
        *,
        run_id: str | None,
        metadata: Mapping[str, Any],
        by: str | None,
        after: str | None,
        options: ModelOptions | None,
        limits: RunLimits | None,
    ) -> str:
        """Begins a run, saves it, and returns its id. Raises: as `ActorSystem.start`."""
        registry = self._registry
        registry.check_open()
        self._tenure.check_held()
        now = self._services.now()
        messages = messages_of(given, now)
        check_limits(agent, limits)
        spec, spec_digest = spec_of(agent, options)
        digest = check_start(agent, given, messages, metadata, run_id, by, after, options, limits, self._bounds)
        key = run_id or os.urandom(16).hex()
        while key in registry.opening:
            await registry.opening[key].wait()
        if key in registry.active:
            return await self._same(key, digest)
        is_new, refusal = False, None
        try:
            with registry.single_flight(key):
                if after is not None:
                    history = await self._transcript(after)
                    check_history(history, self._max_history_bytes)
                    messages = (*history, *messages)
                first = Begin(
                    run_id=key,
                    nonce=os.urandom(8).hex(),
                    spec=await begun_spec(agent, spec, metadata),
                    input=messages,
                    metadata=dict(metadata),
                    limits=limits,
                    owner=by,
                    start_digest=digest,
                    spec_digest=spec_digest,
                    epoch=self._tenure.epoch,
                    seq=0 if run_id is None else registry.seq_above_namesakes(now),
                )
                is_new = await self._begin(agent, first, now)
        except (LimitExceeded, RunNotFound) as error:  # raised below, unless this start is a repeated one
            refusal = error
        if is_new:
            return key
        try:
            return await self._same(key, digest)
        except RunNotFound as error:
            raise refusal or error from None

    async def _transcript(self, run_id: str) -> Sequence[Message]:
        """Returns a run's messages, its input included. Raises: RunNotFound, RecordTooNew, StoreUnavailable."""
        snapshot = (await self._registry.logs.open(run_id)).snapshot().content
        assert isinstance(snapshot, Snapshot)
        return snapshot.messages

    async def deliver(self, run_id: str, given: Input) -> tuple[Reply, RunActor | None]:
        """Returns the run's reply, and the actor that gave it; None for an ended run, answered from its record.

        Raises: the machine's errors for the input; LimitExceeded, RunNotFound, Stranded, StoreUnavailable,
            ShuttingDown.
        """
        check_given(given, self._bounds)
        while True:
            self._registry.check_open()
            self._tenure.check_held()
            actor = self._registry.active.get(run_id)
            if actor is None:
                found = await self.activate(run_id)
                if isinstance(found, Record):  # the run is over
                    head, history = found.head, History(found.journal)
                    return answer(step(head, history, given, now=self._services.now(), seq=head.seq)), None
                actor = found
            if actor.state.agent is None and not isinstance(given, Abort | Tick):
                head = actor.state.head
                text = self._contracts.fault(head, actor.state.history) or f"agent {head.agent!r} is not loaded here"
                raise Stranded(text, runId=run_id, agent=head.agent)
            try:
                return await actor.ask(given), actor
            except StaleEpoch:
                if not self._tenure.is_shared:
                    raise
                await trio.lowlevel.checkpoint()  # another node has taken the run over: find out which
            except ActorEnded:
                await trio.lowlevel.checkpoint()  # the run has left memory: activate it again
            except ActorCrashed as error:
                raise internal_error(error, f"run {run_id}", logger) from error

    async def do_due(self, run_id: str, head: Head | None = None) -> Head | None:
        """Does what is due in a run, in memory or not: expires its calls or its TTL, or deletes it after its retention.

        Returns None if the run was saved or deleted; otherwise its head: after the clock was set back, the run may be
        due only later.

        `head`: the run's head, if just read: an ended run is then deleted without loading its record.

        Raises: as `deliver`.
        """
        registry = self._registry
        with suppress(RunNotFound):
            while run_id not in registry.active:
                registry.check_open()
                if run_id in registry.opening:
                    await registry.opening[run_id].wait()
                    head = None  # out of date: the run may have changed
                    continue
                with registry.single_flight(run_id):
                    if head is not None and head.status in FINAL:
                        await registry.delete(head)
                        return None
                    record, claimed = await self._own(run_id)
                    now = self._services.now()
                    if record.head.next_due is None or record.head.next_due > now:
                        self._tenure.let_go(run_id, claimed.epoch)
                        return record.head
                    if await self._do_due_stored(record, claimed, now):
                        self._tenure.let_go(run_id, claimed.epoch)
                        return None
                    await self._revive(record, claimed)
            version = registry.active[run_id].state.head.version
            _, actor = await self.deliver(run_id, Tick())
            if actor is not None and actor.state.head.version == version:
                return actor.state.head
        return None

    async def _do_due_stored(self, record: Record, claimed: Claimed, now: int) -> bool:
        """Does what is due in a run that is not in memory, and returns True.

        False if the run must be activated for it: a tool or the model must be called, or the run is watched.
        """
        head = record.head
        if head.status in FINAL:
            await self._registry.delete(head)
            return True
        history = History(record.journal)
        if head.status != "paused" or step(head, history, Tick(), now=now, seq=head.seq).effects:
            return False
        with self._registry.logs.kept_away(head.id) as is_unwatched:
            if is_unwatched:
                await self._expire_stored(msgspec.structs.replace(head, epoch=claimed.epoch), history, now)
        return is_unwatched

    async def _expire_stored(self, head: Head, history: History, now: int) -> None:
        """Commits the expiry without an actor. Uses the caller's `now`, at which the expiry starts no effect."""
        services = dataclasses.replace(self._services, now=lambda: now)
        agent = self._contracts.agent_of(head, history)
        state = RunState(services, agent, head, history, EventLog(head.id, seq=head.seq))
        await state.commit(Tick())
        self._count.left(state.head)

    async def activate(self, run_id: str, claimed: Claimed | None = None) -> RunActor | Record:
        """Returns the run's actor, activated if necessary; the record of a run that is over.

        `claimed`: the claim on the run, if it was claimed before.

        Raises: RunElsewhere, RunNotFound, RecordTooNew, StoreUnavailable, ShuttingDown.
        """
        registry = self._registry
        while True:
            if run_id in registry.active:
                return registry.active[run_id]
            if run_id in registry.opening:
                await registry.opening[run_id].wait()
                continue
            with registry.single_flight(run_id):
                record, claimed = await self._own(run_id, claimed)
                return record if record.head.status in FINAL else await self._revive(record, claimed)

    async def _own(self, run_id: str, claimed: Claimed | None = None) -> tuple[Record, Claimed]:
        """Claims a run and loads its record. Raises: RunElsewhere, and as `load_record`."""
        while True:
            claimed = claimed or await self._tenure.claim(run_id)
            try:
                record = await load_record(self._services.store, run_id)
            except BaseException:
                if claimed is not None:
                    self._tenure.let_go(run_id, claimed.epoch)
                raise
            if claimed is not None or record.head.status in FINAL:
                return record, claimed or Claimed(record.head.epoch, is_clean=True)

    async def _begin(self, agent: Agent, first: Begin, now: int) -> bool:
        """Saves the run and starts its actor. False: the id is taken."""
        transition = begin(first, now)
        head = transition.head
        assert head is not None
        try:
            with self._tenure.doubting():
                is_new = await self._count.save_first(head, transition.append)
        except StaleEpoch as refusal:
            self._tenure.refused(refusal)
            raise
        if is_new and not self._registry.is_closing:  # otherwise the next owner's recovery starts the saved run
            watched = self._registry.logs.live.get(head.id)  # set if somebody read the record right after the save
            log = watched or EventLog(head.id, seq=first.seq)
            state = RunState(self._services, agent, head, History(transition.append), log)
            state.pending = transition.effects
            if watched is None:
                log.publish(transition.events, now)
            if state.taps is not None:
                state.tap(state.taps, transition.events, now)
            self._registry.enter(RunActor(state, own_bytes(agent, first.spec)))
            self._services.changed(head)
        return is_new

    async def _same(self, run_id: str, digest: str) -> str:
        """Returns the id of the existing run if this start repeats its start. Raises: RunIdConflict, LimitExceeded."""
        try:
            found = await self.activate(run_id)
            head: Head = found.head if isinstance(found, Record) else found.state.head
        except RunElsewhere:
            head = (await load_record(self._services.store, run_id)).head
        if head.start_digest != digest:
            self._count.check_room()  # before the conflict: a full system must not reveal which ids exist
            text = f"run id {run_id!r} is taken by a run with another agent, input or principal"
            raise RunIdConflict(text, runId=run_id)
        return run_id

    async def _revive(self, record: Record, claimed: Claimed) -> RunActor:
        try:
            return await self._enter(record, claimed)
        except BaseException:
            self._tenure.let_go(record.head.id, claimed.epoch)
            raise

    async def _enter(self, record: Record, claimed: Claimed) -> RunActor:
        self._registry.check_open()
        head = msgspec.structs.replace(record.head, epoch=claimed.epoch)
        history = History(record.journal)
        logs = self._registry.logs
        log = logs.revived(record)
        agent = self._contracts.agent_of(head, history)
        spec_bytes = 0
        if agent is not None and agent.spec_digest == head.spec_digest:
            history.share(shared_spec(agent, history.spec))
            spec_bytes = own_bytes(agent, history.spec)
        else:
            spec_bytes = weigh(history.spec)
        state = RunState(self._services, agent, head, history, log)
        actor = RunActor(state, spec_bytes)
        log.skip_to(resume_seq(head))
        logs.keep(log)  # before the save, so that whoever starts watching during it gets this log
        try:
            if agent is not None and head.status == "running":
                is_from_before = record.head.epoch != claimed.epoch
                await state.commit(Recover(charged=is_from_before and not claimed.is_clean))
            self._registry.enter(actor)
        except BaseException:
            logs.release(log)
            raise
        return actor
