"""Claims: how one client takes a call that is offered to clients, and reports its result.

Functions over the draft of one step (`step.Step`). `refusals` has the errors for senders. Pure.
"""

from msgspec.structs import replace

from .errors import ClaimTaken
from .events import ToolClientClaimed
from .gates import pass_gate
from .record import Claim
from .refusals import not_pending, run_ended
from .step import Step
from .transitions import ClaimCall, ClientResult, Reply, UnclaimCall
from .turns import go_on

__all__ = ["claim", "take_result", "unclaim"]


def claim(s: Step, given: ClaimCall) -> None:
    """Give an offered call to the first client that claims it, and refuse the others.

    A client that claims again with the same token keeps its claim.
    """
    call = s.calls.get(given.tool_call_id)
    if call is not None and call.phase == "offered" and not s.over:
        due_at = s.later(s.history.tools[call.name].client_timeout_s)
        taken = Claim(digest=given.digest, by=given.by)
        s.put(replace(call, phase="started", claim=taken, due_at=due_at))
        s.events.append(ToolClientClaimed(tool_call_id=call.id, by=given.by, due_at=due_at))
        s.answer(call.id)
    elif s.over:
        s.reply = run_ended(s)
    elif call is not None and call.claim and call.claim.digest == given.digest:
        s.answer(call.id)
    elif call is not None and call.claim:
        s.reply = ClaimTaken("another client has claimed that call", runId=s.head.id, toolCallId=call.id)
    else:
        s.reply = not_pending(s, given.tool_call_id, "is not offered to clients", "notOffered")


def unclaim(s: Step, given: UnclaimCall) -> None:
    """Offer a claimed call to all clients again. Only the client that holds the claim may do this."""
    call = s.calls.get(given.tool_call_id)
    if s.over:
        s.reply = run_ended(s)
    elif call is not None and call.claim and call.claim.digest == given.digest:
        pass_gate(s, call)
        s.answer(call.id)
    elif call is not None and call.claim:
        s.reply = ClaimTaken("that call is claimed with another token", runId=s.head.id, toolCallId=call.id)
    elif call is not None and call.phase == "offered":
        s.answer(call.id)
    else:
        s.reply = not_pending(s, given.tool_call_id, "is not claimed", "notClaimed")


def take_result(s: Step, given: ClientResult) -> None:
    """Close a claimed call with its client's result, and go on. The client may safely send its result again."""
    call = s.calls.get(given.tool_call_id)
    earlier = s.history.results.get(given.tool_call_id)
    if earlier is not None and earlier.claim_digest == given.digest:
        s.reply = Reply(seq=s.seq, status=s.status, tool_call_id=given.tool_call_id)
    elif s.over:
        s.reply = run_ended(s)
    elif call is None or call.claim is None:
        s.reply = not_pending(s, given.tool_call_id, "is not claimed", "notClaimed")
    elif call.claim.digest != given.digest:
        s.reply = ClaimTaken("that call is claimed with another token", runId=s.head.id, toolCallId=call.id)
    else:
        s.close(
            call,
            given.content,
            details=given.details,
            is_error=given.is_error,
            by=given.by,
            claim_digest=given.digest,
        )
        go_on(s, "result")
        s.answer(call.id)
