"""The run's state machine by example: decisions, deadlines, and calls that clients execute."""

import pytest
from machine_driver import NO, PLAIN, YES, Driver, call, gated, offered, parked

from adjourn.protocol.codec import digest
from adjourn.protocol.errors import ClaimTaken, DecisionConflict, DecisionInvalid, NotPending, RunEnded
from adjourn.protocol.events import (
    AgentResume,
    ToolClientClaimed,
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionStart,
)
from adjourn.protocol.messages import Text
from adjourn.protocol.record import Limits, OnExpiry
from adjourn.protocol.transitions import ClaimCall, ClientResult, Decline, Reply, Tick

# Rule 3: decisions.


def test_an_invalid_decision_leaves_the_run_parked_and_names_its_errors():
    """A bad decision poisons the run; an invalid or unknown decision vanishes."""
    d = parked()
    before = d.head
    for bad, path in [
        ({"approved": "yes"}, "/approved"),
        ({}, ""),
        ({"approved": True, "reason": float("nan")}, "/reason"),
    ]:
        error = d.decide(bad)
        assert isinstance(error, DecisionInvalid)
        assert [each["path"] for each in error.data["errors"]] == [path]
    assert d.head is before
    assert isinstance(d.decide(YES), Reply)
    assert d.executed == d.ids


def test_a_decision_for_an_unknown_call_is_told_so():
    """An invalid or unknown decision vanishes."""
    error = parked().decide(YES, "call_none_1")
    assert isinstance(error, NotPending)
    assert error.data["reason"] == "unknown"


def test_a_decision_is_saved_with_who_and_when_before_the_tool_executes():
    d = parked()
    d.wait(5)
    d.decide(YES, by="ann", crash="after")
    assert not d.executed  # the decision is saved, but neither acknowledged nor executed
    entry = d.record().journal[-1]
    assert (entry.decision, entry.by, entry.at) == (YES, "ann", d.now)
    assert entry.args_digest == digest({"n": 1})
    assert d.record().head.calls[0].phase == "started"


def test_an_approved_tool_never_runs_twice():
    """An approved tool runs twice."""
    d = parked()
    assert isinstance(d.decide({"approved": True, "reason": "a"}), Reply)
    assert isinstance(d.decide({"reason": "a", "approved": True}), Reply)  # the same canonical JSON
    [refund] = d.executed
    d.done(refund)
    assert isinstance(d.decide({"approved": True, "reason": "a"}), Reply)
    d.says(text="bye")
    assert d.decide({"approved": True, "reason": "a"}, refund).status == "completed"  # also after the end
    assert d.executed == [refund]
    assert len(d.events(ToolDecisionResolved)) == 1


@pytest.mark.parametrize("other", [NO, {"approved": 1}, {"approved": True, "reason": ""}])
def test_another_decision_is_a_conflict(other):
    d = parked()
    d.decide(YES)
    assert isinstance(d.decide(other), DecisionConflict)
    assert d.history.decisions[d.ids[0]].decision == YES


def test_opposite_decisions_at_once_run_the_tool_by_the_first_only():
    """Opposite decisions at once both run the tool."""
    d = parked()
    assert isinstance(d.feed(Decline(by="ann")), Reply)
    assert isinstance(d.decide(YES, by="bob"), DecisionConflict)
    assert not d.executed
    d = parked()
    assert isinstance(d.decide(YES, by="bob"), Reply)
    assert isinstance(d.feed(Decline(by="ann")), DecisionConflict)
    assert d.executed == d.ids


def test_one_denial_does_not_stall_the_run():
    """One denial stalls the chat."""
    d = parked(call("refund", n=2))
    first, second = d.ids
    assert isinstance(d.feed(Decline(tool_call_id=first, reason="too much")), Reply)
    assert isinstance(d.feed(Decline(tool_call_id=first)), Reply)  # a repetition
    assert d.head.status == "paused"  # the other call still waits
    d.feed(Decline(tool_call_id=second))
    assert d.results == ["This call was declined: too much", "This call was declined."]
    assert d.model
    assert not d.executed


