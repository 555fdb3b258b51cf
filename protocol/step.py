"""One step of the run while it is being made: a mutable draft of the transition. Pure; lives for one step.

Here is how calls open and close, how a turn ends, and how the status is derived; `machine.py` has what inputs mean.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from .calls import argument_fault, with_ids
from .codec import MAX_INT, digest
from .errors import AdjournError
from .events import (
    AgentEnd,
    AgentPaused,
    AgentResume,
    ErrorInfo,
    Event,
    MessageEnd,
    Outcome,
    Status,
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolOutput,
    TurnEnd,
    TurnStart,
)
from .messages import AssistantMessage, Text, ToolCall, ToolResultMessage, UserBlock
from .record import FINAL, AbortRequest, Call, DecisionEntry, Entry, Head, History, MessageEntry, ResultEntry, ToolSpec
from .transitions import Effect, Reply, StartModel, StartTool, Stop, Transition

__all__ = ["SEQ_RANGE", "Step"]

SEQ_RANGE = 65_536  # sequence numbers that a save reserves beyond its own events

Cause = Literal["decided", "declined", "expired", "result"]
_Final = Literal["completed", "failed", "aborted"]

_replace = msgspec.structs.replace


class Step:
    """The draft. Attributes start as the head's and end in the new head."""

    def __init__(self, head: Head, history: History, *, now: int, seq: int) -> None:
        self.head, self.history, self.now, self.seq = head, history, now, seq
        self.status: Status = head.status
        self.turn = head.turn
        self.model_call = head.model_call
        self.calls: dict[str, Call] = {call.id: call for call in head.calls}
        self.message = history.turn_message if head.calls else None
        self.gated, self.sole_gated = head.gated, head.sole_gated
        self.expires_at = head.expires_at
        self.recoveries = head.recoveries
        self.usage = head.usage
        self.abort = head.abort
        self.reason, self.error, self.end_seq = head.reason, head.error, head.end_seq
        self.closed_now: dict[str, ToolResultMessage] = {}
        self.settled_now: dict[str, DecisionEntry] = {}
        self.entries: list[Entry] = []
        self.events: list[Event] = []
        self.effects: list[Effect] = []
        self.reply: Reply | AdjournError | None = None
        self.touched = False
        self._answer_for: str | None = None
        self._answers = False

    # What a step may do.

    @property
    def over(self) -> bool:
        """The run takes no more answers."""
        return self.status in FINAL or self.abort is not None

    def emit(self, event: Event) -> None:
        """Show `event`, once the step is saved."""
        self.seq += 1
        self.events.append(event)

    def append(self, entry: Entry) -> None:
        """Add to the journal."""
        self.entries.append(entry)

    def touch(self) -> None:
        """Save even if nothing else changes."""
        self.touched = True

    def put(self, call: Call, **changes: Any) -> Call:
        """Change an open call."""
        changed = self.calls[call.id] = _replace(call, **changes)
        self.touched = True
        return changed

    def answer(self, tool_call_id: str | None) -> None:
        """Tell the sender that it is done, with the step's last sequence number and status."""
        self._answers, self._answer_for = True, tool_call_id

    def later(self, seconds: float | None) -> int | None:
        """The moment `seconds` from now, ms; at most what every wire and store can carry."""
        return None if seconds is None else self.now + int(min(seconds * 1000, MAX_INT - self.now))

    def settled(self, tool_call_id: str) -> DecisionEntry | None:
        """How the gate of that call was settled, if it was; in this step or before."""
        return self.settled_now.get(tool_call_id) or self.history.decisions.get(tool_call_id)

    def block(self, call: Call) -> ToolCall:
        """The model's own block behind an open call."""
        assert self.message is not None
        block = self.message.content[call.index]
        assert isinstance(block, ToolCall)
        return block

    # Calls open.

    def open_call(self, index: int, block: ToolCall, gates: Mapping[int, bool], fault: str | None) -> None:
        """Put a call that the model has made into its first phase."""
        call = Call(id=block.id, name=block.name, index=index, phase="ready")
        limit = self.history.spec.limits.max_calls_per_turn
        if fault is None and len(self.calls) >= limit:
            fault = f"This call was not executed: at most {limit} calls are allowed in a turn."
        fault = fault or argument_fault(self.history.tools, block)
        self.calls[call.id] = call
        if fault is not None:
            self.fail(call, fault)
            return
        tool = self.history.tools[block.name]
        if tool.decision is not None and gates.get(index, True):
            self._close_gate(call, tool, tool.decision)
        else:
            self._pass_gate(call)

    def _close_gate(self, call: Call, tool: ToolSpec, schema: dict[str, Any]) -> None:
        self.gated += 1
        self.sole_gated = self.sole_gated or call.id
        arguments = self.block(call).arguments
        due_at = self.later(tool.decision_timeout_s)
        call = self.put(call, phase="gated", due_at=due_at, args_digest=digest(arguments))
        self.emit(
            ToolDecisionPending(
                tool_call_id=call.id,
                tool_name=call.name,
                input=arguments,
                schema=schema,
                digest=call.args_digest,
                due_at=call.due_at,
                description=tool.description,
            )
        )

    def _pass_gate(self, call: Call) -> None:
        if self.history.tools[call.name].runs == "client":
            self.put(call, phase="offered", due_at=None, claim=None)
            arguments = self.block(call).arguments
            self.emit(ToolClientExecutePending(tool_call_id=call.id, tool_name=call.name, input=arguments))
        else:
            self.put(call, phase="ready", due_at=None)

    # Calls close.

    def settle(
        self,
        call: Call,
        outcome: Outcome,
        *,
        by: str | None = None,
        decision: Any = None,
        decision_digest: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Open or shut the gate of `call` for good: with a decision and its digest it may execute, else never."""
        entry = DecisionEntry(
            tool_call_id=call.id,
            outcome=outcome,
            at=self.now,
            args_digest=call.args_digest,
            by=by,
            decision=decision,
            digest=decision_digest,
            reason=reason,
        )
        self.settled_now[call.id] = entry
        self.append(entry)
        self.emit(ToolDecisionResolved(tool_call_id=call.id, outcome=outcome, by=by, decision=decision, reason=reason))
        if decision_digest is not None:
            self._pass_gate(call)
        elif outcome == "declined":
            self.fail(call, "This call was declined" + (f": {reason}" if reason else "."))
        else:
            self.fail(call, f"This call was not executed: {reason}.")

    def fail(self, call: Call, text: str) -> None:
        """Close `call` with an error result."""
        self.close(call, (Text(text=text),), is_error=True)

    def close(
        self,
        call: Call,
        content: tuple[UserBlock, ...],
        *,
        details: Any = None,
        is_error: bool = False,
        by: str | None = None,
        claim_digest: str | None = None,
    ) -> None:
        """Give `call` its one result. `claim_digest`: of the token it came with."""
        message = ToolResultMessage(
            tool_call_id=call.id,
            tool_name=call.name,
            content=content,
            details=details,
            is_error=is_error,
            timestamp=self.now,
        )
        self.closed_now[call.id] = message
        self.append(ResultEntry(message=message, claim_digest=claim_digest, by=by))
        self.put(call, phase="done", due_at=None, claim=None)
        output = ToolOutput(content=content, details=details)
        self.emit(ToolExecutionEnd(tool_call_id=call.id, tool_name=call.name, result=output, is_error=is_error))

    def expire(self) -> None:
        """Do what is due, in the order in which it fell due: gates, claims, the TTL of a parked run."""
        if self.head.next_due is None or self.head.next_due > self.now:
            return
        late = [(call.due_at, call) for call in self.calls.values() if call.due_at is not None]
        late = sorted((pair for pair in late if pair[0] <= self.now), key=lambda pair: pair[0])
        for due_at, call in late:
            self._expire_parked(due_at)
            if not self.over:
                self._expire_call(call)
        if late:
            self.go_on("expired")
        self._expire_parked(self.now + 1)

    def _expire_parked(self, before: int) -> None:
        # A call that is ready has woken the run, though `go_on` has not said so yet.
        waits = self.status == "paused" and not any(call.phase == "ready" for call in self.calls.values())
        if waits and not self.over and self.expires_at is not None and self.expires_at < before:
            self.request_abort(AbortRequest(at=self.now, reason="expired"))

    def _expire_call(self, call: Call) -> None:
        tool = self.history.tools[call.name]
        if call.claim and tool.idempotent:
            self._pass_gate(call)
        elif call.claim:
            self.fail(call, "The client that took this call did not report back; it may have taken effect.")
        elif tool.on_expiry.action == "decide":
            decision = tool.on_expiry.decision
            self.settle(call, "expired", decision=decision, decision_digest=digest(decision))
        else:
            self.settle(call, "expired", reason="no decision came in time")
            if tool.on_expiry.action == "abort":
                self.request_abort(AbortRequest(at=self.now, reason="expired"))

    # What follows.

    def go_on(self, cause: Cause | None = None) -> None:
        """Start what may start, end the turn if it is complete, and mark a change of status.

        `cause`: what may wake a paused run; None where it can't be paused."""
        left = [call for call in self.calls.values() if call.phase != "done"]
        if self.calls and not left:
            self._awake(cause)
            self._end_turn()
            if not self.over:
                self._next_turn()
            return
        if self.over:
            return
        executing = len([call for call in left if call.executing])
        for call in left:
            if call.phase == "ready" and executing < self.history.spec.limits.max_concurrent_tools:
                executing += 1
                self._awake(cause)
                self.start_tool(call)
        if left and not executing and not self.model_call and self.status == "running":
            self._pause()

    def start_tool(self, call: Call) -> None:
        """Execute `call` as soon as this is saved."""
        self.put(call, phase="started")
        self.emit(ToolExecutionStart(tool_call_id=call.id, tool_name=call.name, args=self.block(call).arguments))
        self.effects.append(StartTool(call.id))

    def restart(self, call: Call) -> None:
        """Deal with a call that was executing when the process or the actor died."""
        if self.history.tools[call.name].idempotent:
            self.start_tool(call)
        else:
            self.fail(call, "This call was interrupted; it may have taken effect. It was not executed again.")

    def start_model(self) -> None:
        """Ask the model as soon as this is saved."""
        self.model_call = f"{self.head.nonce}_{self.seq}"
        self.effects.append(StartModel(self.model_call))

    def _awake(self, cause: Cause | None) -> None:
        if self.status == "paused":
            assert cause is not None
            self.status = "running"
            self.expires_at = None
            self.emit(AgentResume(reason=cause))

    def _pause(self) -> None:
        self.status = "paused"
        self.expires_at = self.later(self.history.spec.limits.parked_ttl_s)
        waiting = tuple(call.id for call in self.calls.values() if call.phase != "done")
        self.emit(AgentPaused(tool_call_ids=waiting))

    def _end_turn(self) -> None:
        """Let the results enter the transcript, in the order of the calls."""
        if self.message is None:
            return
        results = {**self.history.turn_results, **self.closed_now}
        ordered = tuple(results[call.id] for call in self.message.calls)
        self.emit(TurnEnd(message=self.message, tool_results=ordered))
        self.calls, self.message = {}, None

    def _next_turn(self) -> None:
        limits = self.history.spec.limits
        if self.turn >= limits.max_turns:
            text = f"the run reached its limit of {limits.max_turns} turns"
            self.end("failed", "maxTurns", ErrorInfo(type="limitExceeded", message=text))
        elif limits.max_cost is not None and self.usage.cost.total >= limits.max_cost:
            text = f"the run reached its limit of {limits.max_cost} in cost"
            self.end("failed", "maxCost", ErrorInfo(type="limitExceeded", message=text))
        elif limits.max_tokens is not None and self.usage.total_tokens >= limits.max_tokens:
            text = f"the run reached its limit of {limits.max_tokens} tokens"
            self.end("failed", "maxTokens", ErrorInfo(type="limitExceeded", message=text))
        else:
            self.turn += 1
            self.emit(TurnStart(turn=self.turn))
            self.start_model()

    # The end.

    def request_abort(self, request: AbortRequest) -> None:
        """Make the run do nothing else but end. With nothing under way it ends in this very step."""
        self.abort = request
        self.touched = True
        if self.model_call or any(call.executing for call in self.calls.values()):
            self.effects = [Stop()]
        else:
            self.finish_abort(None)

    def finish_abort(self, partial: AssistantMessage | None) -> None:
        """Close what is open, keep what the model had said, and end."""
        assert self.abort is not None
        if self.model_call and partial and partial.content:
            message = _replace(with_ids(partial, self.model_call), stop_reason="aborted")
            self.usage = self.usage.plus(message.usage)
            self.append(MessageEntry(message=message))
            self.emit(MessageEnd(message=message))
            self.message, self.calls = message, {}
            for index, block in enumerate(message.content):
                if isinstance(block, ToolCall):
                    self.calls[block.id] = Call(id=block.id, name=block.name, index=index, phase="ready")
        self.end("aborted", self.abort.reason)

    def end(self, status: _Final, reason: str, error: ErrorInfo | None = None) -> None:
        """End the run: every open call gets a result first."""
        for call in list(self.calls.values()):
            if call.phase == "gated":
                self.settle(call, "aborted", reason="the run ended")
            elif call.phase != "done":
                effect = "; it may have taken effect" if call.phase == "started" else ""
                self.fail(call, f"The run ended before this call was done{effect}.")
        self._end_turn()
        self.status, self.reason, self.error = status, reason, error
        self.model_call = None
        self.expires_at = self.later(self.history.spec.limits.retention_s)
        self.effects = []
        self.emit(AgentEnd(status=status, reason=reason, usage=self.usage, error=error))
        self.end_seq = self.seq

    def finish(self) -> Transition:
        """The transition that this step has come to."""
        reply = Reply(seq=self.seq, status=self.status, tool_call_id=self._answer_for) if self._answers else self.reply
        if not (self.touched or self.entries or self.events):
            return Transition(reply=reply)
        head = _replace(
            self.head,
            status=self.status,
            version=self.head.version + 1,
            turn=self.turn,
            model_call=self.model_call,
            calls=tuple(self.calls.values()),
            gated=self.gated,
            sole_gated=self.sole_gated,
            seq=self.seq,
            seq_ceiling=self.seq + SEQ_RANGE,
            next_due=self._next_due(),
            expires_at=self.expires_at,
            recoveries=self.recoveries,
            usage=self.usage,
            abort=self.abort,
            reason=self.reason,
            error=self.error,
            end_seq=self.end_seq,
            updated_at=self.now,
        )
        return Transition(
            head=head,
            append=tuple(self.entries),
            events=tuple(self.events),
            reply=reply,
            effects=tuple(self.effects),
        )

    def _next_due(self) -> int | None:
        if self.abort and self.status not in FINAL:
            return None  # all it waits for is `Stopped`: nothing expires any more
        due = self.expires_at
        for call in self.calls.values():
            if call.due_at is not None and (due is None or call.due_at < due):
                due = call.due_at
        return due
