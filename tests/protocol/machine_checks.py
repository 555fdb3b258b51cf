"""What must hold of a run at every step, whatever happens to it: a `Driver` that checks itself."""

from typing import Any

from machine_driver import Answer, Crash, Driver
from msgspec.structs import replace

from adjourn.protocol.codec import digest
from adjourn.protocol.errors import AdjournError
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
)
from adjourn.protocol.machine import MAX_RECOVERIES, step
from adjourn.protocol.messages import AssistantMessage
from adjourn.protocol.record import (
    FINAL,
    DecisionEntry,
    Entry,
    Head,
    History,
    Limits,
    ResultEntry,
    ToolSpec,
    encode_head,
)
from adjourn.protocol.transcript import Snapshot, Transcript, replay
from adjourn.protocol.transitions import (
    Abort,
    ClaimCall,
    ClientResult,
    Decide,
    Decline,
    Input,
    ModelDone,
    Recover,
    Reply,
    Reserve,
    ToolDone,
    Transition,
)


class CheckedDriver(Driver):
    """A run whose every step is checked, and taken a second time by a copy that went through the store."""

    def __init__(self, *tools: ToolSpec, limits: Limits) -> None:
        self.ledger = Ledger({tool.name: tool for tool in tools}, limits)
        self.watcher = Transcript()
        self.acknowledged: dict[str, str | None] = {}  # tool call id -> digest of the decision; None: declined
        self.claims: list[str] = []  # tool call ids, as often as a claim was acknowledged
        self.recovered = 0  # times, since the last progress
        super().__init__(*tools, limits=limits)

    def feed(self, given: Input, crash: Crash = None) -> Answer:
        before = self.contents()
        transition = step(self.head, self.history, given, now=self.now, seq=self.seq)
        assert self.contents() == before, "a step changes nothing"
        assert _plain(transition) == _plain(self.twin(given)), "a record read back behaves as the original"
        assert transition.head is None or self.head.status not in FINAL, "nothing follows the end"
        self.count_recoveries(given, transition, crash)
        settled = [e.tool_call_id for e in self.history.decisions.values() if e.outcome in ("decided", "declined")]
        reply = self.carry_out(transition, crash)
        if not self.down:
            self.check_reply(given, reply, settled)
            self.check_repeated(given, reply)
        return reply

    def contents(self) -> Any:
        h = self.history
        state = (h.messages, h.decisions, h.results, h.turn_message, h.turn_results)
        return encode_head(self.head), repr(state)

    def twin(self, given: Input) -> Transition:
        record = self.record()
        return step(record.head, History(record.journal), given, now=self.now, seq=self.seq)

    def count_recoveries(self, given: Input, transition: Transition, crash: Crash) -> None:
        if transition.head is None or crash == "before":
            return
        if isinstance(given, ModelDone | ToolDone) and transition.head.recoveries == 0:
            self.recovered = 0
        self.recovered += AgentResume(reason="recovered") in transition.events
        assert self.recovered <= MAX_RECOVERIES

    def check_reply(self, given: Input, reply: Answer, settled: list[str]) -> None:
        """`settled`: the calls on which somebody's word was saved before, if perhaps nobody was told."""
        if not isinstance(reply, Reply):
            return
        assert (reply.seq, reply.status) == (self.seq, self.head.status)
        match given:
            case Decide() | Decline():
                said = digest(given.decision) if isinstance(given, Decide) else None
                assert reply.tool_call_id
                assert given.tool_call_id or len(self.ledger.gates) == 1, "left out only where it is clear"
                assert reply.tool_call_id in settled or not self.head.abort, "nothing new after an abort"
                assert self.acknowledged.setdefault(reply.tool_call_id, said) == said
            case ClaimCall(tool_call_id=key):
                idempotent = self.ledger.tools[self.open[key].name].idempotent
                assert idempotent or key not in self.claims, "claimed once"
                assert not self.head.abort
                self.claims.append(key)
            case ClientResult(tool_call_id=key):
                assert self.history.results[key].message.content == given.content, "what was acknowledged is kept"
            case _:
                pass

    def check_repeated(self, given: Input, reply: Answer) -> None:
        """The same input again changes nothing, and who was acknowledged is acknowledged again."""
        if isinstance(given, Reserve | Recover):
            return
        again = step(self.head, self.history, given, now=self.now, seq=self.seq)
        assert again == Transition(reply=again.reply)
        if isinstance(given, Decide | Decline | ClientResult | Abort) and isinstance(reply, Reply):
            assert again.reply == reply

    def carry_out(self, transition: Transition, crash: Crash) -> Answer:
        if transition.head is not None and crash != "before":
            shown = self.shown[-1][0] if self.shown else 0
            assert transition.head.seq - len(transition.events) >= shown, "no number is used again"
            self.ledger.check(transition, transition.head, self.now)
        return super().carry_out(transition, crash)

    def adopt(self, transition: Transition, head: Head) -> None:
        super().adopt(transition, head)
        for event in transition.events:
            self.watcher.apply(event)
        assert _settled(self.watcher.snapshot()) == self.replayed(), "what was shown is what is saved"
        self.check_history()

    def replayed(self) -> Snapshot:
        transcript = Transcript()
        for event in replay(self.record()):
            transcript.apply(event)
        return transcript.snapshot()

    def check_history(self) -> None:
        for key, said in self.acknowledged.items():
            entry = self.history.decisions[key]
            assert (entry.outcome, entry.digest) == ("declined" if said is None else "decided", said)
        expected: list[str] = []
        for message in self.history.messages[len(self.history.input) :]:
            if isinstance(message, AssistantMessage):
                assert not expected, "a turn's results follow its calls"
                expected = [block.id for block in message.calls]
            else:
                assert message.tool_call_id == expected.pop(0), "in the model's order"
        assert expected == [call.id for call in self.head.calls]
        for call in self.head.calls:
            assert (call.phase == "done") == (call.id in self.history.results)

    def start_model(self, key: str) -> None:
        assert self.model is None
        super().start_model(key)

    def start_tool(self, tool_call_id: str) -> None:
        call = self.open[tool_call_id]
        tool = self.ledger.tools[call.name]
        assert (call.phase, tool.runs) == ("started", "server")
        assert tool_call_id not in self.tools, "not while it executes already"
        assert tool.idempotent or tool_call_id not in self.executed, "at most once"
        if tool_call_id in self.ledger.gates:
            entry = self.history.decisions[tool_call_id]
            assert entry.outcome == "decided" or (entry.outcome == "expired" and entry.digest)
        super().start_tool(tool_call_id)

    def show_ahead(self, event: Event) -> None:
        super().show_ahead(event)
        self.watcher.apply(event)

    def load(self) -> None:
        super().load()
        self.watcher = Transcript(self.replayed())
        self.check_history()