def test_edited_arguments_are_never_executed_under_an_old_approval():
    """Edited arguments are executed under an old approval."""
    d = parked()
    shown = d.events(ToolDecisionPending)[0].digest
    other = d.decide(YES, digest=digest({"n": 1000}))
    assert isinstance(other, DecisionConflict)
    assert other.data["reason"] == "arguments"
    assert d.phases == ["gated"]
    assert isinstance(d.decide(YES, digest=shown), Reply)
    assert d.events(ToolExecutionStart)[0].args == {"n": 1}


def test_a_decision_lost_before_its_save_was_never_acknowledged_and_may_come_again():
    d = parked()
    assert d.decide(NO, crash="before") is None
    d.restart()
    assert d.phases == ["gated"]
    assert isinstance(d.decide(YES), Reply)


# Rule 6: bounded waits.


def test_an_undecided_call_expires_into_an_error_result():
    d = parked(decision_timeout_s=60)
    assert d.head.next_due == d.events(ToolDecisionPending)[0].due_at == d.now + 60_000
    d.wait(59.999)
    d.feed(Tick())
    assert d.phases == ["gated"]
    d.wait(0.001)
    d.feed(Tick())
    assert "no decision came in time" in d.results[0]
    entry, [resolved] = d.history.decisions[d.ids[0]], d.events(ToolDecisionResolved)
    assert (entry.outcome, entry.digest, entry.reason) == ("expired", None, "no decision came in time")
    assert (resolved.outcome, resolved.decision, resolved.reason) == ("expired", None, entry.reason)
    assert d.events(AgentResume) == [AgentResume(reason="expired")]


def test_an_undecided_call_expires_into_its_default_decision():
    d = parked(decision_timeout_s=60, on_expiry=OnExpiry(action="decide", decision=NO))
    d.wait(60)
    d.feed(Tick())
    assert d.executed == d.ids
    entry = d.history.decisions[d.ids[0]]
    assert (entry.outcome, entry.decision, entry.digest, entry.reason) == ("expired", NO, digest(NO), None)
    [resolved] = d.events(ToolDecisionResolved)
    assert (resolved.outcome, resolved.decision, resolved.reason) == ("expired", NO, None)


def test_an_undecided_call_expires_into_an_abort():
    d = parked(decision_timeout_s=60, on_expiry=OnExpiry(action="abort"))
    d.wait(60)
    d.feed(Tick())
    assert (d.head.status, d.head.reason, len(d.results)) == ("aborted", "expired", 1)


@pytest.mark.parametrize("on_expiry", [OnExpiry(), OnExpiry(action="decide", decision=YES)])
def test_a_decision_at_the_deadline_is_late_even_before_a_tick(on_expiry):
    d = parked(decision_timeout_s=60, on_expiry=on_expiry)
    d.wait(60)
    for _ in range(2):  # within the step that expires it, and later
        late = d.decide(YES)
        assert isinstance(late, NotPending)
        assert late.data["reason"] == "expired"
    assert d.history.decisions[d.ids[0]].outcome == "expired"


def test_a_run_that_expired_while_the_process_was_down_starts_its_default_once():
    d = parked(call("look"), decision_timeout_s=60, on_expiry=OnExpiry(action="decide", decision=YES))
    refund, look = d.ids
    d.kill()
    d.wait(60)
    d.restart()
    assert d.executed == [look, refund]
    assert d.tools == [refund]
    assert d.open[refund].phase == "started"
    assert "may have taken effect" in d.history.results[look].message.text


def test_a_parked_run_expires_after_its_ttl_even_if_a_gate_would_have_defaulted_later():
    d = Driver(
        gated("refund", decision_timeout_s=120, on_expiry=OnExpiry(action="decide", decision=YES)),
        limits=Limits(parked_ttl_s=60),
    )
    d.says(call("refund"))
    assert d.head.next_due == d.now + 60_000
    d.wait(120)
    d.feed(Tick())
    assert (d.head.status, d.head.reason) == ("aborted", "expired")
    assert not d.executed


@pytest.mark.parametrize("seconds", [1e13, 1e300, 1.7e308])
def test_a_wait_beyond_every_calendar_ends_with_the_last_moment_that_all_stores_can_carry(seconds):
    d = Driver(gated("refund", decision_timeout_s=seconds), limits=Limits(parked_ttl_s=seconds))
    d.says(call("refund", n=1))
    assert d.head.next_due == d.open[d.ids[0]].due_at == 2**53
    assert isinstance(d.decide(YES), Reply)


