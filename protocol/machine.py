"""The run as a state machine: (head, history, input) -> transition. Pure: time and randomness come in as arguments.

The rules of this file:
1. A step changes nothing. All changes are in the `Transition`; the caller adopts it and extends the history.
2. What is due by `now` expires before the input is handled. Only `Recover` comes earlier: it must tell apart the calls
   that were executing when the process died and the calls that this step starts.
3. Every call gets exactly one result. A turn ends when all its calls have one. Results enter the transcript in the
   order of the calls.
4. A tool call is saved as `started` before its effect begins. Only `Recover` may start it again, and only if its tool
   is idempotent.
5. After an abort request nothing starts, and `Stopped` ends the run. If nothing must be waited for, the run ends in
   the same step.
6. Only `agent_paused` and `agent_resume` mark the changes of the derived status.

This module handles the inputs of the run's own effects, of the clock and of the process. `decisions` and `claims`
handle inputs from outside. `step` has the draft that all of them write to, and lists the modules with the other rules.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from .calls import cut_fault, error_result, with_ids
from .claims import claim, take_result, unclaim
from .decisions import decide, decline
from .ends import end, finish_abort, request_abort
from .events import AgentResume, AgentStart, ErrorInfo, MessageEnd, TurnStart
from .expiry import expire
from .firstwords import first_words
from .gates import open_call
from .limits import uncounted
from .messages import AssistantMessage, Message, ToolCall, ToolResultMessage, UserMessage
from .record import FINAL, AbortRequest, Head, History, InputEntry, MessageEntry, SpecEntry
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
    UnclaimCall,
)
from .turns import go_on, is_last_turn, restart_tool, start_model

__all__ = ["MAX_RECOVERIES", "begin", "resume_seq", "step"]

MAX_TITLE_CHARS = 100
MAX_RECOVERIES = 3  # recoveries without progress between them; one more ends the run
_FAILED = "This call was not executed: the model's answer failed."
_ENDED = "This call was not executed: the run ended."
_NO_TOOLS = "This call was not executed: the run is near its limits, and the model was asked without tools."


def begin(start: Begin, now: int) -> Transition:
    """Return the first transition of a run. `now` in ms."""
    messages = closed(start.input, now)
    seq = start.seq + 2
    key = f"{start.nonce}_{seq}"
    before = Head(  # in two parts: see `Step._new_head`
        id=start.run_id,
        status="running",
        agent=start.spec.agent,
        nonce=start.nonce,
        epoch=start.epoch,
        metadata=start.metadata,
        limits=start.limits,
        title=_title(messages),
        owner=start.owner,
        start_digest=start.start_digest,
        spec_digest=start.spec_digest,
        created_at=now,
        updated_at=now,
    )
    head = replace(before, version=1, turn=1, model_call=key, seq=seq, seq_ceiling=seq + SEQ_RANGE)
    return Transition(
        head=head,
        append=(SpecEntry(spec=start.spec), InputEntry(messages=messages, at=now)),
        events=(
            AgentStart(agent=start.spec.agent, input=messages, metadata=start.metadata, by=start.owner),
            TurnStart(turn=1),
        ),
        reply=Reply(seq=seq, status="running"),
        effects=(StartModel(key),),
    )


def step(head: Head, history: History, given: Input, *, now: int, seq: int) -> Transition:
    """Return the transition that the input `given` causes.

    Args:
        now: in ms since the epoch.
        seq: the last sequence number in use, whether it was saved or not.
    """
    s = Step(head, history, now, seq)
    if type(given) is Recover:
        _recover(s, given)
    if head.next_due is not None and head.next_due <= now:
        expire(s)
    _STEPS[type(given)](s, given)
    return s.finish()


def resume_seq(head: Head) -> int:
    """Return the sequence number after which a loaded run goes on.

    In a running run this is the ceiling: events above `head.seq` may have been published without being saved.
    """
    return head.seq_ceiling if head.status == "running" else head.seq


def _title(messages: tuple[Message, ...]) -> str | None:
    """Return the first words of the last user message, for lists of runs."""
    for message in reversed(messages):
        if type(message) is UserMessage:
            return first_words(message.text, MAX_TITLE_CHARS) or None
    return None


def closed(messages: tuple[Message, ...], now: int) -> tuple[Message, ...]:
    """Return a caller's messages with a synthetic result for every open tool call. Old calls never execute."""
    out: list[Message] = []
    waiting: dict[str, ToolCall] = {}  # only of the last assistant message: providers may reuse ids in later ones
    for message in messages:
        if type(message) is ToolResultMessage:
            waiting.pop(message.tool_call_id, None)
        else:
            if waiting:
                out += _never_executed(waiting, now)
            waiting = {call.id: call for call in message.calls} if type(message) is AssistantMessage else {}
        out.append(message)
    if waiting:
        out += _never_executed(waiting, now)
    return tuple(out)


