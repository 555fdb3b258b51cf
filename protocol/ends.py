"""Ends turns and runs, and aborts runs.

Functions over the draft of one step (`step.Step`). `turns` starts the next turn. Pure.
"""

from typing import Literal

import msgspec

from .calls import with_ids
from .events import AgentEnd, ErrorInfo, MessageEnd, TurnEnd
from .gates import settle
from .messages import AssistantMessage, ToolCall, ToolResultMessage
from .record import AbortRequest, Call, MessageEntry
from .step import Step
from .transitions import Effect, Stop

__all__ = ["end", "end_turn", "finish_abort", "request_abort"]


def request_abort(s: Step, request: AbortRequest, partial: AssistantMessage | None = None) -> None:
    """Begin to abort the run: from now on nothing starts. If nothing must be waited for, the run ends in this step.

    `partial`: the unfinished answer of the model call under way; None if that call must be waited for.
    """
    s.abort, s.over = request, True
    s.touch()
    effects: list[Effect] = [Stop()] if s.model_call or any(call.executing for call in s.calls.values()) else []
    if not effects or (s.model_call and partial):
        finish_abort(s, partial)
    s.effects = effects


def finish_abort(s: Step, partial: AssistantMessage | None) -> None:
    """End an aborted run. `partial`: the unfinished answer of the model, which stays in the transcript."""
    assert s.abort is not None
    if s.model_call and partial:
        s.usage = s.usage.plus(partial.usage)
        if partial.content:
            calls = len(partial.calls)
            own = with_ids(partial, s.model_call) if calls else partial
            message = msgspec.structs.replace(own, stop_reason="aborted")
            s.entries.append(MessageEntry(message=message))
            s.events.append(MessageEnd(message=message))
            s.open_turn(message, calls)
    end(s, "aborted", s.abort.reason)


def end_turn(s: Step) -> None:
    """End the turn, if one is open: its tool results enter the transcript in the order of the calls."""
    if s.message is None:
        return
    ordered: list[ToolResultMessage] = []
    for block in s.message.content:
        if type(block) is ToolCall:
            ordered.append(s.closed_now.get(block.id) or s.history.turn_results[block.id])
    s.events.append(TurnEnd(message=s.message, tool_results=tuple(ordered)))
    s.message = None


def _open_calls(s: Step) -> list[Call]:
    """Return the calls without a result, in the model's order."""
    return sorted([*s.calls.values(), *s.ready_calls()], key=lambda call: call.index)


def end(
    s: Step, status: Literal["completed", "failed", "aborted"], reason: str, error: ErrorInfo | None = None
) -> None:
    """End the run. Every open call gets an error result first."""
    for call in _open_calls(s) if s.open else ():
        if call.phase == "gated":
            settle(s, call, "aborted", reason="the run ended")
        else:
            effect = "; it may have taken effect" if call.phase == "started" else ""
            s.fail(call, f"The run ended before this call was done{effect}.")
    end_turn(s)
    s.status, s.reason, s.error, s.over = status, reason, error, True
    s.model_call = None
    s.expires_at = s.later(s.limits.retention_s)
    s.effects = []
    s.events.append(AgentEnd(status=status, reason=reason, usage=s.usage, error=error, expires_at=s.expires_at))
    s.end_seq = s.seq
