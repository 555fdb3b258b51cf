"""The handle on one run: watches it, waits for it, decides its calls and ends it. Has no state of its own."""

import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import msgspec
import trio

from ...protocol import codec
from ...protocol.errors import RunNotFound, ShuttingDown, StoreUnavailable
from ...protocol.events import Envelope
from ...protocol.methods import Aborted, RunSnapshot, Timeline
from ...protocol.parts import PART_BYTES, parts_of, timeline_page
from ...protocol.record import FINAL, Head, History, Limits
from ...protocol.sse import encode_comment, encode_event
from ...protocol.transcript import Snapshot
from ...protocol.transitions import Abort, ClaimCall, ClientResult, Decide, Decline, Input, Reply, UnclaimCall
from .admission import check_result
from .eventlog import EventLog
from .item import Item
from .reader import Reader
from .records import load_record
from .run_actor import RunActor
from .runtime import Runtime

__all__ = ["Run"]

KEEPALIVE_S = 15.0
ABORT_TRIES = 3  # an actor may end before it finishes the abort
GRACE_S = 0.5  # waited beyond `cleanup_s`, the time that a thread has to stop


class Run:
    """A handle on a run, in memory or not. A run may have any number of handles; dropping one changes nothing."""

    __slots__ = ("_runtime", "id")

    def __init__(self, runtime: Runtime, run_id: str) -> None:
        self._runtime = runtime
        self.id = run_id

    @asynccontextmanager
    async def events(self, after: int | None = 0) -> AsyncGenerator[AsyncIterator[Envelope | RunSnapshot]]:
        """Yields the run's events in order, each exactly once: `async with run.events() as events: async for ...`.

        Lossless from the first line of the block: when the reader is about a hundred events behind, the model's
        stream and `update` wait for it. Decisions and aborts don't wait, so a reader may decide or abort inside its
        loop. Leaving the block, also by cancellation, lets the run continue. Each block gets all events; its iterator
        is for one task.

        `after`: the `seq` of the last event already seen; 0: none seen; None: begin with a snapshot. If the events
        after it are no longer kept, the first item is a `RunSnapshot`, which replaces all events up to its `seq`.
        A snapshot may also come later, after a crash or when another owner has changed the run.

        The iterator ends after `agent_end`, when the system closes, and when the run is deleted. It raises StaleEpoch
        when the store has another owner.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        reader = await self.open_reader(after)
        try:
            async with aclosing(_envelopes(reader)) as envelopes:
                yield envelopes
        finally:
            reader.close()

    async def open_reader(self, after: int | None = 0) -> Reader:
        """Returns a lossless reader of the run's events in batches; the caller must close it. `after`: as in `events`.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        log = await self.log()
        # No await in between: the log of a run that is not in memory is dropped while nobody watches it.
        return Reader(log, log.open_cursor(after, lossless=True), self._runtime.tenure)

    async def sse(
        self, after: int | None = None, *, keepalive_s: float = KEEPALIVE_S, until_rest: bool = False
    ) -> AsyncGenerator[bytes]:
        """Yields the run's events as server-sent events: `id: <seq>` and `data: <envelope>`.

        The run does not wait for this reader: a slow one gets a snapshot (an envelope with `snapshot` instead of
        `event`). A long snapshot comes in parts, of which only the last has an id; `adjourn.protocol.parts` joins them.
        The first chunk is a comment; another one comes whenever nothing was sent for `keepalive_s` seconds, within
        half a second. `after`: as in `events`.

        Ends as `events` does; with `until_rest` also when the run is parked and all its events are sent. Close it
        (`aclosing`) when leaving early.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        log = await self.log()
        cursor = log.open_cursor(after)
        try:
            yield encode_comment("adjourn")
            while not cursor.finished:
                items = cursor.take()
                if items:
                    for chunk in _chunks(items):
                        yield chunk
                elif until_rest and log.status != "running":
                    return
                elif not await self._runtime.keepalive.wait_more(cursor, keepalive_s):
                    yield encode_comment()
            if log.status not in FINAL:
                self._runtime.tenure.check()
        finally:
            cursor.close()

    async def log(self) -> EventLog:
        """Returns the run's event log. Watch the log at once, without an await in between.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        return await self._runtime.registry.logs.open(self.id)

    async def head(self) -> Head:
        """Returns the run's head: its status, open calls and counters, without its messages.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable, StaleEpoch.
        """
        self._runtime.tenure.check()
        actor = self._runtime.registry.active.get(self.id)
        return actor.state.head if actor is not None else (await load_record(self._runtime.store, self.id)).head

    async def get(self) -> RunSnapshot:
        """Returns the whole visible state with its `seq`. Raises: RunNotFound, RecordTooNew, StoreUnavailable."""
        item = (await self.log()).snapshot()
        assert isinstance(item.envelope, RunSnapshot)
        stranded = None if item.envelope.snapshot.status in FINAL else await self.stranded()
        return item.envelope if stranded is None else msgspec.structs.replace(item.envelope, stranded=stranded)

    async def timeline(self, start: int = 0, *, max_bytes: int = PART_BYTES) -> Timeline:
        """Returns what happened in the run, from entry number `start` on: as many entries as fit into `max_bytes` of
        JSON, but at least one if there is one. Reads the store; does not activate the run.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable, StaleEpoch.
        """
        self._runtime.tenure.check()
        return timeline_page(await load_record(self._runtime.store, self.id), start, max_bytes)

    async def stranded(self) -> str | None:
        """Returns why the run can't continue in this process, as text for people; None if it can.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable, StaleEpoch.
        """
        self._runtime.tenure.check()
        actor = self._runtime.registry.active.get(self.id)
        if actor is not None:
            return self._runtime.contracts.fault(actor.state.head, actor.state.history)
        record = await load_record(self._runtime.store, self.id)
        return self._runtime.contracts.fault(record.head, History(record.journal))

    async def snapshot(self) -> Snapshot:
        """Returns the whole visible state. Raises: RunNotFound, RecordTooNew, StoreUnavailable."""
        return (await self.get()).snapshot

    async def wait(self) -> Snapshot:
        """Waits until the run is paused or over, and returns its state. Raises: RunNotFound, ShuttingDown,
        StaleEpoch."""
        return await self._wait(paused=True)

    async def wait_ended(self) -> Snapshot:
        """Waits until the run is over, and returns its state. Raises: RunNotFound, ShuttingDown, StaleEpoch."""
        return await self._wait(paused=False)

    def __await__(self) -> Generator[Any, Any, Snapshot]:
        return self.wait().__await__()

    # Decisions.

    async def give(self, given: Input) -> Reply:
        """Gives the run an input from outside, and returns its reply once the change is saved.

        Raises: RunNotFound, Stranded, RunEnded, StoreUnavailable, ShuttingDown, and the errors of that input.
        """
        reply, _ = await self._runtime.activation.deliver(self.id, given)
        return reply

    async def resume(
        self,
        decision: Any,
        tool_call_id: str | None = None,
        *,
        by: str | None = None,
        digest: str | None = None,
        arguments: dict[str, Any] | None = None,
    ) -> Reply:
        """Decides a gated call. The decision is saved when this returns; the tool executes after that.

        `tool_call_id` may be omitted while the run has had exactly one gated call. `digest`: the digest of the input
        that was shown, from `tool_decision_pending`. `arguments`: edited arguments, executed instead of the model's,
        if the tool is `editable`; they require `digest`.

        Raises: RunNotFound, DecisionInvalid, DecisionConflict, NotPending, ToolCallIdRequired, RunEnded, Stranded,
            StoreUnavailable, ShuttingDown. None of these errors ends the call's wait.
        """
        given = Decide(decision=decision, tool_call_id=tool_call_id, by=by, digest=digest, arguments=arguments)
        return await self.give(given)

    async def decline(
        self, tool_call_id: str | None = None, *, reason: str | None = None, by: str | None = None
    ) -> Reply:
        """Declines a gated call, whatever its schema, or withdraws a call offered to clients: the call gets an error
        result.

        Raises: as `resume`.
        """
        return await self.give(Decline(tool_call_id=tool_call_id, by=by, reason=reason))

    async def claim(self, tool_call_id: str, *, claimant: str | None = None, by: str | None = None) -> str:
        """Claims a client-side call, and returns the token that its result must carry.

        `claimant`: a random, secret id of one client. The same claimant gets the same token again, so the claim is safe
        to repeat. None: each claim has a new token.

        Raises: RunNotFound, ClaimTaken, NotPending, RunEnded, Stranded, StoreUnavailable, ShuttingDown.
        """
        token = secrets.token_urlsafe(24) if claimant is None else _token_of(claimant, self.id, tool_call_id, by)
        await self.give(ClaimCall(tool_call_id=tool_call_id, digest=_token_digest(token), by=by))
        return token

    async def unclaim(self, tool_call_id: str, token: str, *, by: str | None = None) -> Reply:
        """Gives a claimed call back without a result: the call is offered to all clients again.

        Raises: RunNotFound, ClaimTaken, NotPending, RunEnded, Stranded, StoreUnavailable, ShuttingDown.
        """
        return await self.give(UnclaimCall(tool_call_id=tool_call_id, digest=_token_digest(token), by=by))

    async def result(
        self, tool_call_id: str, token: str, result: Any, *, is_error: bool = False, by: str | None = None
    ) -> Reply:
        """Gives the result of a claimed call: text, content blocks, or plain data, which the model sees as JSON.

        Raises: RunNotFound, ClaimTaken, NotPending, RunEnded, InvalidParams, LimitExceeded, Stranded,
            StoreUnavailable, ShuttingDown.
        """
        content, details = check_result(result, (await self._limits()).max_result_bytes)
        given = ClientResult(
            tool_call_id=tool_call_id,
            digest=_token_digest(token),
            content=content,
            details=details,
            is_error=is_error,
            by=by,
        )
        return await self.give(given)

    # The end.

    async def abort(self, reason: str = "aborted", *, by: str | None = None) -> Aborted:
        """Ends the run, and returns when it is over. Idempotent: for an ended run, returns how it ended.

        A tool that does not stop is abandoned after the system's `cleanup_s`; `abandoned` has the id of its call.

        Raises: RunNotFound, StoreUnavailable, ShuttingDown.
        """
        for _ in range(ABORT_TRIES):
            reply, actor = await self._runtime.activation.deliver(self.id, Abort(by=by, reason=reason))
            if actor is None:
                return Aborted(run_id=self.id, status=reply.status, seq=reply.seq, abandoned=())
            await trio.lowlevel.checkpoint()
            if actor.ref.is_alive:  # that task's next step, in which most runs end, may come after this one
                await trio.lowlevel.cancel_shielded_checkpoint()
                if actor.ref.is_alive:
                    await self._wait_stopped(actor)
            head = actor.state.head
            if head.status in FINAL:
                return Aborted(run_id=self.id, status=head.status, seq=head.seq, abandoned=actor.abandoned)
            self._runtime.registry.check_open()
        raise StoreUnavailable("the run could not be carried to its end; its abort is saved", runId=self.id)

    async def delete(self) -> None:
        """Deletes the run, after aborting it if it is not over.

        Raises: RunNotFound, StoreUnavailable, ShuttingDown.
        """
        await self.abort("deleted")
        with suppress(RunNotFound):  # without retention, the abort has deleted it
            await self._runtime.registry.delete((await load_record(self._runtime.store, self.id)).head)

    async def _wait(self, *, paused: bool) -> Snapshot:
        """Waits until the run is over or, with `paused`, parked."""
        log = await self._runtime.registry.logs.open(self.id)
        while not (log.closed or (paused and log.status == "paused")):
            await log.wait_status()
        actor = self._runtime.registry.active.get(self.id)
        if log.status not in FINAL:
            self._runtime.tenure.check()
        elif actor is not None:
            await actor.ref.wait_ended()  # the status is final before the actor's task has ended
        if log.status not in FINAL and not (paused and log.status == "paused"):
            raise ShuttingDown("the process shuts down; the run continues after the restart", runId=self.id)
        snapshot = (log if log.is_loaded else await self.log()).snapshot().content
        assert isinstance(snapshot, Snapshot)
        return snapshot

    async def _wait_stopped(self, actor: RunActor) -> None:
        """Waits for the end of an aborted run; after a bound, abandons a tool that is shielded from cancellation."""
        with trio.move_on_after(self._runtime.services.cleanup_s + GRACE_S):
            await actor.ref.wait_ended()
            return
        await actor.give_up()
        if actor.state.head.status in FINAL:
            self._runtime.registry.left(actor)

    async def _limits(self) -> Limits:
        actor = self._runtime.registry.active.get(self.id)
        if actor is not None:
            return actor.state.history.spec.limits
        return History((await load_record(self._runtime.store, self.id)).journal).spec.limits

    def __repr__(self) -> str:
        return f"<Run {self.id}>"


async def _envelopes(reader: Reader) -> AsyncGenerator[Envelope | RunSnapshot]:
    await trio.lowlevel.checkpoint()  # the only one: `take` does not checkpoint while events are ready
    while batch := await reader.take():
        for envelope in batch:
            yield envelope


def _chunks(items: Sequence[Item]) -> Iterator[bytes]:
    """Yields server-sent events: all events joined into one chunk, a snapshot's parts one by one."""
    if not items[0].is_snapshot:
        yield b"".join([item.server_sent() for item in items])
        return
    [item] = items
    whole = item.envelope
    assert isinstance(whole, RunSnapshot)
    for part in parts_of(whole):
        yield encode_event(codec.to_json(part), id=whole.seq if part.next is None else None)


def _token_of(claimant: str, run_id: str, tool_call_id: str, by: str | None) -> str:
    """Returns the token of a claimant's claim. It is the same each time, so no token is stored."""
    said = json.dumps(["claim", run_id, tool_call_id, by])
    return hmac.new(claimant.encode(), said.encode(), hashlib.sha256).hexdigest()


def _token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
