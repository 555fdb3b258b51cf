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
# `content_index` is the block's place in the message, from 0; `delta` the text that its block grows by.


class Start(Wire, frozen=True, tag="start", tag_field="type"):
    """The model began to answer."""

    type: ClassVar[Literal["start"]] = "start"


class TextStart(Wire, frozen=True, tag="text_start", tag_field="type"):
    """A text block begins."""

    type: ClassVar[Literal["text_start"]] = "text_start"
    content_index: int


class TextDelta(Wire, frozen=True, tag="text_delta", tag_field="type"):
    """More of a text block."""

    type: ClassVar[Literal["text_delta"]] = "text_delta"
    content_index: int
    delta: str


class TextEnd(Wire, frozen=True, tag="text_end", tag_field="type"):
    """A text block is complete."""

    type: ClassVar[Literal["text_end"]] = "text_end"
    content_index: int
    signature: str | None = None  # the provider's, of the whole block
    citations: tuple[dict[str, Any], ...] = ()


class ThinkingStart(Wire, frozen=True, tag="thinking_start", tag_field="type"):
    """A thinking block begins."""

    type: ClassVar[Literal["thinking_start"]] = "thinking_start"
    content_index: int


class ThinkingDelta(Wire, frozen=True, tag="thinking_delta", tag_field="type"):
    """More of a thinking block."""

    type: ClassVar[Literal["thinking_delta"]] = "thinking_delta"
    content_index: int
    delta: str


class ThinkingEnd(Wire, frozen=True, tag="thinking_end", tag_field="type"):
    """A thinking block is complete."""

    type: ClassVar[Literal["thinking_end"]] = "thinking_end"
    content_index: int
    signature: str | None = None  # the provider's, of the whole block
    redacted: bool = False  # there was nothing to read


class ToolcallStart(Wire, frozen=True, tag="toolcall_start", tag_field="type"):
    """A tool call begins. A provider gives its own id; watchers see the runtime's, with the provider's beside it."""

    type: ClassVar[Literal["toolcall_start"]] = "toolcall_start"
    content_index: int
    id: str
    name: str  # of the tool
    provider_id: str | None = None


class ToolcallDelta(Wire, frozen=True, tag="toolcall_delta", tag_field="type"):
    """More of a tool call's arguments, as JSON text."""

    type: ClassVar[Literal["toolcall_delta"]] = "toolcall_delta"
    content_index: int
    delta: str


class ToolcallEnd(Wire, frozen=True, tag="toolcall_end", tag_field="type"):
    """A tool call's arguments are complete."""

    type: ClassVar[Literal["toolcall_end"]] = "toolcall_end"
    content_index: int
    signature: str | None = None  # the provider's, of the whole call


class OpaqueBlock(Wire, frozen=True, tag="opaque_block", tag_field="type"):
    """A block that the provider made by itself, whole at once."""

    type: ClassVar[Literal["opaque_block"]] = "opaque_block"
    content_index: int
    block: Opaque


class UsageSoFar(Wire, frozen=True, tag="usage", tag_field="type"):
    """What the call has taken so far, where the provider tells before the end. The latest one counts if the call is
    aborted. It goes to the run alone, not to watchers."""

    type: ClassVar[Literal["usage"]] = "usage"
    usage: Usage


class Done(Wire, frozen=True, tag="done", tag_field="type"):
    """The model's message is complete."""

    type: ClassVar[Literal["done"]] = "done"
    reason: StopReason
    message: AssistantMessage


class Failed(Wire, frozen=True, tag="error", tag_field="type"):
    """The model call failed. `error` is the partial message, with `stopReason`, `errorMessage` and `errorKind` set."""

    type: ClassVar[Literal["error"]] = "error"
    reason: Literal["error", "aborted"]
    error: AssistantMessage
    status: int | None = None  # of the HTTP response, where it was that which told of the failure
    retry_after_s: float | None = None  # how long the provider wants to be left alone


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


# The run's events. `tool_call_id` is the runtime's id of a call, `tool_name` the tool that the model asked for.


