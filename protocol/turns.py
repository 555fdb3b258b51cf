"""Turns: what starts next. Tools while a turn is open, the model once it is complete; else the run pauses.

Functions over the draft of one step (`step.Step`). How turns and runs end is in `ends`. Pure.
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
    """Start what may start, end the turn if it is complete, and mark a change of status.

    `cause`: what wakes the run if it is paused; None where it can't be paused.
    """
    if s.message is not None and not s.open:
        _wake(s, cause)
        end_turn(s)
        if not s.over:
            _next_turn(s)
        return
    if s.over:
        return
    executing = 0
    for call in s.calls.values():
        if call.phase == "started" and call.claim is None:
            executing += 1
    for call in _next_ready(s, s.limits.max_concurrent_tools - executing):
        executing += 1
        _wake(s, cause)
        _start_tool(s, call)
    if s.open and not executing and not s.model_call and s.status == "running":
        _pause(s)


def _next_ready(s: Step, slots: int) -> list[Call]:
    """Take up to `slots` calls that wait for a slot: first those whose gate was passed, then in the model's order."""
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
    s.emit(ToolExecutionStart(tool_call_id=call.id, tool_name=call.name, args=s.arguments(call)))
    s.effects.append(StartTool(call.id))


def restart_tool(s: Step, call: Call) -> None:
    """Execute a call again that was interrupted by a crash, if its tool is idempotent; else close it with an error."""
    if s.history.tools[call.name].idempotent:
        _start_tool(s, call)
    else:
        s.fail(call, "This call was interrupted; it may have taken effect. It was not executed again.")


def _wake(s: Step, cause: Cause | None) -> None:
    if s.status == "paused":
        assert cause is not None
        s.status = "running"
        s.expires_at = None
        s.emit(AgentResume(reason=cause))


def _pause(s: Step) -> None:
    s.status = "paused"
    s.expires_at = s.later(s.limits.parked_ttl_s)
    s.emit(AgentPaused(tool_call_ids=tuple(s.calls), expires_at=s.expires_at))


def _next_turn(s: Step) -> None:
    """Start the next turn, or end the run as failed where one of its limits is reached."""
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
        s.emit(TurnStart(turn=s.turn))
        start_model(s)


def is_last_turn(head: Head, history: History) -> bool:
    """Return whether the turn whose model call is under way is to be the run's last, and is made without tools.

    Only with `on_limit="answer"`. Turns are counted. Whether a call will use up the cost or the tokens is estimated:
    it uses what the call before did, and that call's output once more, for the prompt now has that too. Where the
    estimate was too low, the run fails at the limit; where it was too high, the run ends a turn early.
    """
    limits = tightened(history.spec.limits, head.limits)
    if limits.on_limit != "answer":
        return False
    if head.turn >= limits.max_turns:
        return True
    if history.turn_message is None:
        return False  # the first turn: nothing is known yet
    spent, before = head.usage, history.turn_message.usage
    return _reached(limits.max_cost, spent.cost.total + before.cost.total + before.cost.output) or _reached(
        limits.max_tokens, spent.total_tokens + before.total_tokens + before.output
    )


def _reached(limit: float | None, used: float) -> bool:
    return limit is not None and used >= limit
