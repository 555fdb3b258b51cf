"""The supervisor: restarts, isolation, the order of stopping, and the errors that come out of the block."""

import logging
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal

import pytest
import trio
from echo import echo
from trio.lowlevel import current_statistics
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors.core import (
    Actor,
    ActorCrashed,
    ActorEnded,
    ActorRef,
    ChildSpec,
    Ended,
    Mail,
    Mailbox,
    NameTaken,
    RestartIntensityExceeded,
    open_supervisor,
)


async def deaf(mailbox: Mailbox[Any]) -> None:
    await trio.sleep_forever()


class Interrupt(BaseException):
    """Stands for KeyboardInterrupt, which pytest would handle itself."""


async def outcome_of(call: Callable[[], Awaitable[Any]], outcomes: list[Any]) -> None:
    try:
        outcomes.append(await call())
    except Exception as error:
        outcomes.append(error)


async def test_a_crash_restarts_the_child_and_touches_no_other() -> None:
    begun: list[str] = []

    async def counted(mailbox: Mailbox[Any], name: str) -> None:
        begun.append(name)
        await echo(mailbox)

    specs = [ChildSpec(name, partial(counted, name=name)) for name in ("a", "b", "c")]
    async with open_supervisor(*specs) as supervisor:
        a, b, c = supervisor.children()
        await b.tell(ValueError("boom"))
        assert [await ref.ask(1) for ref in (a, b, c)] == [1, 1, 1]
        assert [ref.statistics().restarts for ref in (a, b, c)] == [0, 1, 0]
        assert supervisor.children() == (a, b, c)
    assert begun == ["a", "b", "c", "b"]


async def test_mail_queued_at_a_crash_is_served_by_the_next_incarnation(nursery: trio.Nursery) -> None:
    async with open_supervisor(ChildSpec("echo", echo)) as supervisor:
        (ref,) = supervisor.children()
        outcomes: list[Any] = []
        for body in (ValueError("boom"), "queued"):
            nursery.start_soon(outcome_of, lambda body=body: ref.ask(body), outcomes)
            await trio.lowlevel.checkpoint()
        await wait_all_tasks_blocked()
        assert "queued" in outcomes
        (crash,) = (error for error in outcomes if error != "queued")
        assert isinstance(crash, ActorCrashed)
        assert str(crash) == "actor 'echo' crashed: ValueError('boom')"


@pytest.mark.parametrize(
    ("restart", "message", "restarts", "ended"),
    [
        ("permanent", None, 1, None),
        ("permanent", ValueError("boom"), 1, None),
        ("transient", None, 0, "normal"),
        ("transient", ValueError("boom"), 1, None),
        ("temporary", None, 0, "normal"),
        ("temporary", ValueError("boom"), 0, "crashed: ValueError('boom')"),
    ],
)
async def test_which_ends_are_restarted(
    restart: Literal["permanent", "transient", "temporary"], message: Any, restarts: int, ended: str | None
) -> None:
    async with open_supervisor(ChildSpec("echo", echo, restart)) as supervisor:
        (ref,) = supervisor.children()
        await ref.tell(message)
        await wait_all_tasks_blocked()
        assert ref.statistics().restarts == restarts
        if ended is None:
            assert ref.is_alive
            assert await ref.ask("alive") == "alive"
        else:
            assert str(await ref.wait_ended()) == ended
            assert supervisor.children() == ()
            with pytest.raises(ActorEnded):
                await ref.ask("dead")


async def test_a_crash_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async with open_supervisor(ChildSpec("echo", echo)) as supervisor:
        await supervisor.children()[0].tell(ValueError("boom"))
        await wait_all_tasks_blocked()
    (record,) = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == (
        "adjourn.actors",
        logging.ERROR,
        "actor 'echo' crashed",
    )
    assert record.exc_text is not None
    assert "in echo" in record.exc_text


async def test_unread_messages_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with open_supervisor(ChildSpec("echo", echo, "temporary")) as supervisor:
        (ref,) = supervisor.children()
        ref.tell_nowait(None)
        ref.tell_nowait("unread")
        await ref.wait_ended()
    assert [record.getMessage() for record in caplog.records] == ["actor 'echo' ended (normal) with 1 messages unread"]


