"""What can happen: the model's stream, the run's events, and the envelope that carries one. Data only.

A stream event never leaves the run on its own: it travels inside `message_update`. Every event travels in an
`Envelope`, whose `seq` grows strictly within a run, is never reused, and may have gaps.
"""

from typing import Any, ClassVar, Literal

from .messages import (
    AssistantMessage,
    ErrorKind,
    Message,
    Opaque,
    StopReason,
    ToolResultMessage,
    Usage,
    UserBlock,
    Wire,
    shown,
)

__all__ = [
    "AgentEnd",
    "AgentPaused",
    "AgentResume",
    "AgentRetry",
    "AgentStart",
    "Done",
    "Envelope",
    "ErrorInfo",
    "Event",
    "Failed",
    "MessageEnd",
    "MessageStart",
    "MessageUpdate",
    "MiddlewareError",
    "OpaqueBlock",
    "Outcome",
    "Start",
    "Status",
    "StreamDelta",
    "StreamEvent",
    "TextDelta",
    "TextEnd",
    "TextStart",
    "ThinkingDelta",
    "ThinkingEnd",
    "ThinkingStart",
    "ToolClientClaimed",
    "ToolClientExecutePending",
    "ToolDecisionPending",
    "ToolDecisionResolved",
    "ToolExecutionEnd",
    "ToolExecutionStart",
    "ToolExecutionUpdate",
    "ToolOutput",
    "ToolcallDelta",
    "ToolcallEnd",
    "ToolcallStart",
    "TurnEnd",
    "TurnStart",
    "UsageSoFar",
]

Status = Literal["running", "paused", "completed", "failed", "aborted"]
Outcome = Literal["decided", "declined", "expired", "aborted"]


# The model's stream. A provider yields: Start, then blocks (start, deltas, end), then exactly one Done or Failed; and
# `UsageSoFar` anywhere before that.


class Start(Wire, frozen=True, tag="start", tag_field="type"):
    """The model began to answer."""

    type: ClassVar[Literal["start"]] = "start"


class TextStart(Wire, frozen=True, tag="text_start", tag_field="type"):
    """A text block begins.

    Attributes:
        content_index: the block's place in the message, from 0.
    """

    type: ClassVar[Literal["text_start"]] = "text_start"
    content_index: int


class TextDelta(Wire, frozen=True, tag="text_delta", tag_field="type"):
    """More of a text block.

    Attributes:
        content_index: the block's place in the message, from 0.
        delta: the text that the block grows by.
    """

    type: ClassVar[Literal["text_delta"]] = "text_delta"
    content_index: int
    delta: str


class TextEnd(Wire, frozen=True, tag="text_end", tag_field="type"):
    """A text block is complete.

    Attributes:
        content_index: the block's place in the message, from 0.
        signature: the provider's, of the whole block.
        citations: what the text rests on, in the words of the model's API.
    """

    type: ClassVar[Literal["text_end"]] = "text_end"
    content_index: int
    signature: str | None = None
    citations: tuple[dict[str, Any], ...] = ()


class ThinkingStart(Wire, frozen=True, tag="thinking_start", tag_field="type"):
    """A thinking block begins.

    Attributes:
        content_index: the block's place in the message, from 0.
    """

    type: ClassVar[Literal["thinking_start"]] = "thinking_start"
    content_index: int


class ThinkingDelta(Wire, frozen=True, tag="thinking_delta", tag_field="type"):
    """More of a thinking block.

    Attributes:
        content_index: the block's place in the message, from 0.
        delta: the text that the block grows by.
    """

    type: ClassVar[Literal["thinking_delta"]] = "thinking_delta"
    content_index: int
    delta: str


class ThinkingEnd(Wire, frozen=True, tag="thinking_end", tag_field="type"):
    """A thinking block is complete.

    Attributes:
        content_index: the block's place in the message, from 0.
        signature: the provider's, of the whole block.
        redacted: there was nothing to read.
    """

    type: ClassVar[Literal["thinking_end"]] = "thinking_end"
    content_index: int
    signature: str | None = None
    redacted: bool = False


class ToolcallStart(Wire, frozen=True, tag="toolcall_start", tag_field="type"):
    """A tool call begins. A provider gives its own id; watchers see the runtime's, with the provider's beside it.

    Attributes:
        content_index: the block's place in the message, from 0.
        id: the id of the call: the provider's, and for watchers the runtime's.
        name: the tool's name.
        provider_id: the provider's id, for watchers.
    """

    type: ClassVar[Literal["toolcall_start"]] = "toolcall_start"
    content_index: int
    id: str
    name: str
    provider_id: str | None = None


