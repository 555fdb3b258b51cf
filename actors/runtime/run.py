"""What a program holds of a run: to watch it, to wait for it, to answer and to stop it. No state of its own."""

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
ABORT_TRIES = 3  # where the actor of an aborted run ends without it
GRACE_S = 0.5  # beyond the time in which a thread may stop


class Run:
    """A handle on a run, live or not. Any number of them may exist, in any task; dropping one changes nothing."""

    __slots__ = ("_runtime", "id")

    def __init__(self, runtime: Runtime, run_id: str) -> None:
        self._runtime = runtime
        self.id = run_id

    @asynccontextmanager
    async def events(self, after: int | None = 0) -> AsyncGenerator[AsyncIterator[Envelope | RunSnapshot]]:
        """The run's events, in order, each exactly once: `async with run.events() as events: async for ...`.

        Lossless from the first line of the block on: the run waits for a reader that falls about a hundred events
        behind (the model and `update` do; decisions and aborts don't, so a reader may decide or abort from inside its
        loop). Leaving the block frees the run; a cancelled reader leaves it so, and the run goes on. Each block has
        all events to itself; its iterator is for one task.

        The iterator ends after `agent_end`, and when the system closes or the run is deleted; it raises StaleEpoch when
        the store has another owner. Where the events after
        `after` are no longer kept (0 = all; None = not wanted), the first item is a `RunSnapshot`, which stands
        for all events up to its `seq`; so does one in between, after a crash or another owner of the store.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        reader = await self.open_reader(after)
        try:
            async with aclosing(_envelopes(reader)) as envelopes:
                yield envelopes
        finally:
            reader.close()

    async def open_reader(self, after: int | None = 0) -> Reader:
        """A lossless reader of the run's events in batches, that the caller must close. As `events`.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        log = await self.log()
        # Watched at once: the log of a run that is not in memory lives by its watchers.
        return Reader(log, log.open_cursor(after, lossless=True), self._runtime.tenure)

    async def sse(
        self, after: int | None = None, *, keepalive_s: float = KEEPALIVE_S, until_rest: bool = False
    ) -> AsyncGenerator[bytes]:
        """The events as server-sent events, `id: <seq>` and `data: <envelope>`, for one live reader; a reader that is
        slow gets a snapshot in between (an envelope with `snapshot` instead of `event`; a long one in parts, of which
        only the last has an id, as `adjourn.protocol.parts` joins them). `after` as in `events`; None
        begins with a snapshot. A comment comes first, and whenever nothing else has for `keepalive_s`, half a second
        more or less. Ends as `events` does; with `until_rest` also when the reader is up to date with a run that is
        parked. Close it (`aclosing`) when leaving early.

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
        """The run's event log, for watching it. Watch it at once, without an await in between.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable.
        """
        return await self._runtime.registry.logs.open(self.id)

    async def head(self) -> Head:
        """Where the run stands, without what was said in it.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable, StaleEpoch.
        """
        self._runtime.tenure.check()
        actor = self._runtime.registry.active.get(self.id)
        return actor.state.head if actor is not None else (await load_record(self._runtime.store, self.id)).head

    async def get(self) -> RunSnapshot:
        """The whole visible state, and the `seq` that it is of. Raises: RunNotFound, RecordTooNew, StoreUnavailable."""
        item = (await self.log()).snapshot()
        assert isinstance(item.envelope, RunSnapshot)
        stranded = None if item.envelope.snapshot.status in FINAL else await self.stranded()
        return item.envelope if stranded is None else msgspec.structs.replace(item.envelope, stranded=stranded)

    async def timeline(self, start: int = 0, *, max_bytes: int = PART_BYTES) -> Timeline:
        """What happened in the run, from entry number `start` on: as many entries as fit into `max_bytes` of JSON, at
        least one if there is any. It comes from the store; the run is not activated.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable, StaleEpoch.
        """
        self._runtime.tenure.check()
        return timeline_page(await load_record(self._runtime.store, self.id), start, max_bytes)

    async def stranded(self) -> str | None:
        """Why the run can't go on here, in words for people; None if it can.

        Raises: RunNotFound, RecordTooNew, StoreUnavailable, StaleEpoch.
        """
        self._runtime.tenure.check()
        actor = self._runtime.registry.active.get(self.id)
        if actor is not None:
            return self._runtime.contracts.fault(actor.state.head, actor.state.history)
        record = await load_record(self._runtime.store, self.id)
        return self._runtime.contracts.fault(record.head, History(record.journal))

    async def snapshot(self) -> Snapshot:
        """The whole visible state, now. Raises: RunNotFound, RecordTooNew, StoreUnavailable."""
        return (await self.get()).snapshot

    async def wait(self) -> Snapshot:
        """Wait until the run pauses or is over; at once if it is. Raises: RunNotFound, ShuttingDown, StaleEpoch."""
        return await self._wait(paused=True)

    async def wait_ended(self) -> Snapshot:
        """Wait until the run is over, however long. Raises: RunNotFound, ShuttingDown, StaleEpoch."""
        return await self._wait(paused=False)

    def __await__(self) -> Generator[Any, Any, Snapshot]:
        return self.wait().__await__()

    # Decisions.

    async def give(self, given: Input) -> Reply:
        """Give the run an input from outside; its effect is saved when this returns.

        Raises: RunNotFound, Stranded, RunEnded, StoreUnavailable, ShuttingDown, and what the input is answered with.
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
        """Decide a gated call. Saved when this returns; the tool executes after that.

        `tool_call_id` may be left out while the run has had exactly one gated call. `digest`: of the input that the
        decider was shown, from `tool_decision_pending`. `arguments`: edited by the decider, executed in place of the
        model's, where the tool is `editable`; then `digest` is required.

        Raises: RunNotFound, DecisionInvalid, DecisionConflict, NotPending, ToolCallIdRequired, RunEnded, Stranded,
            StoreUnavailable, ShuttingDown. After any of them the call still waits, if it did before.
        """
        given = Decide(decision=decision, tool_call_id=tool_call_id, by=by, digest=digest, arguments=arguments)
        return await self.give(given)

    async def decline(
        self, tool_call_id: str | None = None, *, reason: str | None = None, by: str | None = None
    ) -> Reply:
        """Say no to a gated call, whatever its schema, or take a call back from clients: it gets an error result.

        Raises: as `resume`.
        """
        return await self.give(Decline(tool_call_id=tool_call_id, by=by, reason=reason))

    async def claim(self, tool_call_id: str, *, claimant: str | None = None, by: str | None = None) -> str:
        """Take a client-side call; returns the token that its result must carry.

        `claimant`: a random id of one client, kept secret. The client that has claimed a call gets its token again;
        without it every claim has a token of its own.

        Raises: RunNotFound, ClaimTaken, NotPending, RunEnded, Stranded, StoreUnavailable, ShuttingDown.
        """
        token = secrets.token_urlsafe(24) if claimant is None else _token_of(claimant, self.id, tool_call_id, by)
        await self.give(ClaimCall(tool_call_id=tool_call_id, digest=_token_digest(token), by=by))
        return token

    async def unclaim(self, tool_call_id: str, token: str, *, by: str | None = None) -> Reply:
        """Give a claimed call back, not executed: it is offered to all clients again.

        Raises: RunNotFound, ClaimTaken, NotPending, RunEnded, Stranded, StoreUnavailable, ShuttingDown.
        """
        return await self.give(UnclaimCall(tool_call_id=tool_call_id, digest=_token_digest(token), by=by))

    async def result(
        self, tool_call_id: str, token: str, result: Any, *, is_error: bool = False, by: str | None = None
    ) -> Reply:
        """Give the result of a claimed call: text, content blocks, or plain data (for the model as JSON text).

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
        """Stop the run for good; returns when it is over. Idempotent; of an ended run it tells how it ended.

        A tool that doesn't stop is left behind after the system's `cleanup_s`; `abandoned` has the id of its call.

        Raises: RunNotFound, StoreUnavailable, ShuttingDown.
        """
        for _ in range(ABORT_TRIES):
            reply, actor = await self._runtime.activation.deliver(self.id, Abort(by=by, reason=reason))
            if actor is None:
                return Aborted(run_id=self.id, status=reply.status, seq=reply.seq, abandoned=())
            await self._wait_stopped(actor)
            head = actor.state.head
            if head.status in FINAL:
                return Aborted(run_id=self.id, status=head.status, seq=head.seq, abandoned=actor.abandoned)
            self._runtime.registry.check_open()
        raise StoreUnavailable("the run could not be carried to its end; its abort is saved", runId=self.id)

    async def delete(self) -> None:
        """Delete the run; one that isn't over is aborted first. Raises: RunNotFound, StoreUnavailable, ShuttingDown."""
        await self.abort("deleted")
        with suppress(RunNotFound):  # with no retention it is gone by now
            await self._runtime.registry.delete((await load_record(self._runtime.store, self.id)).head)

    async def _wait(self, *, paused: bool) -> Snapshot:
        """Wait until the run is over, or else (with `paused`) parked."""
        log = await self.log()
        while not (log.closed or (paused and log.status == "paused")):
            await log.wait_status()
        actor = self._runtime.registry.active.get(self.id)
        if log.status not in FINAL:
            self._runtime.tenure.check()
        elif actor is not None:
            await actor.ref.wait_ended()  # a status is not an end: its task is to be over too
        if log.status not in FINAL and not (paused and log.status == "paused"):
            raise ShuttingDown("the process leaves; the run goes on when it is back", runId=self.id)
        snapshot = (log if log.is_loaded else await self.log()).snapshot().envelope
        assert isinstance(snapshot, RunSnapshot)
        return snapshot.snapshot

    async def _wait_stopped(self, actor: RunActor) -> None:
        """Wait for the end of an aborted run; a tool that shields itself from cancellation is left behind in time."""
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
    await trio.lowlevel.checkpoint()  # the one: what is there already comes without any
    while batch := await reader.take():
        for envelope in batch:
            yield envelope


def _chunks(items: Sequence[Item]) -> Iterator[bytes]:
    """Server-sent events, joined but for the parts of snapshots."""
    if not items[0].is_snapshot:
        yield b"".join([encode_event(item.encoded("json"), id=item.seq) for item in items])
        return
    [item] = items
    whole = item.envelope
    assert isinstance(whole, RunSnapshot)
    for part in parts_of(whole):
        yield encode_event(codec.to_json(part), id=whole.seq if part.next is None else None)


def _token_of(claimant: str, run_id: str, tool_call_id: str, by: str | None) -> str:
    """The token of a claimant's claim: the same each time, so that it need not be stored to be given again."""
    said = json.dumps(["claim", run_id, tool_call_id, by])
    return hmac.new(claimant.encode(), said.encode(), hashlib.sha256).hexdigest()


def _token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