def test_the_ttl_starts_anew_at_each_pause_and_stands_still_while_the_run_goes_on():
    d = Driver(*PLAIN, limits=Limits(parked_ttl_s=60))
    d.says(call("refund"), call("look"))
    refund, look = d.ids
    d.wait(100)
    d.feed(Tick())
    assert d.head.status == "running"
    d.done(look)
    assert (d.head.status, d.head.next_due) == ("paused", d.now + 60_000)
    d.wait(60)
    assert isinstance(d.decide(YES, refund), RunEnded)
    assert d.head.status == "aborted"


# Rule 7: client-side calls.


def report(tool_call_id: str, token: str, text: str = "seen") -> ClientResult:
    return ClientResult(tool_call_id=tool_call_id, digest=token, content=(Text(text=text),))


def test_a_client_side_call_is_offered_claimed_and_answered_by_a_client():
    d, browse = offered()
    assert d.head.status == "paused"
    assert d.events(ToolClientExecutePending)[0].input == {"n": 1}
    assert d.feed(ClaimCall(tool_call_id=browse, digest="t1", by="ann")).tool_call_id == browse
    assert d.events(ToolClientClaimed) == [ToolClientClaimed(tool_call_id=browse, by="ann", due_at=d.now + 30_000)]
    assert (d.head.status, d.head.next_due) == ("paused", d.now + 30_000)  # the run still waits for the client
    assert isinstance(d.feed(report(browse, "t1")), Reply)
    assert d.results == ["seen"]
    assert d.events(AgentResume) == [AgentResume(reason="result")]
    assert not d.executed


def test_only_the_first_claim_wins_and_only_its_token_reports():
    d, browse = offered()
    nothing_claimed = d.feed(report(browse, "t1"))
    assert isinstance(nothing_claimed, NotPending)
    d.feed(ClaimCall(tool_call_id=browse, digest="t1"))
    assert isinstance(d.feed(ClaimCall(tool_call_id=browse, digest="t2")), ClaimTaken)
    assert isinstance(d.feed(report(browse, "t2")), ClaimTaken)
    d.feed(report(browse, "t1", "first"))
    assert isinstance(d.feed(report(browse, "t1", "again")), Reply)  # a repetition, as after a lost reply
    assert isinstance(d.feed(report(browse, "t2")), NotPending)
    assert isinstance(d.feed(ClaimCall(tool_call_id=browse, digest="t3")), NotPending)
    assert d.results == ["first"]


def test_a_claim_that_runs_out_closes_the_call_and_its_late_result_is_refused():
    d, browse = offered()
    d.feed(ClaimCall(tool_call_id=browse, digest="t1"))
    d.wait(30)
    for _ in range(2):  # within the step that expires it, and later
        late = d.feed(report(browse, "t1"))
        assert isinstance(late, NotPending)
        assert late.data["reason"] == "done"
    assert "may have taken effect" in d.results[0]


def test_an_idempotent_call_is_offered_again_when_its_claim_runs_out():
    d, browse = offered(idempotent=True)
    d.feed(ClaimCall(tool_call_id=browse, digest="t1"))
    d.wait(30)
    assert isinstance(d.feed(ClaimCall(tool_call_id=browse, digest="t2")), Reply)
    assert isinstance(d.feed(report(browse, "t1")), ClaimTaken)
    d.feed(report(browse, "t2"))
    assert d.results == ["seen"]
    assert len(d.events(ToolClientExecutePending)) == 2


def test_a_claim_survives_a_crash():
    d, browse = offered(call("look"))
    d.feed(ClaimCall(tool_call_id=browse, digest="t1"))
    d.kill()
    d.restart()
    assert isinstance(d.feed(report(browse, "t1")), Reply)
    assert d.results[0] == "seen"


def test_a_gated_client_side_call_is_decided_before_it_is_offered():
    d = Driver(gated("sign", runs="client"))
    d.says(call("sign"))
    [sign] = d.ids
    assert isinstance(d.feed(ClaimCall(tool_call_id=sign, digest="t")), NotPending)
    d.decide(YES)
    assert (d.phases, d.head.status) == (["offered"], "paused")
    assert not d.events(AgentResume)  # the run stayed paused
    assert isinstance(d.feed(ClaimCall(tool_call_id=sign, digest="t")), Reply)
