"""Derives a run's state from its events alone, and compares that state with the saved heads and entries."""

from typing import Any

from adjourn.protocol.codec import digest, to_json
from adjourn.protocol.events import (
    AgentEnd,
    AgentPaused,
    AgentResume,
    AgentStart,
    Event,
    ToolClientClaimed,
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionEnd,
    ToolExecutionStart,
)
from adjourn.protocol.record import FINAL, DecisionEntry, Entry, Head, Limits, ResultEntry, ToolSpec
from adjourn.protocol.transitions import Transition


class Ledger:
    """Collects one run's transitions."""

    def __init__(self, tools: dict[str, ToolSpec], limits: Limits) -> None:
        self.tools, self.limits = tools, limits
        self.version = 0
        self.status = ""  # before the start
        self.gates: dict[str, ToolDecisionPending] = {}  # all gates of the run, by tool call id
        self.settled: dict[str, ToolDecisionResolved] = {}
        self.edited: dict[str, dict[str, Any]] = {}  # arguments, by tool call id
        self.offers: dict[str, str] = {}  # tool call id -> name
        self.claimed: set[str] = set()  # tool call ids
        self.results: set[str] = set()
        self.due: dict[str, int | None] = {}  # deadlines of gates, offers and claims by tool call id; "": the run's

    def check(self, transition: Transition, head: Head, now: int) -> None:
        assert head.version == self.version + 1
        self.version = head.version
        for event in transition.events:
            self.note(event, now)
        for entry in transition.append:
            self.note_entry(entry, now)
        stopping = head.abort is not None and head.status not in FINAL
        assert head.status == self.status == (_derived(head, self.status) if not stopping else "running")
        due = None if stopping else min((due for due in self.due.values() if due is not None), default=None)
        assert head.next_due == due
        assert due is None or due > now, "nothing is left that was due"
        waits = [gate.since for key, gate in self.gates.items() if key not in self.settled]
        assert head.waiting_since == min(waits, default=None)
        assert head.seq_ceiling > head.seq
        executing = [call for call in head.calls if call.phase == "started" and not call.claim]
        assert len(executing) <= self.limits.max_concurrent_tools
        if head.status in FINAL:
            assert (head.calls, head.end_seq) == ((), head.seq)

    def note(self, event: Event, now: int) -> None:
        assert self.status not in FINAL, "nothing follows the end"
        match event:
            case AgentStart():
                self.turn("", "running")
            case AgentPaused(expires_at=expires_at):
                self.turn("running", "paused")
                self.due[""] = _later(now, self.limits.parked_ttl_s)
                assert expires_at == self.due[""]
            case AgentResume(reason="recovered"):
                self.turn("running", "running")
            case AgentResume():
                self.turn("paused", "running")
                self.due[""] = None
            case AgentEnd(expires_at=expires_at):
                self.status = event.status
                self.due = {"": _later(now, self.limits.retention_s)}
                assert expires_at == self.due[""]
            case ToolDecisionPending():
                self.gate(event, now)
            case ToolDecisionResolved(tool_call_id=key):
                assert key in self.gates.keys() - self.settled.keys(), "one decision a gate"
                self.settled[key] = event
                self.due.pop(key, None)
            case ToolClientExecutePending() | ToolClientClaimed():
                self.offer(event, now)
            case ToolExecutionStart(tool_call_id=key):
                assert event.args == self.edited.get(key, event.args)
            case ToolExecutionEnd(tool_call_id=key):
                self.due.pop(key, None)
                self.claimed.discard(key)
            case _:
                pass

    def gate(self, event: ToolDecisionPending, now: int) -> None:
        key, tool = event.tool_call_id, self.tools[event.tool_name]
        assert key not in self.gates
        self.gates[key] = event
        self.due[key] = _later(now, tool.decision_timeout_s)
        assert (event.due_at, event.since, event.digest) == (self.due[key], now, digest(event.input))
        assert (event.editable, event.approval) == (tool.editable, tool.approval)
        assert event.parameters == (tool.parameters if tool.editable else None)

    def offer(self, event: ToolClientExecutePending | ToolClientClaimed, now: int) -> None:
        key = event.tool_call_id
        if isinstance(event, ToolClientExecutePending):
            assert event.since == now
            assert event.input == self.edited.get(key, event.input)
            self.offers[key] = event.tool_name
            self.due[key] = None
            self.claimed.discard(key)
        else:
            assert key not in self.claimed, "by one client at a time"
            self.claimed.add(key)
            self.due[key] = _later(now, self.tools[self.offers[key]].client_timeout_s)
            assert event.due_at == self.due[key]

    def turn(self, before: str, after: str) -> None:
        assert self.status == before
        self.status = after

    def note_entry(self, entry: Entry, now: int) -> None:
        if isinstance(entry, ResultEntry):
            self.note_result(entry)
        elif isinstance(entry, DecisionEntry):
            told = self.settled[entry.tool_call_id]
            assert (entry.outcome, entry.by, entry.reason) == (told.outcome, told.by, told.reason)
            assert (entry.decision, entry.arguments) == (told.decision, told.arguments)
            assert (entry.arguments_digest, entry.at) == (told.digest, now)
            self.note_edit(entry)

    def note_edit(self, entry: DecisionEntry) -> None:
        gate = self.gates[entry.tool_call_id]
        assert entry.args_digest == gate.digest, "what was shown stays in the journal"
        if entry.arguments is None:
            assert entry.arguments_digest is None
            return
        editable = self.tools[gate.tool_name].editable
        changed = {key for key in ("n", "to") if entry.arguments.get(key) != gate.input.get(key)}
        assert changed, "equal arguments are no edit"
        assert editable is True or changed <= {*(editable or ())}, "only what may change"
        assert type(entry.arguments["n"]) is int, "valid"
        assert entry.arguments_digest == digest(entry.arguments)
        assert (entry.outcome, entry.digest) == ("decided", digest(entry.decision))
        self.edited[entry.tool_call_id] = entry.arguments

    def note_result(self, entry: ResultEntry) -> None:
        key, message = entry.message.tool_call_id, entry.message
        assert key not in self.results, "one result a call"
        self.results.add(key)
        assert message.arguments == self.edited.get(key)
        told = to_json(message.arguments).decode() if message.arguments else ""
        assert told in message.text, "the model is told what was executed"


def _later(now: int, seconds: float | None) -> int | None:
    return None if seconds is None else now + int(seconds * 1000)


def _derived(head: Head, told: str) -> str:
    """Return the status by its definition: paused while all open calls wait for a decision or a client."""
    if told in FINAL:
        return told
    inside = [call for call in head.calls if call.phase == "ready" or (call.phase == "started" and not call.claim)]
    outside = [call for call in head.calls if call.phase in ("gated", "offered") or call.claim]
    return "paused" if outside and not inside and not head.model_call else "running"