class ErrorInfo(Wire, frozen=True):
    """Why a run failed, for a person and for a program."""

    type: str  # as an `AdjournError` names it, or `modelError` or `crashLoop`
    message: str  # for a person
    id: str | None = None  # of an internal error: the log has the same id
    kind: ErrorKind | None = None  # of a model call's


class ToolOutput(Wire, frozen=True):
    """What a tool gave back, or has so far."""

    content: tuple[UserBlock, ...]  # for the model
    details: Any = None  # for programs; the model doesn't see them


class AgentStart(Wire, frozen=True, tag="agent_start", tag_field="type"):
    """The run begins. At most once in its life, with its input."""

    type: ClassVar[Literal["agent_start"]] = "agent_start"
    agent: str  # its name
    input: tuple[Message, ...]  # its open tool calls closed by synthetic results
    metadata: dict[str, Any] = {}  # the starter's own
    by: str | None = None  # who started it, where that is known


class AgentEnd(Wire, frozen=True, tag="agent_end", tag_field="type"):
    """The run is over. Exactly once, always the last event."""

    type: ClassVar[Literal["agent_end"]] = "agent_end"
    status: Literal["completed", "failed", "aborted"]
    # completed: the last message's stop reason. failed: modelError, maxTurns, maxTokens, maxCost, crashLoop, or as a
    # middleware said. aborted: as whoever aborted it said; expired where a deadline did.
    reason: str
    usage: Usage = shown(Usage())  # of the whole run
    error: ErrorInfo | None = None  # of a failed run
    expires_at: int | None = None  # ms since the epoch: when the run is deleted; None: never


class AgentPaused(Wire, frozen=True, tag="agent_paused", tag_field="type"):
    """Nothing goes on until somebody outside acts on one of the pending calls."""

    type: ClassVar[Literal["agent_paused"]] = "agent_paused"
    tool_call_ids: tuple[str, ...]  # of the calls that wait, in the model's order
    expires_at: int | None = None  # ms since the epoch: when the run is aborted if nobody acts; None: never


class AgentResume(Wire, frozen=True, tag="agent_resume", tag_field="type"):
    """The run goes on. With reason `recovered`, messages without `message_end` and partial tool results are void."""

    type: ClassVar[Literal["agent_resume"]] = "agent_resume"
    reason: Literal["decided", "declined", "expired", "result", "recovered"]


class AgentRetry(Wire, frozen=True, tag="agent_retry", tag_field="type"):
    """The model call begins anew; what it had streamed is void."""

    type: ClassVar[Literal["agent_retry"]] = "agent_retry"
    attempt: int  # 1 = the first retry
    reason: str  # what the attempt before failed of, for a person
    wait_s: float = 0.0  # how long it is going to be waited before, at least


class MiddlewareError(Wire, frozen=True, tag="middleware_error", tag_field="type"):
    """A middleware raised. It was passed over if it only observes; else the call that it stood around has failed."""

    type: ClassVar[Literal["middleware_error"]] = "middleware_error"
    middleware: str  # its name
    where: Literal["model", "tool", "event"]  # what it stood around
    error: ErrorInfo
    call_id: str | None = None  # of the model call or the tool call


class TurnStart(Wire, frozen=True, tag="turn_start", tag_field="type"):
    """The model is about to be asked."""

    type: ClassVar[Literal["turn_start"]] = "turn_start"
    turn: int  # from 1


class TurnEnd(Wire, frozen=True, tag="turn_end", tag_field="type"):
    """The turn's tool results have entered the transcript, in the order of the calls."""

    type: ClassVar[Literal["turn_end"]] = "turn_end"
    message: AssistantMessage
    tool_results: tuple[ToolResultMessage, ...] = shown(())  # one a call of `message`


class MessageStart(Wire, frozen=True, tag="message_start", tag_field="type"):
    """The model's message begins; `message` is still empty."""

    type: ClassVar[Literal["message_start"]] = "message_start"
    message: AssistantMessage


class MessageUpdate(Wire, frozen=True, tag="message_update", tag_field="type"):
    """The model's message grows, by the delta only."""

    type: ClassVar[Literal["message_update"]] = "message_update"
    assistant_message_event: StreamDelta


