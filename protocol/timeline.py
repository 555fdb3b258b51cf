"""The timeline of a run: its record's steps as entries for people, oldest first. Pure.

Texts are cut to their first words. `run.get` has the full texts.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from .events import ErrorInfo, Outcome, Status
from .firstwords import first_words
from .messages import Usage, UserMessage, Wire, shown
from .record import FINAL, DecisionEntry, Head, InputEntry, MessageEntry, Record, ResultEntry, SpecEntry

__all__ = [
    "MAX_TEXT_CHARS",
    "TimelineCall",
    "TimelineDecision",
    "TimelineEnd",
    "TimelineEntry",
    "TimelineInput",
    "TimelineMessage",
    "TimelineResult",
    "timeline_of",
]

MAX_TEXT_CHARS = 300


class TimelineInput(Wire, frozen=True, tag="input", tag_field="kind"):
    """The run began.

    Attributes:
        at: when, in milliseconds since the epoch.
        messages: how many messages the caller passed in, history included.
        text: the first words of the last user message.
    """

    at: int
    messages: int
    text: str


class TimelineCall(Wire, frozen=True):
    """A tool call of a model's message.

    Attributes:
        tool_call_id: the tool call's id.
        tool_name: the tool's name.
    """

    tool_call_id: str
    tool_name: str


class TimelineMessage(Wire, frozen=True, tag="message", tag_field="kind"):
    """The model answered.

    Attributes:
        at: when, in milliseconds since the epoch.
        model: the model's id.
        stop_reason: why the message ended.
        usage: tokens and cost of this model call.
        text: the message's first words.
        calls: its tool calls.
    """

    at: int
    model: str
    stop_reason: str
    usage: Usage
    text: str
    calls: tuple[TimelineCall, ...] = shown(())


class TimelineDecision(Wire, frozen=True, tag="decision", tag_field="kind"):
    """A gated call was settled.

    Attributes:
        at: when, in milliseconds since the epoch.
        tool_call_id: the tool call's id.
        tool_name: the tool's name.
        outcome: how the call was settled.
        by: name of the principal that decided or declined, where that is known.
        decision: the decision.
        reason: why it was declined, expired or aborted.
        arguments: the decider's arguments, executed in place of the model's.
    """

    at: int
    tool_call_id: str
    tool_name: str
    outcome: Outcome
    by: str | None = None
    decision: Any = None
    reason: str | None = None
    arguments: dict[str, Any] | None = None


class TimelineResult(Wire, frozen=True, tag="result", tag_field="kind"):
    """A tool call has its result.

    Attributes:
        at: when, in milliseconds since the epoch.
        tool_call_id: the tool call's id.
        tool_name: the tool's name.
        is_error: True: the tool failed, or never executed.
        text: the result's first words.
        by: name of the client that executed the call, or of the principal that declined it, where that is known.
        declined: True: the call was taken back from the clients that it was offered to.
    """

    at: int
    tool_call_id: str
    tool_name: str
    is_error: bool
    text: str
    by: str | None = None
    declined: bool = False


class TimelineEnd(Wire, frozen=True, tag="end", tag_field="kind"):
    """The run has ended.

    Attributes:
        at: when, in milliseconds since the epoch.
        status: the status that the run ended in.
        reason: why it ended.
        usage: tokens and cost of the whole run.
        error: the error of a failed run.
        by: name of the principal that aborted it, where that is known.
    """

    at: int
    status: Status
    reason: str
    usage: Usage
    error: ErrorInfo | None = None
    by: str | None = None


TimelineEntry: TypeAlias = TimelineInput | TimelineMessage | TimelineDecision | TimelineResult | TimelineEnd


def timeline_of(record: Record, start: int = 0) -> Iterator[TimelineEntry]:
    """Yield the entries from number `start` on, each made on demand."""
    tools: dict[str, str] = {}  # names of the called tools, by call id
    number = 0
    for entry in record.journal:
        if isinstance(entry, SpecEntry):
            continue
        if isinstance(entry, MessageEntry):
            tools |= {call.id: call.name for call in entry.message.calls}
        if number >= start:
            yield _made(entry, tools)
        number += 1
    if number >= start and record.head.status in FINAL:
        yield _end(record.head)


def _end(head: Head) -> TimelineEnd:
    return TimelineEnd(
        at=head.updated_at,
        status=head.status,
        reason=head.reason or "",
        usage=head.usage,
        error=head.error,
        by=None if head.abort is None else head.abort.by,
    )


def _made(entry: InputEntry | MessageEntry | DecisionEntry | ResultEntry, tools: Mapping[str, str]) -> TimelineEntry:
    match entry:
        case InputEntry(messages=messages):
            said = [message for message in messages if isinstance(message, UserMessage)]
            return TimelineInput(at=entry.at, messages=len(messages), text=_words(said[-1].text if said else ""))
        case MessageEntry(message=message):
            return TimelineMessage(
                at=message.timestamp,
                model=message.model,
                stop_reason=message.stop_reason,
                usage=message.usage,
                text=_words(message.text or message.error_message or ""),
                calls=tuple(TimelineCall(tool_call_id=call.id, tool_name=call.name) for call in message.calls),
            )
        case DecisionEntry():
            return TimelineDecision(
                at=entry.at,
                tool_call_id=entry.tool_call_id,
                tool_name=tools.get(entry.tool_call_id, ""),
                outcome=entry.outcome,
                by=entry.by,
                decision=entry.decision,
                reason=entry.reason,
                arguments=entry.arguments,
            )
        case ResultEntry(message=message):
            return TimelineResult(
                at=message.timestamp,
                tool_call_id=message.tool_call_id,
                tool_name=message.tool_name,
                is_error=message.is_error,
                text=_words(message.text),
                by=entry.by,
                declined=entry.declined,
            )


def _words(text: str) -> str:
    return first_words(text, MAX_TEXT_CHARS)