class ToolcallDelta(Wire, frozen=True, tag="toolcall_delta", tag_field="type"):
    """More of a tool call's arguments, as JSON text.

    Attributes:
        content_index: the block's place in the message, from 0.
        delta: the JSON text that the arguments grow by.
    """

    type: ClassVar[Literal["toolcall_delta"]] = "toolcall_delta"
    content_index: int
    delta: str


class ToolcallEnd(Wire, frozen=True, tag="toolcall_end", tag_field="type"):
    """A tool call's arguments are complete.

    Attributes:
        content_index: the block's place in the message, from 0.
        signature: the provider's, of the whole call.
    """

    type: ClassVar[Literal["toolcall_end"]] = "toolcall_end"
    content_index: int
    signature: str | None = None


class OpaqueBlock(Wire, frozen=True, tag="opaque_block", tag_field="type"):
    """A block that the provider made by itself, whole at once.

    Attributes:
        content_index: the block's place in the message, from 0.
        block: the block.
    """

    type: ClassVar[Literal["opaque_block"]] = "opaque_block"
    content_index: int
    block: Opaque


class UsageSoFar(Wire, frozen=True, tag="usage", tag_field="type"):
    """What the call has taken so far, where the provider tells before the end. The latest one counts if the call is
    aborted. It goes to the run alone, not to watchers.

    Attributes:
        usage: the usage so far.
    """

    type: ClassVar[Literal["usage"]] = "usage"
    usage: Usage


class Done(Wire, frozen=True, tag="done", tag_field="type"):
    """The model's message is complete.

    Attributes:
        reason: why the model stopped.
        message: the whole message.
    """

    type: ClassVar[Literal["done"]] = "done"
    reason: StopReason
    message: AssistantMessage


class Failed(Wire, frozen=True, tag="error", tag_field="type"):
    """The model call failed. `error` is the partial message, with `stopReason`, `errorMessage` and `errorKind` set.

    Attributes:
        reason: `error`, or `aborted` where the call was stopped.
        error: the partial message, with `stopReason`, `errorMessage` and `errorKind` set.
        status: the status of the HTTP response, where that told of the failure.
        retry_after_s: seconds that the provider wants to be left alone.
    """

    type: ClassVar[Literal["error"]] = "error"
    reason: Literal["error", "aborted"]
    error: AssistantMessage
    status: int | None = None
    retry_after_s: float | None = None


StreamDelta = (
    Start
    | TextStart
    | TextDelta
    | TextEnd
    | ThinkingStart
    | ThinkingDelta
    | ThinkingEnd
    | ToolcallStart
    | ToolcallDelta
    | ToolcallEnd
    | OpaqueBlock
)
StreamEvent = StreamDelta | UsageSoFar | Done | Failed


# The run's events.


class ErrorInfo(Wire, frozen=True):
    """Why a run failed, for a person and for a program.

    Attributes:
        type: as an `AdjournError` names it, or `modelError` or `crashLoop`.
        message: for a person.
        id: of an internal error: the log has the same id.
        kind: of a model call's.
    """

    type: str
    message: str
    id: str | None = None
    kind: ErrorKind | None = None


class ToolOutput(Wire, frozen=True):
    """What a tool gave back, or has so far.

    Attributes:
        content: for the model.
        details: for programs; the model doesn't see them.
    """

    content: tuple[UserBlock, ...]
    details: Any = None


class AgentStart(Wire, frozen=True, tag="agent_start", tag_field="type"):
    """The run begins. At most once in its life, with its input.

    Attributes:
        agent: the agent's name.
        input: its open tool calls closed by synthetic results.
        metadata: the starter's own.
        by: who started it, where that is known.
    """

    type: ClassVar[Literal["agent_start"]] = "agent_start"
    agent: str
    input: tuple[Message, ...]
    metadata: dict[str, Any] = {}
    by: str | None = None


class AgentEnd(Wire, frozen=True, tag="agent_end", tag_field="type"):
    """The run is over. Exactly once, always the last event.

    Attributes:
        status: how the run ended.
        reason: completed: the last message's stop reason. failed: `modelError`, `maxTurns`, `maxTokens`, `maxCost`,
            `crashLoop`, or as a middleware said. aborted: as whoever aborted it said; `expired` where a deadline
            did.
        usage: of the whole run.
        error: of a failed run.
        expires_at: ms since the epoch: when the run is deleted; None: never.
    """

    type: ClassVar[Literal["agent_end"]] = "agent_end"
    status: Literal["completed", "failed", "aborted"]
    reason: str
    usage: Usage = shown(Usage())
    error: ErrorInfo | None = None
    expires_at: int | None = None


