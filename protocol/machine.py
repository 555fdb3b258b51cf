"""The run as a state machine: (head, history, input) -> transition. Pure: time and randomness come in as arguments.

The rules of this file:
1. A step changes nothing; what it wants changed is in the `Transition`. History is extended only by who adopts it.
2. Whatever is due by `now` expires before the input is looked at; only `Recover` comes first, for it must tell what
   was executing when the process died from what starts in this very step.
3. Every call gets exactly one result; a turn ends when all its calls have one; results enter in the order of the calls.
4. A tool is `started` in the save before its effect; only `Recover` may start it again, and only if it is idempotent.
5. After an abort request nothing starts; `Stopped` ends the run. With nothing under way it ends at once.
6. `agent_paused` and `agent_resume` mark the changes of the derived status, and no other event does.

`turn.py` has the mutable half of one step: how calls open and close, and what follows.
"""

from collections.abc import Mapping
from typing import Any

from .calls import cut_fault, error_result, with_ids
from .codec import InvalidValue, digest
from .errors import (
    AdjournError,
    ClaimTaken,
    DecisionConflict,
    DecisionInvalid,
    NotPending,
    RunEnded,
    ToolCallIdRequired,
)
from .events import AgentResume, AgentStart, ErrorInfo, MessageEnd, ToolClientClaimed, TurnStart
from .messages import AssistantMessage, Message, ToolCall, ToolResultMessage
from .record import FINAL, AbortRequest, Call, Claim, DecisionEntry, Head, History, InputEntry, MessageEntry, SpecEntry
from .schema import compile_schema
from .step import SEQ_RANGE, Step
from .transitions import (
    Abort,
    Begin,
    ClaimCall,
    ClientResult,
    Decide,
    Decline,
    Input,
    ModelDone,
    ModelRefused,
    Recover,
    Reply,
    Reserve,
    StartModel,
    Stopped,
    Tick,
    ToolDone,
    Transition,
)

__all__ = ["MAX_RECOVERIES", "begin", "resume_seq", "step"]

MAX_RECOVERIES = 3  # without progress between them; the next one ends the run


def begin(start: Begin, now: int) -> Transition:
    """The first transition of a run. `now` in ms."""
    messages = closed(start.input, now)
    key = f"{start.nonce}_2"
    head = Head(
        id=start.run_id,
        status="running",
        agent=start.spec.agent,
        nonce=start.nonce,
        version=1,
        epoch=start.epoch,
        turn=1,
        model_call=key,
        seq=2,
        seq_ceiling=2 + SEQ_RANGE,
        metadata=start.metadata,
        owner=start.owner,
        start_digest=start.start_digest,
        created_at=now,
        updated_at=now,
    )
    return Transition(
        head=head,
        append=(SpecEntry(spec=start.spec), InputEntry(messages=messages, at=now)),
        events=(AgentStart(agent=start.spec.agent, input=messages, metadata=start.metadata), TurnStart(turn=1)),
        reply=Reply(seq=2, status="running"),
        effects=(StartModel(key),),
    )


def step(head: Head, history: History, given: Input, *, now: int, seq: int) -> Transition:
    """What `given` does to the run. `now` in ms; `seq`: the last sequence number in use, saved or not."""
    s = Step(head, history, now=now, seq=seq)
    if isinstance(given, Recover):
        _recover(s, given)
    s.expire()
    match given:
        case ModelDone():
            _model_done(s, given)
        case ModelRefused():
            _model_refused(s, given)
        case ToolDone():
            _tool_done(s, given)
        case Decide():
            _decide(s, given)
        case Decline():
            _decline(s, given)
        case ClaimCall():
            _claim(s, given)
        case ClientResult():
            _client_result(s, given)
        case Abort():
            _abort(s, given)
        case Stopped():
            _stopped(s, given)
        case Reserve():
            if s.status not in FINAL:
                s.touch()
        case Recover() | Tick():
            pass
    return s.finish()


def resume_seq(head: Head) -> int:
    """Above which sequence number a run goes on whose record was loaded: unsaved events may have been shown."""
    return head.seq_ceiling if head.status == "running" else head.seq


