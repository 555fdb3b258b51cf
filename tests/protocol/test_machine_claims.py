"""The run's state machine by example: claims that are repeated, released or overruled, and since when calls wait."""

import pytest
from machine_driver import YES, Driver, approval, call, gated, offered, parked

from adjourn.protocol.errors import ClaimTaken, DecisionConflict, NotPending, RunEnded
from adjourn.protocol.events import (
    AgentResume,
    ToolClientClaimed,
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolExecutionEnd,
)
from adjourn.protocol.messages import Text
from adjourn.protocol.transcript import Transcript, replay
from adjourn.protocol.transitions import Abort, ClaimCall, ClientResult, Decline, Reply, Tick, UnclaimCall

SEEN = (Text(text="seen"),)


def claimed(**spec) -> tuple[Driver, str]:
    """Return a run with one call, claimed by the client with token "t1"."""
    d, browse = offered(**spec)
    assert isinstance(d.feed(ClaimCall(tool_call_id=browse, digest="t1", by="ann")), Reply)
    return d, browse


def result(key: str, token: str) -> ClientResult:
    return ClientResult(tool_call_id=key, digest=token, content=SEEN)


def unknown_reason(reply) -> str:
    assert isinstance(reply, NotPending)
    return reply.data["reason"]


# Repeated claims.


def test_a_client_whose_reply_was_lost_claims_again_and_still_has_its_claim():
    d, browse = claimed()
    due, before = d.head.next_due, d.head
    d.wait(10)
    assert d.feed(ClaimCall(tool_call_id=browse, digest="t1", by="ann")).tool_call_id == browse
    assert (d.head is before, d.head.next_due) == (True, due)  # its deadline stays, too
    assert len(d.events(ToolClientClaimed)) == 1
    assert isinstance(d.feed(result(browse, "t1")), Reply)


def test_a_claim_that_was_saved_but_never_acknowledged_is_the_clients_in_the_next_process():
    d, browse = offered()
    d.feed(ClaimCall(tool_call_id=browse, digest="t1"), crash="after")
    d.restart()
    assert isinstance(d.feed(ClaimCall(tool_call_id=browse, digest="t2")), ClaimTaken)
    assert isinstance(d.feed(ClaimCall(tool_call_id=browse, digest="t1")), Reply)


def test_a_client_that_has_reported_cant_claim_again():
    d, browse = claimed()
    d.feed(result(browse, "t1"))
    assert unknown_reason(d.feed(ClaimCall(tool_call_id=browse, digest="t1"))) == "done"


def test_watchers_are_told_when_a_claim_ends():
    d, _ = claimed()
    assert d.events(ToolClientClaimed)[0].due_at == d.now + 30_000 == d.head.next_due


# Released claims.


def test_a_claim_that_is_given_back_is_offered_to_all_again():
    d, browse = claimed()
    d.wait(5)
    assert isinstance(d.feed(UnclaimCall(tool_call_id=browse, digest="t1")), Reply)
    offer = d.events(ToolClientExecutePending)[1]
    assert (offer.tool_call_id, offer.input, offer.since) == (browse, {"n": 1}, d.now)
    assert (d.phases, d.head.status, d.open[browse].due_at) == (["offered"], "paused", None)
    assert isinstance(d.feed(ClaimCall(tool_call_id=browse, digest="t2")), Reply)
    assert isinstance(d.feed(result(browse, "t1")), ClaimTaken)
    d.feed(result(browse, "t2"))
    assert d.results == ["seen"]


def test_a_claim_that_was_given_back_doesnt_run_out():
    d, browse = claimed()
    d.feed(UnclaimCall(tool_call_id=browse, digest="t1"))
    d.wait(30)
    d.feed(Tick())
    assert d.phases == ["offered"]


def test_giving_back_twice_is_acknowledged_and_changes_nothing():
    d, browse = claimed()
    d.feed(UnclaimCall(tool_call_id=browse, digest="t1"), crash="after")
    d.restart()
    before = d.head
    assert isinstance(d.feed(UnclaimCall(tool_call_id=browse, digest="t1")), Reply)
    assert d.head is before


def test_only_the_client_that_claimed_a_call_may_give_it_back():
    d, browse = claimed()
    assert isinstance(d.feed(UnclaimCall(tool_call_id=browse, digest="t2")), ClaimTaken)
    assert d.phases == ["started"]


def test_a_call_that_is_not_claimed_cannot_be_unclaimed():
    d = parked()
    assert unknown_reason(d.feed(UnclaimCall(tool_call_id=d.ids[0], digest="t1"))) == "notClaimed"
    assert unknown_reason(d.feed(UnclaimCall(tool_call_id="call_none_1", digest="t1"))) == "unknown"
    d, browse = claimed()
    d.feed(result(browse, "t1"))
    assert unknown_reason(d.feed(UnclaimCall(tool_call_id=browse, digest="t1"))) == "done"
    d.feed(Abort())
    assert isinstance(d.feed(UnclaimCall(tool_call_id=browse, digest="t1")), RunEnded)