class AgentPaused(Wire, frozen=True, tag="agent_paused", tag_field="type"):
    """Nothing goes on until somebody outside acts on one of the pending calls.

    Attributes:
        tool_call_ids: of the calls that wait, in the model's order.
        expires_at: ms since the epoch: when the run is aborted if nobody acts; None: never.
    """

    type: ClassVar[Literal["agent_paused"]] = "agent_paused"
    tool_call_ids: tuple[str, ...]
    expires_at: int | None = None


class AgentResume(Wire, frozen=True, tag="agent_resume", tag_field="type"):
    """The run goes on. With reason `recovered`, messages without `message_end` and partial tool results are void.

    Attributes:
        reason: what lets the run go on.
    """

    type: ClassVar[Literal["agent_resume"]] = "agent_resume"
    reason: Literal["decided", "declined", "expired", "result", "recovered"]


class AgentRetry(Wire, frozen=True, tag="agent_retry", tag_field="type"):
    """The model call begins anew; what it had streamed is void.

    Attributes:
        attempt: 1 = the first retry.
        reason: what the attempt before failed of, for a person.
        wait_s: how long it is going to be waited before, at least.
    """

    type: ClassVar[Literal["agent_retry"]] = "agent_retry"
    attempt: int
    reason: str
    wait_s: float = 0.0


class MiddlewareError(Wire, frozen=True, tag="middleware_error", tag_field="type"):
    """A middleware raised. It was passed over if it only observes; else the call that it stood around has failed.

    Attributes:
        middleware: its name.
        where: what it stood around.
        error: what it raised.
        call_id: of the model call or the tool call.
    """

    type: ClassVar[Literal["middleware_error"]] = "middleware_error"
    middleware: str
    where: Literal["model", "tool", "event"]
    error: ErrorInfo
    call_id: str | None = None


class TurnStart(Wire, frozen=True, tag="turn_start", tag_field="type"):
    """The model is about to be asked.

    Attributes:
        turn: the turn, from 1.
    """

    type: ClassVar[Literal["turn_start"]] = "turn_start"
    turn: int


class TurnEnd(Wire, frozen=True, tag="turn_end", tag_field="type"):
    """The turn's tool results have entered the transcript, in the order of the calls.

    Attributes:
        message: the model's message of the turn.
        tool_results: one a call of `message`.
    """

    type: ClassVar[Literal["turn_end"]] = "turn_end"
    message: AssistantMessage
    tool_results: tuple[ToolResultMessage, ...] = shown(())


class MessageStart(Wire, frozen=True, tag="message_start", tag_field="type"):
    """The model's message begins; `message` is still empty.

    Attributes:
        message: the message, still empty.
    """

    type: ClassVar[Literal["message_start"]] = "message_start"
    message: AssistantMessage


class MessageUpdate(Wire, frozen=True, tag="message_update", tag_field="type"):
    """The model's message grows, by the delta only.

    Attributes:
        assistant_message_event: what the message grows by.
    """

    type: ClassVar[Literal["message_update"]] = "message_update"
    assistant_message_event: StreamDelta


class MessageEnd(Wire, frozen=True, tag="message_end", tag_field="type"):
    """A message is complete and in the transcript.

    Attributes:
        message: the whole message.
    """

    type: ClassVar[Literal["message_end"]] = "message_end"
    message: AssistantMessage


class ToolExecutionStart(Wire, frozen=True, tag="tool_execution_start", tag_field="type"):
    """A tool executes from now on.

    Attributes:
        tool_call_id: the runtime's id of the call.
        tool_name: the tool that the model asked for.
        args: what it executes with: the decider's arguments, if they were edited, else the model's.
    """

    type: ClassVar[Literal["tool_execution_start"]] = "tool_execution_start"
    tool_call_id: str
    tool_name: str
    args: dict[str, Any]


class ToolExecutionUpdate(Wire, frozen=True, tag="tool_execution_update", tag_field="type"):
    """What a tool shows before it is done; each replaces the one before.

    Attributes:
        tool_call_id: the runtime's id of the call.
        tool_name: the tool that the model asked for.
        partial_result: whatever the tool shows.
    """

    type: ClassVar[Literal["tool_execution_update"]] = "tool_execution_update"
    tool_call_id: str
    tool_name: str
    partial_result: Any


