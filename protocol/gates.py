"""Gates: opens the model's calls, makes gated ones wait for a decision, and lets them execute or fail.

Functions over the draft of one step (`step.Step`). `decisions` checks the answers to gates. Pure.
"""

from collections.abc import Mapping
from typing import Any, cast

from msgspec.structs import replace

from .calls import argument_fault
from .codec import digest_checked
from .events import Outcome, ToolClientExecutePending, ToolDecisionResolved
from .messages import ToolCall
from .record import Call, DecisionEntry, ToolSpec
from .step import Step
from .transcript import decision_pending

__all__ = ["declined", "open_call", "pass_gate", "refusal_reason", "refuses", "settle"]


def open_call(s: Step, index: int, block: ToolCall, gates: Mapping[int, bool], fault: str | None) -> None:
    """Gate a new call of the model, offer it to clients, let it wait for a slot, or close it with an error result.

    Args:
        gates: whether a call is gated, by content index. A missing call is gated if its tool has a decision schema.
        fault: why the call can't be executed, as a text for the model; None if no fault is known yet.
    """
    call = Call(id=block.id, name=block.name, index=index, phase="ready")
    fault = fault or argument_fault(s.history.tools, block, True)
    if fault is not None:
        s.fail(call, fault)
        return
    tool = s.history.tools[block.name]
    if tool.decision is not None and gates.get(index, True):
        _close_gate(s, call, tool, block.arguments)
    elif tool.runs == "client":
        pass_gate(s, call)


def _close_gate(s: Step, call: Call, tool: ToolSpec, arguments: dict[str, Any]) -> None:
    s.gated_now += 1
    s.first_gated = s.first_gated or call.id
    due_at = s.later(tool.decision_timeout_s)
    gated = replace(call, phase="gated", due_at=due_at, args_digest=digest_checked(arguments), since=s.now)
    s.put(gated)
    s.events.append(decision_pending(gated, tool, arguments))


def pass_gate(s: Step, call: Call) -> None:
    """Let `call` execute: in a client (`offered`), or in this process once a slot is free (`ready`)."""
    if s.history.tools[call.name].runs == "client":
        s.put(replace(call, phase="offered", due_at=None, claim=None, since=s.now))
        arguments = s.arguments(call)
        s.events.append(
            ToolClientExecutePending(tool_call_id=call.id, tool_name=call.name, input=arguments, since=s.now)
        )
    else:
        s.put(replace(call, phase="ready", due_at=None, since=None))


def settle(
    s: Step,
    call: Call,
    outcome: Outcome,
    *,
    by: str | None = None,
    decision: Any = None,
    decision_digest: str | None = None,
    reason: str | None = None,
    arguments: dict[str, Any] | None = None,
) -> None:
    """Settle the gate of `call` for good. With `decision_digest` the call passes; without it the call fails.

    `arguments`: the edited arguments, executed in place of the model's.
    """
    edited = None if arguments is None else digest_checked(arguments)
    entry = DecisionEntry(
        tool_call_id=call.id,
        outcome=outcome,
        at=s.now,
        args_digest=call.args_digest,
        by=by,
        decision=decision,
        digest=decision_digest,
        reason=reason,
        arguments=arguments,
        arguments_digest=edited,
    )
    s.settled_now[call.id] = entry
    s.entries.append(entry)
    s.events.append(
        ToolDecisionResolved(
            tool_call_id=call.id,
            outcome=outcome,
            by=by,
            decision=decision,
            reason=reason,
            arguments=arguments,
            digest=edited,
            tool_name=call.name,
            since=call.since,
        )
    )
    if decision_digest is not None:
        s.executes = True
        pass_gate(s, call)
    elif outcome == "declined":
        s.fail(call, declined(reason))
    else:
        s.fail(call, f"This call was not executed: {reason}.")


def refuses(tool: ToolSpec, decision: Any) -> bool:
    """Check whether a decision on an approval tool is a decline: everything except `{approved: true, ...}` is."""
    return tool.approval and _members(decision).get("approved") is not True


def refusal_reason(decision: Any) -> str | None:
    """Return the reason that a decision `{approved: false, reason?}` gives, if any."""
    reason = _members(decision).get("reason")
    return reason if isinstance(reason, str) else None


def _members(decision: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", decision) if isinstance(decision, dict) else {}


def declined(reason: str | None) -> str:
    """Return the text that the model gets as the result of a declined call."""
    return "This call was declined" + (f": {reason}" if reason else ".")
