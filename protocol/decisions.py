"""Decisions: applies a decision or a decline from outside to its gated call.

Functions over the draft of one step (`step.Step`). `refusals` has the errors for senders. Pure.
"""

from typing import Any

from .codec import InvalidValue, digest, digest_checked
from .edits import edit_faults
from .errors import DecisionConflict, NotPending, ToolCallIdRequired
from .gates import declined, refusal_reason, refuses, settle
from .record import Call, ToolSpec
from .refusals import Answer, already_settled, decision_invalid, not_pending, run_ended, schema_unusable
from .schema import SchemaInvalid, compile_schema
from .step import Step
from .transitions import Decide, Decline
from .turns import go_on

__all__ = ["decide", "decline"]


def decide(s: Step, given: Decide) -> None:
    """Settle a gate with a decision that is valid under the schema recorded in the run, and go on.

    An invalid decision changes nothing: the call still waits, and the sender gets a typed error.
    """
    try:
        answer = _answer(given)
    except InvalidValue as error:
        s.reply = decision_invalid(s, given.tool_call_id, [(error.path, error.message)])
        return
    call = _gated_call(s, given.tool_call_id, answer, given.digest)
    if call is None:
        return
    tool = s.history.tools[call.name]
    arguments = _edited(s, call, given, answer)
    try:
        faults = _decision_faults(tool, given.decision)
        if not faults and arguments is not None:
            faults = edit_faults(tool, s.block(call).arguments, arguments, digest=given.digest)
    except SchemaInvalid as error:  # an earlier version accepted the schema
        s.reply = schema_unusable(s, call.id, error)
        return
    if faults:
        s.reply = decision_invalid(s, call.id, faults)
        return
    if refuses(tool, given.decision):
        settle(s, call, "declined", by=given.by, decision=given.decision, reason=refusal_reason(given.decision))
        go_on(s, "declined")
    else:
        settle(
            s,
            call,
            "decided",
            by=given.by,
            decision=given.decision,
            decision_digest=answer.decision,
            arguments=arguments,
        )
        go_on(s, "decided")
    s.answer(call.id)


def decline(s: Step, given: Decline) -> None:
    """Decline a gated call, or one that is offered to clients, and go on.

    The tool is not executed. A client that has claimed the call gets an error when it sends its result.
    """
    key = _meant(s, given.tool_call_id)
    call = s.calls.get(key or "")
    earlier = s.history.results.get(key or "")
    if earlier is not None and earlier.declined:
        s.answer(key)
    elif call is not None and not s.over and (call.phase == "offered" or call.claim is not None):
        s.fail(call, declined(given.reason), by=given.by, declined=True)
        go_on(s, "declined")
        s.answer(call.id)
    elif call := _gated_call(s, given.tool_call_id, None, None):
        settle(s, call, "declined", by=given.by, reason=given.reason)
        go_on(s, "declined")
        s.answer(call.id)


def _answer(given: Decide) -> Answer:
    decision = digest(given.decision)
    try:
        return Answer(decision, None if given.arguments is None else digest(given.arguments))
    except InvalidValue as error:
        raise InvalidValue("/arguments" + error.path, error.message) from error


def _edited(s: Step, call: Call, given: Decide, answer: Answer) -> dict[str, Any] | None:
    """Return the edited arguments of a decision; None if they are unchanged, or if the call won't execute."""
    if given.arguments is None or refuses(s.history.tools[call.name], given.decision):
        return None
    return None if answer.arguments == digest_checked(s.block(call).arguments) else given.arguments


def _decision_faults(tool: ToolSpec, decision: Any) -> list[tuple[str, str]]:
    assert tool.decision is not None
    errors = compile_schema(tool.decision).validate_checked(decision)
    return [(error.path, error.message) for error in errors] if errors else []


def _meant(s: Step, wanted: str | None) -> str | None:
    """Return the id of the call to decide. The sender may leave it out while the run has had only one gated call."""
    return s.head.sole_gated if wanted is None and s.head.gated == 1 else wanted


def _gated_call(s: Step, wanted: str | None, given: Answer | None, args_digest: str | None) -> Call | None:
    """Return the gated call to decide. If there is none, set `s.reply` to the error, and return None.

    `given`: None means a decline. `args_digest`: digest of the arguments that the sender has seen, if given.
    """
    key = _meant(s, wanted)
    if key is not None and (entry := s.settled(key)):
        s.reply = already_settled(s, entry, given)
    elif s.over:
        s.reply = run_ended(s)
    elif key is None and s.head.gated:
        waiting = [call.id for call in s.calls.values() if call.phase == "gated"]
        s.reply = ToolCallIdRequired(
            "the run has had several gated calls: give the id of one", runId=s.head.id, open=waiting
        )
    elif key is None:
        s.reply = NotPending("no call of this run waits for a decision", runId=s.head.id, reason="notGated")
    else:
        call = s.calls.get(key)
        if call is None or call.phase != "gated":
            s.reply = not_pending(s, key, "waits for no decision", "notGated")
        elif args_digest is not None and args_digest != call.args_digest:
            s.reply = DecisionConflict(
                "the digest is not that of the call's arguments; read the call again before you decide",
                runId=s.head.id,
                toolCallId=call.id,
                reason="arguments",
            )
        else:
            return call
    return None
