"""Folds a run's events into its snapshot. The server and all clients use this one reducer. Pure.

Folding never raises, whatever the order of well-typed events: an event that makes no sense is ignored. The snapshot
holds all state of the fold. So a fold may start from a snapshot, and goes on as the first fold would.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

from .events import (
    AgentEnd,
    AgentPaused,
    AgentResume,
    AgentRetry,
    AgentStart,
    ErrorInfo,
    Event,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    MiddlewareError,
    Status,
    ToolClientClaimed,
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
    ToolOutput,
    TurnEnd,
    TurnStart,
)
from .messages import AssistantMessage, Message, ToolCall, ToolResultMessage, Usage, Wire, shown
from .partial import PartialMessage
from .record import Call, History, InputEntry, MessageEntry, Record, ResultEntry, ToolSpec

__all__ = ["PendingCall", "Snapshot", "ToolView", "Transcript", "decision_pending", "replay"]


T = TypeVar("T")

_NO_ARGS: dict[str, Any] = {}


class PendingCall(Wire, frozen=True):
    """A call that waits for a decision or a client.

    Attributes:
        tool_call_id: the runtime's id of the call.
        tool_name: the tool that the model asked for.
        input: the model's arguments.
        kind: what the call waits for: a decision, or a client that executes it.
        schema: JSON Schema of the decision.
        digest: the digest of `input`, for kind `decision`; a decision may carry it back.
        due_at: ms since the epoch: when the wait for a decision, or the claim, expires.
        since: ms since the epoch: when the wait began.
        editable: which arguments a decision may change.
        approval: the decision is {approved, reason?}.
        parameters: JSON Schema of the arguments, where some are editable.
        claimed: a client has claimed the call.
        claimed_by: the principal that claimed it; None: unknown.
        description: the tool's description, for people who decide.
    """

    tool_call_id: str
    tool_name: str
    input: dict[str, Any]
    kind: Literal["decision", "client"]
    schema: dict[str, Any] | None = None
    digest: str | None = None
    due_at: int | None = None
    since: int | None = None
    editable: bool | tuple[str, ...] = False
    approval: bool = False
    parameters: dict[str, Any] | None = None
    claimed: bool = False
    claimed_by: str | None = None
    description: str = ""


class ToolView(Wire, frozen=True):
    """A call of the current turn that executes, or is done.

    Attributes:
        tool_call_id: the runtime's id of the call.
        tool_name: the tool that the model asked for.
        args: the arguments it executes with: the edited ones, if any, else the model's.
        partial_result: the latest progress report of the tool.
        result: None while it executes.
        is_error: None while it executes.
    """

    tool_call_id: str
    tool_name: str
    args: dict[str, Any]
    partial_result: Any = None
    result: ToolOutput | None = None
    is_error: bool | None = None


class Snapshot(Wire, frozen=True):
    """The whole visible state of a run at one `seq`. `pending` and `tools` are in the order of the model's calls.

    Attributes:
        agent: the agent's name.
        status: the status of the run.
        turn: the current turn, from 1; 0: the model has not been asked yet.
        messages: all complete messages, including the input.
        streaming: the message that the model is streaming, as far as it has come; None: no message is under way.
        pending: the calls that wait for a decision or a client.
        tools: the calls of the current turn that execute or are done.
        usage: the total of the run's turns so far.
        reason: why the run ended, as in `AgentEnd`.
        error: only of a failed run.
        metadata: given when the run was started.
        by: the principal that started the run; None: unknown.
        expires_at: ms since the epoch: when a paused run is aborted, or an ended run deleted; None: never.
    """

    agent: str = shown("")
    status: Status = shown("running")
    turn: int = shown(0)
    messages: tuple[Message, ...] = shown(())
    streaming: AssistantMessage | None = None
    pending: tuple[PendingCall, ...] = shown(())
    tools: tuple[ToolView, ...] = shown(())
    usage: Usage = shown(Usage())
    reason: str | None = None
    error: ErrorInfo | None = None
    metadata: dict[str, Any] = {}
    by: str | None = None
    expires_at: int | None = None


_EMPTY = Snapshot()


class Transcript:
    """Folds events, one by one, into a snapshot. Read its attributes, but don't set them.

    `agent`, `status`, `turn`, `messages`, `usage`, `reason`, `error`, `metadata`, `by` and `expires_at` are as in
    `Snapshot`, and always up to date. For the other fields, call `snapshot()`.

    Args:
        snapshot: where the fold begins. None: before the first event.
    """

    __slots__ = (
        "_called",
        "_partial",
        "_pending",
        "_tools",
        "agent",
        "by",
        "error",
        "expires_at",
        "messages",
        "metadata",
        "reason",
        "status",
        "turn",
        "usage",
    )

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self._restore(snapshot or _EMPTY)

    def _restore(self, snapshot: Snapshot) -> None:
        self.agent = snapshot.agent
        self.status: Status = snapshot.status
        self.turn = snapshot.turn
        self.messages: list[Message] = list(snapshot.messages)
        self.usage = snapshot.usage
        self.reason = snapshot.reason
        self.error = snapshot.error
        self.metadata = snapshot.metadata
        self.by = snapshot.by
        self.expires_at = snapshot.expires_at
        self._partial = PartialMessage(snapshot.streaming) if snapshot.streaming else None
        self._pending: dict[str, PendingCall] = {}
        self._tools: dict[str, ToolView] = {}
        for call in snapshot.pending:
            self._pending[call.tool_call_id] = call
        for tool in snapshot.tools:
            self._tools[tool.tool_call_id] = tool
        self._called: dict[str, dict[str, Any]] | None = None

    def apply(self, event: Event) -> None:
        """Apply one event."""
        self.extend((event,))

    def extend(self, events: Iterable[Event]) -> None:
        """Apply events, in their order."""
        folds = self._FOLDS
        for event in events:
            if type(event) is MessageUpdate:  # first, because nearly all events are updates
                if self._partial is not None:
                    self._partial.apply(event.assistant_message_event)
            else:
                folds[type(event)](self, event)

    def snapshot(self) -> Snapshot:
        """Return the state now. Takes time O(messages + deltas since the last snapshot)."""
        return Snapshot(
            agent=self.agent,
            status=self.status,
            turn=self.turn,
            messages=tuple(self.messages),
            streaming=None if self._partial is None else self._partial.message(keep_incomplete_calls=True),
            pending=self._in_call_order(self._pending),
            tools=self._in_call_order(self._tools),
            usage=self.usage,
            reason=self.reason,
            error=self.error,
            metadata=self.metadata,
            by=self.by,
            expires_at=self.expires_at,
        )

    def _in_call_order(self, items: dict[str, T]) -> tuple[T, ...]:
        """Return the values of a dict by call id, in the model's order of the calls.

        Not in the order of decisions or results: live watchers and replays must see the same.
        """
        if len(items) < 2:
            return tuple(items.values())
        places = {call.id: place for place, call in enumerate(self._calls())}
        return tuple([items[key] for key in sorted(items, key=lambda key: places.get(key, len(places)))])

    def _calls(self) -> list[ToolCall]:
        for message in reversed(self.messages):
            if isinstance(message, AssistantMessage):
                return message.calls
        return []

    def _agent_start(self, event: AgentStart) -> None:
        self._restore(_EMPTY)
        self.agent, self.messages = event.agent, list(event.input)
        self.metadata, self.by = event.metadata, event.by

    def _agent_end(self, event: AgentEnd) -> None:
        self.status = event.status
        self.reason = event.reason
        self.usage = event.usage
        self.error = event.error
        self.expires_at = event.expires_at
        self._partial = None
        self._clear_turn()

    def _agent_paused(self, event: AgentPaused) -> None:
        self.status = "paused"
        self.expires_at = event.expires_at

    def _agent_resume(self, event: AgentResume) -> None:
        self.status = "running"
        self.expires_at = None
        if event.reason == "recovered":
            self._partial = None
            self._tools = {key: tool for key, tool in self._tools.items() if tool.result is not None}

    def _nothing(self, event: MiddlewareError) -> None:
        """Ignore the event: it is for logs, and changes no transcript."""

    def _agent_retry(self, event: AgentRetry) -> None:
        self._partial = None

    def _turn_start(self, event: TurnStart) -> None:
        self.turn = event.turn

    def _turn_end(self, event: TurnEnd) -> None:
        self.messages.extend(event.tool_results)
        self._clear_turn()

    def _clear_turn(self) -> None:
        self._pending = {}
        self._tools = {}
        self._called = None

    def _message_start(self, event: MessageStart) -> None:
        self._partial = PartialMessage(event.message)

    def _message_end(self, event: MessageEnd) -> None:
        self._partial = None
        self.messages.append(event.message)
        self.usage = self.usage.plus(event.message.usage)
        self._clear_turn()

    def _tool_start(self, event: ToolExecutionStart) -> None:
        key = event.tool_call_id
        self._pending.pop(key, None)
        self._tools[key] = ToolView(tool_call_id=key, tool_name=event.tool_name, args=event.args)

    def _tool_update(self, event: ToolExecutionUpdate) -> None:
        tool = self._tools.get(event.tool_call_id)
        if tool is not None and tool.result is None:
            changed = msgspec.structs.replace(tool, partial_result=event.partial_result)
            self._tools[event.tool_call_id] = changed

    def _tool_end(self, event: ToolExecutionEnd) -> None:
        key = event.tool_call_id
        self._tools[key] = ToolView(
            tool_call_id=key,
            tool_name=event.tool_name,
            args=self._args(key) if event.arguments is None else event.arguments,
            result=event.result,
            is_error=event.is_error,
        )
        self._pending.pop(key, None)

    def _args(self, key: str) -> dict[str, Any]:
        if tool := self._tools.get(key):
            return tool.args
        if pending := self._pending.get(key):
            return pending.input
        if self._called is None:  # built lazily: most calls are in `_tools` or `_pending` before they end
            self._called = {call.id: call.arguments for call in reversed(self._calls())}
        return self._called.get(key, _NO_ARGS)

    def _decision_pending(self, event: ToolDecisionPending) -> None:
        self._pending[event.tool_call_id] = PendingCall(
            tool_call_id=event.tool_call_id,
            tool_name=event.tool_name,
            input=event.input,
            kind="decision",
            schema=event.schema,
            digest=event.digest,
            due_at=event.due_at,
            since=event.since,
            editable=event.editable,
            approval=event.approval,
            parameters=event.parameters,
            description=event.description,
        )

    def _decision_resolved(self, event: ToolDecisionResolved) -> None:
        self._pending.pop(event.tool_call_id, None)

    def _client_pending(self, event: ToolClientExecutePending) -> None:
        self._pending[event.tool_call_id] = PendingCall(
            tool_call_id=event.tool_call_id,
            tool_name=event.tool_name,
            input=event.input,
            kind="client",
            since=event.since,
        )

    def _client_claimed(self, event: ToolClientClaimed) -> None:
        if call := self._pending.get(event.tool_call_id):
            self._pending[event.tool_call_id] = msgspec.structs.replace(
                call, claimed=True, claimed_by=event.by, due_at=event.due_at
            )

    _FOLDS: ClassVar[dict[type, Callable[["Transcript", Any], None]]] = {
        AgentStart: _agent_start,
        AgentEnd: _agent_end,
        AgentPaused: _agent_paused,
        AgentResume: _agent_resume,
        AgentRetry: _agent_retry,
        MiddlewareError: _nothing,
        TurnStart: _turn_start,
        TurnEnd: _turn_end,
        MessageStart: _message_start,
        MessageEnd: _message_end,
        ToolExecutionStart: _tool_start,
        ToolExecutionUpdate: _tool_update,
        ToolExecutionEnd: _tool_end,
        ToolDecisionPending: _decision_pending,
        ToolDecisionResolved: _decision_resolved,
        ToolClientExecutePending: _client_pending,
        ToolClientClaimed: _client_claimed,
    }


def replay(record: Record) -> Iterator[Event]:
    """Yield events made from a record. Folded, they give the same snapshot as the run's original events."""
    head = record.head
    history = History()
    turn = 0
    for entry in record.journal:
        history.extend((entry,))
        match entry:
            case InputEntry():
                yield AgentStart(agent=head.agent, input=entry.messages, metadata=head.metadata, by=head.owner)
            case MessageEntry():
                turn += 1
                yield TurnStart(turn=turn)
                yield MessageEnd(message=entry.message)
            case ResultEntry(message=message):
                yield _result(message)
            case _:
                continue
        if turn:
            yield from _turn_over(history)
    if head.turn != turn:
        yield TurnStart(turn=head.turn)
    for call in head.calls:
        yield from _open_call(call, history)
    if head.status == "paused":
        waiting = tuple(call.id for call in head.calls if call.phase in ("gated", "offered"))
        yield AgentPaused(tool_call_ids=waiting, expires_at=head.expires_at)
    elif head.status != "running":
        yield AgentEnd(
            status=head.status,
            reason=head.reason or "",
            usage=head.usage,
            error=head.error,
            expires_at=head.expires_at,
        )