# Declined after a client claimed it.


def test_a_call_that_is_offered_can_be_declined():
    d, browse = offered()
    assert isinstance(d.feed(Decline(tool_call_id=browse, by="bob", reason="too late")), Reply)
    assert d.results == ["This call was declined: too late"]
    entry = d.history.results[browse]
    assert (entry.declined, entry.by, entry.message.is_error) == (True, "bob", True)
    assert len(d.events(ToolExecutionEnd)) == 1
    assert d.events(AgentResume) == [AgentResume(reason="declined")]
    assert unknown_reason(d.feed(ClaimCall(tool_call_id=browse, digest="t1"))) == "done"


def test_a_call_that_is_claimed_can_be_declined_and_its_late_result_is_told_so():
    d, browse = claimed()
    assert isinstance(d.feed(Decline(tool_call_id=browse)), Reply)
    assert unknown_reason(d.feed(result(browse, "t1"))) == "done"
    assert d.results == ["This call was declined."]
    assert d.head.next_due is None
    assert d.model  # the run goes on


def test_a_decline_of_a_clients_call_may_be_repeated():
    d, browse = claimed()
    d.feed(Decline(tool_call_id=browse, by="bob"), crash="after")
    d.restart()
    before = d.head
    assert isinstance(d.feed(Decline(tool_call_id=browse, by="bob")), Reply)
    assert d.head is before
    d.says(text="bye")
    assert d.feed(Decline(tool_call_id=browse)).status == "completed"


def test_a_decline_of_a_call_that_its_client_has_done_is_told_so():
    d, browse = claimed()
    d.feed(result(browse, "t1"))
    assert unknown_reason(d.feed(Decline(tool_call_id=browse))) == "done"


@pytest.mark.parametrize("named", [True, False])
def test_a_call_that_was_approved_can_be_declined_until_its_client_has_done_it(named):
    d = Driver(approval("sign", runs="client", editable=True))
    d.says(call("sign", n=1))
    [sign] = d.ids
    d.decide(YES)
    d.feed(ClaimCall(tool_call_id=sign, digest="t1"))
    for _ in range(2):
        assert d.feed(Decline(tool_call_id=sign if named else None)).tool_call_id == sign
    assert d.results == ["This call was declined."]
    assert d.history.decisions[sign].outcome == "decided"  # the journal keeps the decision beside the decline
    assert isinstance(d.decide(YES, sign), Reply)  # a repeated decision is acknowledged at any time


def test_a_call_that_executes_here_cant_be_declined_any_more():
    d = parked()
    d.decide(YES)
    assert isinstance(d.feed(Decline(tool_call_id=d.ids[0])), DecisionConflict)
    assert d.phases == ["started"]


# Since when, and until when.


def test_a_head_says_since_when_somebodys_decision_is_waited_for():
    d = Driver(gated("refund"), gated("wire"))
    start = d.now
    d.says(call("refund"))
    assert d.head.waiting_since == start
    d.wait(7)
    d.decide(YES)
    assert d.head.waiting_since is None
    d.done(d.ids[0])
    d.wait(7)
    d.says(call("refund"), call("wire"))
    first, _ = d.ids
    assert d.head.waiting_since == d.now
    d.wait(7)
    d.feed(Decline(tool_call_id=first))
    assert d.head.waiting_since == d.now - 7000


def test_a_call_that_waits_for_a_client_is_nobodys_decision():
    d, browse = offered()
    assert (d.head.waiting_since, d.open[browse].since) == (None, d.now)


def test_snapshots_say_since_when_and_until_when_each_call_waits():
    d = Driver(gated("refund", decision_timeout_s=60), gated("sign", runs="client", client_timeout_s=30))
    start = d.now
    d.says(call("refund"), call("sign"))
    refund, sign = d.ids
    d.wait(5)
    d.decide(YES, sign)
    d.wait(5)
    d.feed(ClaimCall(tool_call_id=sign, digest="t1", by="ann"))
    for events in ([event for _, event in d.shown], replay(d.record())):
        transcript = Transcript()
        for event in events:
            transcript.apply(event)
        waits = {each.tool_call_id: (each.since, each.due_at) for each in transcript.snapshot().pending}
        assert waits == {refund: (start, start + 60_000), sign: (start + 5000, start + 40_000)}
    assert [event.since for event in d.events(ToolDecisionPending)] == [start, start]
