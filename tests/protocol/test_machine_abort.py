"""The run's state machine by example: abort, in every state, and final."""

import pytest
from machine_driver import LOOK, PLAIN, YES, Driver, call, gated, offered, parked, said

from adjourn.protocol.errors import RunEnded
from adjourn.protocol.events import AgentEnd, AgentResume, MessageEnd, ToolDecisionPending, TurnEnd
from adjourn.protocol.record import Limits, OnExpiry
from adjourn.protocol.transitions import Abort, ClaimCall, Decline, Reply, Stopped, Tick

# Rule 8: abort.


def in_state(name: str) -> Driver:
    if name == "model":
        return Driver(*PLAIN)
    if name == "tool":
        d = Driver(*PLAIN, limits=Limits(max_concurrent_tools=1))
        d.says(call("look"), call("look"), call("refund"))
    elif name == "claimed":
        d, browse = offered(call("look"))
        d.feed(ClaimCall(tool_call_id=browse, digest="t1"))
        d.done(d.ids[1])
    elif name == "offered":
        d, _ = offered()
    else:
        d = parked(call("refund", n=2))
    return d


@pytest.mark.parametrize("state", ["model", "tool", "gated", "offered", "claimed"])
def test_abort_ends_the_run_in_every_state_and_leaves_no_call_without_a_result(state):
    """Stop does not stop; abort leaves a tool call without a result, so that the next request is refused."""
    d = in_state(state)
    under_way = state in ("model", "tool")
    assert isinstance(d.feed(Abort(by="ann", reason="enough")), Reply)
    assert d.stopping is under_way
    assert d.head.abort.by == "ann"
    if under_way:
        assert (d.head.status, d.head.next_due) == ("running", None)
        d.feed(Stopped())
    assert (d.head.status, d.head.reason) == ("aborted", "enough")
    assert len(d.events(AgentEnd)) == 1
    assert len(d.results) == (len(d.ids) if d.history.turn_message else 0)


def test_abort_keeps_the_partial_message_and_closes_its_calls():
    d = Driver(*PLAIN)
    d.feed(Abort())
    d.feed(Stopped(partial=said(call("refund", n=1), text="I will ref", cost=1.0)))
    [message] = [event.message for event in d.events(MessageEnd)]
    assert (message.text, message.stop_reason) == ("I will ref", "aborted")
    assert d.history.messages[-1].tool_call_id == message.calls[0].id
    assert d.events(AgentEnd)[0].usage.cost.total == 1.0
    assert not d.events(ToolDecisionPending)


def test_a_cancelled_run_takes_no_later_decision():
    """A cancelled run takes a later decision."""
    d = in_state("tool")
    look, _, refund = d.ids
    d.feed(Abort())
    for _ in range(2):  # while the run stops, and after its end
        ended = d.decide(YES, refund)
        assert isinstance(ended, RunEnded)
        assert ended.data["status"] == "aborted"
        assert isinstance(d.feed(Decline(tool_call_id=refund)), RunEnded)
        assert isinstance(d.feed(ClaimCall(tool_call_id=refund, digest="t")), RunEnded)
        d.feed(Stopped())
    assert d.executed == [look]


def test_a_run_being_aborted_starts_no_calls_but_keeps_results():
    d = in_state("tool")
    look = d.ids[0]
    d.feed(Abort())
    d.done(look, "just in time")
    assert d.executed == [look]
    d.feed(Stopped())
    assert d.results[0] == "just in time"


def test_nothing_expires_while_a_run_is_being_stopped():
    d = Driver(LOOK, gated("refund", decision_timeout_s=1, on_expiry=OnExpiry(action="decide", decision=YES)))
    d.says(call("look"), call("refund"))
    d.feed(Abort())
    d.wait(2)
    d.feed(Tick())
    assert d.phases == ["started", "gated"]
    assert d.head.next_due is None  # the sweeper never visits it again


def test_abort_with_a_partial_message_ends_the_run_at_once():
    d = in_state("model")
    d.feed(Abort(reason="enough", partial=said(call("look"), text="half a")))
    assert (d.head.status, d.head.abort.reason, d.stopping) == ("aborted", "enough", True)
    assert (d.history.messages[-2].text, len(d.results)) == ("half a", 1)
    before = d.head
    d.feed(Stopped(partial=said(text="more")))
    assert d.head is before


def test_abort_waits_for_tools_even_with_a_partial_message():
    d = in_state("tool")
    d.feed(Abort(partial=said(text="half a")))
    assert (d.head.status, d.stopping) == ("running", True)


def test_abort_is_idempotent():
    d = in_state("tool")
    d.feed(Abort(reason="first"))
    d.feed(Abort(reason="second"))
    d.feed(Stopped())
    d.feed(Stopped())
    assert d.feed(Abort(reason="third")).status == "aborted"
    assert (d.head.reason, len(d.events(AgentEnd))) == ("first", 1)


def test_recovery_of_a_run_that_was_being_stopped_only_finishes_it():
    d = in_state("tool")
    d.feed(Abort(reason="enough"))
    d.kill()
    d.restart()
    assert (d.head.status, d.head.reason, len(d.results)) == ("aborted", "enough", 3)
    assert len(d.executed) == 1
    assert not d.events(AgentResume)


def test_stopped_without_an_abort_does_nothing():
    d = in_state("tool")
    before = d.head
    d.feed(Stopped(partial=said(text="x")))
    assert d.head is before


def test_a_turn_whose_last_call_is_done_while_the_run_is_being_stopped_ends_once():
    d = Driver(*PLAIN)
    d.says(call("look"))
    d.feed(Abort())
    d.done(d.ids[0])
    assert (len(d.events(TurnEnd)), d.model, d.head.status) == (1, None, "running")
    d.feed(Stopped())
    assert (len(d.events(TurnEnd)), d.results, d.head.status) == (1, ["ok"], "aborted")
