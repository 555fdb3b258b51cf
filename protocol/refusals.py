"""Refusals: the typed errors for senders of decisions, claims and results that the run can't accept.

Functions over the draft of one step (`step.Step`); they change nothing. Pure.
"""

from typing import Any, NamedTuple

from .codec import digest
from .errors import AdjournError, DecisionConflict, DecisionInvalid, NotPending, RunEnded, Stranded
from .record import FINAL, DecisionEntry
from .schema import SchemaInvalid
from .step import Step
from .transitions import Reply

__all__ = ["Answer", "already_settled", "decision_invalid", "not_pending", "run_ended", "schema_unusable"]


def decision_invalid(s: Step, tool_call_id: str | None, errors: list[tuple[str, str]]) -> DecisionInvalid:
    """Refuse a decision or its edited arguments. `errors`: (JSON pointer, what was expected there)."""
    return DecisionInvalid(
        "the decision can't be taken: " + "; ".join(f"{path or '/'}: {message}" for path, message in errors),
        errors=[{"path": path, "message": message} for path, message in errors],
        runId=s.head.id,
        toolCallId=tool_call_id,
    )


class Answer(NamedTuple):
    """The digests of a decision, and of its edited arguments, if any."""

    decision: str
    arguments: str | None


def already_settled(s: Step, entry: DecisionEntry, given: Answer | None) -> Reply | AdjournError:
    """Answer a second decision on one gate. An equal decision with equal arguments is acknowledged, another refused.

    `given`: None means a decline.
    """
    where: dict[str, Any] = {"runId": s.head.id, "toolCallId": entry.tool_call_id}
    if entry.outcome == "expired":
        return NotPending("the time to decide is over", reason="expired", **where)
    if entry.outcome == "aborted":
        return RunEnded(f"the run ended before a decision: {s.status}", status=s.status, **where)
    if _is_same(entry, given):
        return Reply(seq=s.seq, status=s.status, tool_call_id=entry.tool_call_id)
    return DecisionConflict(f"the call was {entry.outcome} already", reason=entry.outcome, **where)


def _is_same(entry: DecisionEntry, given: Answer | None) -> bool:
    if given is None:
        return entry.outcome == "declined"
    if entry.outcome == "declined":  # the decision `approved: false` is kept in the entry
        return entry.decision is not None and digest(entry.decision) == given.decision
    arguments = given.arguments or entry.args_digest
    return entry.digest == given.decision and (entry.arguments_digest or entry.args_digest) == arguments


def run_ended(s: Step) -> RunEnded:
    """Refuse because the run has ended or is being aborted."""
    status = s.status if s.status in FINAL else "aborted"  # a run with an abort request can only end as aborted
    return RunEnded(f"the run is over: {status}", runId=s.head.id, status=status)


def not_pending(s: Step, tool_call_id: str, what: str, reason: str) -> NotPending:
    """Refuse because the call doesn't wait for this: it is done, unknown, or `what` (text) with `reason` (code)."""
    if tool_call_id in s.history.results or tool_call_id in s.closed_now:
        reason, what = "done", "is done"
    elif not (tool_call_id in s.calls or any(call.id == tool_call_id for call in s.ready_calls())):
        reason, what = "unknown", "is not known to this run"
    return NotPending(f"call {tool_call_id!r} {what}", runId=s.head.id, toolCallId=tool_call_id, reason=reason)


def schema_unusable(s: Step, tool_call_id: str, error: SchemaInvalid) -> Stranded:
    """Refuse because this version of adjourn can't use the schema that the run has recorded."""
    text = f"a schema that was recorded with the call can't be used today: {error}; the call still waits"
    return Stranded(text, runId=s.head.id, toolCallId=tool_call_id)
