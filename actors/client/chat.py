"""A conversation over a client: one run after the other, folded into messages, with callbacks. Python's `useChat`.

The only state kept of a run is the fold of its events (`protocol/transcript.py`) and the seq up to which it is folded.
"""

import inspect
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeAlias

import trio

from ...protocol.errors import AdjournError, Forbidden, NotPending, RecordTooNew, RunNotFound, StoreCorrupt
from ...protocol.events import AgentPaused, Envelope, ErrorInfo, MessageUpdate, Status
from ...protocol.messages import AssistantMessage, Message, UserMessage
from ...protocol.methods import RunSnapshot, Settled
from ...protocol.record import FINAL
from ...protocol.transcript import PendingCall, Snapshot, Transcript
from .client import Client

__all__ = ["Chat"]

_UNREADABLE = (RunNotFound, Forbidden, RecordTooNew, StoreCorrupt)  # the server can't, or doesn't, go on from a run

Callback: TypeAlias = Callable[..., Awaitable[object] | object]  # sync or async
_Stream: TypeAlias = AbstractAsyncContextManager[AsyncIterator[Envelope | RunSnapshot]]


@dataclass(slots=True)
class _Progress:
    """How far a run has been folded, and which callbacks were called for it."""

    run_id: str | None  # None: there is only history, no run yet
    fold: Transcript
    seq: int | None = None  # of the last event that is folded; None: a snapshot will come first
    told: int = 0  # messages that on_message was called for, or need not be
    announced: set[str] = field(default_factory=set[str])  # tool call ids that on_decision_pending was called for
    answered: set[str] = field(default_factory=set[str])  # tool call ids for which the server accepted our answer
    due: int = 0  # seq of our last request that the server accepted: the run's pauses before it don't count
    is_begun: bool = False  # whether the server has the run, and lets us watch it
    is_finished: bool = False  # whether on_finish was called


