"""Turns: decides what starts next: tools in an open turn, the model after a complete one. Else the run pauses.

Functions over the draft of one step (`step.Step`). `ends` ends turns and runs. Pure.
"""

from itertools import islice

from msgspec.structs import replace

from .ends import end, end_turn
from .events import AgentPaused, AgentResume, ErrorInfo, ToolExecutionStart, TurnStart
from .limits import tightened
from .record import Call, Head, History
from .step import Cause, Step
from .transitions import StartModel, StartTool

__all__ = ["go_on", "is_last_turn", "restart_tool", "start_model"]


def go_on(s: Step, cause: Cause | None = None) -> None:
    """Start calls that may start, end the turn if it is complete, and record a change of status.

    `cause`: why a paused run resumes; None if the run can't be paused here.
    """
    if s.message is not None and not s.open:
        _wake(s, cause)
        end_turn(s)
        if not s.over:
            _next_turn(s)
        return
    if s.over:
        return
    executing, some_ready = 0, s.open > len(s.calls)
    for call in s.calls.values():
        if call.phase == "started" and call.claim is None:
            executing += 1
        elif call.phase == "ready":
            some_ready = True
    if some_ready:
        for call in _next_ready(s, s.limits.max_concurrent_tools - executing):
            executing += 1
            _wake(s, cause)
            _start_tool(s, call)
    if s.open and not executing and not s.model_call and s.status == "running":
        _pause(s)


def _next_ready(s: Step, slots: int) -> list[Call]:
    """Take up to `slots` ready calls: first those that passed a gate, then the others in the model's order."""
    if slots <= 0:
        return []
    taken: list[Call] = []
    for call in s.calls.values():
        if call.phase == "ready" and len(taken) < slots:
            taken.append(call)
    if s.open > len(s.calls):
        for call in islice(s.ready_calls(), slots - len(taken)):
            taken.append(call)
            s.ready_from = call.index + 1
    return taken


def start_model(s: Step) -> None:
    """Call the model once this step is saved."""
    s.model_call = f"{s.head.nonce}_{s.seq}"
    s.effects.append(StartModel(s.model_call))


def _start_tool(s: Step, call: Call) -> None:
    """Execute the tool of `call` once this step is saved."""
    s.put(replace(call, phase="started"))
    s.events.append(ToolExecutionStart(tool_call_id=call.id, tool_name=call.name, args=s.arguments(call)))
    s.effects.append(StartTool(call.id))
    s.executes = True


def restart_tool(s: Step, call: Call) -> None:
    """Restart a call that a crash interrupted, if its tool is idempotent; else close the call with an error."""
    if s.history.tools[call.name].idempotent:
        _start_tool(s, call)
    else:
        s.fail(call, "This call was interrupted; it may have taken effect. It was not executed again.")


def _wake(s: Step, cause: Cause | None) -> None:
    if s.status == "paused":
        assert cause is not None
        s.status = "running"
        s.expires_at = None
        s.events.append(AgentResume(reason=cause))


def _pause(s: Step) -> None:
    s.status = "paused"
    s.expires_at = s.later(s.limits.parked_ttl_s)
    s.events.append(AgentPaused(tool_call_ids=tuple(s.calls), expires_at=s.expires_at))


def _next_turn(s: Step) -> None:
    """Start the next turn, or fail the run if it has reached one of its limits."""
    limits = s.limits
    if s.turn >= limits.max_turns:
        text = f"the run reached its limit of {limits.max_turns} turns"
        end(s, "failed", "maxTurns", ErrorInfo(type="limitExceeded", message=text))
    elif _reached(limits.max_cost, s.usage.cost.total):
        text = f"the run reached its limit of {limits.max_cost} in cost"
        end(s, "failed", "maxCost", ErrorInfo(type="limitExceeded", message=text))
    elif _reached(limits.max_tokens, s.usage.total_tokens):
        text = f"the run reached its limit of {limits.max_tokens} tokens"
        end(s, "failed", "maxTokens", ErrorInfo(type="limitExceeded", message=text))
    else:
        s.turn += 1
        s.events.append(TurnStart(turn=s.turn))
        start_model(s)


def is_last_turn(head: Head, history: History) -> bool:
    """Check whether the current turn must be the run's last, so that the model gets no tools.

    True only with `on_limit="answer"`. Turns are counted; cost and tokens of the next call are estimated. The estimate
    is the last call's usage plus that call's output once more, because the prompt now includes it. If the estimate is
    too low, the run fails at the limit. If it is too high, the run ends a turn early.
    """
    limits = history.spec.limits if head.limits is None else tightened(history.spec.limits, head.limits)
    if limits.on_limit != "answer":
        return False
    if head.turn >= limits.max_turns:
        return True
    if history.turn_message is None:
        return False  # the first turn: nothing to estimate from
    spent, before = head.usage, history.turn_message.usage
    return _reached(limits.max_cost, spent.cost.total + before.cost.total + before.cost.output) or _reached(
        limits.max_tokens, spent.total_tokens + before.total_tokens + before.output
    )


def _reached(limit: float | None, used: float) -> bool:
    return limit is not None and used >= limit
