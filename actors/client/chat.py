"""A conversation over a client: one run after the other, folded into messages, with callbacks. Python's `useChat`.

No state of a run is kept but the fold of its events (`protocol/transcript.py`) and the place up to which they came.
"""

import inspect
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import trio

from ...protocol.errors import AdjournError, NotPending, RunNotFound
from ...protocol.events import AgentPaused, Envelope, ErrorInfo, MessageUpdate, Status
from ...protocol.messages import AssistantMessage, Message, UserMessage
from ...protocol.methods import RunSnapshot, Settled
from ...protocol.record import FINAL
from ...protocol.transcript import PendingCall, Snapshot, Transcript
from .client import Client

__all__ = ["Chat"]

Callback: TypeAlias = Callable[..., Awaitable[object] | object]  # sync or async
_Stream: TypeAlias = AbstractAsyncContextManager[AsyncIterator[Envelope | RunSnapshot]]


@dataclass(slots=True)
class _Progress:
    """How far a run has been folded, and what has been told of it."""

    run_id: str | None  # None: there is only history yet
    fold: Transcript
    seq: int | None = None  # up to which it is folded; None: it will start with a snapshot
    told: int = 0  # how many of the messages on_message has been given, or need not be
    announced: set[str] = field(default_factory=set[str])  # tool call ids that on_decision_pending has been given
    answered: set[str] = field(default_factory=set[str])  # tool call ids for which the server took an answer of ours
    due: int = 0  # the seq of what the server took from us last: the run does not rest before
    is_begun: bool = False  # the server has it, and shows it
    is_finished: bool = False  # on_finish has been called