async def test_asking_a_child_that_ends_without_an_answer_fails() -> None:
    async with open_supervisor(ChildSpec("echo", echo, "temporary")) as supervisor:
        (ref,) = supervisor.children()
        with pytest.raises(ActorEnded, match=r"'echo' has ended \(normal\)"):
            await ref.ask(None)


async def test_too_many_restarts_fail_the_supervisor_and_stop_the_rest_in_order() -> None:
    stopped: list[str] = []

    async def tidy(mailbox: Mailbox[Any], name: str) -> None:
        await echo(mailbox)
        stopped.append(name)

    refs: list[ActorRef[Any]] = []

    async def block() -> None:
        specs = [
            ChildSpec("left", partial(tidy, name="left")),
            ChildSpec("bad", echo),
            ChildSpec("right", partial(tidy, name="right")),
        ]
        async with open_supervisor(*specs, max_restarts=2, within_s=5) as supervisor:
            refs.extend(supervisor.children())
            for _ in range(3):
                await refs[1].tell(ValueError("boom"))
            try:
                await trio.sleep_forever()
            finally:
                with pytest.raises(ActorEnded):
                    supervisor.start_child(ChildSpec("late", echo))

    with pytest.raises(RestartIntensityExceeded, match=r"child 'bad' .* after 2 restarts within 5 s") as caught:
        await block()
    assert repr(caught.value.__cause__) == "ValueError('boom')"
    assert stopped == ["right", "left"]
    ends = [await ref.wait_ended() for ref in refs]
    assert [end.how for end in ends] == ["shutdown", "crashed", "shutdown"]


async def test_restarts_outside_the_period_do_not_count(autojump_clock: MockClock) -> None:
    async with open_supervisor(ChildSpec("echo", echo), max_restarts=1, within_s=5) as supervisor:
        (ref,) = supervisor.children()
        for _ in range(4):
            await ref.tell(ValueError("boom"))
            await trio.sleep(5.01)
        assert ref.statistics().restarts == 4


async def test_restarts_within_the_period_do_count(autojump_clock: MockClock) -> None:
    async def block() -> None:
        async with open_supervisor(ChildSpec("echo", echo), max_restarts=1, within_s=5) as supervisor:
            (ref,) = supervisor.children()
            for _ in range(2):
                await ref.tell(ValueError("boom"))
                await trio.sleep(4.99)

    with pytest.raises(RestartIntensityExceeded):
        await block()


async def test_an_error_of_the_body_comes_out_as_it_is() -> None:
    error = KeyError("mine")
    with pytest.raises(KeyError) as caught:
        async with open_supervisor(ChildSpec("echo", echo)):
            raise error
    assert caught.value is error
    assert error.__context__ is None


async def test_a_group_raised_by_the_body_is_not_wrapped_again() -> None:
    with pytest.RaisesGroup(ValueError, match="mine"):
        async with open_supervisor():
            raise ExceptionGroup("mine", [ValueError()])


async def test_an_error_of_the_body_wins_over_the_supervisors_failure() -> None:
    async def block() -> None:
        async with open_supervisor(ChildSpec("echo", echo), max_restarts=0) as supervisor:
            try:
                await supervisor.children()[0].tell(ValueError("boom"))
                await trio.sleep_forever()
            finally:
                raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        await block()
    assert ["the supervisor gave up" in note for note in caught.value.__notes__] == [True]


async def test_children_start_left_to_right_and_stop_right_to_left() -> None:
    steps: list[str] = []

    async def noted(mailbox: Mailbox[Any], name: str) -> None:
        steps.append(f"{name} up")
        await echo(mailbox)
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        steps.append(f"{name} down")

    specs = [ChildSpec(name, partial(noted, name=name)) for name in "abcde"]
    async with open_supervisor(*specs) as supervisor:
        assert [ref.name for ref in supervisor.children()] == list("abcde")
    assert steps == [f"{name} up" for name in "abcde"] + [f"{name} down" for name in "edcba"]


