"""The run's state machine under all inputs, in any order. `machine_checks` has the invariants."""

from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from machine_checks import CheckedDriver
from machine_driver import NO, YES, Answer, Crash, approval, call, gated, said, tool
from profiles import examples, is_full

from adjourn.protocol.codec import digest
from adjourn.protocol.errors import AdjournError, NotPending
from adjourn.protocol.events import (
    AgentEnd,
    AgentResume,
    Event,
    MessageStart,
    MessageUpdate,
    TextDelta,
    TextStart,
    ToolDecisionResolved,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
)
from adjourn.protocol.messages import AssistantMessage, Text
from adjourn.protocol.openrpc import refusals
from adjourn.protocol.record import FINAL, Call, Limits, OnExpiry
from adjourn.protocol.transitions import (
    Abort,
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
    Stopped,
    Tick,
    ToolDone,
    UnclaimCall,
)

TOOLS = (
    tool("look"),
    tool("idem", idempotent=True),
    gated("refund", editable=True),
    gated("wire", idempotent=True, decision_timeout_s=60, on_expiry=OnExpiry(action="decide", decision=YES)),
    gated("ship", decision_timeout_s=30, editable=("to",)),
    gated("launch", decision_timeout_s=90, on_expiry=OnExpiry(action="abort")),
    tool("browse", runs="client", client_timeout_s=30),
    tool("peek", runs="client", client_timeout_s=30, idempotent=True),
    gated("sign", runs="client", client_timeout_s=30, editable=True),
    approval("wipe", editable=True),
    approval("grant", decision_timeout_s=60, on_expiry=OnExpiry(action="decide", decision=NO)),
)
SPECS = {each.name: each for each in TOOLS}
CALL = st.one_of(
    *[st.sampled_from([each.name for each in TOOLS]).map(lambda name: call(name, n=1))] * 3,
    st.sampled_from([call(name, n=1) for name in ("refund", "wire", "browse", "peek", "sign", "wipe")]),
    st.sampled_from([call("ghost"), call("refund", raw="{"), call("look", n="x"), call("look", n=2**60)]),
)
CALLS = st.integers(0, 5).flatmap(lambda n: st.lists(CALL, min_size=min(n, 3), max_size=5))
LIMITS = st.builds(
    Limits,
    max_turns=st.sampled_from([2, 4, 100]),
    max_calls_per_turn=st.sampled_from([3, 64]),
    max_concurrent_tools=st.sampled_from([1, 2, 8]),
    max_cost=st.sampled_from([None, 5.0]),
    parked_ttl_s=st.sampled_from([None, 45.0, 1000.0]),
    on_limit=st.sampled_from(["fail", "fail", "answer"]),
)
CRASH = st.sampled_from([None] * 12 + ["before", "after"])
DECISION = st.sampled_from([YES, YES, YES, YES, NO, {"approved": True, "reason": "x"}, {}, {"approved": 1}, 2**60])
# Edited arguments, and the values of `editable` with which they are accepted. All calls have the arguments {"n": 1}.
EDITS: list[tuple[dict[str, object] | None, tuple[object, ...]]] = [
    (None, (False, True, ("to",))),
    ({"n": 1}, (False, True, ("to",))),
    ({"n": 2}, (True,)),
    ({"n": 1, "to": "ann"}, (True, ("to",))),
    ({"n": True}, ()),
    ({"n": "x"}, ()),
    ({"n": 2**60}, ()),
]
EDIT = st.sampled_from([0] * 6 + [1, 2, 2, 3, 3, 3, 4, 5, 6])
TOKEN = st.sampled_from(["t1", "t1", "t1", "t2"])
STRANGE = st.sampled_from(
    ["decide", "decline", "claim", "unclaim", "report", "model", "refused", "tool", "stopped", "reserve"]
)
FORGED = (Text(text="forged"),)
SEEN = (Text(text="seen"),)
PICK = st.integers(0, 9)
SECONDS = st.sampled_from([0, 0, 1, 15, 30, 60, 100])

reached: Counter[str] = Counter()


def live(machine: "Runs") -> bool:
    return not machine.run.down and machine.run.head.status not in FINAL


def gate_open(machine: "Runs") -> bool:
    return live(machine) and "gated" in machine.run.phases


