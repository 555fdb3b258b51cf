"""The system's clock: which jumps of the wall clock it accepts, and when; alone, and in a system."""

import logging
import time
from types import SimpleNamespace

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from runs import YES, Ledger, agent_of, parked
from trio.testing import MockClock

from adjourn.actors import open_actor_system
from adjourn.actors.runtime import system as system_module
from adjourn.actors.runtime.wallclock import DOUBT_S, JUMP_S, SLOWEST, WallClock, steady_clock
from adjourn.actors.testing import calls, open_test_system, says

EPOCH, MONTH_S = 1_700_000_000.0, 31 * 24 * 3600.0


class Clocks:
    """A machine's two clocks: `pass_s` lets time pass, `ahead` is how far the wall clock has been set."""

    def __init__(self) -> None:
        self.steady, self.ahead = 1000.0, 0.0
        self.told = WallClock(lambda: self.right + self.ahead, lambda: self.steady).read

    @property
    def right(self) -> float:
        """What the wall clock would show if nobody had set it."""
        return EPOCH + self.steady

    def pass_s(self, seconds: float) -> float:
        """Lets time pass, and returns the clock's time after it."""
        self.steady += seconds
        return self.told()


# Alone.


@pytest.mark.parametrize("ahead", [MONTH_S, -MONTH_S, 61.0, -61.0])
def test_a_jump_that_does_not_last_is_ignored_with_two_warnings(ahead: float, caplog: pytest.LogCaptureFixture) -> None:
    clocks = Clocks()
    clocks.ahead = ahead
    for _ in range(17):
        assert clocks.pass_s(10) == clocks.right
    clocks.ahead = 0
    assert clocks.pass_s(10) == clocks.right
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert f"jumped by {ahead:+.0f} s" in caplog.messages[0]
    assert "ignored" in caplog.messages[1]


def test_a_jump_that_lasts_is_accepted_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    clocks = Clocks()
    clocks.ahead = MONTH_S
    clocks.pass_s(10)
    assert clocks.pass_s(DOUBT_S - 1) == clocks.right
    assert clocks.pass_s(1) == clocks.right + MONTH_S
    assert "accepted" in caplog.messages[-1]
    clocks.pass_s(1000)
    assert len(caplog.records) == 2


def test_another_jump_within_the_doubt_begins_the_doubt_anew() -> None:
    clocks = Clocks()
    clocks.ahead = MONTH_S
    clocks.pass_s(1)
    clocks.pass_s(DOUBT_S - 1)
    clocks.ahead = 2 * MONTH_S
    assert clocks.pass_s(10) == clocks.right
    assert clocks.pass_s(DOUBT_S) == clocks.right + 2 * MONTH_S


def test_small_steps_are_followed_at_once_but_do_not_add_up_to_a_jump() -> None:
    clocks = Clocks()
    for step in range(10):
        clocks.ahead += 20
        assert clocks.pass_s(1) == clocks.right + min(20 * (step + 1), JUMP_S)


def test_after_a_wall_clock_is_set_back_time_goes_at_half_its_speed_until_they_meet() -> None:
    clocks = Clocks()
    clocks.ahead = -3600
    clocks.pass_s(1)
    before = clocks.pass_s(DOUBT_S)  # accepted now
    assert clocks.pass_s(100) == before + 50
    assert clocks.pass_s(7200) == clocks.right - 3600


def test_the_sleep_of_a_machine_is_no_jump(caplog: pytest.LogCaptureFixture) -> None:
    clocks = Clocks()
    assert clocks.pass_s(MONTH_S) == clocks.right
    assert not caplog.records


def test_the_steady_clock_goes_on() -> None:
    clock = steady_clock()
    if hasattr(time, "CLOCK_BOOTTIME"):
        assert abs(clock() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 60
    assert clock() <= clock()


STEPS = st.lists(
    st.tuples(
        st.floats(0, 400),  # seconds that pass
        st.one_of(st.just(0.0), st.floats(-120, 120), st.floats(-4e9, 4e9)),  # how far the wall clock is set then
    ),
    max_size=60,
)


@given(STEPS)
@examples(500)
def test_time_never_goes_backwards_and_never_stands_still(steps: list[tuple[float, float]]) -> None:
    clocks = Clocks()
    before = clocks.told()
    for seconds, clocks.ahead in steps:
        now = clocks.pass_s(seconds)
        assert now >= before + SLOWEST * seconds - 1e-3  # floats of this size are that exact
        before = now


@given(st.lists(st.tuples(st.floats(0, DOUBT_S / 4), st.floats(-4e9, 4e9)), max_size=30))
@examples(500)
def test_no_jump_that_is_over_within_the_doubt_moves_time_by_more_than_a_minute(
    jumps: list[tuple[float, float]],
) -> None:
    clocks = Clocks()
    for seconds, ahead in jumps:
        for clocks.ahead in (ahead, ahead, ahead, 0.0):
            assert abs(clocks.pass_s(seconds) - clocks.right) <= JUMP_S + 1e-3


@given(STEPS, st.floats(-4e9, 4e9))
@examples(500)
def test_a_wall_clock_that_stays_put_is_believed_after_any_jumps(
    steps: list[tuple[float, float]], ahead: float
) -> None:
    clocks = Clocks()
    for seconds, clocks.ahead in steps:
        clocks.pass_s(seconds)
    clocks.ahead = ahead
    clocks.pass_s(0)
    clocks.pass_s(DOUBT_S)
    assert clocks.pass_s(1e11) - (clocks.right + ahead) == pytest.approx(0, abs=JUMP_S + 1)


# Under a system.


async def test_a_jump_of_the_wall_clock_ends_no_parked_run_until_it_has_lasted(autojump_clock: MockClock) -> None:
    ahead = 0.0
    clock = WallClock(lambda: EPOCH + trio.current_time() + ahead, trio.current_time).read
    gates = [Ledger().gated("refund", decision_timeout_s=24 * 3600), Ledger().gated("patient")]
    agent = agent_of(calls(("refund", {}), ("patient", {})), says("done"), tools=gates, parked_ttl_s=30 * 24 * 3600.0)
    async with open_test_system(agent, clock=clock, passivate_after_s=1) as system:
        run = await system.start(agent, "go")
        waiting = await parked(run)
        ahead = MONTH_S
        await trio.sleep(DOUBT_S - 10)  # the sweeper looks each minute
        await run.resume(YES, waiting[1])
        assert await parked(run) == waiting[:1]
        ahead = 0.0
        await trio.sleep(3600)
        assert await parked(run) == waiting[:1]
        ahead = MONTH_S
        await trio.sleep(DOUBT_S + 2 * 60)
        assert (await run.snapshot()).status in ("aborted", "completed")


async def test_a_system_that_is_given_no_clock_guards_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks()
    monkeypatch.setattr(system_module, "time", SimpleNamespace(time=lambda: clocks.right + clocks.ahead))
    monkeypatch.setattr(system_module, "steady_clock", lambda: lambda: clocks.steady)
    agent = agent_of(calls(("refund", {})), tools=[Ledger().gated(decision_timeout_s=3600)])
    async with open_actor_system([agent]) as system:
        run = await system.start(agent, "go")
        (waiting,) = await parked(run)
        clocks.ahead = MONTH_S
        assert (await run.resume(YES, waiting)).tool_call_id == waiting  # not told that it came too late