async def test_a_child_asked_to_stop_handles_the_mail_that_is_in() -> None:
    seen: list[int] = []

    async def note(mailbox: Mailbox[int]) -> None:
        async for mail in mailbox:
            await trio.lowlevel.checkpoint()
            seen.append(mail.body)

    async with open_supervisor(ChildSpec("note", note)) as supervisor:
        (ref,) = supervisor.children()
        for n in range(5):
            ref.tell_nowait(n)
    assert seen == [0, 1, 2, 3, 4]
    assert await ref.wait_ended() == Ended("shutdown")


async def test_a_child_that_does_not_stop_is_cancelled_after_its_bound(autojump_clock: MockClock) -> None:
    async def slow_to_clean(mailbox: Mailbox[Any]) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(1, shield=True):
                await trio.sleep(0.5)

    async with open_supervisor(
        ChildSpec("deaf", deaf, shutdown_s=2), ChildSpec("slow", slow_to_clean, shutdown_s=3)
    ) as supervisor:
        refs = supervisor.children()
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(2 + 3 + 0.5)
    assert [await ref.wait_ended() for ref in refs] == [Ended("cancelled")] * 2


async def test_a_child_that_crashes_while_it_stops_is_not_started_again() -> None:
    async def clumsy(mailbox: Mailbox[Any]) -> None:
        await echo(mailbox)
        raise ValueError("in its cleanup")

    async with open_supervisor(ChildSpec("clumsy", clumsy), max_restarts=0) as supervisor:
        (ref,) = supervisor.children()
    assert str(await ref.wait_ended()) == "crashed: ValueError('in its cleanup')"


async def test_a_child_that_crashes_while_its_siblings_stop_is_not_started_again() -> None:
    async def vengeful(mailbox: Mailbox[Any]) -> None:
        await echo(mailbox)
        await left.tell(ValueError("boom"))
        await left.wait_ended()

    async with open_supervisor(ChildSpec("left", echo), ChildSpec("right", vengeful)) as supervisor:
        left, right = supervisor.children()
    assert str(await left.wait_ended()) == "crashed: ValueError('boom')"
    assert await right.wait_ended() == Ended("shutdown")
    assert left.statistics().restarts == 0


async def test_a_cancelled_block_cancels_in_order_without_asking(autojump_clock: MockClock) -> None:
    down: list[str] = []
    crashed: set[str] = set()

    async def noted(mailbox: Mailbox[Any], name: str) -> None:
        if name not in crashed:  # the shield must be there after a restart too
            crashed.add(name)
            raise ValueError("boom")
        try:
            await trio.sleep_forever()
        finally:
            down.append(name)

    began = trio.current_time()
    with trio.move_on_after(1) as scope:
        async with open_supervisor(*[ChildSpec(n, partial(noted, name=n)) for n in "abc"]) as supervisor:
            refs = supervisor.children()
            try:
                await trio.sleep_forever()
            finally:
                assert all(ref.is_alive for ref in refs)  # the body's cleanup comes first
                down.append("body")
    assert scope.cancelled_caught
    assert down == ["body", "c", "b", "a"]
    assert trio.current_time() - began == 1


async def test_a_stop_that_is_cancelled_does_not_hide_the_bodys_error(autojump_clock: MockClock) -> None:
    refs: list[ActorRef[Any]] = []

    async def block() -> None:
        with trio.move_on_after(1):
            async with open_supervisor(ChildSpec("deaf", deaf, shutdown_s=60)) as supervisor:
                refs.extend(supervisor.children())
                raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await block()
    assert trio.current_time() == pytest.approx(1)
    assert await refs[0].wait_ended() == Ended("cancelled")


async def test_an_interrupt_in_a_child_goes_through_the_block_unwrapped() -> None:
    refs: list[ActorRef[Any]] = []

    async def block() -> None:
        async with open_supervisor(ChildSpec("echo", echo), ChildSpec("deaf", deaf)) as supervisor:
            refs.extend(supervisor.children())
            await refs[0].tell(Interrupt())
            await trio.sleep_forever()

    with pytest.raises(Interrupt):
        await block()
    assert [str(await ref.wait_ended()) for ref in refs] == ["crashed: Interrupt()", "cancelled"]