class Runs(RuleBasedStateMachine):
    """Starts one run after another, in a process that may die at any point."""

    run: CheckedDriver

    @initialize(limits=LIMITS)
    def begin(self, limits: Limits) -> None:
        self.run = CheckedDriver(*TOOLS, limits=limits)
        self.gave_up: str | None = None  # an abandoned model call

    def feed(self, given: Input, crash: Crash = None) -> Answer:
        """Feed the input, and count the state that it led to."""
        head, shown = self.run.head, len(self.run.shown)
        reply = self.run.feed(given, crash)
        verdict = type(reply).__name__ if isinstance(reply, AdjournError) else "ok" if reply else "-"
        reached[f"{type(given).__name__} {verdict}"] += 1
        if crash and self.run.down:
            reached[f"crash {crash} the save"] += 1
        elif self.run.head is not head:
            reached[f"{head.status} -> {self.run.head.status}"] += 1
        for _, event in self.run.shown[shown:]:
            self.count(event)
        return reply

    def count(self, event: Event) -> None:
        match event:
            case ToolDecisionResolved(outcome="expired", decision={"approved": bool()}):
                reached["refused by default" if event.reason else "decided by default"] += 1
            case ToolDecisionResolved(outcome="declined", decision={"approved": False}):
                reached["refused by a decision"] += 1
            case ToolExecutionStart(tool_call_id=key):
                reached["executed again"] += self.run.executed.count(key) > 1
                reached["executed with edited arguments"] += event.args != {"n": 1}
            case ToolExecutionEnd(result=result):
                reached["not executed again"] += "was interrupted" in str(result.content)
            case _:
                pass

    def pick(self, pick: int, *phases: str) -> str:
        """Return a tool call id: preferably of a call in these phases, else of any call, else an unknown one."""
        calls = [call.id for call in self.run.head.calls if call.phase in phases]
        if pick < 8 and calls:
            return calls[pick % len(calls)]
        said = [message for message in self.run.history.messages if isinstance(message, AssistantMessage)]
        calls = [block.id for message in said for block in message.calls]
        return calls[pick % len(calls)] if pick < 9 and calls else "call_none_1"

    def anything_due(self) -> bool:
        due = self.run.head.next_due
        return due is not None and due <= self.run.now

    def waits(self, key: str) -> bool:
        """Check whether the call waits for a decision, and still will when the next input comes."""
        call = self.run.open.get(key)
        return call is not None and call.phase == "gated" and not self.run.head.abort and not self.anything_due()

    # The run's own effects.

    @precondition(lambda self: live(self) and (self.run.model or self.run.tools))
    @rule(far=PICK)
    def effects_show_what_they_have(self, far: int) -> None:
        run = self.run
        if far == 9:
            run.seq = max(run.seq, run.head.seq_ceiling - 10)
        if run.seq + 10 > run.head.seq_ceiling:
            self.feed(Reserve())
        for key in run.tools:
            run.show_ahead(ToolExecutionUpdate(tool_call_id=key, tool_name="t", partial_result=["x"]))
        if run.model:
            run.show_ahead(MessageStart(message=said()))
            run.show_ahead(MessageUpdate(assistant_message_event=TextStart(content_index=0)))
            run.show_ahead(MessageUpdate(assistant_message_event=TextDelta(content_index=0, delta="half a")))

    @precondition(lambda self: live(self) and self.run.model)
    @rule(calls=CALLS, gates=st.dictionaries(st.integers(0, 2), st.booleans()), failed=PICK, crash=CRASH)
    def model_answers(self, calls: list, gates: dict[int, bool], failed: int, crash: Crash) -> None:
        self.gave_up, self.run.model = self.run.model, None
        message = said(*calls, cost=1.0, text="so", stop_reason="error" if failed == 9 else "toolUse")
        self.feed(ModelDone(key=self.gave_up, message=message, gates=gates), crash)

    @precondition(lambda self: live(self) and self.run.model)
    @rule(really=PICK, calls=CALLS, answered=st.booleans(), crash=CRASH)
    def model_call_is_refused(self, really: int, calls: list, answered: bool, crash: Crash) -> None:
        if really < 9:
            return
        before, expired = self.run.head, self.anything_due()
        self.gave_up, self.run.model = self.run.model, None
        answer = said(*calls, cost=1.0, text="so") if answered else None
        self.feed(ModelRefused(key=self.gave_up, reason="refused", message="no", answer=answer), crash)
        if not (self.run.down or before.abort or expired):
            assert (self.run.head.status, self.run.head.reason) == ("failed", "refused")
            assert self.run.head.usage.cost.total == before.usage.cost.total + answered

    @precondition(lambda self: live(self) and self.run.tools)
    @rule(pick=PICK, is_error=st.booleans(), crash=CRASH)
    def tool_is_done(self, pick: int, is_error: bool, crash: Crash) -> None:
        key = self.run.tools.pop(pick % len(self.run.tools))
        result = ToolDone(tool_call_id=key, content=(Text(text="ok"),), details={"a": [1]}, is_error=is_error)
        self.feed(result, crash)
        if not self.run.down:
            assert self.run.history.results[key].message.is_error is is_error

    # Decisions.

    @precondition(gate_open)
    @rule(pick=PICK, decision=DECISION, named=PICK, shown=PICK, edit=EDIT, crash=CRASH)
    def decide(self, pick: int, decision: object, named: int, shown: int, edit: int, crash: Crash) -> None:
        seen = None if shown < 4 else digest({"n": 1}) if shown < 9 else digest({"n": 2})
        self.say(self.pick(pick, "gated"), decision, edit, seen, named=named > 0, crash=crash)

    @precondition(gate_open)
    @rule(pick=st.integers(0, 7), edit=st.sampled_from([2, 3]), crash=CRASH)
    def decide_with_edited_arguments(self, pick: int, edit: int, crash: Crash) -> None:
        self.say(self.pick(pick, "gated"), YES, edit, digest({"n": 1}), named=True, crash=crash)

    @precondition(lambda self: live(self) and self.asked_for_approval() is not None)
    @rule(edit=EDIT, crash=CRASH)
    def refuse(self, edit: int, crash: Crash) -> None:
        self.say(self.asked_for_approval() or "", NO, edit, None, named=True, crash=crash)

    def asked_for_approval(self) -> str | None:
        calls = self.run.head.calls
        return next((call.id for call in calls if call.phase == "gated" and SPECS[call.name].approval), None)

    def say(self, key: str, decision: object, edit: int, seen: str | None, *, named: bool, crash: Crash) -> None:
        """Send a decision. Check that only a valid one is accepted. `seen`: the digest that the decider was shown."""
        run, waited, (arguments, fits) = self.run, self.waits(key), EDITS[edit]
        call_id = key if named else None
        reply = self.feed(Decide(decision=decision, tool_call_id=call_id, digest=seen, arguments=arguments), crash)
        good = isinstance(decision, dict) and type(decision.get("approved")) is bool
        assert good or not isinstance(reply, Reply)
        if not (waited and named) or run.down:
            return
        tool = SPECS[run.ledger.gates[key].tool_name]
        edited = edit > 1 and not (tool.approval and decision == NO)
        editable = tool.editable in fits and seen is not None
        carried = arguments != {"n": 2**60}
        stale = seen == digest({"n": 2})
        assert isinstance(reply, Reply) is (good and carried and not stale and (editable or not edited))

    @precondition(gate_open)
    @rule(pick=PICK, named=PICK, crash=CRASH)
    def decline(self, pick: int, named: int, crash: Crash) -> None:
        key = self.pick(pick, "gated")
        waited = self.waits(key)
        reply = self.feed(Decline(tool_call_id=None if named == 0 else key, reason="no"), crash)
        if waited and named and not self.run.down:
            assert isinstance(reply, Reply)

    # Clients that execute calls.

    @precondition(lambda self: live(self) and "offered" in self.run.phases)
    @rule(pick=PICK, token=TOKEN, crash=CRASH)
    def claim(self, pick: int, token: str, crash: Crash) -> None:
        self.feed(ClaimCall(tool_call_id=self.pick(pick, "offered"), digest=token), crash)

    @precondition(lambda self: live(self) and any(call.claim for call in self.run.head.calls))
    @rule(again=st.booleans(), token=TOKEN, crash=CRASH)
    def claim_again_or_give_back(self, again: bool, token: str, crash: Crash) -> None:
        run = self.run
        call = next(call for call in run.head.calls if call.claim)
        mine = call.claim.digest == token and not run.head.abort and not self.anything_due()
        given = ClaimCall if again else UnclaimCall
        reply = self.feed(given(tool_call_id=call.id, digest=token), crash)
        if mine and not run.down:
            assert isinstance(reply, Reply)
            assert (run.open[call.id].phase == "started") is again

    @precondition(lambda self: live(self) and self.clients_call() is not None)
    @rule(really=PICK, crash=CRASH)
    def decline_what_clients_have(self, really: int, crash: Crash) -> None:
        run, call = self.run, self.clients_call()
        if really < 6 or run.head.abort or self.anything_due():
            return
        reply = self.feed(Decline(tool_call_id=call.id, by="ann", reason="no"), crash)
        if not run.down:
            assert isinstance(reply, Reply)
            assert run.history.results[call.id].declined
            if call.claim and run.head.status not in FINAL:
                late = self.feed(ClientResult(tool_call_id=call.id, digest=call.claim.digest, content=FORGED))
                assert isinstance(late, NotPending)

    def clients_call(self) -> Call | None:
        return next((call for call in self.run.head.calls if call.phase == "offered" or call.claim), None)

    @precondition(lambda self: live(self) and any(call.claim for call in self.run.head.calls))
    @rule(pick=PICK, token=TOKEN, crash=CRASH)
    def report(self, pick: int, token: str, crash: Crash) -> None:
        run = self.run
        key = self.pick(pick, "started") if pick > 6 else next(call.id for call in run.head.calls if call.claim)
        claim = run.open[key].claim if key in run.open else None
        mine = claim is not None and claim.digest == token and not run.head.abort and not self.anything_due()
        reply = self.feed(ClientResult(tool_call_id=key, digest=token, content=SEEN), crash)
        if mine and not run.down:
            assert isinstance(reply, Reply)
            reached["edited, then executed by a client"] += run.history.results[key].message.arguments is not None

    # Abort and deletion.

    @precondition(live)
    @rule(really=PICK, calls=CALLS, crash=CRASH)
    def abort(self, really: int, calls: list, crash: Crash) -> None:
        if really == 9:
            self.give_abort(None, crash)
        elif really == 8 and self.run.model and not self.run.head.abort:
            self.give_abort(said(*calls, text="half a"), crash)
            assert self.run.down or self.run.head.status in FINAL

    def give_abort(self, partial: AssistantMessage | None, crash: Crash) -> None:
        assert isinstance(self.feed(Abort(by="ann", reason="enough", partial=partial), crash), Reply) or self.run.down

    @precondition(lambda self: live(self) and self.run.stopping)
    @rule(calls=CALLS, crash=CRASH)
    def all_has_stopped(self, calls: list, crash: Crash) -> None:
        run = self.run
        partial = said(*calls, text="half a") if run.model else None
        self.gave_up, run.model, run.tools, run.stopping = run.model, None, [], False
        self.feed(Stopped(partial=partial), crash)
        assert run.down or run.head.status in FINAL

    # Time and processes.

    @precondition(live)
    @rule(seconds=SECONDS, noticed=st.booleans(), crash=CRASH)
    def time_passes(self, seconds: int, noticed: bool, crash: Crash) -> None:
        self.run.wait(seconds)
        if noticed:
            self.feed(Tick(), crash)

    @precondition(lambda self: live(self) and self.run.head.next_due is not None)
    @rule(really=PICK, crash=CRASH)
    def the_next_deadline_passes(self, really: int, crash: Crash) -> None:
        if really > 6:
            self.run.now = max(self.run.now, self.run.head.next_due or 0)
            self.feed(Tick(), crash)

    @precondition(live)
    @rule(given=STRANGE, pick=PICK, crash=CRASH)
    def somebody_is_confused(self, given: str, pick: int, crash: Crash) -> None:
        """Feed an input in the wrong state. Inputs of effects are only those of abandoned or unknown effects."""
        run, key = self.run, self.pick(pick, "gated", "offered", "ready", "started")
        claimed = key in run.open and run.open[key].claim
        match given:
            case "decide":
                self.feed(Decide(decision=NO, tool_call_id=key if pick % 2 else None), crash)
            case "decline":
                self.feed(Decline(tool_call_id=key if pick % 2 else None), crash)
            case "claim":
                self.feed(ClaimCall(tool_call_id=key, digest="t1"), crash)
            case "unclaim":
                self.feed(UnclaimCall(tool_call_id=key, digest="t3"), crash)
            case "report":
                token, content = ("t3", FORGED) if claimed else ("t1", SEEN)  # "t1" may be late, or a repetition
                self.feed(ClientResult(tool_call_id=key, digest=token, content=content), crash)
            case "model" if self.gave_up != run.model:
                self.feed(ModelDone(key=self.gave_up or "x", message=AssistantMessage(content=FORGED)), crash)
            case "refused" if self.gave_up != run.model:
                answer = AssistantMessage(content=FORGED)
                self.feed(ModelRefused(key=self.gave_up or "x", reason="forged", message="", answer=answer), crash)
            case "tool" if key not in run.tools and not self.anything_due():  # otherwise this step may start it
                self.feed(ToolDone(tool_call_id=key, content=FORGED), crash)
            case "stopped" if not run.stopping:
                self.feed(Stopped(partial=AssistantMessage(content=FORGED)), crash)
            case _:
                self.feed(Reserve(), crash)
        assert "forged" not in str(run.history.messages) + str(run.history.results)

    @precondition(live)
    @rule(really=PICK)
    def die(self, really: int) -> None:
        if really > 6:
            self.gave_up = self.run.model or self.gave_up
            self.run.kill()

    @precondition(lambda self: live(self) and self.run.head.status == "running")
    @rule(really=PICK, times=st.integers(1, 5))
    def its_actor_crashes_again_and_again(self, really: int, times: int) -> None:
        for _ in range(times if really > 7 else 0):
            if live(self):
                self.die(9)
                self.recover(None, 0, "ValueError: no", charged=False)

    @precondition(lambda self: self.run.down)
    @rule(crash=CRASH, seconds=SECONDS, error=st.sampled_from([None, None, "ValueError: no"]), charged=st.booleans())
    def recover(self, crash: Crash, seconds: int, error: str | None, charged: bool) -> None:
        run = self.run
        run.wait(seconds)
        run.load()
        before, due = run.head, self.anything_due()
        self.feed(Recover(error=error, charged=charged), crash)
        if run.down:
            return
        assert before.status == "running" or due or run.head is before, "parked runs stay parked"
        if before.status == "running":
            assert run.head.status in FINAL or AgentResume(reason="recovered") in run.events(AgentResume)
            reached["recovered, not charged"] += run.head.recoveries == before.recoveries and not before.abort

    @precondition(lambda self: not self.run.down and self.run.head.status in FINAL)
    @rule(limits=LIMITS, key=PICK)
    def another_run_after_the_end(self, limits: Limits, key: int) -> None:
        run, over, calls = self.run, self.run.head, self.pick(key)
        reached[f"ended: {over.reason}"] += 1
        for given in (
            Decide(decision=YES, tool_call_id=calls),
            Decline(tool_call_id=calls),
            ClaimCall(tool_call_id=calls, digest="t1"),
            UnclaimCall(tool_call_id=calls, digest="t1"),
            ClientResult(tool_call_id=calls, digest="t1", content=SEEN),
            ToolDone(tool_call_id=calls, content=()),
            Abort(),
            Stopped(),
            Tick(),
            Recover(),
            Reserve(),
        ):
            self.feed(given)
        assert run.head is over
        assert len(run.events(AgentEnd)) <= 1
        self.begin(limits)