def _result(message: ToolResultMessage) -> ToolExecutionEnd:
    return ToolExecutionEnd(
        tool_call_id=message.tool_call_id,
        tool_name=message.tool_name,
        result=ToolOutput(content=message.content, details=message.details),
        is_error=message.is_error,
        arguments=message.arguments,
    )


def _turn_over(history: History) -> Iterator[Event]:
    message = history.turn_message
    if message is not None and history.turn_is_over:
        results = tuple(history.turn_results[call.id] for call in history.turn_calls)
        yield TurnEnd(message=message, tool_results=results)


def _open_call(call: Call, history: History) -> Iterator[Event]:
    if call.phase == "ready":  # waits for a free slot: no event yet
        return
    key, name, args = call.id, call.name, history.arguments(call)
    if call.phase == "gated":
        yield decision_pending(call, history.tools[name], args)
    elif call.executing:
        yield ToolExecutionStart(tool_call_id=key, tool_name=name, args=args)
    else:
        yield ToolClientExecutePending(tool_call_id=key, tool_name=name, input=args, since=call.since)
        if call.claim is not None:
            yield ToolClientClaimed(tool_call_id=key, by=call.claim.by, due_at=call.due_at)


def decision_pending(call: Call, tool: ToolSpec, arguments: dict[str, Any]) -> ToolDecisionPending:
    """Return the event that asks for a decision about a gated call."""
    return ToolDecisionPending(
        tool_call_id=call.id,
        tool_name=call.name,
        input=arguments,
        schema=tool.decision or {},
        digest=call.args_digest,
        due_at=call.due_at,
        since=call.since,
        editable=tool.editable,
        approval=tool.approval,
        parameters=tool.parameters if tool.editable else None,
        description=tool.description,
    )