async def test_a_name_is_taken_while_its_child_lives() -> None:
    async with open_supervisor(ChildSpec("echo", echo, "temporary")) as supervisor:
        (ref,) = supervisor.children()
        with pytest.raises(NameTaken, match="'echo'"):
            supervisor.start_child(ChildSpec("echo", deaf))
        await ref.tell(None)
        await ref.wait_ended()
        again = supervisor.start_child(ChildSpec("echo", echo))
        assert await again.ask(1) == 1


async def test_two_specs_with_one_name_are_refused() -> None:
    with pytest.raises(NameTaken):
        async with open_supervisor(ChildSpec("echo", echo), ChildSpec("echo", echo)):
            pytest.fail("the body must not run")


async def test_a_reference_takes_mail_before_its_actor_runs() -> None:
    async with open_supervisor() as supervisor:
        ref = supervisor.start_child(ChildSpec("echo", echo))
        ref.tell_nowait("early")
        assert await ref.ask(1) == 1


async def test_no_child_starts_while_the_supervisor_stops() -> None:
    refused: list[Exception] = []

    async def late(mailbox: Mailbox[Any]) -> None:
        await echo(mailbox)
        try:
            supervisor.start_child(ChildSpec("late", echo))
        except ActorEnded as error:
            refused.append(error)

    async with open_supervisor(ChildSpec("parent", late)) as supervisor:
        pass
    assert len(refused) == 1
    with pytest.raises(ActorEnded):
        supervisor.start_child(ChildSpec("later", echo))


async def test_stopping_one_child_says_how_it_ended_and_leaves_the_others() -> None:
    async with open_supervisor(ChildSpec("a", echo), ChildSpec("b", echo)) as supervisor:
        a, b = supervisor.children()
        assert await supervisor.stop_child("a") == Ended("shutdown")
        assert not a.is_alive
        assert supervisor.children() == (b,)
        assert await supervisor.stop_child("a") is None
        assert await b.ask(1) == 1


async def test_a_cancelled_stop_cancels_the_child_at_once(autojump_clock: MockClock) -> None:
    async with open_supervisor(ChildSpec("deaf", deaf, shutdown_s=60)) as supervisor:
        (ref,) = supervisor.children()
        with trio.move_on_after(1):
            await supervisor.stop_child("deaf")
        assert await ref.wait_ended() == Ended("cancelled")
        assert trio.current_time() == pytest.approx(1)


async def test_a_cancellation_before_the_first_step_is_not_lost() -> None:
    ran: list[str] = []

    async def child(mailbox: Mailbox[Any]) -> None:
        ran.append("child")

    actor = Actor("child", child, Mailbox[Any](1))
    actor.cancel()
    assert await actor.run_once() == Ended("cancelled")
    assert ran == []


async def test_a_child_that_shields_itself_is_stopped_by_its_own_cancel() -> None:
    scope, ends = trio.CancelScope(shield=True), list[str]()

    async def child(mailbox: Mailbox[Any]) -> None:
        with scope:
            await trio.sleep_forever()
        ends.append("in order")

    async with open_supervisor() as supervisor:
        spec = ChildSpec[Any]("child", child, "temporary", shutdown_s=0, cancel=scope.cancel)
        ref = supervisor.start_child(spec)
        await wait_all_tasks_blocked()
        assert ref.is_alive
    assert await ref.wait_ended() == Ended("shutdown")
    assert ends == ["in order"]


async def test_mail_in_the_box_of_a_child_stopped_before_its_first_step_is_handled() -> None:
    async with open_supervisor() as supervisor:
        ref = supervisor.start_child(ChildSpec("echo", echo))
        outcomes: list[Any] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outcome_of, lambda: ref.ask("early"), outcomes)
            await wait_all_tasks_blocked()
            assert await supervisor.stop_child("echo") == Ended("shutdown")
    assert outcomes == ["early"]