METHOD_OF = {
    "Decide": "run.resume",
    "Decline": "run.decline",
    "ClaimCall": "run.claim",
    "UnclaimCall": "run.unclaim",
    "ClientResult": "run.result",
    "Abort": "run.abort",
}
MUST_REACH = {
    *("Decide " + verdict for verdict in ("ok", "DecisionInvalid", "DecisionConflict", "NotPending", "RunEnded")),
    *("Decline " + verdict for verdict in ("ok", "DecisionConflict", "ToolCallIdRequired", "RunEnded")),
    *("ClaimCall " + verdict for verdict in ("ok", "ClaimTaken", "NotPending", "RunEnded")),
    *("UnclaimCall " + verdict for verdict in ("ok", "ClaimTaken", "NotPending", "RunEnded")),
    *("ClientResult " + verdict for verdict in ("ok", "ClaimTaken", "NotPending", "RunEnded")),
    *("ended: " + why for why in ("toolUse", "modelError", "refused", "maxTurns", "crashLoop", "enough", "expired")),
    *("running -> " + status for status in ("running", "paused", "completed", "failed", "aborted")),
    *("paused -> " + status for status in ("running", "paused", "aborted")),
    *("crash before the save", "crash after the save"),
    *("executed again", "not executed again", "decided by default", "recovered, not charged"),
    *("refused by a decision", "refused by default"),
    *("executed with edited arguments", "edited, then executed by a client"),
}


@pytest.mark.thorough
def test_a_runs_invariants_hold_under_any_inputs():
    reached.clear()
    run_state_machine_as_test(Runs, settings=examples(800, stateful_step_count=50))
    if is_full():  # fewer examples don't reach every state
        assert {name for name in MUST_REACH if not reached[name]} == set(), "else the rules above have gone blind"
    for given, method in METHOD_OF.items():
        told = {error.__name__ for error in refusals(method)} | {"ok", "-"}
        assert {name.split()[1] for name in reached if name.startswith(f"{given} ")} <= told, "OpenRPC tells them"