class Ledger:
    """What the saved transitions say, told by their events alone; held against the heads beside them."""

    def __init__(self, tools: dict[str, ToolSpec], limits: Limits) -> None:
        self.tools, self.limits = tools, limits
        self.version = 0
        self.status = ""  # before the start
        self.gates: set[str] = set()
        self.settled: set[str] = set()
        self.offers: dict[str, str] = {}  # tool call id -> name
        self.results: set[str] = set()
        self.due: dict[str, int | None] = {}  # by tool call id, of gates, offers and claims; "" is the run's own

    def check(self, transition: Transition, head: Head, now: int) -> None:
        assert head.version == self.version + 1
        self.version = head.version
        for event in transition.events:
            self.note(event, now)
        for entry in transition.append:
            self.note_entry(entry)
        stopping = head.abort is not None and head.status not in FINAL
        assert head.status == self.status == (_derived(head, self.status) if not stopping else "running")
        due = None if stopping else min((due for due in self.due.values() if due is not None), default=None)
        assert head.next_due == due
        assert due is None or due > now, "nothing is left that was due"
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
            case AgentPaused():
                self.turn("running", "paused")
                self.due[""] = _later(now, self.limits.parked_ttl_s)
            case AgentResume(reason="recovered"):
                self.turn("running", "running")
            case AgentResume():
                self.turn("paused", "running")
                self.due[""] = None
            case AgentEnd():
                self.status = event.status
                self.due = {"": _later(now, self.limits.retention_s)}
            case ToolDecisionPending(tool_call_id=key):
                assert key not in self.gates
                self.gates.add(key)
                self.due[key] = _later(now, self.tools[event.tool_name].decision_timeout_s)
            case ToolClientExecutePending(tool_call_id=key):
                self.offers[key] = event.tool_name
                self.due[key] = None
            case ToolClientClaimed(tool_call_id=key):
                self.due[key] = _later(now, self.tools[self.offers[key]].client_timeout_s)
            case ToolDecisionResolved(tool_call_id=key) | ToolExecutionEnd(tool_call_id=key):
                self.due.pop(key, None)
            case _:
                pass

    def turn(self, before: str, after: str) -> None:
        assert self.status == before
        self.status = after

    def note_entry(self, entry: Entry) -> None:
        if isinstance(entry, ResultEntry):
            assert entry.message.tool_call_id not in self.results, "one result a call"
            self.results.add(entry.message.tool_call_id)
        elif isinstance(entry, DecisionEntry):
            assert entry.tool_call_id in self.gates - self.settled, "one decision a gate"
            self.settled.add(entry.tool_call_id)


def _later(now: int, seconds: float | None) -> int | None:
    return None if seconds is None else now + int(seconds * 1000)


def _derived(head: Head, told: str) -> str:
    """The status by its definition: paused while all that is left waits for the outside."""
    if told in FINAL:
        return told
    inside = [call for call in head.calls if call.phase == "ready" or (call.phase == "started" and not call.claim)]
    outside = [call for call in head.calls if call.phase in ("gated", "offered") or call.claim]
    return "paused" if outside and not inside and not head.model_call else "running"


def _plain(transition: Transition) -> Any:
    reply = transition.reply
    if isinstance(reply, AdjournError):
        return replace(transition, reply=None), type(reply), reply.message, reply.data
    return transition


def _settled(snapshot: Snapshot) -> Snapshot:
    """Without what ran ahead of durability."""
    return replace(snapshot, streaming=None, tools=tuple(replace(tool, partial_result=None) for tool in snapshot.tools))