class Chat:
    """A conversation with one agent.

    `send`, `respond_with_decision`, `decline`, `attach` and `follow` follow the run, and return when it pauses or is
    over, with the chat up to date. If one of them follows the run already, in another task or around a callback, a
    decision returns as soon as the server has accepted it. Cancelling any of them does not abort the run.

    Errors are raised, and kept as `error` until the next call; `messages` holds complete messages only. A failed run
    raises nothing: `status` is `failed`, and `error` says why. If a run is gone (RunNotFound), its messages stay as
    history.

    Callbacks may be sync or async, and may use the chat. They are called one at a time, in the order of the events,
    each after the chat has changed: `on_event(envelope or snapshot)` for each of them, `on_message(message)` for each
    new complete message (but not the user's own), `on_decision_pending(call)` once for each call that waits for a
    decision, `on_finish(snapshot)` when a run is over. An error in a callback ends the method that follows the run, not
    the run.
    """

    def __init__(
        self,
        client: Client,
        agent: str,
        *,
        messages: Sequence[Message] = (),
        metadata: Mapping[str, Any] | None = None,
        on_message: Callback | None = None,
        on_finish: Callback | None = None,
        on_decision_pending: Callback | None = None,
        on_event: Callback | None = None,
    ) -> None:
        self.agent = agent
        self.error: AdjournError | ErrorInfo | None = None  # of the latest method call, or of a run that failed
        self._client = client
        self._metadata = metadata
        self._on_message = on_message
        self._on_finish = on_finish
        self._on_decision_pending = on_decision_pending
        self._on_event = on_event
        self._run = _history(messages)
        self._follower: trio.lowlevel.Task | None = None  # the task that follows the run now
        self._followed = trio.Event()  # set when the follower is done

    # State.

    @property
    def run_id(self) -> str | None:
        """The id of the latest run; None before the first."""
        return self._run.run_id

    @property
    def messages(self) -> list[Message]:
        """The conversation, complete messages only. A copy."""
        return list(self._run.fold.messages)

    @property
    def streaming(self) -> AssistantMessage | None:
        """The message that the model is still writing, as far as it has come."""
        return self._run.fold.snapshot().streaming

    @property
    def pending(self) -> tuple[PendingCall, ...]:
        """The calls that wait for a decision or a client, in the order in which the model made them."""
        return self._run.fold.snapshot().pending

    @property
    def status(self) -> Status | Literal["idle"]:
        """The status of the latest run; `idle` before the first."""
        return "idle" if self._run.run_id is None else self._run.fold.status

    @property
    def is_under_way(self) -> bool:
        """Whether there is a run that is not over."""
        return self.status in ("running", "paused")

    @property
    def is_streaming(self) -> bool:
        """Whether a method of this chat follows a run now."""
        return self._follower is not None

    # Actions.

    async def send(self, text: str) -> None:
        """Send a user message: begin a run, with the conversation so far as its history, and follow it.

        The run goes on from the one before (`after`), so the conversation is not sent again, unless the server no
        longer has that run, or doesn't let this client read it.

        Raises: trio.BusyResourceError while a run is under way or waits for a decision (decide, or abort it); what
            `Client.run` raises. If the run can't be begun, the message is removed from the conversation.
        """
        if self.is_under_way:
            raise trio.BusyResourceError("the run is not over yet: decide, or abort it")
        said = UserMessage(content=text, timestamp=int(time.time() * 1000))
        messages = (*self.messages, said)
        run_id = uuid.uuid4().hex
        fold = Transcript(Snapshot(agent=self.agent, messages=messages))
        run = _Progress(run_id, fold, seq=0, told=len(messages))
        after = self.run_id  # that run is over, so the server has all of the conversation
        with self._following(), self._replacing(run):
            begin = partial(self._client.run, self.agent, run_id=run_id, metadata=self._metadata)
            if after is not None:
                try:
                    return await self._read(begin((said,), after=after))
                except _UNREADABLE:
                    if run.is_begun:
                        raise
            await self._read(begin(messages))

    async def attach(self, run_id: str) -> None:
        """Follow an existing run; its messages become the conversation.

        `on_message` is not called for the messages that the run has already; `on_decision_pending` is, for each call
        that waits.

        Raises: trio.BusyResourceError while another run is followed; what `Client.events` raises. If the run can't be
            watched, the chat stays as it was.
        """
        with self._following(), self._replacing(_Progress(run_id, Transcript())):
            await self._read()

    async def follow(self) -> None:
        """Follow the run on, to its next pause or its end. Returns at once if it is over, or there is none.

        For a chat that waits while others may decide, or whose method was cancelled. If another task follows the run
        already, this returns when that task is done. Raises: as `attach`.
        """
        if self._follower not in (None, trio.lowlevel.current_task()):
            await self._followed.wait()
        elif self.is_under_way:
            with self._following():
                await self._read()

    async def respond_with_decision(
        self, decision: Any, tool_call_id: str | None = None, *, arguments: dict[str, Any] | None = None
    ) -> None:
        """Decide a call that waits: `tool_call_id`, or the first in `pending` that this chat has not answered yet.

        The request names the call and carries the digest of its arguments, so no other call can be decided by mistake.
        `arguments`: edited ones, executed in place of the model's, where the tool allows it.

        Raises: NotPending if no such call waits; what `Client.resume` raises: the call then still waits, if it did
            before.
        """
        with self._keeping_error():
            run_id, call = self._waiting(tool_call_id)
            settled = await self._client.resume(
                run_id, decision, call.tool_call_id, digest=call.digest, arguments=arguments
            )
        await self._go_on(settled)

    async def decline(self, tool_call_id: str | None = None, reason: str | None = None) -> None:
        """Decline a call that waits. Which call, and what it raises: as in `respond_with_decision`."""
        with self._keeping_error():
            run_id, call = self._waiting(tool_call_id)
            settled = await self._client.decline(run_id, call.tool_call_id, reason=reason)
        await self._go_on(settled)

    async def abort(self, reason: str | None = None) -> None:
        """End the run, if it is not over. When this returns, the chat has all of the run's events.

        Called from inside a callback, it returns as soon as the run is over; the last events come after that.
        """
        run = self._run
        if run.run_id is None:
            return
        if run.fold.status not in FINAL:
            with self._keeping_error():
                ended = await self._client.abort(run.run_id, reason)
            run.due = max(run.due, ended.seq)
        while self._run is run and self._follower is not trio.lowlevel.current_task():
            if self._follower is not None:
                await self._followed.wait()
            elif run.fold.status in FINAL:
                return
            else:
                with self._following():
                    await self._read()

    # Following.

    def _waiting(self, tool_call_id: str | None) -> tuple[str, PendingCall]:
        for call in self.pending:
            is_meant = (
                call.tool_call_id not in self._run.answered
                if tool_call_id is None
                else call.tool_call_id == tool_call_id
            )
            if self._run.run_id is not None and call.kind == "decision" and is_meant:
                return self._run.run_id, call
        which = "no call" if tool_call_id is None else f"no call {tool_call_id!r}"
        raise NotPending(f"{which} of this chat waits for a decision", reason="unknown")

    async def _go_on(self, settled: Settled) -> None:
        run = self._run
        run.answered.add(settled.tool_call_id)
        run.due = max(run.due, settled.seq)
        is_behind = run.seq is None or run.seq < run.due or run.fold.status == "running"
        if is_behind and self._follower is None:
            with self._following():
                await self._read()

    @contextmanager
    def _following(self) -> Generator[None]:
        if self._follower is not None:
            raise trio.BusyResourceError("this chat follows a run already")
        self._follower = trio.lowlevel.current_task()
        try:
            yield
        finally:
            self._follower = None
            self._followed.set()
            self._followed = trio.Event()

    @contextmanager
    def _replacing(self, run: _Progress) -> Generator[None]:
        """Switch to another run, and back if it can't be begun or watched."""
        before, self._run = self._run, run
        try:
            yield
        finally:
            if not run.is_begun:
                self._run = before

    @contextmanager
    def _keeping_error(self) -> Generator[None]:
        self.error = None
        try:
            yield
        except AdjournError as error:
            self.error = error
            is_ours = self._run.is_begun and self._follower in (None, trio.lowlevel.current_task())
            if isinstance(error, RunNotFound) and is_ours:  # another follower learns of it by itself
                self._run = _history(self._run.fold.messages)
            raise

    async def _read(self, begun: _Stream | None = None) -> None:
        """Fold the run's events up to its next pause or its end."""
        run = self._run
        assert run.run_id is not None
        with self._keeping_error():
            async with begun or self._client.events(run.run_id, after=run.seq) as events:
                run.is_begun = True
                async for item in events:
                    before = -1 if run.seq is None else run.seq
                    self._apply(item)
                    await self._tell(item)
                    if self._rests(item, before):
                        return

    def _apply(self, item: Envelope | RunSnapshot) -> None:
        run = self._run
        if isinstance(item, Envelope):
            run.fold.apply(item.event)
        else:
            run.fold = Transcript(item.snapshot)
            run.told = len(item.snapshot.messages) if run.seq is None else run.told
        run.seq = item.seq
        if run.fold.status == "failed":
            self.error = run.fold.error

    def _rests(self, item: Envelope | RunSnapshot, before: int) -> bool:
        """Whether the run waits for somebody: it has paused now, or is still paused after our last answer."""
        run = self._run
        pauses = isinstance(item.event, AgentPaused) if isinstance(item, Envelope) else item.seq != before
        return run.fold.status == "paused" and ((pauses and item.seq >= run.due) or before < run.due <= item.seq)

    async def _tell(self, item: Envelope | RunSnapshot) -> None:
        run = self._run
        await _call(self._on_event, item)
        if isinstance(item, Envelope) and isinstance(item.event, MessageUpdate):
            return  # nearly all events; none of them changes anything below
        while run.told < len(run.fold.messages):
            run.told += 1
            await _call(self._on_message, run.fold.messages[run.told - 1])
        for call in self.pending:
            if call.kind == "decision" and call.tool_call_id not in run.announced:
                run.announced.add(call.tool_call_id)
                await _call(self._on_decision_pending, call)
        if run.fold.status in FINAL and not run.is_finished:
            run.is_finished = True
            await _call(self._on_finish, run.fold.snapshot())


def _history(messages: Sequence[Message]) -> _Progress:
    """The state before a run: only the messages so far."""
    return _Progress(None, Transcript(Snapshot(messages=tuple(messages))))


async def _call(callback: Callback | None, given: object) -> None:
    if callback is not None:
        result = callback(given)
        if inspect.isawaitable(result):
            await result
