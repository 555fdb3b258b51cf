"""Expires gates, claims and parked runs.

Functions over the draft of one step (`step.Step`). The time is the step's `now`; there is no clock here. Pure.
"""

from .codec import digest
from .ends import request_abort
from .gates import pass_gate, refusal_reason, refuses, settle
from .record import AbortRequest, Call
from .step import Step
from .turns import go_on

__all__ = ["expire"]


def expire(s: Step) -> None:
    """Expire gates, claims and the TTL of a parked run that are due by now, in the order of their deadlines."""
    late = [(call.due_at, call) for call in s.calls.values() if call.due_at is not None]
    late = sorted((pair for pair in late if pair[0] <= s.now), key=lambda pair: pair[0])
    for due_at, call in late:
        _expire_parked(s, due_at)
        if not s.over:
            _expire_call(s, call)
    if late:
        go_on(s, "expired")
    _expire_parked(s, s.now + 1)


def _expire_parked(s: Step, before: int) -> None:
    """Abort the run if it is parked and its TTL was over before `before` (ms)."""
    # A ready call will wake the run, but `go_on` has not changed the status yet.
    waits = s.status == "paused" and not any(call.phase == "ready" for call in s.calls.values())
    if waits and not s.over and s.expires_at is not None and s.expires_at < before:
        request_abort(s, AbortRequest(at=s.now, reason="expired"))


def _expire_call(s: Step, call: Call) -> None:
    tool = s.history.tools[call.name]
    if call.claim and tool.idempotent:
        pass_gate(s, call)
    elif call.claim:
        s.fail(call, "The client that took this call did not report back; it may have taken effect.")
    elif tool.on_expiry.action == "decide":
        decision = tool.on_expiry.decision
        if refuses(tool, decision):
            reason = refusal_reason(decision) or "it was not approved in time"
            settle(s, call, "expired", decision=decision, reason=reason)
        else:
            settle(s, call, "expired", decision=decision, decision_digest=digest(decision))
    else:
        settle(s, call, "expired", reason="no decision came in time")
        if tool.on_expiry.action == "abort":
            request_abort(s, AbortRequest(at=s.now, reason="expired"))
