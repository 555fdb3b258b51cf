"""The run's state machine by example: a model's arguments, checked before anything else happens."""

import pytest
from machine_driver import PLAIN, YES, Driver, call

from adjourn.protocol.errors import NotPending
from adjourn.protocol.events import (
    AgentPaused,
    ToolDecisionPending,
)
from adjourn.protocol.record import Limits

# Rule 1: arguments come first.


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (call("refund", raw='{"n": '), "not a JSON object"),
        (call("refund", raw="[1]"), "not a JSON object"),
        (call("refund", n="one"), "/n"),
        (call("refund", n=2**53 + 1), "/n: expected an integer within ±2^53; send it as text"),
        (call("ghost"), "no tool 'ghost'"),
    ],
)
def test_bad_json_arguments_never_skip_the_gate(bad, says):
    """Bad JSON arguments skip the gate."""
    d = Driver(*PLAIN)
    d.says(bad)
    assert says in d.results[0]
    assert not d.executed
    assert not d.events(ToolDecisionPending, AgentPaused)
    assert d.head.turn == 2  # the model got the error and is called again
    assert isinstance(d.decide(YES), NotPending)


DEEP = '{"n": ' + "[" * 120 + "]" * 120 + "}"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ('{"channel": 9007199254740993}', "/channel: expected an integer within ±2^53; send it as text"),
        ('{"to": [1, {"a/b": -9007199254740993}]}', "/to/1/a~1b: expected an integer within ±2^53; send it as text"),
        ('{"n": ' + "9" * 5000 + "}", "/n: expected an integer within ±2^53; send it as text"),
        ('{"n": NaN}', "/n: expected a finite number"),
        ('{"n": 1e999}', "/n: expected a finite number"),
        ('{"to": "\\ud800"}', "/to: expected valid Unicode, got a lone surrogate"),
        (DEEP, "expected at most 100 levels of nesting"),
        ("[" * 100_000, "/: expected at most 100 levels of nesting"),
    ],
)
def test_arguments_that_cannot_be_stored_are_kept_as_text_and_the_error_names_the_path(raw, says):
    d = Driver(*PLAIN)
    d.says(call("look", raw=raw))
    assert says in d.results[0]
    assert d.results[0].endswith("Nothing was executed.")
    assert d.history.turn_calls[0].raw_arguments == raw
    assert not d.executed


def test_arguments_that_came_as_an_object_are_kept_as_the_text_that_they_were():
    d = Driver(*PLAIN)
    d.says(call("look", n=2**60, to="\ud800"))
    [block] = d.history.turn_calls
    assert (block.arguments, block.raw_arguments) == ({}, '{"n": 1152921504606846976, "to": "\\ud800"}')
    assert "/n: expected an integer within ±2^53; send it as text" in d.results[0]


@pytest.mark.parametrize(("last", "executed"), [(call("look"), 1), (call("look", n=1), 2)])
def test_a_call_that_was_cut_off_before_its_arguments_is_not_executed_without_them(last, executed):
    d = Driver(*PLAIN)
    d.says(call("look"), last, stop_reason="length")
    assert len(d.executed) == executed
    d.done(d.ids[0])
    if executed == 1:
        assert "cut off" in d.results[1]


def test_calls_beyond_the_limit_of_a_turn_get_error_results():
    d = Driver(*PLAIN, limits=Limits(max_calls_per_turn=2))
    d.says(call("look"), call("refund"), call("look"), call("refund"))
    assert d.phases == ["started", "gated", "done", "done"]


@pytest.mark.parametrize(("gates", "phase"), [({0: False}, "started"), ({0: True}, "gated"), ({}, "gated")])
def test_a_tool_decides_per_call_whether_it_is_gated_and_without_an_answer_the_gate_closes(gates, phase):
    d = Driver(*PLAIN)
    d.says(call("refund"), gates=gates)
    assert d.phases == [phase]
