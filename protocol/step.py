"""The draft of one step: the run's state while the machine handles one input, and the changes made so far. Pure.

A draft lives for one call of `machine.step`. This module only has the draft's own methods, and turns the draft into a
`Transition`. The rules are functions over the draft, in other modules: `gates` (opening and deciding calls), `turns`
(what may start next), `ends` (turns and runs end), `expiry` (deadlines), `decisions` and `claims` (external inputs).
"""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Literal

import msgspec

from .codec import MAX_INT, to_json
from .errors import AdjournError
from .events import ErrorInfo, Event, Status, ToolExecutionEnd, ToolOutput
from .limits import Limits, tightened
from .messages import AssistantMessage, Text, ToolCall, ToolResultMessage, UserBlock
from .record import FINAL, Call, DecisionEntry, Entry, Head, History, ResultEntry, calls_from
from .transitions import Effect, Reply, Transition

__all__ = ["SEQ_RANGE", "Cause", "Step"]

SEQ_RANGE = 65_536  # sequence numbers that a save reserves beyond its own events

Cause = Literal["decided", "declined", "expired", "result"]
"""Why a paused run resumes."""

_replace = msgspec.structs.replace

_place = attrgetter("index")
_EDITED = "When this call was decided, its arguments were changed to: "


class Step:
    """Collects the changes of one step. Attributes with the name of a head's field start with its value and become its
    new value, except `reason`, `error` and `end_seq`, which start empty: only a run that ends in this step has them.

    Args:
        head: the state before the step.
        history: what the step needs from the journal.
        now: in ms since the epoch.
        seq: the last sequence number in use before the step.
    """

    __slots__ = (
        "abort",
        "answer_for",
        "answers",
        "calls",
        "closed_now",
        "effects",
        "end_seq",
        "entries",
        "error",
        "events",
        "executes",
        "expires_at",
        "first_gated",
        "first_seq",
        "gated_now",
        "head",
        "history",
        "limits",
        "message",
        "model_call",
        "now",
        "open",
        "over",
        "ready_from",
        "reason",
        "recoveries",
        "reply",
        "settled_now",
        "status",
        "touched",
        "turn",
        "usage",
    )

    def __init__(self, head: Head, history: History, now: int, seq: int) -> None:
        calls: dict[str, Call] = {}
        for call in head.calls:
            calls[call.id] = call
        self.head = head
        self.history = history
        self.now = now
        self.first_seq = seq
        limits = history.spec.limits
        self.limits: Limits = limits if head.limits is None else tightened(limits, head.limits)
        self.status: Status = head.status
        self.over = head.status in FINAL or head.abort is not None  # the run accepts no decisions and no results
        self.turn = head.turn
        self.model_call = head.model_call
        self.calls = calls  # as in `Head`, in the model's order
        self.ready_from = head.ready_from
        self.open = history.open_calls  # calls of the turn without a result
        self.message = history.turn_message if history.open_calls else None  # of the open turn
        self.expires_at = head.expires_at
        self.recoveries = head.recoveries
        self.usage = head.usage
        self.abort = head.abort
        self.entries: list[Entry] = []  # new in the journal
        self.events: list[Event] = []  # numbered upward from `first_seq` + 1, and published once the step is saved
        self.closed_now: dict[str, ToolResultMessage] = {}  # results of this step, by tool call id
        self.settled_now: dict[str, DecisionEntry] = {}  # gates settled in this step, by tool call id
        self.gated_now = 0  # calls gated in this step
        self.first_gated: str | None = None  # id of the first of them
        self.effects: list[Effect] = []
        self.reason: str | None = None
        self.error: ErrorInfo | None = None
        self.end_seq: int | None = None
        self.reply: Reply | AdjournError | None = None
        self.executes = False  # as in `Transition`
        self.touched = False
        self.answers = False  # whether the sender gets an acknowledgement, for the call `answer_for`
        self.answer_for: str | None = None

    # Read the draft.

    @property
    def seq(self) -> int:
        """The number of the step's last event so far."""
        return self.first_seq + len(self.events)

    def settled(self, tool_call_id: str) -> DecisionEntry | None:
        """Return the outcome of a call's gate, from this step or an earlier one; None while the gate is open."""
        return self.settled_now.get(tool_call_id) or self.history.decisions.get(tool_call_id)

    def block(self, call: Call) -> ToolCall:
        """Return the content block in which the model made `call`."""
        assert self.message is not None
        block = self.message.content[call.index]
        assert isinstance(block, ToolCall)
        return block

    def arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments that `call` executes with: the edited ones, if any, else the model's."""
        entry = self.settled(call.id)
        return self.block(call).arguments if entry is None or entry.arguments is None else entry.arguments

    def later(self, seconds: float | None) -> int | None:
        """Return the time `seconds` from now, in ms, capped at the largest integer that wires and stores can carry."""
        return None if seconds is None else self.now + int(min(seconds * 1000, MAX_INT - self.now))

    def ready_calls(self) -> Iterator[Call]:
        """Yield the open calls that are not in `calls` because they wait for a free slot, in the model's order."""
        if self.message is not None and self.open > len(self.calls):
            for call in calls_from(self.message, self.ready_from):
                if not (call.id in self.calls or call.id in self.closed_now or call.id in self.history.results):
                    yield call

    # Write to the draft.

    def touch(self) -> None:
        """Save the head even if nothing else changes."""
        self.touched = True

    def open_turn(self, message: AssistantMessage, calls: int) -> None:
        """Open the calls of `message`, none of which has a result yet. `calls`: their number."""
        self.message, self.calls, self.open, self.ready_from = message, {}, calls, 0

    def put(self, call: Call) -> None:
        """Add an open call to `calls`, or replace the one with the same id."""
        last = None if call.id in self.calls else next(reversed(self.calls.values()), None)
        self.calls[call.id] = call
        if last is not None and last.index > call.index:
            self.calls = {each.id: each for each in sorted(self.calls.values(), key=_place)}
        self.touched = True

    def close(
        self,
        call: Call,
        content: tuple[UserBlock, ...],
        *,
        details: Any = None,
        is_error: bool = False,
        by: str | None = None,
        claim_digest: str | None = None,
        declined: bool = False,
    ) -> None:
        """Give `call` its one result.

        Args:
            claim_digest: the digest of the claim token that came with the result.
            declined: the call was offered to clients, and then declined.
        """
        entry = self.settled(call.id)
        edited = None if entry is None else entry.arguments
        if edited is not None:
            content = (Text(text=f"{_EDITED}{to_json(edited).decode()}\n"), *content)
        message = ToolResultMessage(
            tool_call_id=call.id,
            tool_name=call.name,
            content=content,
            details=details,
            is_error=is_error,
            timestamp=self.now,
            arguments=edited,
        )
        self.closed_now[call.id] = message
        self.entries.append(ResultEntry(message=message, claim_digest=claim_digest, by=by, declined=declined))
        self.calls.pop(call.id, None)
        self.open -= 1
        output = ToolOutput(content=content, details=details)
        self.events.append(
            ToolExecutionEnd(
                tool_call_id=call.id, tool_name=call.name, result=output, is_error=is_error, arguments=edited
            )
        )

    def fail(self, call: Call, text: str, *, by: str | None = None, declined: bool = False) -> None:
        """Close `call` with an error result. The model reads `text`; the rest is as in `close`."""
        self.close(call, (Text(text=text),), is_error=True, by=by, declined=declined)

    def answer(self, tool_call_id: str | None) -> None:
        """Acknowledge the input: its sender gets the step's last sequence number and status, once they are saved."""
        self.answers, self.answer_for = True, tool_call_id

    # Turn the draft into a transition.

    def finish(self) -> Transition:
        """Return the transition. Without changes it has no head: nothing is saved."""
        seq = self.first_seq + len(self.events)
        reply = Reply(seq=seq, status=self.status, tool_call_id=self.answer_for) if self.answers else self.reply
        if not (self.touched or self.entries or self.events):
            return Transition(reply=reply)
        return Transition(
            head=self._new_head(seq),
            append=tuple(self.entries),
            events=tuple(self.events),
            reply=reply,
            effects=tuple(self.effects),
            executes=self.executes,
        )

    def _new_head(self, seq: int) -> Head:
        # Several calls are faster than one: for more than 14 keyword arguments, Python builds a dict.
        waits = self.calls or (self.abort and self.end_seq is None)
        next_due, waiting_since = self._waits() if waits else (self.expires_at, None)
        head = _replace(
            self.head,
            status=self.status,
            version=self.head.version + 1,
            turn=self.turn,
            model_call=self.model_call,
            calls=tuple(self.calls.values()),
            ready_from=self.ready_from if self.open > len(self.calls) else 0,
            seq=seq,
            seq_ceiling=seq + SEQ_RANGE,
            next_due=next_due,
            expires_at=self.expires_at,
            recoveries=self.recoveries,
            usage=self.usage,
            waiting_since=waiting_since,
            updated_at=self.now,
        )
        if self.gated_now:
            gated, sole_gated = head.gated + self.gated_now, head.sole_gated or self.first_gated
            head = _replace(head, gated=gated, sole_gated=sole_gated)
        if self.end_seq is not None:
            return _replace(head, abort=self.abort, reason=self.reason, error=self.error, end_seq=self.end_seq)
        if self.abort is not head.abort:
            head = _replace(head, abort=self.abort)
        return head

    def _waits(self) -> tuple[int | None, int | None]:
        """Return when the run is due next, and since when a call has waited for a decision."""
        due, since = self.expires_at, None
        for call in self.calls.values():
            if call.due_at is not None and (due is None or call.due_at < due):
                due = call.due_at
            if call.phase == "gated" and call.since is not None and (since is None or call.since < since):
                since = call.since
        if self.abort and self.status not in FINAL:
            due = None  # the run only waits for `Stopped`: nothing expires any more
        return due, since
