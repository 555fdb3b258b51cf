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
    """The run began."""

    at: int  # ms since the epoch
    messages: int  # number of input messages, including history
    text: str  # the first words of the last user message


class TimelineCall(Wire, frozen=True):
    """A tool call of a model's message."""

    tool_call_id: str
    tool_name: str


class TimelineMessage(Wire, frozen=True, tag="message", tag_field="kind"):
    """The model answered."""

    at: int  # ms since the epoch
    model: str  # the model's id
    stop_reason: str
    usage: Usage
    text: str  # the first words
    calls: tuple[TimelineCall, ...] = shown(())


class TimelineDecision(Wire, frozen=True, tag="decision", tag_field="kind"):
    """A gated call was settled."""

    at: int  # ms since the epoch
    tool_call_id: str
    tool_name: str
    outcome: Outcome
    by: str | None = None  # the principal that decided or declined; None: unknown
    decision: Any = None
    reason: str | None = None  # why it was declined, expired or aborted
    arguments: dict[str, Any] | None = None  # the edited arguments, executed in place of the model's


class TimelineResult(Wire, frozen=True, tag="result", tag_field="kind"):
    """A tool call has its result."""

    at: int  # ms since the epoch
    tool_call_id: str
    tool_name: str
    is_error: bool
    text: str  # the first words
    by: str | None = None  # the principal that executed or declined the call; None: unknown
    declined: bool = False  # the call was offered to clients, and then declined


class TimelineEnd(Wire, frozen=True, tag="end", tag_field="kind"):
    """The run has ended."""

    at: int  # ms since the epoch
    status: Status
    reason: str
    usage: Usage  # the run's total
    error: ErrorInfo | None = None  # only of a failed run
    by: str | None = None  # the principal that aborted the run; None: unknown


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
