"""Decisions: what a decision or a decline from outside does to the gated call that it means.

Functions over the draft of one step (`step.Step`). What refused senders are told is in `refusals`. Pure.
"""

from .codec import InvalidValue, digest
from .errors import DecisionConflict, NotPending, ToolCallIdRequired
from .gates import settle
from .record import Call
from .refusals import already_settled, decision_invalid, not_pending, run_ended
from .schema import compile_schema
from .step import Step
from .transitions import Decide, Decline
from .turns import go_on

__all__ = ["decide", "decline"]


def decide(s: Step, given: Decide) -> None:
    """Settle a gate with a decision that is valid under the schema recorded in the run, and go on.

    Any other decision consumes nothing: the call still waits, and the sender gets a typed error.
    """
    try:
        decision_digest = digest(given.decision)
    except InvalidValue as error:
        s.reply = decision_invalid(s, given.tool_call_id, [(error.path, error.message)])
        return
    call = _gated_call(s, given.tool_call_id, decision_digest, given.digest)
    if call is None:
        return
    schema = s.history.tools[call.name].decision
    assert schema is not None
    errors = compile_schema(schema).validate(given.decision)
    if errors:
        s.reply = decision_invalid(s, call.id, [(error.path, error.message) for error in errors])
        return
    settle(s, call, "decided", by=given.by, decision=given.decision, decision_digest=decision_digest)
    go_on(s, "decided")
    s.answer(call.id)


def decline(s: Step, given: Decline) -> None:
    """Settle a gate with a no, and go on. The tool is not executed."""
    call = _gated_call(s, given.tool_call_id, None, None)
    if call is None:
        return
    settle(s, call, "declined", by=given.by, reason=given.reason)
    go_on(s, "declined")
    s.answer(call.id)


def _gated_call(s: Step, wanted: str | None, decision_digest: str | None, args_digest: str | None) -> Call | None:
    """Return the gated call that the sender means, or None and set `s.reply` to say why there is none.

    `decision_digest`: None stands for a decline. `args_digest`: of the arguments that the sender was shown, if given.
    """
    key = s.sole_gated if wanted is None and s.gated == 1 else wanted
    if key is not None and (entry := s.settled(key)):
        s.reply = already_settled(s, entry, decision_digest)
    elif s.over:
        s.reply = run_ended(s)
    elif key is None and s.gated:
        waiting = [call.id for call in s.calls.values() if call.phase == "gated"]
        s.reply = ToolCallIdRequired("the run has had several gated calls: say which", runId=s.head.id, open=waiting)
    elif key is None:
        s.reply = NotPending("no call of this run waits for a decision", runId=s.head.id, reason="notGated")
    else:
        call = s.calls.get(key)
        if call is None or call.phase != "gated":
            s.reply = not_pending(s, key, "waits for no decision", "notGated")
        elif args_digest is not None and args_digest != call.args_digest:
            s.reply = DecisionConflict(
                "the decision was made on other arguments", runId=s.head.id, toolCallId=call.id, reason="arguments"
            )
        else:
            return call
    return None