class MessageEnd(Wire, frozen=True, tag="message_end", tag_field="type"):
    """A message is complete and in the transcript."""

    type: ClassVar[Literal["message_end"]] = "message_end"
    message: AssistantMessage


class ToolExecutionStart(Wire, frozen=True, tag="tool_execution_start", tag_field="type"):
    """A tool executes from now on."""

    type: ClassVar[Literal["tool_execution_start"]] = "tool_execution_start"
    tool_call_id: str
    tool_name: str
    args: dict[str, Any]  # what it executes with: the decider's arguments, if they were edited, else the model's


class ToolExecutionUpdate(Wire, frozen=True, tag="tool_execution_update", tag_field="type"):
    """What a tool shows before it is done; each replaces the one before."""

    type: ClassVar[Literal["tool_execution_update"]] = "tool_execution_update"
    tool_call_id: str
    tool_name: str
    partial_result: Any  # whatever the tool shows


class ToolExecutionEnd(Wire, frozen=True, tag="tool_execution_end", tag_field="type"):
    """A call has its result. Also for calls that never executed."""

    type: ClassVar[Literal["tool_execution_end"]] = "tool_execution_end"
    tool_call_id: str
    tool_name: str
    result: ToolOutput
    is_error: bool = shown(False)  # the tool failed, or never executed
    arguments: dict[str, Any] | None = None  # edited by the decider, in place of the model's; None: not edited


class ToolDecisionPending(Wire, frozen=True, tag="tool_decision_pending", tag_field="type"):
    """A gated call waits for a decision."""

    type: ClassVar[Literal["tool_decision_pending"]] = "tool_decision_pending"
    tool_call_id: str
    tool_name: str
    input: dict[str, Any]  # the model's arguments
    schema: dict[str, Any]  # JSON Schema of the decision
    digest: str  # of `input` (`codec.digest`); a decision may carry it back
    due_at: int | None = None  # ms since the epoch: then it expires
    since: int | None = None  # ms since the epoch: when the wait began
    editable: bool | tuple[str, ...] = False  # which arguments a decision may change
    approval: bool = False  # the decision is {approved, reason?}
    parameters: dict[str, Any] | None = None  # JSON Schema of the arguments, where some are editable
    description: str = ""  # the tool's, for whoever decides


class ToolDecisionResolved(Wire, frozen=True, tag="tool_decision_resolved", tag_field="type"):
    """A gated call no longer waits."""

    type: ClassVar[Literal["tool_decision_resolved"]] = "tool_decision_resolved"
    tool_call_id: str
    outcome: Outcome  # expired without a `reason`: the tool's default, in `decision`, was taken instead
    by: str | None = None  # who decided or declined, where that is known
    decision: Any = None  # what was decided
    reason: str | None = None  # why the call will not execute
    arguments: dict[str, Any] | None = None  # edited: they are executed in place of the model's
    digest: str | None = None  # of the edited arguments
    tool_name: str = ""
    since: int | None = None  # ms since the epoch: when the wait began


class ToolClientExecutePending(Wire, frozen=True, tag="tool_client_execute_pending", tag_field="type"):
    """A client-side call is offered to whoever claims it first."""

    type: ClassVar[Literal["tool_client_execute_pending"]] = "tool_client_execute_pending"
    tool_call_id: str
    tool_name: str
    input: dict[str, Any]  # what it executes with
    since: int | None = None  # ms since the epoch: when it was offered


class ToolClientClaimed(Wire, frozen=True, tag="tool_client_claimed", tag_field="type"):
    """A client has taken a client-side call. It is offered again when the client gives it back."""

    type: ClassVar[Literal["tool_client_claimed"]] = "tool_client_claimed"
    tool_call_id: str
    by: str | None = None  # who, where that is known
    due_at: int | None = None  # ms since the epoch: when the claim ends without a result; None: with the run


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
    """One event on its way to a watcher."""

    run_id: str
    seq: int  # grows strictly within the run, with gaps; where the caller chose the run's id, from its begin in µs on
    time: int  # ms since the epoch
    event: Event