async def test_monitors_are_told_when_the_task_is_over(nursery: trio.Nursery) -> None:
    told: list[Ended] = []
    is_over = False

    async def child(mailbox: Mailbox[Any]) -> None:
        nonlocal is_over
        await echo(mailbox)
        await trio.lowlevel.checkpoint()
        is_over = True

    async def monitor(ref: ActorRef[Any]) -> None:
        told.append(await ref.wait_ended())
        assert is_over

    async with open_supervisor(ChildSpec("child", child, "transient")) as supervisor:
        (ref,) = supervisor.children()
        for _ in range(2):
            nursery.start_soon(monitor, ref)
        await ref.tell(ValueError("boom"))
        await wait_all_tasks_blocked()
        assert told == []
        await ref.tell(None)
        await wait_all_tasks_blocked()
        assert told == [Ended("normal")] * 2
        assert await ref.wait_ended() == Ended("normal")


async def test_a_child_that_crashes_at_once_holds_nobody_up() -> None:
    async def hopeless(mailbox: Mailbox[Any]) -> None:
        raise ValueError("boom")

    logging.getLogger("adjourn.actors").disabled = True
    try:
        with trio.move_on_after(60) as scope:
            async with open_supervisor(ChildSpec("hopeless", hopeless), max_restarts=10**9) as supervisor:
                for _ in range(5):
                    await trio.lowlevel.checkpoint()
                assert supervisor.children()[0].statistics().restarts
                scope.cancel()
                await trio.lowlevel.checkpoint()
    finally:
        logging.getLogger("adjourn.actors").disabled = False


async def test_a_supervisor_that_gives_up_is_its_own_supervisors_crash() -> None:
    begun: list[ActorRef[Any]] = []

    async def family(mailbox: Mailbox[Any]) -> None:
        async with open_supervisor(ChildSpec("child", echo), max_restarts=0) as supervisor:
            begun.extend(supervisor.children())
            await echo(mailbox)

    async with open_supervisor(ChildSpec("family", family)) as supervisor:
        (ref,) = supervisor.children()
        await wait_all_tasks_blocked()
        await begun[0].tell(ValueError("boom"))
        await wait_all_tasks_blocked()
        assert await ref.ask("after the restart") == "after the restart"
        assert ref.statistics().restarts == 1
        assert [child.is_alive for child in begun] == [False, True]
    assert await begun[1].wait_ended() == Ended("shutdown")


@pytest.mark.parametrize("seed", range(4))
async def test_every_asker_of_a_crashing_actor_is_answered(seed: int, autojump_clock: MockClock) -> None:
    chance = random.Random(seed)
    outcomes: list[Any] = []

    async def shaky(mailbox: Mailbox[int]) -> None:
        put_off: list[Mail[int]] = []
        async for mail in mailbox:
            put_off.append(mail)
            await trio.sleep(chance.random())
            if chance.random() < 0.1:
                raise ValueError("boom")
            if chance.random() < 0.5:
                while put_off:
                    put_off.pop().reply("served")

    spec = ChildSpec("shaky", shaky, capacity=5)
    async with trio.open_nursery() as askers, open_supervisor(spec, max_restarts=1000) as supervisor:
        (ref,) = supervisor.children()
        for n in range(200):
            askers.start_soon(outcome_of, partial(ref.ask, n), outcomes)
        await trio.sleep(60)
    assert len(outcomes) == 200
    kinds = {type(outcome) for outcome in outcomes}
    assert kinds == {str, ActorCrashed, ActorEnded}


async def test_no_task_is_left() -> None:
    before = current_statistics().tasks_living
    async with open_supervisor(
        *[ChildSpec(str(n), echo if n % 2 else deaf, shutdown_s=0) for n in range(50)]
    ) as family:
        for ref in family.children():
            ref.tell_nowait(ValueError("boom") if ref.name in ("1", "3") else 1)
        await wait_all_tasks_blocked()
    assert current_statistics().tasks_living == before