def closed(messages: tuple[Message, ...], now: int) -> tuple[Message, ...]:
    """A caller's messages, every open tool call in them closed by a synthetic result: history opens no gate."""
    out: list[Message] = []
    waiting: dict[str, ToolCall] = {}  # of the last assistant message: providers may give an id again in a later one
    for message in messages:
        if isinstance(message, ToolResultMessage):
            waiting.pop(message.tool_call_id, None)
        else:
            out += [error_result(call, "This call was never executed.", now) for call in waiting.values()]
            waiting = {call.id: call for call in message.calls} if isinstance(message, AssistantMessage) else {}
        out.append(message)
    out += [error_result(call, "This call was never executed.", now) for call in waiting.values()]
    return tuple(out)


def _model_done(s: Step, given: ModelDone) -> None:
    if given.key != s.model_call or s.abort:
        return  # a call that the run has given up
    failed = given.message.stop_reason in ("error", "aborted")
    fault = "This call was not executed: the model's answer failed." if failed else None
    message = _answered(s, given.message, given.gates, fault)
    if failed:
        text = message.error_message or "the model call failed"
        s.end("failed", "modelError", ErrorInfo(type="modelError", message=text, kind=message.error_kind))
    elif not s.calls:
        s.end("completed", message.stop_reason)
    else:
        s.go_on()


def _model_refused(s: Step, given: ModelRefused) -> None:
    if given.key != s.model_call or s.abort:
        return
    if given.answer is not None:
        _answered(s, given.answer, {}, "This call was not executed: the run ended.")
    s.usage = s.usage.plus(given.usage)
    s.end("failed", given.reason, ErrorInfo(type="limitExceeded", message=given.message))


def _answered(s: Step, answer: AssistantMessage, gates: Mapping[int, bool], fault: str | None) -> AssistantMessage:
    """Take the model's answer in, and open its calls; with a `fault` none of them is executed."""
    assert s.model_call is not None
    message = with_ids(answer, s.model_call)
    s.model_call = None
    s.recoveries = 0
    s.usage = s.usage.plus(message.usage)
    s.append(MessageEntry(message=message))
    s.emit(MessageEnd(message=message))
    s.message = message
    for index, block in enumerate(message.content):
        if isinstance(block, ToolCall):
            s.open_call(index, block, gates, fault or cut_fault(message, block))
    return message


def _tool_done(s: Step, given: ToolDone) -> None:
    call = s.calls.get(given.tool_call_id)
    if call is None or not call.executing:
        return
    s.recoveries = 0
    s.close(call, given.content, details=given.details, is_error=given.is_error)
    s.go_on()


def _decide(s: Step, given: Decide) -> None:
    try:
        decision_digest = digest(given.decision)
    except InvalidValue as error:
        s.reply = _invalid(s, given.tool_call_id, [(error.path, error.message)])
        return
    call = _gate(s, given.tool_call_id, decision_digest, given.args_digest)
    if call is None:
        return
    schema = s.history.tools[call.name].decision
    assert schema is not None
    errors = compile_schema(schema).validate(given.decision)
    if errors:
        s.reply = _invalid(s, call.id, [(error.path, error.message) for error in errors])
        return
    s.settle(call, "decided", by=given.by, decision=given.decision, decision_digest=decision_digest)
    s.go_on("decided")
    s.answer(call.id)


def _invalid(s: Step, tool_call_id: str | None, errors: list[tuple[str, str]]) -> DecisionInvalid:
    return DecisionInvalid(
        "the decision breaks its schema: " + "; ".join(f"{path or '/'}: {message}" for path, message in errors),
        errors=[{"path": path, "message": message} for path, message in errors],
        runId=s.head.id,
        toolCallId=tool_call_id,
    )


def _decline(s: Step, given: Decline) -> None:
    call = _gate(s, given.tool_call_id, None, None)
    if call is None:
        return
    s.settle(call, "declined", by=given.by, reason=given.reason)
    s.go_on("declined")
    s.answer(call.id)