def _never_executed(calls: Mapping[str, ToolCall], now: int) -> list[ToolResultMessage]:
    return [error_result(call, "This call was never executed.", now) for call in calls.values()]


def _model_done(s: Step, given: ModelDone) -> None:
    if given.key != s.model_call or s.abort:
        return  # the answer of an outdated model call
    failed, calls = given.message.stop_reason in ("error", "aborted"), given.message.calls
    unbounded = None if failed or not calls else _unbounded(s, given.message)
    fault = _FAILED if failed else unbounded and _ENDED
    if fault is None and is_last_turn(s.head, s.history):
        fault = _NO_TOOLS
    message = _answered(s, given.message, len(calls), given.gates, fault)
    if failed:
        text = message.error_message or "the model call failed"
        end(s, "failed", "modelError", ErrorInfo(type="modelError", message=text, kind=message.error_kind))
    elif not calls:
        end(s, "completed", message.stop_reason)
    elif unbounded:
        reason, text = unbounded
        end(s, "failed", reason, ErrorInfo(type="limitExceeded", message=text))
    else:
        go_on(s)


def _unbounded(s: Step, answer: AssistantMessage) -> tuple[str, str] | None:
    """Return the reason and the message of a limit that can't be kept after an answer without usage, if any."""
    return uncounted(answer.usage, s.history.spec.model, s.limits.max_cost, s.limits.max_tokens)


def _model_refused(s: Step, given: ModelRefused) -> None:
    if given.key != s.model_call or s.abort:
        return
    if given.answer is not None:
        _answered(s, given.answer, len(given.answer.calls), {}, _ENDED)
    s.usage = s.usage.plus(given.usage)
    end(s, "failed", given.reason, ErrorInfo(type="limitExceeded", message=given.message))


def _answered(
    s: Step, answer: AssistantMessage, calls: int, gates: Mapping[int, bool], fault: str | None
) -> AssistantMessage:
    """Add the model's answer to the transcript and open its calls. With a `fault`, no call executes.

    `calls`: how many calls it has.
    """
    assert s.model_call is not None
    message = with_ids(answer, s.model_call) if calls else answer
    s.model_call = None
    s.recoveries = 0
    s.usage = s.usage.plus(message.usage)
    s.entries.append(MessageEntry(message=message))
    s.events.append(MessageEnd(message=message))
    s.open_turn(message, calls)
    if not calls:
        return message
    limit, opened = s.limits.max_calls_per_turn, 0
    for index, block in enumerate(message.content):
        if type(block) is ToolCall:
            known = fault or cut_fault(message, block)
            if known is None and opened >= limit:
                known = f"This call was not executed: at most {limit} calls are allowed in a turn."
            open_call(s, index, block, gates, known)
            opened += 1
    return message


def _tool_done(s: Step, given: ToolDone) -> None:
    call = s.calls.get(given.tool_call_id)
    if call is None or not call.executing:
        return
    s.recoveries = 0
    s.close(call, given.content, details=given.details, is_error=given.is_error)
    go_on(s)


def _abort(s: Step, given: Abort) -> None:
    if not s.over:
        request_abort(s, AbortRequest(at=s.now, by=given.by, reason=given.reason), given.partial)
    s.answer(None)


def _stopped(s: Step, given: Stopped) -> None:
    if s.abort and s.status not in FINAL:
        finish_abort(s, given.partial)


def _reserve(s: Step, given: Reserve) -> None:
    if s.status not in FINAL:
        s.touch()


def _nothing(s: Step, given: Tick | Recover) -> None:
    """Do nothing more: `step` has already expired what was due, and recovered the run."""


def _recover(s: Step, given: Recover) -> None:
    if s.status != "running":
        return
    if s.abort:
        finish_abort(s, None)
        return
    executing = [call for call in s.calls.values() if call.executing]
    charged = given.error is not None or (given.charged and bool(executing))
    if charged and s.recoveries >= MAX_RECOVERIES:
        text = given.error or "the process ended each time while a tool was executing"
        message = f"{MAX_RECOVERIES} recoveries without progress: {text}"
        end(s, "failed", "crashLoop", ErrorInfo(type="crashLoop", message=message))
        return
    s.recoveries += charged
    s.touch()
    s.events.append(AgentResume(reason="recovered"))
    for call in executing:
        restart_tool(s, call)
    if s.model_call:
        start_model(s)
    else:
        go_on(s)


_STEPS: dict[type[Input], Callable[[Step, Any], None]] = {
    ModelDone: _model_done,
    ModelRefused: _model_refused,
    ToolDone: _tool_done,
    Stopped: _stopped,
    Decide: decide,
    Decline: decline,
    ClaimCall: claim,
    UnclaimCall: unclaim,
    ClientResult: take_result,
    Abort: _abort,
    Tick: _nothing,
    Recover: _nothing,
    Reserve: _reserve,
}
