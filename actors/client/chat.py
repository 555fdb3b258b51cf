"""A conversation: one run after the other, folded into messages, with callbacks. Like JavaScript's `useChat`.

`progress.py` keeps the state of a run; `tools.py` executes client-side calls.
"""

import inspect
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Literal, TypeAlias

import trio

from ...protocol.errors import (
    AdjournError,
    Forbidden,
    NotPending,
    RecordTooNew,
    RunNotFound,
    StoreCorrupt,
    ToolCallIdRequired,
)
from ...protocol.events import Envelope, ErrorInfo, MessageUpdate, Status
from ...protocol.limits import RunLimits
from ...protocol.messages import AssistantMessage, Message, UserMessage
from ...protocol.methods import RunSnapshot, Settled
from ...protocol.record import FINAL
from ...protocol.transcript import PendingCall, Snapshot, ToolView, Transcript
from .changes import Changes
from .client import Client
from .progress import Progress
from .tools import ClientTools, Execute

__all__ = ["Chat"]

_UNREADABLE = (
    RunNotFound,
    Forbidden,
    RecordTooNew,
    StoreCorrupt,
)  # refusals of `after`

Callback: TypeAlias = Callable[..., Awaitable[object] | object]  # sync or async
_Stream: TypeAlias = AbstractAsyncContextManager[AsyncIterator[Envelope | RunSnapshot]]