def _gate(s: Step, wanted: str | None, decision_digest: str | None, args_digest: str | None) -> Call | None:
    """The gated call that is meant; else None, and `s.reply` says why there is none."""
    key = s.sole_gated if wanted is None and s.gated == 1 else wanted
    if key is not None and (entry := s.settled(key)):
        s.reply = _settled(s, entry, decision_digest)
    elif s.over:
        s.reply = _ended(s)
    elif key is None and s.gated:
        waiting = [call.id for call in s.calls.values() if call.phase == "gated"]
        s.reply = ToolCallIdRequired("the run has had several gated calls: say which", runId=s.head.id, open=waiting)
    elif key is None:
        s.reply = NotPending("no call of this run waits for a decision", runId=s.head.id, reason="notGated")
    else:
        call = s.calls.get(key)
        if call is None or call.phase != "gated":
            s.reply = _not_pending(s, key, "waits for no decision", "notGated")
        elif args_digest is not None and args_digest != call.args_digest:
            s.reply = DecisionConflict(
                "the decision was made on other arguments", runId=s.head.id, toolCallId=call.id, reason="arguments"
            )
        else:
            return call
    return None


def _settled(s: Step, entry: DecisionEntry, decision_digest: str | None) -> Reply | AdjournError:
    """What a second answer to the same gate is told. `decision_digest`: None is a decline."""
    where: dict[str, Any] = {"runId": s.head.id, "toolCallId": entry.tool_call_id}
    if entry.outcome == "expired":
        return NotPending("the time to decide is over", reason="expired", **where)
    if entry.outcome == "aborted":
        return RunEnded(f"the run ended before a decision: {s.status}", status=s.status, **where)
    if entry.digest == decision_digest:
        return Reply(seq=s.seq, status=s.status, tool_call_id=entry.tool_call_id)
    return DecisionConflict(f"the call was {entry.outcome} already", reason=entry.outcome, **where)


def _ended(s: Step) -> RunEnded:
    status = s.status if s.status in FINAL else "aborted"  # an abort under way can end in nothing else
    return RunEnded(f"the run is over: {status}", runId=s.head.id, status=status)


def _not_pending(s: Step, tool_call_id: str, what: str, reason: str) -> NotPending:
    if tool_call_id in s.history.results or tool_call_id in s.closed_now:
        reason, what = "done", "is done"
    elif tool_call_id not in s.calls:
        reason, what = "unknown", "is not known to this run"
    return NotPending(f"call {tool_call_id!r} {what}", runId=s.head.id, toolCallId=tool_call_id, reason=reason)


def _claim(s: Step, given: ClaimCall) -> None:
    call = s.calls.get(given.tool_call_id)
    if call is not None and call.phase == "offered" and not s.over:
        timeout = s.history.tools[call.name].client_timeout_s
        claim = Claim(digest=given.digest, by=given.by)
        s.put(call, phase="started", claim=claim, due_at=s.later(timeout))
        s.emit(ToolClientClaimed(tool_call_id=call.id, by=given.by))
        s.answer(call.id)
    elif s.over:
        s.reply = _ended(s)
    elif call is not None and call.claim:
        s.reply = ClaimTaken("another client has claimed that call", runId=s.head.id, toolCallId=call.id)
    else:
        s.reply = _not_pending(s, given.tool_call_id, "is not offered to clients", "notOffered")


def _client_result(s: Step, given: ClientResult) -> None:
    call = s.calls.get(given.tool_call_id)
    earlier = s.history.results.get(given.tool_call_id)
    if earlier is not None and earlier.claim_digest == given.digest:
        s.reply = Reply(seq=s.seq, status=s.status, tool_call_id=given.tool_call_id)
    elif s.over:
        s.reply = _ended(s)
    elif call is None or call.claim is None:
        s.reply = _not_pending(s, given.tool_call_id, "is not claimed", "notClaimed")
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
        s.go_on("result")
        s.answer(call.id)


def _abort(s: Step, given: Abort) -> None:
    if not s.over:
        s.request_abort(AbortRequest(at=s.now, by=given.by, reason=given.reason))
    s.answer(None)


def _stopped(s: Step, given: Stopped) -> None:
    if s.abort and s.status not in FINAL:
        s.finish_abort(given.partial)


def _recover(s: Step, given: Recover) -> None:
    if s.status != "running":
        return
    if s.abort:
        s.finish_abort(None)
        return
    if s.recoveries >= MAX_RECOVERIES:
        text = given.error or "the process ended in the middle of it each time"
        message = f"{MAX_RECOVERIES} recoveries without progress: {text}"
        s.end("failed", "crashLoop", ErrorInfo(type="crashLoop", message=message))
        return
    s.recoveries += 1
    s.emit(AgentResume(reason="recovered"))
    for call in list(s.calls.values()):
        if call.executing:
            s.restart(call)
    if s.model_call:
        s.start_model()
    else:
        s.go_on()
