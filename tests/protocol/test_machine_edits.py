"""The run's state machine by example: decisions that edit a call's arguments."""

import pytest
from machine_driver import NO, PLAIN, YES, Driver, approval, call, gated, parked

from adjourn.protocol.codec import digest
from adjourn.protocol.errors import DecisionConflict, DecisionInvalid
from adjourn.protocol.events import (
    ToolClientExecutePending,
    ToolDecisionPending,
    ToolDecisionResolved,
    ToolExecutionEnd,
    ToolExecutionStart,
    TurnEnd,
)
from adjourn.protocol.messages import Text
from adjourn.protocol.record import ToolSpec
from adjourn.protocol.transcript import Transcript, replay
from adjourn.protocol.transitions import Reply

SHOWN = digest({"n": 1})
TOLD = 'When this call was decided, its arguments were changed to: {"n":2}\n'


def asked(editable=True, parameters=None, **arguments) -> Driver:
    """Return a run that waits at one call of a tool with this `editable`."""
    spec = gated("refund", editable=editable)
    if parameters is not None:
        spec = ToolSpec(
            name="refund", description="", parameters=parameters, decision=spec.decision, editable=spec.editable
        )
    d = Driver(spec)
    d.says(call("refund", **(arguments or {"n": 1})))
    return d


def edit(d: Driver, arguments, decision=YES, digest=SHOWN, **given):
    return d.decide(decision, digest=digest, arguments=arguments, **given)


def faults(reply) -> list[str]:
    assert isinstance(reply, DecisionInvalid)
    return [error["path"] for error in reply.data["errors"]]


# The edited arguments are executed, and clients see them.


def test_edited_arguments_are_executed_in_place_of_the_models():
    d = asked()
    assert isinstance(edit(d, {"n": 2}), Reply)
    [start] = d.events(ToolExecutionStart)
    assert start.args == {"n": 2}
    assert d.history.arguments(d.open[d.ids[0]]) == {"n": 2}
    assert d.history.turn_calls[0].arguments == {"n": 1}  # the model's own arguments are kept


def test_the_journal_keeps_both_versions_and_their_digests():
    d = asked()
    edit(d, {"n": 2}, by="ann")
    entry = d.record().journal[-1]
    assert (entry.outcome, entry.by, entry.decision) == ("decided", "ann", YES)
    assert (entry.args_digest, entry.arguments, entry.arguments_digest) == (SHOWN, {"n": 2}, digest({"n": 2}))


def test_watchers_are_told_of_the_edit_with_its_digest():
    d = asked()
    edit(d, {"n": 2})
    [resolved] = d.events(ToolDecisionResolved)
    assert (resolved.outcome, resolved.arguments, resolved.digest) == ("decided", {"n": 2}, digest({"n": 2}))


def test_the_result_begins_with_the_edited_arguments():
    d = asked()
    edit(d, {"n": 2})
    d.done(d.ids[0], "refunded")
    [message] = [event.tool_results[0] for event in d.events(TurnEnd)]
    assert message.content == (Text(text=TOLD), Text(text="refunded"))
    assert message.arguments == {"n": 2}


def test_the_transcript_shows_the_executed_arguments_live_and_replayed():
    d = Driver(gated("refund", editable=True), gated("wire"))
    d.says(call("refund", n=1), call("wire", n=1))
    d.decide(YES, d.ids[0], digest=SHOWN, arguments={"n": 2})
    for told in (False, True):
        if told:
            d.done(d.ids[0])
            assert d.events(ToolExecutionEnd)[0].arguments == {"n": 2}
        for events in ([event for _, event in d.shown], replay(d.record())):
            transcript = Transcript()
            for event in events:
                transcript.apply(event)
            [view] = transcript.snapshot().tools
            assert (view.args, view.result is not None) == ({"n": 2}, told)


def test_a_call_that_is_executed_again_after_a_crash_has_its_edited_arguments():
    d = Driver(gated("wire", editable=True, idempotent=True))
    d.says(call("wire", n=1))
    edit(d, {"n": 2}, crash="after")
    d.restart()
    assert d.executed == d.ids
    assert [event.args for event in d.events(ToolExecutionStart)] == [{"n": 2}]


def test_an_interrupted_call_tells_which_arguments_may_have_taken_effect():
    d = asked()
    edit(d, {"n": 2})
    d.kill()
    d.restart()
    assert d.results[0].startswith(TOLD)
    assert "may have taken effect" in d.results[0]


def test_a_client_is_offered_the_edited_arguments():
    d = Driver(gated("sign", runs="client", editable=True))
    d.says(call("sign", n=1))
    edit(d, {"n": 2})
    assert [event.input for event in d.events(ToolClientExecutePending)] == [{"n": 2}]


def test_a_pending_decision_names_the_editable_arguments_and_their_schema():
    d = asked(editable=("to",))
    [pending] = d.events(ToolDecisionPending)
    assert (pending.editable, pending.parameters) == (("to",), d.history.tools["refund"].parameters)
    [pending] = parked().events(ToolDecisionPending)
    assert (pending.editable, pending.parameters) == (False, None)


# Edits that aren't allowed are errors with paths, and consume nothing.


