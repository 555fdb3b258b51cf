"""The events of the model's stream, the run's events, and the envelope around each event. Data only.

A stream event never leaves the run alone: clients get it inside a `message_update`. Every event is sent in an
`Envelope`. Its `seq` strictly increases within a run, is never reused, and may have gaps.
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


# The model's stream. A provider yields Start, then blocks (start, deltas, end), then exactly one Done or Failed.
# `UsageSoFar` may come anywhere before that last event.


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
    """A text block grows.

    Attributes:
        content_index: the block's place in the message, from 0.
        delta: the text to append to the block.
    """

    type: ClassVar[Literal["text_delta"]] = "text_delta"
    content_index: int
    delta: str


class TextEnd(Wire, frozen=True, tag="text_end", tag_field="type"):
    """A text block is complete.

    Attributes:
        content_index: the block's place in the message, from 0.
        signature: the provider's signature of the whole block.
        citations: the sources of the text, as the model's API gives them.
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
    """A thinking block grows.

    Attributes:
        content_index: the block's place in the message, from 0.
        delta: the text to append to the block.
    """

    type: ClassVar[Literal["thinking_delta"]] = "thinking_delta"
    content_index: int
    delta: str


class ThinkingEnd(Wire, frozen=True, tag="thinking_end", tag_field="type"):
    """A thinking block is complete.

    Attributes:
        content_index: the block's place in the message, from 0.
        signature: the provider's signature of the whole block.
        redacted: the provider sent no readable text.
    """

    type: ClassVar[Literal["thinking_end"]] = "thinking_end"
    content_index: int
    signature: str | None = None
    redacted: bool = False


class ToolcallStart(Wire, frozen=True, tag="toolcall_start", tag_field="type"):
    """A tool call begins. In a provider's stream it has the provider's id. Watchers get the runtime's id.

    Attributes:
        content_index: the block's place in the message, from 0.
        id: the runtime's id of the call; in a provider's stream, the provider's.
        name: the tool's name.
        provider_id: the provider's id of the call; only watchers get it.
    """

    type: ClassVar[Literal["toolcall_start"]] = "toolcall_start"
    content_index: int
    id: str
    name: str
    provider_id: str | None = None


class ToolcallDelta(Wire, frozen=True, tag="toolcall_delta", tag_field="type"):
    """The arguments of a tool call grow.

    Attributes:
        content_index: the block's place in the message, from 0.
        delta: the JSON text to append to the arguments.
    """

    type: ClassVar[Literal["toolcall_delta"]] = "toolcall_delta"
    content_index: int
    delta: str


class ToolcallEnd(Wire, frozen=True, tag="toolcall_end", tag_field="type"):
    """A tool call's arguments are complete.

    Attributes:
        content_index: the block's place in the message, from 0.
        signature: the provider's signature of the whole call.
    """

    type: ClassVar[Literal["toolcall_end"]] = "toolcall_end"
    content_index: int
    signature: str | None = None


class OpaqueBlock(Wire, frozen=True, tag="opaque_block", tag_field="type"):
    """A complete block that only the provider understands, such as a search that ran on its side.

    Attributes:
        content_index: the block's place in the message, from 0.
        block: the block.
    """

    type: ClassVar[Literal["opaque_block"]] = "opaque_block"
    content_index: int
    block: Opaque


class UsageSoFar(Wire, frozen=True, tag="usage", tag_field="type"):
    """The usage of the model call so far, from providers that report it early. Watchers don't get it.

    If the call is aborted, the latest one counts.

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
    """The model call failed.

    Attributes:
        reason: `error`, or `aborted` if the call was cancelled.
        error: the partial message, with `stopReason`, `errorMessage` and `errorKind` set.
        status: the status of the HTTP response; None: the failure came another way.
        retry_after_s: seconds to wait before a retry, from the provider; None: it named none.
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
        type: the type of an `AdjournError`, or `modelError` or `crashLoop`.
        message: for a person.
        id: only of internal errors: the log has the same id.
        kind: only of failed model calls: what kind of failure.
    """

    type: str
    message: str
    id: str | None = None
    kind: ErrorKind | None = None


class ToolOutput(Wire, frozen=True):
    """What a tool returned.

    Attributes:
        content: for the model.
        details: for programs; the model doesn't see them.
    """

    content: tuple[UserBlock, ...]
    details: Any = None


class AgentStart(Wire, frozen=True, tag="agent_start", tag_field="type"):
    """The run begins. Sent at most once in a run.

    Attributes:
        agent: the agent's name.
        input: the messages that the run was started with; open tool calls have got synthetic results.
        metadata: given when the run was started.
        by: the principal that started the run; None: unknown.
    """

    type: ClassVar[Literal["agent_start"]] = "agent_start"
    agent: str
    input: tuple[Message, ...]
    metadata: dict[str, Any] = {}
    by: str | None = None


class AgentEnd(Wire, frozen=True, tag="agent_end", tag_field="type"):
    """The run has ended. Sent exactly once, always as the last event.

    Attributes:
        status: how the run ended.
        reason: completed: the last message's stop reason. failed: `modelError`, `maxTurns`, `maxTokens`, `maxCost`,
            `crashLoop`, or a middleware's reason. aborted: the reason in the abort request; `expired` after a
            deadline.
        usage: the total of the run.
        error: only of a failed run.
        expires_at: ms since the epoch: when the run is deleted; None: never.
    """

    type: ClassVar[Literal["agent_end"]] = "agent_end"
    status: Literal["completed", "failed", "aborted"]
    reason: str
    usage: Usage = shown(Usage())
    error: ErrorInfo | None = None
    expires_at: int | None = None


class AgentPaused(Wire, frozen=True, tag="agent_paused", tag_field="type"):
    """The run waits: all open calls need a decision or a client.

    Attributes:
        tool_call_ids: ids of the waiting calls, in the model's order.
        expires_at: ms since the epoch: when the run is aborted if nobody acts; None: never.
    """

    type: ClassVar[Literal["agent_paused"]] = "agent_paused"
    tool_call_ids: tuple[str, ...]
    expires_at: int | None = None


class AgentResume(Wire, frozen=True, tag="agent_resume", tag_field="type"):
    """The run goes on. After `recovered`, discard messages without `message_end` and partial tool results.

    Attributes:
        reason: why the run goes on.
    """

    type: ClassVar[Literal["agent_resume"]] = "agent_resume"
    reason: Literal["decided", "declined", "expired", "result", "recovered"]


class AgentRetry(Wire, frozen=True, tag="agent_retry", tag_field="type"):
    """The model call is retried. Discard what it has streamed.

    Attributes:
        attempt: 1 = the first retry.
        reason: why the last attempt failed, for a person.
        wait_s: seconds until the retry, at least.
    """

    type: ClassVar[Literal["agent_retry"]] = "agent_retry"
    attempt: int
    reason: str
    wait_s: float = 0.0


class MiddlewareError(Wire, frozen=True, tag="middleware_error", tag_field="type"):
    """A middleware raised an exception. The model or tool call has failed; an `event` middleware is only skipped.

    Attributes:
        middleware: the middleware's name.
        where: what the middleware was handling.
        error: the exception.
        call_id: id of the model call or the tool call.
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
    """The turn is over. Its tool results have entered the transcript, in the order of the calls.

    Attributes:
        message: the model's message in the turn.
        tool_results: one for each call in `message`.
    """

    type: ClassVar[Literal["turn_end"]] = "turn_end"
    message: AssistantMessage
    tool_results: tuple[ToolResultMessage, ...] = shown(())