class ToolExecutionEnd(Wire, frozen=True, tag="tool_execution_end", tag_field="type"):
    """A call has its result. Also for calls that never executed.

    Attributes:
        tool_call_id: the runtime's id of the call.
        tool_name: the tool that the model asked for.
        result: what the tool gave back.
        is_error: the tool failed, or never executed.
        arguments: edited by the decider, in place of the model's; None: not edited.
    """

    type: ClassVar[Literal["tool_execution_end"]] = "tool_execution_end"
    tool_call_id: str
    tool_name: str
    result: ToolOutput
    is_error: bool = shown(False)
    arguments: dict[str, Any] | None = None


class ToolDecisionPending(Wire, frozen=True, tag="tool_decision_pending", tag_field="type"):
    """A gated call waits for a decision.

    Attributes:
        tool_call_id: the runtime's id of the call.
        tool_name: the tool that the model asked for.
        input: the model's arguments.
        schema: JSON Schema of the decision.
        digest: the digest of `input`; a decision may carry it back.
        due_at: ms since the epoch: when the wait expires.
        since: ms since the epoch: when the wait began.
        editable: which arguments a decision may change.
        approval: the decision is {approved, reason?}.
        parameters: JSON Schema of the arguments, where some are editable.
        description: the tool's description, for whoever decides.
    """

    type: ClassVar[Literal["tool_decision_pending"]] = "tool_decision_pending"
    tool_call_id: str
    tool_name: str
    input: dict[str, Any]
    schema: dict[str, Any]
    digest: str
    due_at: int | None = None
    since: int | None = None
    editable: bool | tuple[str, ...] = False
    approval: bool = False
    parameters: dict[str, Any] | None = None
    description: str = ""


class ToolDecisionResolved(Wire, frozen=True, tag="tool_decision_resolved", tag_field="type"):
    """A gated call no longer waits.

    Attributes:
        tool_call_id: the runtime's id of the call.
        outcome: expired without a `reason`: the tool's default, in `decision`, was taken instead.
        by: who decided or declined, where that is known.
        decision: what was decided.
        reason: why the call will not execute.
        arguments: edited arguments; they are executed in place of the model's.
        digest: the digest of the edited arguments.
        tool_name: the tool that the model asked for.
        since: ms since the epoch: when the wait began.
    """

    type: ClassVar[Literal["tool_decision_resolved"]] = "tool_decision_resolved"
    tool_call_id: str
    outcome: Outcome
    by: str | None = None
    decision: Any = None
    reason: str | None = None
    arguments: dict[str, Any] | None = None
    digest: str | None = None
    tool_name: str = ""
    since: int | None = None


class ToolClientExecutePending(Wire, frozen=True, tag="tool_client_execute_pending", tag_field="type"):
    """A client-side call is offered to whoever claims it first.

    Attributes:
        tool_call_id: the runtime's id of the call.
        tool_name: the tool that the model asked for.
        input: what the call executes with.
        since: ms since the epoch: when it was offered.
    """

    type: ClassVar[Literal["tool_client_execute_pending"]] = "tool_client_execute_pending"
    tool_call_id: str
    tool_name: str
    input: dict[str, Any]
    since: int | None = None


class ToolClientClaimed(Wire, frozen=True, tag="tool_client_claimed", tag_field="type"):
    """A client has taken a client-side call. It is offered again when the client gives it back.

    Attributes:
        tool_call_id: the runtime's id of the call.
        by: who has taken it, where that is known.
        due_at: ms since the epoch: when the claim ends without a result; None: with the run.
    """

    type: ClassVar[Literal["tool_client_claimed"]] = "tool_client_claimed"
    tool_call_id: str
    by: str | None = None
    due_at: int | None = None


Event = (
    AgentStart
    | AgentEnd
    | AgentPaused
    | AgentResume
    | AgentRetry
    | MiddlewareError
    | TurnStart
    | TurnEnd
    | MessageStart
    | MessageUpdate
    | MessageEnd
    | ToolExecutionStart
    | ToolExecutionUpdate
    | ToolExecutionEnd
    | ToolDecisionPending
    | ToolDecisionResolved
    | ToolClientExecutePending
    | ToolClientClaimed
)


class Envelope(Wire, frozen=True):
    """One event on its way to a watcher.

    Attributes:
        run_id: the run's id.
        seq: grows strictly within the run, with gaps; where the caller chose the run's id, from its begin in µs on.
        time: ms since the epoch.
        event: the event.
    """

    run_id: str
    seq: int
    time: int
    event: Event