@pytest.mark.parametrize(
    ("editable", "arguments", "paths"),
    [
        (False, {"n": 2}, ["/arguments"]),
        ((), {"n": 2}, ["/arguments"]),
        (("to",), {"n": 2}, ["/arguments/n"]),
        (("to",), {"to": "ann"}, ["/arguments/n"]),  # leaving a member out is a change
        (("n",), {"n": 1, "to": "ann"}, ["/arguments/to"]),  # adding a member is a change
        (("other",), {"n": 2, "to": "ann"}, ["/arguments/n", "/arguments/to"]),
        (True, {"n": "two"}, ["/arguments/n"]),
        (True, {"n": 2, "more": 1}, ["/arguments"]),
        (True, {"n": 2**60}, ["/arguments/n"]),
        (True, {"n": {"a/b": float("nan")}}, ["/arguments/n/a~1b"]),
    ],
)
def test_an_edit_that_the_tool_doesnt_take_says_where_and_consumes_nothing(editable, arguments, paths):
    d = asked(editable)
    before = d.head
    assert faults(edit(d, arguments)) == paths
    assert d.head is before
    assert isinstance(d.decide(YES), Reply)
    assert d.events(ToolExecutionStart)[0].args == {"n": 1}


def test_edited_arguments_require_the_digest_of_those_shown():
    d = asked()
    assert faults(edit(d, {"n": 2}, digest=None)) == ["/digest"]
    stale = edit(d, {"n": 2}, digest=digest({"n": 7}))
    assert isinstance(stale, DecisionConflict)
    assert stale.data["reason"] == "arguments"
    assert d.phases == ["gated"]


def test_an_edit_doesnt_save_a_bad_decision():
    d = asked()
    assert faults(edit(d, {"n": 2}, decision={"approved": "yes"})) == ["/approved"]
    assert d.phases == ["gated"]


def test_an_editable_argument_may_be_changed_and_left_out():
    for arguments in ({"n": 1, "to": "ann"}, {"n": 1}):
        d = asked(("to",), n=1, to="bob")
        assert isinstance(edit(d, arguments, digest=digest({"n": 1, "to": "bob"})), Reply)
        assert d.events(ToolExecutionStart)[0].args == arguments


@pytest.mark.parametrize(("original", "edited"), [(1, True), (0, False), ([1], [True]), ({"a": 1}, {"a": True})])
def test_true_is_not_one_where_only_other_arguments_may_be_edited(original, edited):
    d = asked(("to",), parameters={"type": "object"}, n=original)
    shown = digest({"n": original})
    assert faults(edit(d, {"n": edited, "to": "ann"}, digest=shown)) == ["/arguments/n"]
    assert faults(edit(d, {"n": edited}, digest=shown)) == ["/arguments/n"]


def test_the_path_of_an_argument_is_a_json_pointer():
    d = asked(("to",), parameters={"type": "object"}, **{"a/b~c": 1})
    assert faults(edit(d, {"a/b~c": 2}, digest=digest({"a/b~c": 1}))) == ["/arguments/a~1b~0c"]


@pytest.mark.parametrize("same", [{"n": 1}, {"n": 1.0}])
@pytest.mark.parametrize("shown", [SHOWN, None])
def test_arguments_that_are_the_models_own_are_no_edit(same, shown):
    d = parked()
    assert isinstance(edit(d, same, digest=shown), Reply)
    entry, [resolved] = d.history.decisions[d.ids[0]], d.events(ToolDecisionResolved)
    assert (entry.arguments, entry.arguments_digest, resolved.arguments, resolved.digest) == (None,) * 4
    d.done(d.ids[0])
    assert d.results == ["ok"]


# A repetition has the same decision and the same arguments.


def test_the_same_decision_with_the_same_arguments_is_acknowledged_and_executes_nothing():
    d = asked()
    for _ in range(2):
        assert isinstance(edit(d, {"n": 2}), Reply)
    assert isinstance(edit(d, {"n": 2.0}, digest=None), Reply)  # a repetition executes nothing, so it needs no digest
    [refund] = d.executed
    d.done(refund)
    d.says(text="bye")
    assert edit(d, {"n": 2}, tool_call_id=refund).status == "completed"
    assert (d.executed, len(d.events(ToolDecisionResolved))) == ([refund], 1)


@pytest.mark.parametrize("other", [None, {"n": 1}, {"n": 3}, {"n": 2, "to": "ann"}])
def test_the_same_decision_with_other_arguments_is_a_conflict(other):
    d = asked()
    edit(d, {"n": 2})
    assert isinstance(edit(d, other), DecisionConflict)
    assert d.history.decisions[d.ids[0]].arguments == {"n": 2}


def test_an_edit_after_the_same_decision_without_one_is_a_conflict():
    d = asked()
    d.decide(YES)
    assert isinstance(edit(d, {"n": 2}), DecisionConflict)
    assert isinstance(edit(d, {"n": 1}), Reply)
    assert d.events(ToolExecutionStart)[0].args == {"n": 1}


def test_another_decision_with_the_same_arguments_is_a_conflict():
    d = asked()
    edit(d, {"n": 2})
    assert isinstance(edit(d, {"n": 2}, decision=NO), DecisionConflict)


def test_edits_that_come_with_a_no_are_not_kept():
    d = Driver(approval("wipe", editable=False), *PLAIN)
    d.says(call("wipe", n=1))
    assert isinstance(edit(d, {"n": 2}, decision=NO), Reply)
    entry = d.history.decisions[d.ids[0]]
    assert (entry.outcome, entry.arguments, d.executed) == ("declined", None, [])
    assert d.results == ["This call was declined."]
