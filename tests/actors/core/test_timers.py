"""Timers on the mock clock: once, periodic, cancelled, and at the end of their actor."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from adjourn.actors.core import ActorCrashed, ChildSpec, Mailbox, Timers, open_supervisor, open_timers


async def all_mail(mailbox: Mailbox[str], seen: list[tuple[float, str]]) -> None:
    async for mail in mailbox:
        seen.append((round(trio.current_time(), 3), mail.body))


async def test_a_message_to_oneself_comes_after_its_delay(autojump_clock: MockClock) -> None:
    mailbox = Mailbox[str](4)
    async with open_timers(mailbox) as timers:
        late = timers.send_after(3600, "late")
        timers.send_after(5, "soon")
        assert late.remaining_s == pytest.approx(3600)
        assert (await mailbox.receive()).body == "soon"
        assert trio.current_time() == pytest.approx(5)
        assert (await mailbox.receive()).body == "late"
        assert trio.current_time() == pytest.approx(3600)
        await trio.sleep(1)
        assert late.remaining_s is None


async def test_ticks_do_not_drift(autojump_clock: MockClock) -> None:
    mailbox = Mailbox[str](4)
    came: list[float] = []
    async with open_timers(mailbox) as timers:
        timers.send_every(10, "tick")
        for _ in range(4):
            await mailbox.receive()
            came.append(round(trio.current_time(), 3))
            await trio.sleep(3)
    assert came == [10, 20, 30, 40]


async def test_a_slow_actor_is_not_flooded_with_ticks(autojump_clock: MockClock) -> None:
    mailbox = Mailbox[str](1)
    came: list[float] = []
    async with open_timers(mailbox) as timers:
        tick = timers.send_every(10, "tick")
        await trio.sleep(95)
        assert tick.remaining_s == 0
        for _ in range(4):
            await mailbox.receive()
            came.append(round(trio.current_time(), 3))
    assert came == [95, 95, 100, 110]  # one was in the mailbox, one waited for room, the rest was skipped


async def test_a_cancelled_timer_sends_nothing(autojump_clock: MockClock) -> None:
    mailbox = Mailbox[str](4)
    async with open_timers(mailbox) as timers:
        timer = timers.send_every(10, "tick")
        await trio.sleep(25)
        timer.cancel()
        assert timer.remaining_s is None
        await trio.sleep(100)
        assert mailbox.statistics().waiting_mail == 2


@pytest.mark.parametrize("ends", ["crashes", "is stopped"])
async def test_timers_end_with_the_start_that_opened_them(ends: str, autojump_clock: MockClock) -> None:
    ticks: list[int] = []
    starts = 0

    async def ticking(mailbox: Mailbox[Any]) -> None:
        nonlocal starts
        starts += 1
        async with open_timers(mailbox) as timers:
            if starts == 1:
                timers.send_every(10, "tick")
                timers.send_after(100, "late")
            async for mail in mailbox:
                if mail.body == "crash":
                    raise ValueError("boom")
                ticks.append(starts)

    async with open_supervisor(ChildSpec("ticking", ticking)) as supervisor:
        (ref,) = supervisor.children()
        await trio.sleep(25)
        if ends == "crashes":
            with pytest.raises(ActorCrashed, match=r"crashed: ValueError\('boom'\)"):
                await ref.ask("crash")
        else:
            await supervisor.stop_child("ticking")
        await trio.sleep(1000)
    assert ticks == [1, 1]


async def test_a_timer_of_an_actor_that_is_stopping_ends_in_silence(autojump_clock: MockClock) -> None:
    seen: list[tuple[float, str]] = []

    async def slow(mailbox: Mailbox[str]) -> None:
        async with open_timers(mailbox) as timers:
            timers.send_every(1, "tick")
            await all_mail(mailbox, seen)
            await trio.sleep(3)

    async with open_supervisor(ChildSpec("slow", slow)):
        await trio.sleep(1.5)
    assert seen == [(1, "tick")]


async def test_an_ask_takes_a_deadline_of_trio_and_a_late_answer_is_dropped(autojump_clock: MockClock) -> None:
    async def slow(mailbox: Mailbox[Any]) -> None:
        async for mail in mailbox:
            await trio.sleep(mail.body)
            mail.reply(mail.body)

    async with open_supervisor(ChildSpec("slow", slow)) as supervisor:
        (ref,) = supervisor.children()
        with pytest.raises(trio.TooSlowError):
            with trio.fail_after(2):
                await ref.ask(5)
        assert await ref.ask(1) == 1
        assert trio.current_time() == pytest.approx(6)


@pytest.mark.parametrize("delay", [-1, float("nan")])
async def test_impossible_times_are_refused(delay: float) -> None:
    async with open_timers(Mailbox[str](1)) as timers:
        with pytest.raises(ValueError, match="delay_s must be at least 0"):
            timers.send_after(delay, "never")
        with pytest.raises(ValueError, match="period_s must be positive"):
            timers.send_every(min(delay, 0), "never")


async def test_an_error_of_the_block_comes_out_unwrapped() -> None:
    async def block(timers: Timers[str]) -> None:
        timers.send_after(1, "late")
        await trio.lowlevel.checkpoint()
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        async with open_timers(Mailbox[str](1)) as timers:
            await block(timers)