class Chat:
    """A conversation with one agent.

    `send`, `respond_with_decision`, `decline`, `attach` and `follow` follow the run. They return when the run pauses or
    ends; the chat is then up to date. If one of them already follows the run, in another task or around a callback, a
    decision returns as soon as the server has accepted it. Cancelling one of them does not abort the run.

    Errors are raised, and kept in `error` until the next call; `messages` holds complete messages only. A failed run
    raises nothing: `status` is `failed`, and `error` says why. If a run no longer exists (RunNotFound), its messages
    stay as history.

    Callbacks may be sync or async, and may use the chat. They are called one at a time, in the order of the events,
    each after the chat has changed. An error in a callback ends the method that follows the run, not the run.

    Args:
        client: the client that the chat talks through.
        agent: the agent's name.
        messages: the conversation so far.
        metadata: metadata of each run that `send` starts.
        limits: limits of each run that `send` starts. They only tighten the agent's.
        on_message: called with each new complete message, except the user's own.
        on_finish: called with the snapshot when a run ends.
        on_decision_pending: called once with each call that waits for a decision.
        on_tool_call: called once with each call that executes or is offered to clients.
        on_error: called with the error when `error` is set, in the task that sets it.
        on_event: called with each event envelope or snapshot.
    """

    def __init__(
        self,
        client: Client,
        agent: str,
        *,
        messages: Sequence[Message] = (),
        metadata: Mapping[str, Any] | None = None,
        limits: RunLimits | None = None,
        on_message: Callback | None = None,
        on_finish: Callback | None = None,
        on_decision_pending: Callback | None = None,
        on_tool_call: Callback | None = None,
        on_error: Callback | None = None,
        on_event: Callback | None = None,
    ) -> None:
        self.agent = agent
        self.error: AdjournError | ErrorInfo | None = None  # of the latest method call, or of a failed run
        self._client = client
        self._metadata = metadata
        self._limits = limits
        self._on_message = on_message
        self._on_finish = on_finish
        self._on_decision_pending = on_decision_pending
        self._on_tool_call = on_tool_call
        self._on_error = on_error
        self._on_event = on_event
        self._tools = ClientTools(client, on_end=self._tool_ended, on_error=self._fail)
        self._changes = Changes(self)
        self._run = Progress.history(messages)
        self._follower: trio.lowlevel.Task | None = None  # the task that follows the run now
        self._followed = trio.Event()  # set when the follower is done
        self._is_resting = False  # the run waits for a person, and the follower waits only for this chat's tools

    # State.

    @property
    def run_id(self) -> str | None:
        """The id of the latest run; None before the first."""
        return self._run.run_id

    @property
    def messages(self) -> list[Message]:
        """The conversation's complete messages. A copy."""
        return list(self._run.fold.messages)

    @property
    def streaming_message(self) -> AssistantMessage | None:
        """The message that the model is still writing, so far."""
        return self._run.fold.snapshot().streaming

    @property
    def pending(self) -> tuple[PendingCall, ...]:
        """The calls that wait for a decision or a client, in the model's order."""
        return self._run.fold.snapshot().pending

    @property
    def pending_decisions(self) -> tuple[PendingCall, ...]:
        """The calls that wait for a decision, in the model's order."""
        return tuple(call for call in self.pending if call.kind == "decision")

    @property
    def pending_decision(self) -> PendingCall | None:
        """The first of `pending_decisions`, if any."""
        return next(iter(self.pending_decisions), None)

    @property
    def tools(self) -> tuple[ToolView, ...]:
        """This turn's calls that execute or are done, in the model's order."""
        return self._run.fold.snapshot().tools

    @property
    def status(self) -> Status | Literal["idle"]:
        """The status of the latest run; `idle` before the first."""
        return "idle" if self._run.run_id is None else self._run.fold.status

    @property
    def is_under_way(self) -> bool:
        """Whether the latest run has not ended."""
        return self.status in ("running", "paused")

    @property
    def is_streaming(self) -> bool:
        """Whether a method of this chat follows a run now."""
        return self._follower is not None

    def changes(self) -> AsyncIterator["Chat"]:
        """Yields this chat now, and again after each change. Never ends.

        A slow reader sees several changes as one, and always the latest state.
        """
        return aiter(self._changes)

    # Actions.

    async def send(self, said: str | UserMessage | Sequence[UserMessage]) -> None:
        """Sends one or several user messages: starts a run with the conversation as its history, and follows it.

        The server takes the history from the previous run (`after`). The conversation is sent again only if the server
        no longer has that run, or doesn't let this client read it.

        Raises: trio.BusyResourceError while a run has not ended (decide its calls, or abort it); everything that
            `Client.run` raises. If the run can't be started, the message is removed from the conversation.
        """
        self._refuse_under_way()
        given = _messages_of(said)
        messages = (*self.messages, *given)
        run_id = uuid.uuid4().hex
        fold = Transcript(Snapshot(agent=self.agent, messages=messages))
        run = Progress(run_id, fold, seq=0, told=len(messages))
        after = self.run_id  # that run has ended, so the server has the whole conversation
        begin = partial(self._client.run, self.agent, run_id=run_id, metadata=self._metadata, limits=self._limits)
        with self._following(), self._replacing(run):
            async with self._keeping_error():
                if after is not None:
                    try:
                        return await self._fold(begin(given, after=after))
                    except _UNREADABLE:
                        if run.is_begun:
                            raise
                await self._fold(begin(messages))

    async def attach(self, run_id: str) -> None:
        """Follows an existing run; its messages become the conversation.

        Calls `on_message` only for messages that are new from now on, but `on_decision_pending` and `on_tool_call` for
        every call that waits or executes.

        Raises: trio.BusyResourceError while another run is followed; everything that `Client.events` raises. If the run
            can't be watched, the chat stays as it was.
        """
        with self._following(), self._replacing(Progress(run_id, Transcript())):
            await self._read()

    async def follow(self) -> None:
        """Follows the run again, to its next pause or its end. Returns at once if the run has ended, or there is none.

        For use while other clients may decide, or after a method was cancelled. If another task already follows the
        run, this returns when that task is done. Raises: as `attach`.
        """
        if self._follower not in (None, trio.lowlevel.current_task()):
            await self._followed.wait()
        elif self.is_under_way:
            with self._following():
                await self._read()

    async def respond_with_decision(
        self, decision: Any, tool_call_id: str | None = None, *, arguments: dict[str, Any] | None = None
    ) -> None:
        """Decides a waiting call: `tool_call_id`, or the only one that this chat has not answered yet.

        The request names the call and carries the digest of its arguments, so no other call can be decided by mistake.
        `arguments` replace the model's, if the tool allows edited arguments.

        Raises: NotPending if no matching call waits; ToolCallIdRequired if several wait and none is named; everything
            that `Client.resume` raises: a call that waited before then still waits.
        """
        async with self._keeping_error():
            run_id, call = self._waiting(tool_call_id)
            settled = await self._client.resume(
                run_id, decision, call.tool_call_id, digest=call.digest, arguments=arguments
            )
        await self._go_on(settled)

    async def decline(self, tool_call_id: str | None = None, reason: str | None = None) -> None:
        """Declines a waiting call. Chooses the call, and raises, as `respond_with_decision`."""
        async with self._keeping_error():
            run_id, call = self._waiting(tool_call_id)
            settled = await self._client.decline(run_id, call.tool_call_id, reason=reason)
        await self._go_on(settled)

    async def abort(self, reason: str | None = None) -> None:
        """Aborts the run, unless it has ended. When this returns, the chat has all of the run's events.

        Inside a callback, returns as soon as the run has ended; the last events come afterwards.
        """
        run = self._run
        if run.run_id is None:
            return
        if run.fold.status not in FINAL:
            async with self._keeping_error():
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

    def set_messages(self, messages: Sequence[Message]) -> None:
        """Replaces the conversation; the next run gets all of it as its history.

        Raises: trio.BusyResourceError while a run has not ended.
        """
        self._refuse_under_way()
        self.error = None
        self._switch(Progress.history(messages))

    def tool(self, name: str, function: Execute, *, idempotent: bool = False) -> None:
        """Registers a function that executes a tool's client-side calls, while a method follows the run.

        That method waits for the result. Each call is claimed first, so that no other client executes it too.
        `function` is sync or async; a sync one must not block. It gets the `PendingCall`, with the model's arguments as
        `input`, and returns text, content blocks or plain data. An exception goes to the model as an error result.

        `function` is cancelled when the call or the run is aborted, and when the method that follows the run is
        cancelled. In the last case, the next such method executes the call again if the tool is `idempotent`; otherwise
        the model is told that the call was interrupted.

        If a call can't be claimed or answered, `error` is set, and nothing is raised.
        """
        self._tools.add(name, function, idempotent=idempotent)
        self._offer()

    # Following.

    def _refuse_under_way(self) -> None:
        if self.is_under_way:
            raise trio.BusyResourceError("the run has not ended yet: decide its calls, or abort it")

    def _waiting(self, tool_call_id: str | None) -> tuple[str, PendingCall]:
        """Returns the run, and the waiting call that is meant. Raises: NotPending, ToolCallIdRequired."""
        run = self._run
        if tool_call_id is None:
            meant = [call for call in self.pending_decisions if call.tool_call_id not in run.answered]
        else:
            meant = [call for call in self.pending_decisions if call.tool_call_id == tool_call_id]
        if run.run_id is None or not meant:
            which = "no call" if tool_call_id is None else f"no call {tool_call_id!r}"
            raise NotPending(f"{which} of this chat waits for a decision", reason="unknown")
        if len(meant) > 1:
            raise ToolCallIdRequired("several calls wait: name one", open=[call.tool_call_id for call in meant])
        return run.run_id, meant[0]

    async def _go_on(self, settled: Settled) -> None:
        run = self._run
        run.answered.add(settled.tool_call_id)
        run.due = max(run.due, settled.seq)
        if run.is_behind and self._follower is None:
            with self._following():
                await self._read()

    @contextmanager
    def _following(self) -> Generator[None]:
        if self._follower is not None:
            raise trio.BusyResourceError("this chat already follows a run")
        self._follower = trio.lowlevel.current_task()
        self._changes.note()
        try:
            yield
        finally:
            self._follower = None
            self._followed.set()
            self._followed = trio.Event()
            self._changes.note()

    @contextmanager
    def _replacing(self, run: Progress) -> Generator[None]:
        """Switches to another run, and back if that run can't be started or watched."""
        before = self._run
        self._switch(run)
        try:
            yield
        finally:
            if not run.is_begun:
                self._switch(before)

    def _switch(self, run: Progress) -> None:
        self._run = run
        self._changes.note()

    @asynccontextmanager
    async def _keeping_error(self) -> AsyncGenerator[None]:
        self.error = None
        self._changes.note()
        try:
            yield
            return
        except AdjournError as caught:
            error = caught
        is_ours = self._run.is_begun and self._follower in (None, trio.lowlevel.current_task())
        if isinstance(error, RunNotFound) and is_ours:  # another follower gets the same error itself
            self._switch(Progress.history(self._run.fold.messages))
        await self._fail(error)
        raise error

    async def _read(self) -> None:
        """Folds the run's events up to its next pause or its end."""
        run = self._run
        assert run.run_id is not None
        async with self._keeping_error():
            await self._fold(self._client.events(run.run_id, after=run.seq))

    async def _fold(self, stream: _Stream) -> None:
        """Folds a stream and executes client-side calls, until the run pauses or ends and no tool of this chat is
        busy.
        """
        run = self._run
        self._is_resting = False
        async with self._tools.open(), stream as events:
            run.is_begun = True
            self._offer()  # calls that were waiting when the run was last followed
            async for item in events:
                if self._tools.is_stopped:  # stopped while this item arrived: the next follower reads it again
                    return
                was_resting, self._is_resting = self._is_resting, False  # don't let `stop` cancel a callback
                before = -1 if run.seq is None else run.seq
                self._apply(item)
                await self._tell(item)
                rests = run.rests(item, before)
                if rests and not self._tools.is_busy:
                    return
                self._is_resting = rests or (was_resting and run.fold.status == "paused")

    def _apply(self, item: Envelope | RunSnapshot) -> None:
        self._run.take_in(item)
        if self._run.fold.status == "failed":
            self.error = self._run.fold.error
        if not _is_delta(item):
            self._offer()
        self._changes.note()

    def _offer(self) -> None:
        if self._run.run_id is not None and self._tools.has_any:
            self._tools.offer(self._run.run_id, self.pending)

    async def _tell(self, item: Envelope | RunSnapshot) -> None:
        run = self._run
        await _call(self._on_event, item)
        if _is_delta(item):
            return
        seen = run.fold.snapshot()
        while run.told < len(seen.messages):
            run.told += 1
            await _call(self._on_message, seen.messages[run.told - 1])
        for call in seen.pending:
            if call.kind == "decision" and call.tool_call_id not in run.announced:
                run.announced.add(call.tool_call_id)
                await _call(self._on_decision_pending, call)
        for view in _at_work(seen):
            if view.tool_call_id not in run.called:
                run.called.add(view.tool_call_id)
                await _call(self._on_tool_call, view)
        if seen.status in FINAL and not run.is_finished:
            run.is_finished = True
            if seen.error is not None:
                await _call(self._on_error, seen.error)
            await _call(self._on_finish, seen)

    async def _fail(self, error: AdjournError) -> None:
        if error is self.error:
            return  # a callback raised it, after it was set
        self.error = error
        self._changes.note()
        await _call(self._on_error, error)

    def _tool_ended(self, seq: int) -> None:
        """Notes that a tool of this chat is done; `seq` is that of its result, 0 without one."""
        run = self._run
        run.due = max(run.due, seq)
        is_waiting = self._is_resting and not run.is_behind and bool(self.pending)  # with none pending, the run goes on
        if is_waiting and not self._tools.is_busy:  # perhaps no later event would end the following
            self._tools.stop()


def _is_delta(item: Envelope | RunSnapshot) -> bool:
    """Whether the item is a piece of a message, as nearly all are. Such an item changes nothing else."""
    return isinstance(item, Envelope) and isinstance(item.event, MessageUpdate)


def _at_work(seen: Snapshot) -> list[ToolView]:
    """Returns the calls that execute, or are offered to clients."""
    offered = [
        ToolView(tool_call_id=call.tool_call_id, tool_name=call.tool_name, args=call.input)
        for call in seen.pending
        if call.kind == "client"
    ]
    return offered + [view for view in seen.tools if view.result is None]


def _messages_of(said: str | UserMessage | Sequence[UserMessage]) -> tuple[UserMessage, ...]:
    if isinstance(said, str):
        return (UserMessage(content=said, timestamp=int(time.time() * 1000)),)
    return (said,) if isinstance(said, UserMessage) else tuple(said)


async def _call(callback: Callback | None, given: object) -> None:
    if callback is not None:
        result = callback(given)
        if inspect.isawaitable(result):
            await result
