"""A `Driver` that checks, at every step of a run, what must always hold."""

from typing import Any

from machine_driver import Answer, Crash, Driver
from machine_ledger import Ledger
from msgspec.structs import replace

from adjourn.protocol.codec import digest
from adjourn.protocol.errors import AdjournError
from adjourn.protocol.events import AgentEnd, AgentResume, Event, ToolClientExecutePending
from adjourn.protocol.machine import MAX_RECOVERIES, step
from adjourn.protocol.messages import AssistantMessage
from adjourn.protocol.record import FINAL, DecisionEntry, Head, History, Limits, ToolSpec, encode_head
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
    UnclaimCall,
)

REPEATABLE = (Decide, Decline, ClaimCall, UnclaimCall, ClientResult, Abort)


class CheckedDriver(Driver):
    """Checks every step of a run, and repeats the step with a copy of the run that was saved and loaded."""

    def __init__(self, *tools: ToolSpec, limits: Limits) -> None:
        self.ledger = Ledger({tool.name: tool for tool in tools}, limits)
        self.watcher = Transcript()
        self.acknowledged: dict[str, DecisionEntry] = {}  # by tool call id: the decision that settled its gate
        self.recovered = 0  # counted recoveries since the last progress
        super().__init__(*tools, limits=limits)

    def feed(self, given: Input, crash: Crash = None) -> Answer:
        before, head = self.contents(), self.head
        transition = step(self.head, self.history, given, now=self.now, seq=self.seq)
        assert self.contents() == before, "a step changes nothing"
        assert _plain(transition) == _plain(self.twin(given)), "a record read back behaves as the original"
        assert transition.head is None or self.head.status not in FINAL, "nothing follows the end"
        self.check_recovery(given, transition, crash)
        self.check_offers(given, transition)
        settled = [e.tool_call_id for e in self.history.decisions.values() if e.outcome in ("decided", "declined")]
        settled += [key for key, result in self.history.results.items() if result.declined]
        reply = self.carry_out(transition, crash)
        if not self.down:
            self.check_reply(given, reply, settled)
            self.check_repeated(given, reply)
            if isinstance(reply, AdjournError) and transition.head is None:
                assert self.head is head, "who is refused changes nothing"
        return reply

    def contents(self) -> Any:
        h = self.history
        state = (h.messages, h.decisions, h.results, h.turn_message, h.turn_results)
        return encode_head(self.head), repr(state)

    def twin(self, given: Input) -> Transition:
        record = self.record()
        return step(record.head, History(record.journal), given, now=self.now, seq=self.seq)

    def check_recovery(self, given: Input, transition: Transition, crash: Crash) -> None:
        if transition.head is None or crash == "before":
            return
        if isinstance(given, ModelDone | ToolDone) and transition.head.recoveries == 0:
            self.recovered = 0
        executing = any(call.executing for call in self.head.calls)
        charged = isinstance(given, Recover) and (given.error is not None or (given.charged and executing))
        self.recovered += charged and AgentResume(reason="recovered") in transition.events
        assert self.recovered <= MAX_RECOVERIES
        if any(isinstance(event, AgentEnd) and event.reason == "crashLoop" for event in transition.events):
            assert charged, "neither an orderly stop nor a model call alone fails a run"
            assert self.recovered == MAX_RECOVERIES

    def check_offers(self, given: Input, transition: Transition) -> None:
        """Check that a claimed call is offered again only if it is idempotent, or its own client released it."""
        for event in transition.events:
            if isinstance(event, ToolClientExecutePending) and event.tool_call_id in self.ledger.offers:
                claim = self.open[event.tool_call_id].claim
                given_back = isinstance(given, UnclaimCall) and claim is not None and claim.digest == given.digest
                assert given_back or self.ledger.tools[event.tool_name].idempotent

    def check_reply(self, given: Input, reply: Answer, settled: list[str]) -> None:
        """Check the reply to a client. `settled`: calls with a decision or result that an earlier step saved, perhaps
        without a reply."""
        if not isinstance(reply, Reply):
            return
        assert (reply.seq, reply.status) == (self.seq, self.head.status)
        match given:
            case Decide() | Decline():
                key = reply.tool_call_id
                assert key
                assert given.tool_call_id or len(self.ledger.gates) == 1, "left out only where it is clear"
                assert key in settled or not self.head.abort, "nothing new after an abort"
                self.check_word(given, key)
            case ClaimCall(tool_call_id=key):
                claim = self.open[key].claim
                assert claim is not None
                assert claim.digest == given.digest
                assert not self.head.abort
            case UnclaimCall(tool_call_id=key):
                assert self.open[key].phase == "offered"
            case ClientResult(tool_call_id=key):
                content = self.history.results[key].message.content
                assert content[-len(given.content) :] == given.content, "what was acknowledged is kept"
            case _:
                pass

    def check_word(self, given: Decide | Decline, key: str) -> None:
        """Check that the journal has this decision, which was just acknowledged."""
        entry, result = self.history.decisions.get(key), self.history.results.get(key)
        if isinstance(given, Decline):
            assert (entry is not None and entry.outcome == "declined") or (result is not None and result.declined)
        else:
            assert entry is not None
            assert digest(entry.decision) == digest(given.decision)
            refused = self.ledger.tools[self.ledger.gates[key].tool_name].approval and given.decision == {
                "approved": False
            }
            assert entry.outcome == ("declined" if refused else "decided")
            wanted = given.arguments if given.arguments is not None and not refused else self.said_arguments(key)
            executed = self.said_arguments(key) if entry.arguments is None else entry.arguments
            assert digest(wanted) == digest(executed), "a repeat is the same decision and the same arguments"
        if entry is not None:
            assert self.acknowledged.setdefault(key, entry) == entry

    def check_repeated(self, given: Input, reply: Answer) -> None:
        """Check that a repeated input changes nothing, and is acknowledged again if it was acknowledged before."""
        if isinstance(given, Reserve | Recover):
            return
        again = step(self.head, self.history, given, now=self.now, seq=self.seq)
        assert again == Transition(reply=again.reply)
        if isinstance(given, REPEATABLE) and isinstance(reply, Reply):
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
        for key, entry in self.acknowledged.items():
            assert self.history.decisions[key] == entry
        expected: list[str] = []
        for message in self.history.messages[len(self.history.input) :]:
            if isinstance(message, AssistantMessage):
                assert not expected, "a turn's results follow its calls"
                expected = [block.id for block in message.calls]
            else:
                assert message.tool_call_id == expected.pop(0), "in the model's order"
        assert len(self.open) == len(self.head.calls) + len(list(self.history.ready_calls(self.head)))
        assert list(self.open) == [key for key in expected if key not in self.history.results]
        assert (not expected) == (not self.open) == self.history.turn_is_over
        assert list(self.head.calls) == sorted(self.head.calls, key=lambda call: call.index)

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
            assert entry.outcome in ("decided", "expired")
            assert entry.digest == digest(entry.decision)
            assert not tool.approval or entry.decision["approved"] is True, "a no is a no"
        expected = self.ledger.edited.get(tool_call_id, self.said_arguments(tool_call_id))
        assert self.history.arguments(call) == expected
        super().start_tool(tool_call_id)

    def show_ahead(self, event: Event) -> None:
        super().show_ahead(event)
        self.watcher.apply(event)

    def load(self) -> None:
        super().load()
        self.watcher = Transcript(self.replayed())
        self.check_history()


def _plain(transition: Transition) -> Any:
    reply = transition.reply
    if isinstance(reply, AdjournError):
        return replace(transition, reply=None), type(reply), reply.message, reply.data
    return transition


def _settled(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without what was shown before it was saved."""
    return replace(snapshot, streaming=None, tools=tuple(replace(tool, partial_result=None) for tool in snapshot.tools))
