"""The run's state machine by example: a run's own limits, and its last turn."""

from typing import Any

import msgspec
from machine_driver import Driver, call, tool

from adjourn.protocol.limits import Limits, RunLimits, looser, tightened, uncounted
from adjourn.protocol.messages import Cost, ModelDescriptor, Usage
from adjourn.protocol.turns import is_last_turn

LOOK = tool("look")


def is_last(d: Driver) -> bool:
    return is_last_turn(d.head, d.history)


def looked(d: Driver, **message: Any) -> None:
    """Let the model call a tool, and execute it."""
    d.says(call("look"), **message)
    d.done(d.ids[0])


# A run's own limits.


def test_a_runs_own_limits_hold_in_place_of_the_agents_also_after_a_restart():
    d = Driver(LOOK, limits=Limits(max_turns=5), own=RunLimits(max_turns=2))
    d.kill()
    d.restart()
    looked(d)
    looked(d)
    assert (d.head.status, d.head.reason, d.head.turn) == ("failed", "maxTurns", 2)
    assert d.history.spec.limits.max_turns == 5


def test_a_run_ends_by_its_own_cost():
    d = Driver(LOOK, limits=Limits(max_cost=9.0), own=RunLimits(max_cost=1.0))
    looked(d, cost=1.0)
    assert (d.head.status, d.head.reason) == ("failed", "maxCost")


def test_limits_that_a_run_leaves_out_are_the_agents():
    limits = Limits(max_turns=5, max_cost=2.0, parked_ttl_s=None)
    assert tightened(limits, None) is limits
    assert tightened(limits, RunLimits(max_turns=3, on_limit="answer")) == Limits(
        max_turns=3, max_cost=2.0, parked_ttl_s=None, on_limit="answer"
    )


def test_limits_looser_than_the_agents_are_found():
    limits = Limits(max_turns=5, max_cost=2.0, parked_ttl_s=None, on_limit="answer")
    as_tight = RunLimits(max_turns=5, max_cost=2.0, max_tokens=10, parked_ttl_s=1e9, on_limit="fail")
    assert looser(limits, as_tight) == {}
    assert looser(limits, RunLimits(max_turns=6, max_cost=2.5)) == {"max_turns": 5, "max_cost": 2.0}
    assert looser(limits, RunLimits(max_cost=float("nan"))) == {"max_cost": 2.0}


# The last turn.


def test_without_the_wish_no_turn_is_the_last():
    d = Driver(LOOK, limits=Limits(max_turns=1, max_cost=1.0))
    assert not is_last(d)


def test_the_last_of_the_turns_is_the_last_also_after_a_restart():
    d = Driver(LOOK, limits=Limits(max_turns=2, on_limit="answer"))
    assert not is_last(d)
    looked(d)
    assert is_last(d)
    d.kill()
    d.restart()
    assert is_last(d)
    d.says(text="so far")
    assert (d.head.status, d.head.reason) == ("completed", "stop")


def test_a_turn_that_would_use_up_the_cost_is_the_last():
    d = Driver(LOOK, limits=Limits(max_cost=3.0, on_limit="answer"))
    looked(d, cost=1.0)
    assert not is_last(d)
    looked(d, cost=1.0)
    assert is_last(d)


def test_a_turn_that_would_use_up_the_tokens_is_the_last_counting_the_output_before_it_twice():
    d = Driver(LOOK, limits=Limits(max_tokens=100, on_limit="answer"))
    looked(d, tokens=(35, 9))
    assert not is_last(d)  # 44 are used, and 44 + 9 more make 97
    d = Driver(LOOK, limits=Limits(max_tokens=100, on_limit="answer"))
    looked(d, tokens=(36, 10))
    assert is_last(d)


def test_a_call_in_the_last_turn_is_not_executed():
    d = Driver(LOOK, limits=Limits(max_turns=1, on_limit="answer"))
    d.says(call("look"))
    assert d.executed == []
    assert d.results == [
        "This call was not executed: the run is near its limits, and the model was asked without tools."
    ]
    assert (d.head.status, d.head.reason) == ("failed", "maxTurns")


def test_a_limit_used_up_by_one_call_still_fails_the_run():
    d = Driver(LOOK, limits=Limits(max_cost=1.0, on_limit="answer"))
    looked(d, cost=1.0)
    assert (d.head.status, d.head.reason) == ("failed", "maxCost")


# Answers without usage.


def test_an_answer_with_calls_and_without_usage_ends_a_run_with_a_limit_in_tokens():
    d = Driver(LOOK, limits=Limits(max_tokens=100))
    d.says(call("look"), tokens=(0, 0))
    assert d.tools == []
    assert (d.head.status, d.head.reason, d.head.turn) == ("failed", "maxTokens", 1)
    assert d.head.error is not None
    assert d.head.error.type == "limitExceeded"
    assert "reported no usage" in d.head.error.message


def test_a_limit_in_cost_needs_usage_unless_the_model_is_free():
    priced = ModelDescriptor(id="m", cost=Cost(input=1.0))
    assert uncounted(Usage(), priced, 1.0, None) is not None
    assert uncounted(Usage(), msgspec.structs.replace(priced, cost=Cost()), 1.0, None) is None
    assert uncounted(Usage(output=1, total_tokens=1), priced, 1.0, 100) is None
    assert uncounted(Usage(provider_cost=0.5), priced, 1.0, None) is not None  # `max_cost` doesn't count this figure
    assert uncounted(Usage(), priced, None, None) is None


def test_a_models_id_may_have_braces():
    found = uncounted(Usage(), ModelDescriptor(id="{m}"), None, 100)
    assert found == ("maxTokens", "model '{m}' reported no usage, so the limit in tokens can't be kept")


def test_a_run_that_ends_with_an_answer_without_usage_is_completed():
    d = Driver(LOOK, limits=Limits(max_tokens=100))
    d.says(text="done", tokens=(0, 0))
    assert (d.head.status, d.head.reason) == ("completed", "stop")


def test_an_answer_without_usage_in_a_later_turn_ends_the_run_also_with_its_own_limit():
    d = Driver(LOOK, own=RunLimits(max_tokens=1000))
    looked(d, tokens=(5, 5))
    assert d.head.turn == 2
    d.says(call("look"), tokens=(0, 0))
    assert (d.head.status, d.head.reason, d.head.turn) == ("failed", "maxTokens", 2)
