"""The run's state machine by example: tools that ask for approval. A no never executes."""

import pytest
from machine_driver import NO, YES, Driver, approval, call, parked

from adjourn.protocol.codec import digest
from adjourn.protocol.errors import ClaimTaken, DecisionConflict, DecisionInvalid, NotPending
from adjourn.protocol.events import (
    AgentResume,
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionStart,
)
from adjourn.protocol.record import OnExpiry
from adjourn.protocol.transitions import ClaimCall, Decline, Reply, Tick

WHY_NOT = {"approved": False, "reason": "too much"}


def asking(**spec) -> Driver:
    """Return a run that waits for the approval of one call."""
    d = Driver(approval("wipe", **spec))
    d.says(call("wipe", n=1))
    return d


def test_a_no_is_a_declined_result_with_its_reason_and_the_tool_is_never_called():
    d = asking()
    assert isinstance(d.decide(WHY_NOT, by="ann"), Reply)
    assert d.results == ["This call was declined: too much"]
    assert d.history.results[d.ids[0]].message.is_error
    assert (d.executed, d.events(ToolExecutionStart)) == ([], [])
    assert d.events(AgentResume) == [AgentResume(reason="declined")]
    assert d.model  # the model goes on


def test_a_no_is_journaled_with_its_person_time_and_reason():
    d = asking()
    d.wait(5)
    d.decide(WHY_NOT, by="ann")
    [entry] = d.history.decisions.values()
    assert (entry.outcome, entry.by, entry.at, entry.decision) == ("declined", "ann", d.now, WHY_NOT)
    assert (entry.digest, entry.reason, entry.args_digest) == (None, "too much", digest({"n": 1}))
    [resolved] = d.events(ToolDecisionResolved)
    assert (resolved.outcome, resolved.by, resolved.decision, resolved.reason) == (
        "declined",
        "ann",
        WHY_NOT,
        "too much",
    )


def test_a_no_without_a_reason_is_a_plain_decline_to_the_model():
    d = asking()
    d.decide(NO)
    assert d.results == ["This call was declined."]


def test_a_yes_executes():
    d = asking()
    assert isinstance(d.decide({"approved": True, "reason": "go on"}), Reply)
    assert d.executed == d.ids


def test_a_no_to_a_tool_that_reads_its_decision_itself_is_still_the_tools_to_read():
    d = parked()
    d.decide(NO)
    assert d.executed == d.ids


@pytest.mark.parametrize("bad", [{}, {"approved": 0}, {"approved": "no"}, {"approved": None}, False, None, "no"])
def test_a_decision_that_is_neither_yes_nor_no_consumes_nothing(bad):
    d = asking()
    before = d.head
    assert isinstance(d.decide(bad), DecisionInvalid)
    assert d.head is before


def test_deciders_are_told_that_it_is_a_yes_or_a_no():
    [pending] = asking().events(ToolDecisionPending)
    assert pending.approval
    [pending] = parked().events(ToolDecisionPending)
    assert not pending.approval


# Repeated decisions.


@pytest.mark.parametrize("again", [WHY_NOT, {"reason": "too much", "approved": False}])
def test_the_same_no_is_acknowledged_again(again):
    d = asking()
    d.decide(WHY_NOT)
    wipe = d.head.sole_gated
    assert isinstance(d.decide(again), Reply)
    d.says(text="bye")
    assert d.decide(again, wipe).status == "completed"
    assert len(d.events(ToolDecisionResolved)) == 1


def test_a_plain_decline_after_a_no_is_acknowledged():
    d = asking()
    d.decide(WHY_NOT)
    assert isinstance(d.feed(Decline(by="bob")), Reply)
    assert len(d.events(ToolDecisionResolved)) == 1


@pytest.mark.parametrize("other", [YES, {"approved": True, "reason": "too much"}, NO])
def test_another_decision_after_a_no_is_a_conflict(other):
    d = asking()
    d.decide(WHY_NOT)
    conflict = d.decide(other)
    assert isinstance(conflict, DecisionConflict)
    assert conflict.data["reason"] == "declined"
    assert not d.executed


@pytest.mark.parametrize("no", [NO, None])
def test_a_no_after_a_yes_is_a_conflict(no):
    d = asking()
    d.decide(YES)
    assert isinstance(d.feed(Decline()) if no is None else d.decide(no), DecisionConflict)
    assert d.executed == d.ids


def test_a_yes_after_a_decline_is_a_conflict():
    d = asking()
    d.feed(Decline())
    assert isinstance(d.decide(YES), DecisionConflict)
    assert not d.executed


@pytest.mark.parametrize("crash", ["before", "after"])
def test_a_no_that_was_saved_holds_in_the_next_process_and_one_that_was_not_may_come_again(crash):
    d = asking()
    d.decide(NO, crash=crash)
    d.restart()
    assert isinstance(d.decide(NO), Reply)
    assert isinstance(d.decide(YES), DecisionConflict)
    assert not d.executed


# The default decision when the time for a decision expires.


@pytest.mark.parametrize(
    ("default", "reason"),
    [
        (NO, "it was not approved in time"),
        (WHY_NOT, "too much"),
        ({"approved": "yes"}, "it was not approved in time"),  # an invalid default is a decline
        (None, "it was not approved in time"),
    ],
)
def test_a_no_by_default_never_executes(default, reason):
    d = asking(decision_timeout_s=60, on_expiry=OnExpiry(action="decide", decision=default))
    d.wait(60)
    d.feed(Tick())
    assert d.results == [f"This call was not executed: {reason}."]
    [entry], [resolved] = d.history.decisions.values(), d.events(ToolDecisionResolved)
    assert (entry.outcome, entry.decision, entry.digest, entry.reason) == ("expired", default, None, reason)
    assert (resolved.outcome, resolved.decision, resolved.reason) == ("expired", default, reason)
    assert not d.executed
    late = d.decide(YES)
    assert isinstance(late, NotPending)
    assert late.data["reason"] == "expired"


def test_a_yes_by_default_executes():
    d = asking(decision_timeout_s=60, on_expiry=OnExpiry(action="decide", decision=YES))
    d.wait(60)
    d.feed(Tick())
    assert d.executed == d.ids


# Approved calls that clients execute.


def test_a_no_offers_nothing_to_clients():
    d = asking(runs="client")
    d.decide(NO)
    assert not d.events(ToolClientExecutePending)
    refused = d.feed(ClaimCall(tool_call_id=d.head.sole_gated, digest="t"))
    assert isinstance(refused, NotPending)
    assert not isinstance(refused, ClaimTaken)
