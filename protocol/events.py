"""What can happen: the model's stream, the run's events, and the envelope that carries one. Data only.

A stream event never leaves the run on its own: it travels inside `message_update`. Every event travels in an
`Envelope`, whose `seq` grows strictly within a run, is never reused, and may have gaps.
"""

from typing import Any, Literal

from .messages import AssistantMessage, Message, StopReason, ToolResultMessage, Usage, UserBlock, Wire, shown

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
    "Start",
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
]

Status = Literal["running", "paused", "completed", "failed", "aborted"]
Outcome = Literal["decided", "declined", "expired", "aborted"]


# The model's stream. A provider yields: Start, then blocks (start, deltas, end; `content_index` is the block's place
# in the message), then exactly one Done or Failed.


class Start(Wire, frozen=True, tag="start", tag_field="type"):
    """The model began to answer."""


class TextStart(Wire, frozen=True, tag="text_start", tag_field="type"):
    """A text block begins."""

    content_index: int


class TextDelta(Wire, frozen=True, tag="text_delta", tag_field="type"):
    """More of a text block."""

    content_index: int
    delta: str


class TextEnd(Wire, frozen=True, tag="text_end", tag_field="type"):
    """A text block is complete."""

    content_index: int


class ThinkingStart(Wire, frozen=True, tag="thinking_start", tag_field="type"):
    """A thinking block begins."""

    content_index: int


class ThinkingDelta(Wire, frozen=True, tag="thinking_delta", tag_field="type"):
    """More of a thinking block."""

    content_index: int
    delta: str


class ThinkingEnd(Wire, frozen=True, tag="thinking_end", tag_field="type"):
    """A thinking block is complete."""

    content_index: int
    signature: str | None = None


class ToolcallStart(Wire, frozen=True, tag="toolcall_start", tag_field="type"):
    """A tool call begins. A provider gives its own id; watchers see the runtime's, with the provider's beside it."""

    content_index: int
    id: str
    name: str
    provider_id: str | None = None


class ToolcallDelta(Wire, frozen=True, tag="toolcall_delta", tag_field="type"):
    """More of a tool call's arguments, as JSON text."""

    content_index: int
    delta: str


class ToolcallEnd(Wire, frozen=True, tag="toolcall_end", tag_field="type"):
    """A tool call's arguments are complete."""

    content_index: int


class Done(Wire, frozen=True, tag="done", tag_field="type"):
    """The model's message is complete."""

    reason: StopReason
    message: AssistantMessage


class Failed(Wire, frozen=True, tag="error", tag_field="type"):
    """The model call failed. `error` is the partial message, with `stopReason` and `errorMessage` set."""

    reason: Literal["error", "aborted"]
    error: AssistantMessage


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
)
StreamEvent = StreamDelta | Done | Failed


# The run's events.


class ErrorInfo(Wire, frozen=True):
    """Why a run failed, for a person and for a program."""

    type: str
    message: str
    id: str | None = None  # of an internal error: the log has the same id


class ToolOutput(Wire, frozen=True):
    """What a tool gave back, or has so far."""

    content: tuple[UserBlock, ...]
    details: Any = None


class AgentStart(Wire, frozen=True, tag="agent_start", tag_field="type"):
    """The run begins. At most once in its life, with its input."""

    agent: str
    input: tuple[Message, ...]
    metadata: dict[str, Any] = {}


class AgentEnd(Wire, frozen=True, tag="agent_end", tag_field="type"):
    """The run is over. Exactly once, always the last event."""

    status: Literal["completed", "failed", "aborted"]
    reason: str
    usage: Usage = shown(Usage())
    error: ErrorInfo | None = None


class AgentPaused(Wire, frozen=True, tag="agent_paused", tag_field="type"):
    """Nothing goes on until somebody outside acts on one of the pending calls."""

    tool_call_ids: tuple[str, ...]


class AgentResume(Wire, frozen=True, tag="agent_resume", tag_field="type"):
    """The run goes on. With reason `recovered`, messages without `message_end` and partial tool results are void."""

    reason: Literal["decided", "declined", "expired", "claimed", "result", "recovered"]


class AgentRetry(Wire, frozen=True, tag="agent_retry", tag_field="type"):
    """The model call begins anew; what it had streamed is void."""

    attempt: int  # 1 = the first retry
    reason: str


class TurnStart(Wire, frozen=True, tag="turn_start", tag_field="type"):
    """The model is about to be asked."""

    turn: int  # from 1


class TurnEnd(Wire, frozen=True, tag="turn_end", tag_field="type"):
    """The turn's tool results have entered the transcript, in the order of the calls."""

    message: AssistantMessage
    tool_results: tuple[ToolResultMessage, ...] = shown(())


class MessageStart(Wire, frozen=True, tag="message_start", tag_field="type"):
    """The model's message begins; `message` is still empty."""

    message: AssistantMessage


class MessageUpdate(Wire, frozen=True, tag="message_update", tag_field="type"):
    """The model's message grows, by the delta only."""

    assistant_message_event: StreamDelta


class MessageEnd(Wire, frozen=True, tag="message_end", tag_field="type"):
    """A message is complete and in the transcript."""

    message: AssistantMessage


class ToolExecutionStart(Wire, frozen=True, tag="tool_execution_start", tag_field="type"):
    """A tool executes from now on."""

    tool_call_id: str
    tool_name: str
    args: dict[str, Any]


class ToolExecutionUpdate(Wire, frozen=True, tag="tool_execution_update", tag_field="type"):
    """What a tool shows before it is done; each replaces the one before."""

    tool_call_id: str
    tool_name: str
    partial_result: Any


class ToolExecutionEnd(Wire, frozen=True, tag="tool_execution_end", tag_field="type"):
    """A call has its result. Also for calls that never executed."""

    tool_call_id: str
    tool_name: str
    result: ToolOutput
    is_error: bool = shown(False)


class ToolDecisionPending(Wire, frozen=True, tag="tool_decision_pending", tag_field="type"):
    """A gated call waits for a decision."""

    tool_call_id: str
    tool_name: str
    input: dict[str, Any]
    schema: dict[str, Any]  # of the decision
    digest: str  # of the input shown; a decision may carry it back
    due_at: int | None = None  # ms; then it expires


class ToolDecisionResolved(Wire, frozen=True, tag="tool_decision_resolved", tag_field="type"):
    """A gated call no longer waits."""

    tool_call_id: str
    outcome: Outcome
    by: str | None = None
    decision: Any = None
    reason: str | None = None


class ToolClientExecutePending(Wire, frozen=True, tag="tool_client_execute_pending", tag_field="type"):
    """A client-side call is offered to whoever claims it first."""

    tool_call_id: str
    tool_name: str
    input: dict[str, Any]
    due_at: int | None = None  # ms


class ToolClientClaimed(Wire, frozen=True, tag="tool_client_claimed", tag_field="type"):
    """A client has taken a client-side call."""

    tool_call_id: str
    by: str | None = None


Event = (
    AgentStart
    | AgentEnd
    | AgentPaused
    | AgentResume
    | AgentRetry
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
    seq: int
    time: int  # ms since the epoch
    event: Event