class Chat:
    """A conversation with one agent.

    `send`, `respond_with_decision`, `decline`, `attach` and `follow` return when the run pauses or is over, with the
    chat up to date. While one of them follows the run, in another task or around a callback, a decision returns as
    soon as the server has taken it, and the one that follows goes on. Cancelling any of them aborts nothing.

    What fails is raised, and kept as `error` until the next call; messages stay whole. A run that fails raises
    nothing: `status` is `failed`, and `error` says why. Of a run that is gone (RunNotFound), the messages stay, as
    history.

    Callbacks may be sync or async, and may use the chat. They are called one at a time, in the order of the events,
    each after the chat has changed: `on_event(envelope or snapshot)` for all that comes, `on_message(message)` for each
    new complete message (the user's own excepted), `on_decision_pending(call)` once for each call that waits for a
    decision, `on_finish(snapshot)` when a run is over. What they raise ends the call that follows, not the run.
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
        self.error: AdjournError | ErrorInfo | None = None  # of the latest call, or of a run that failed
        self._client = client
        self._metadata = metadata
        self._on_message = on_message
        self._on_finish = on_finish
        self._on_decision_pending = on_decision_pending
        self._on_event = on_event
        self._run = _history(messages)
        self._follower: trio.lowlevel.Task | None = None
        self._followed = trio.Event()  # set when the follower is done

    # What there is to see.

    @property
    def run_id(self) -> str | None:
        """Of the latest run."""
        return self._run.run_id

    @property
    def messages(self) -> list[Message]:
        """The conversation, complete messages only. A copy."""
        return list(self._run.fold.messages)

    @property
    def streaming(self) -> AssistantMessage | None:
        """What the model has said so far of a message that is not complete."""
        return self._run.fold.snapshot().streaming

    @property
    def pending(self) -> tuple[PendingCall, ...]:
        """The calls that wait for a decision or a client, in the order in which the model made them."""
        return self._run.fold.snapshot().pending

    @property
    def status(self) -> Status | Literal["idle"]:
        """Of the latest run; `idle` before the first."""
        return "idle" if self._run.run_id is None else self._run.fold.status

    @property
    def is_under_way(self) -> bool:
        """Whether the latest run, if any, is not over yet."""
        return self.status in ("running", "paused")

    @property
    def is_streaming(self) -> bool:
        """Whether a call of this chat follows a run at this moment."""
        return self._follower is not None

    # What there is to do.

    async def send(self, text: str) -> None:
        """Say something: begin a run, with the conversation so far as its history.

        Raises: trio.BusyResourceError while a run is under way or waits for a decision (decide, or abort it); what
            `Client.run` raises. If the run could not be begun, the message is taken back.
        """
        if self.is_under_way:
            raise trio.BusyResourceError("the run is not over yet: decide, or abort it")
        said = UserMessage(content=text, timestamp=int(time.time() * 1000))
        messages = (*self.messages, said)
        run_id = uuid.uuid4().hex
        fold = Transcript(Snapshot(agent=self.agent, messages=messages))
        run = _Progress(run_id, fold, seq=0, told=len(messages))
        with self._following(), self._replacing(run):
            await self._read(self._client.run(self.agent, messages, run_id=run_id, metadata=self._metadata))

    async def attach(self, run_id: str) -> None:
        """Follow a run that exists already; the conversation becomes the run's.

        Messages that it has already are not told to `on_message`; what is pending is announced.

        Raises: trio.BusyResourceError while another run is followed; what `Client.events` raises. If the run can't be
            watched, the chat stays as it was.
        """
        with self._following(), self._replacing(_Progress(run_id, Transcript())):
            await self._read()

    async def follow(self) -> None:
        """Go on following the run to its next pause or its end; at once when it is over, or there is none.

        For a chat that waits while others may decide, or whose call was cancelled. Where another task follows the run
        already, it returns when that is done. Raises: as `attach`.
        """
        if self._follower not in (None, trio.lowlevel.current_task()):
            await self._followed.wait()
        elif self.is_under_way:
            with self._following():
                await self._read()

    async def respond_with_decision(
        self, decision: Any, tool_call_id: str | None = None, *, arguments: dict[str, Any] | None = None
    ) -> None:
        """Decide a call that waits: the first in `pending` that this chat has not answered yet, unless
        `tool_call_id` says which. The server is always told which call is meant, and what it was shown of it.

        `arguments`: edited ones, executed in place of the model's, where the tool allows it.

        Raises: NotPending when nothing waits; what `Client.resume` raises: the call then still waits, if it did before.
        """
        with self._keeping_error():
            run_id, call = self._waiting(tool_call_id)
            settled = await self._client.resume(
                run_id, decision, call.tool_call_id, digest=call.digest, arguments=arguments
            )
        await self._go_on(settled)

    async def decline(self, tool_call_id: str | None = None, reason: str | None = None) -> None:
        """Say no to a call that waits; which one, and what it raises, is as in `respond_with_decision`."""
        with self._keeping_error():
            run_id, call = self._waiting(tool_call_id)
            settled = await self._client.decline(run_id, call.tool_call_id, reason=reason)
        await self._go_on(settled)

    async def abort(self, reason: str | None = None) -> None:
        """End the run, if it is not over. When this returns, the chat has all that is left of it, and nothing follows.

        From inside a callback it returns as soon as the run is over; the rest of its events is told after that.
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
        """Turn to another run, and back if it can't be begun or watched."""
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
            if isinstance(error, RunNotFound) and is_ours:  # whoever else follows it hears of its end
                self._run = _history(self._run.fold.messages)
            raise

    async def _read(self, begun: _Stream | None = None) -> None:
        """Fold the run to its next pause or its end."""
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
        """Whether nothing goes on until somebody acts: it paused now, or stayed paused for all that we answered."""
        run = self._run
        pauses = isinstance(item.event, AgentPaused) if isinstance(item, Envelope) else item.seq != before
        return run.fold.status == "paused" and ((pauses and item.seq >= run.due) or before < run.due <= item.seq)

    async def _tell(self, item: Envelope | RunSnapshot) -> None:
        run = self._run
        await _call(self._on_event, item)
        if isinstance(item, Envelope) and isinstance(item.event, MessageUpdate):
            return  # nearly all of them; nothing below changes by one
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
    """No run, but what was said before."""
    return _Progress(None, Transcript(Snapshot(messages=tuple(messages))))


async def _call(callback: Callback | None, given: object) -> None:
    if callback is not None:
        result = callback(given)
        if inspect.isawaitable(result):
            await result