class MessageStart(Wire, frozen=True, tag="message_start", tag_field="type"):
    """The model's message begins.

    Attributes:
        message: the message, still empty.
    """

    type: ClassVar[Literal["message_start"]] = "message_start"
    message: AssistantMessage


class MessageUpdate(Wire, frozen=True, tag="message_update", tag_field="type"):
    """The model's message grows.

    Attributes:
        assistant_message_event: the stream event to apply to the message; a delta only, never the whole message.
    """

    type: ClassVar[Literal["message_update"]] = "message_update"
    assistant_message_event: StreamDelta


class MessageEnd(Wire, frozen=True, tag="message_end", tag_field="type"):
    """The model's message is complete and in the transcript.

    Attributes:
        message: the whole message.
    """

    type: ClassVar[Literal["message_end"]] = "message_end"
    message: AssistantMessage


class ToolExecutionStart(Wire, frozen=True, tag="tool_execution_start", tag_field="type"):
    """A tool begins to execute.

    Attributes:
        tool_call_id: the runtime's id of the call.
        tool_name: the tool that the model asked for.
        args: the arguments it executes with: the edited ones, if any, else the model's.
    """

    type: ClassVar[Literal["tool_execution_start"]] = "tool_execution_start"
    tool_call_id: str
    tool_name: str
    args: dict[str, Any]


class ToolExecutionUpdate(Wire, frozen=True, tag="tool_execution_update", tag_field="type"):
    """A tool reports progress. Each report replaces the last one.

    Attributes:
        tool_call_id: the runtime's id of the call.
        tool_name: the tool that the model asked for.
        partial_result: any JSON value that the tool reports.
    """

    type: ClassVar[Literal["tool_execution_update"]] = "tool_execution_update"
    tool_call_id: str
    tool_name: str
    partial_result: Any


class ToolExecutionEnd(Wire, frozen=True, tag="tool_execution_end", tag_field="type"):
    """A call has its result. Calls that never executed get one too.

    Attributes:
        tool_call_id: the runtime's id of the call.
        tool_name: the tool that the model asked for.
        result: what the tool returned.
        is_error: the tool failed, or never executed.
        arguments: the edited arguments, used in place of the model's; None: not edited.
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
        description: the tool's description, for people who decide.
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
        outcome: `expired` without a `reason`: the tool's default decision applied; `decision` has it.
        by: the principal that decided or declined; None: unknown.
        decision: the decision.
        reason: why the call will not execute.
        arguments: the edited arguments, which the tool gets in place of the model's.
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
    """A client-side call waits for a client. The first client that claims it executes it.

    Attributes:
        tool_call_id: the runtime's id of the call.
        tool_name: the tool that the model asked for.
        input: the arguments it executes with.
        since: ms since the epoch: when the call was offered.
    """

    type: ClassVar[Literal["tool_client_execute_pending"]] = "tool_client_execute_pending"
    tool_call_id: str
    tool_name: str
    input: dict[str, Any]
    since: int | None = None


class ToolClientClaimed(Wire, frozen=True, tag="tool_client_claimed", tag_field="type"):
    """A client has claimed a client-side call. If the client gives the call back, it is offered again.

    Attributes:
        tool_call_id: the runtime's id of the call.
        by: the principal that claimed it; None: unknown.
        due_at: ms since the epoch: when the claim expires; None: when the run ends.
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
    """An event as it is sent to watchers.

    Attributes:
        run_id: the run's id.
        seq: strictly increases within the run, with gaps. Starts at 1; if the caller chose the run's id, at about the
            start time in µs.
        time: ms since the epoch.
        event: the event.
    """

    run_id: str
    seq: int
    time: int
    event: Event
