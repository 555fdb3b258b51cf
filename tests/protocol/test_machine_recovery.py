"""The run's state machine by example: which effects resume after a crash or an orderly stop, and which never do."""

from machine_driver import PLAIN, YES, Driver, call, parked, said

from adjourn.protocol.events import (
    AgentEnd,
    AgentPaused,
    AgentResume,
    MessageUpdate,
    TextDelta,
)
from adjourn.protocol.machine import MAX_RECOVERIES
from adjourn.protocol.transitions import (
    Abort,
    Decline,
    ModelDone,
    Recover,
    Reserve,
    Stopped,
    Tick,
)

# Rule 5: at most once by default, at least once by choice.


def test_a_call_that_was_executing_at_a_crash_is_not_executed_again():
    """Resume runs code again from the top."""
    d = Driver(*PLAIN)
    d.says(call("look"))
    d.kill()
    d.restart()
    assert len(d.executed) == 1
    assert "may have taken effect" in d.results[0]
    assert d.model  # the model gets the error


def test_an_idempotent_call_is_executed_again_after_a_crash():
    d = Driver(*PLAIN)
    d.says(call("idem", n=7))
    d.kill()
    d.restart()
    assert d.executed == d.ids * 2
    d.done(d.ids[0])
    assert d.results == ["ok"]


def test_a_call_whose_start_was_saved_but_not_carried_out_counts_as_executing():
    d = parked()
    d.decide(YES, crash="after")
    d.restart()
    assert not d.executed
    assert "may have taken effect" in d.results[0]


def test_results_from_before_a_crash_are_kept():
    d = Driver(*PLAIN)
    d.says(call("look"), call("look"))
    d.done(d.ids[0], "kept")
    d.kill()
    d.restart()
    assert d.results[0] == "kept"


# Status and recovery.


def test_pause_and_resume_mark_the_changes_of_status():
    d = parked(call("refund", n=2))
    first, second = d.ids
    d.feed(Decline(tool_call_id=first))
    ttl = d.now + 30 * 24 * 3600 * 1000
    assert d.events(AgentPaused, AgentResume) == [AgentPaused(tool_call_ids=(first, second), expires_at=ttl)]
    d.decide(YES, second)
    assert d.events(AgentPaused, AgentResume)[1:] == [AgentResume(reason="decided")]


def test_a_parked_run_stays_parked_when_it_is_recovered():
    d = parked()
    saved = d.saved_head
    d.kill()
    d.restart()
    assert (d.saved_head, d.head.status) == (saved, "paused")


def test_a_run_that_crashes_without_progress_ends_as_failed():
    d = Driver(*PLAIN)
    for _ in range(MAX_RECOVERIES):
        d.kill()
        d.restart(error="KeyError: 1")
        assert d.model
    d.kill()
    d.restart(error="ValueError: no")
    assert (d.head.status, d.head.reason) == ("failed", "crashLoop")
    assert "ValueError: no" in d.head.error.message
    assert d.model is None


def test_a_run_whose_tool_is_there_at_each_crash_of_the_process_ends_as_failed():
    d = Driver(*PLAIN)
    d.says(call("idem"))
    for _ in range(MAX_RECOVERIES):
        d.kill()
        d.restart()
        assert d.tools == d.ids
    d.kill()
    d.restart()
    assert (d.head.status, d.head.reason, len(d.executed)) == ("failed", "crashLoop", MAX_RECOVERIES + 1)


def test_a_model_call_alone_never_fails_a_run_however_often_the_process_dies():
    d = Driver(*PLAIN)
    for _ in range(2 * MAX_RECOVERIES):
        d.kill()
        d.restart()
    assert (d.head.status, d.head.recoveries, d.model is None) == ("running", 0, False)


def test_an_orderly_stop_is_never_charged_even_if_a_tool_was_executing():
    d = Driver(*PLAIN)
    d.says(call("idem"))
    for _ in range(2 * MAX_RECOVERIES):
        d.kill()
        d.restart(charged=False)
    assert (d.head.status, d.head.recoveries, d.tools) == ("running", 0, d.ids)


def test_an_orderly_stop_forgives_no_earlier_crash():
    d = Driver(*PLAIN)
    d.says(call("idem"))
    for charged in (True, False, True):
        d.kill()
        d.restart(charged=charged)
    assert d.head.recoveries == 2


def test_progress_forgives_earlier_crashes():
    d = Driver(*PLAIN)
    for _ in range(MAX_RECOVERIES):
        d.kill()
        d.restart(error="KeyError: 1")
    assert d.head.recoveries == MAX_RECOVERIES
    d.says(call("look"))
    assert d.head.recoveries == 0
    for _ in range(MAX_RECOVERIES):
        d.kill()
        d.restart(error="KeyError: 1")
    assert d.head.status == "running"


def test_sequence_numbers_shown_ahead_of_a_save_are_not_used_again_after_a_crash():
    d = Driver(*PLAIN)
    for _ in range(5):
        d.show_ahead(MessageUpdate(assistant_message_event=TextDelta(content_index=0, delta="x")))
    d.kill()
    d.restart()
    d.says(text="hello")
    numbers = [seq for seq, _ in d.shown]
    assert numbers == sorted(set(numbers))


def test_reserving_more_sequence_numbers_saves_the_ones_in_use():
    d = Driver()
    d.show_ahead(MessageUpdate(assistant_message_event=TextDelta(content_index=0, delta="x")))
    ceiling = d.head.seq_ceiling
    d.feed(Reserve())
    assert (d.head.seq, d.head.seq_ceiling) == (3, ceiling + 1)


def test_nothing_follows_the_end():
    d = Driver(*PLAIN)
    d.says(text="bye")
    end = d.head
    for late in (Tick(), Reserve(), Recover(), Abort(), Stopped(), ModelDone(key="x", message=said(text="more"))):
        d.feed(late)
    assert d.head is end
    assert isinstance(d.shown[-1][1], AgentEnd)
