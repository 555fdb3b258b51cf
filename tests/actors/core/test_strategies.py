"""Scenarios of OTP's supervisor documentation: strategies, groups, significant children, backoff, trees as data."""

import math
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors.core import (
    ActorCrashed,
    ActorEnded,
    ActorRef,
    Backoff,
    ChildSpec,
    Ended,
    Mailbox,
    RestartIntensityExceeded,
    SupervisorSpec,
    SupervisorStatistics,
    open_supervisor,
)


def boom() -> ValueError:
    return ValueError("boom")


class Log:
    """What actors did, in order: `+a` a started, `-a` a ended."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def run(self, mailbox: Mailbox[Any], name: str) -> None:
        """Echoes; crashes on an exception; returns on None; sleeps on a number, in seconds."""
        self.steps.append(f"+{name}")
        try:
            async for mail in mailbox:
                match mail.body:
                    case BaseException():
                        raise mail.body
                    case None:
                        return
                    case float():
                        await trio.sleep(mail.body)
                    case _:
                        mail.reply(mail.body)
        finally:
            self.steps.append(f"-{name}")

    def spec(self, name: str, **options: Any) -> ChildSpec[Any]:
        return ChildSpec(name, partial(self.run, name=name), **options)

    def since(self) -> str:
        steps, self.steps = self.steps, []
        return " ".join(steps)


@pytest.mark.parametrize(
    ("strategy", "crashing", "steps"),
    [
        ("one_for_one", "b", "-b +b"),
        ("one_for_all", "a", "-a -d -c -b +a +b +c +d"),
        ("one_for_all", "b", "-b -d -c -a +a +b +c +d"),
        ("one_for_all", "d", "-d -c -b -a +a +b +c +d"),
        ("rest_for_one", "a", "-a -d -c -b +a +b +c +d"),
        ("rest_for_one", "b", "-b -d -c +b +c +d"),
        ("rest_for_one", "d", "-d +d"),
    ],
)
async def test_a_strategy_stops_right_to_left_and_starts_left_to_right(
    strategy: Any, crashing: str, steps: str, autojump_clock: MockClock
) -> None:
    log = Log()
    async with open_supervisor(*map(log.spec, "abcd"), strategy=strategy) as supervisor:
        await wait_all_tasks_blocked()
        log.since()
        refs = supervisor.children()
        ref = supervisor.whereis(crashing)
        assert ref is not None
        await ref.tell(boom())
        await trio.sleep(1)
        assert log.since() == steps
        assert supervisor.children() == refs
        assert [await each.ask(1) for each in refs] == [1] * 4
        assert supervisor.statistics() == SupervisorStatistics(children=4, restarts=1, recent_restarts=1)
    assert log.since() == "-d -c -b -a"


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_temporary_siblings_of_a_restarted_child_end(strategy: Any, autojump_clock: MockClock) -> None:
    log = Log()
    specs = [log.spec("a"), log.spec("b", restart="temporary"), log.spec("c", restart="transient")]
    async with open_supervisor(*specs, strategy=strategy) as supervisor:
        a, b, c = supervisor.children()
        await a.tell(boom())
        await trio.sleep(1)
        assert supervisor.children() == (a, c)
        assert await b.wait_ended() == Ended("normal")


async def test_a_transient_child_that_returns_does_not_restart_its_group(autojump_clock: MockClock) -> None:
    log = Log()
    specs = [log.spec("a"), log.spec("b", restart="transient")]
    async with open_supervisor(*specs, strategy="one_for_all") as supervisor:
        a, b = supervisor.children()
        await b.tell(None)
        await trio.sleep(1)
        assert supervisor.children() == (a,)
        assert a.statistics().restarts == 0


async def test_siblings_keep_their_queued_mail_over_a_restart_of_the_group(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    log = Log()
    answers: list[Any] = []

    async def ask(ref: ActorRef[Any], question: Any) -> None:
        answers.append(await ref.ask(question))

    async with open_supervisor(*map(log.spec, "ab"), strategy="one_for_all") as supervisor:
        a, b = supervisor.children()
        await b.tell(0.5)  # busy while the group restarts
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, b, "queued")
        await wait_all_tasks_blocked()
        await a.tell(boom())
        await trio.sleep(1)
        assert answers == ["queued"]
        assert b.statistics().restarts == 1


async def test_an_asker_whose_mail_a_stopped_sibling_had_deferred_gets_an_error(autojump_clock: MockClock) -> None:
    log = Log()
    outcomes: list[str] = []

    async def defers(mailbox: Mailbox[Any]) -> None:
        async for _mail in mailbox:
            pass

    async def ask(ref: ActorRef[Any]) -> None:
        with pytest.raises(ActorCrashed, match="was restarted before it answered") as caught:
            await ref.ask("deferred")
        outcomes.append(str(caught.value))

    async with trio.open_nursery() as nursery:
        async with open_supervisor(log.spec("a"), ChildSpec("b", defers), strategy="one_for_all") as supervisor:
            a, b = supervisor.children()
            nursery.start_soon(ask, b)
            await wait_all_tasks_blocked()
            await a.tell(boom())
            await trio.sleep(1)
            assert len(outcomes) == 1


async def test_a_sibling_that_does_not_stop_is_cancelled_after_its_bound(autojump_clock: MockClock) -> None:
    log = Log()
    specs = [log.spec("a"), log.spec("b", shutdown_s=2)]
    async with open_supervisor(*specs, strategy="one_for_all") as supervisor:
        a, b = supervisor.children()
        await b.tell(100.0)
        await wait_all_tasks_blocked()
        log.since()
        await a.tell(boom())
        await trio.sleep(1.9)
        assert log.since() == "-a"
        await trio.sleep(0.2)
        assert log.since() == "-b +a +b"
        assert await b.ask(1) == 1


async def test_a_crash_to_the_left_widens_a_restart_that_is_under_way(autojump_clock: MockClock) -> None:
    log = Log()
    specs = [log.spec("a"), log.spec("b"), log.spec("c", shutdown_s=10)]
    async with open_supervisor(*specs, strategy="rest_for_one") as supervisor:
        a, b, c = supervisor.children()
        await c.tell(5.0)
        await wait_all_tasks_blocked()
        log.since()
        await b.tell(boom())
        await trio.sleep(1)
        await a.tell(boom())
        await trio.sleep(9)
        assert log.since() == "-b -a -c +a +b +c"
        assert supervisor.statistics().restarts == 2
        assert [await ref.ask(1) for ref in (a, b, c)] == [1, 1, 1]


async def test_a_child_that_crashes_while_its_group_starts_restarts_the_group_anew(autojump_clock: MockClock) -> None:
    log = Log()
    failures = [boom()]

    async def shaky(mailbox: Mailbox[Any]) -> None:
        if log.steps.count("+a") == 2 and failures:
            raise failures.pop()
        await log.run(mailbox, "a")

    async with open_supervisor(ChildSpec("a", shaky), *map(log.spec, "bc"), strategy="one_for_all") as supervisor:
        a, _, c = supervisor.children()
        await c.tell(boom())
        await trio.sleep(1)
        await a.tell(boom())
        await trio.sleep(1)
        assert failures == []
        assert [await ref.ask(1) for ref in supervisor.children()] == [1, 1, 1]
        assert supervisor.statistics().restarts == 3


async def test_a_group_over_the_intensity_fails_the_supervisor_and_stops_in_order(autojump_clock: MockClock) -> None:
    log = Log()

    async def block() -> None:
        specs = map(log.spec, "abc")
        async with open_supervisor(*specs, strategy="one_for_all", max_restarts=1) as supervisor:
            _, b, _ = supervisor.children()
            await wait_all_tasks_blocked()
            log.since()
            for _ in range(2):
                await b.tell(boom())
            await trio.sleep_forever()

    with pytest.raises(RestartIntensityExceeded, match=r"child 'b' .* after 1 restarts"):
        await block()
    assert log.since() == "-b -c -a +a +b -b -a"  # c was not started again


async def test_leaving_the_block_while_a_group_restarts_leaves_no_task(autojump_clock: MockClock) -> None:
    log = Log()
    specs = [log.spec("a"), log.spec("b", shutdown_s=10), log.spec("c")]
    async with open_supervisor(*specs, strategy="one_for_all") as supervisor:
        a, b, _ = supervisor.children()
        await b.tell(3.0)
        await wait_all_tasks_blocked()
        log.since()
        await a.tell(boom())
        await trio.sleep(1)
    assert log.since() == "-a -c -b"
    assert trio.current_time() < 10


async def test_a_child_with_a_cancel_of_its_own_is_refused_in_a_group() -> None:
    async with open_supervisor(strategy="one_for_all") as supervisor:
        with pytest.raises(ValueError, match="it must be temporary"):
            supervisor.start_child(ChildSpec("a", Log().run, cancel=print))
        assert supervisor.children() == ()


@pytest.mark.parametrize(
    ("auto_shutdown", "ends", "is_over"),
    [
        ("any_significant", ["a"], True),
        ("any_significant", ["c"], False),
        ("all_significant", ["a"], False),
        ("all_significant", ["a", "b"], True),
    ],
)
async def test_the_ends_of_significant_children_stop_the_supervisor(
    auto_shutdown: Any, ends: list[str], is_over: bool, autojump_clock: MockClock
) -> None:
    log = Log()
    is_asleep = True
    specs = [log.spec(n, restart="transient", significant=n in "ab") for n in "abc"]
    async with open_supervisor(*specs, auto_shutdown=auto_shutdown) as supervisor:
        for name in ends:
            ref = supervisor.whereis(name)
            assert ref is not None
            await ref.tell(None)
        await trio.sleep(1)
        is_asleep = False
    assert is_asleep == is_over


async def test_a_significant_child_that_crashes_and_restarts_or_is_stopped_stops_nothing(
    autojump_clock: MockClock,
) -> None:
    log = Log()
    spec = log.spec("a", restart="transient", significant=True)
    async with open_supervisor(spec, log.spec("b"), auto_shutdown="any_significant") as supervisor:
        a, _ = supervisor.children()
        await a.tell(boom())
        assert await a.ask(1) == 1
        await supervisor.stop_child("a")
        await trio.sleep(1)
        assert [ref.name for ref in supervisor.children()] == ["b"]


async def test_a_significant_child_that_its_group_stops_stops_nothing(autojump_clock: MockClock) -> None:
    log = Log()
    specs = [log.spec("a"), log.spec("b", restart="temporary", significant=True)]
    async with open_supervisor(*specs, strategy="one_for_all", auto_shutdown="any_significant") as supervisor:
        a, b = supervisor.children()
        await a.tell(boom())
        await trio.sleep(1)
        assert await b.wait_ended() == Ended("normal")
        assert await a.ask(1) == 1


async def test_a_temporary_significant_child_also_stops_the_supervisor_by_a_crash(autojump_clock: MockClock) -> None:
    log = Log()
    is_asleep = True
    spec = log.spec("a", restart="temporary", significant=True)
    async with open_supervisor(spec, log.spec("b"), auto_shutdown="any_significant") as supervisor:
        await supervisor.children()[0].tell(boom())
        await trio.sleep(1)
        is_asleep = False
    assert is_asleep


async def test_a_significant_child_that_ends_before_the_body_begins_cancels_the_body(autojump_clock: MockClock) -> None:
    log = Log()

    async def returns(mailbox: Mailbox[Any]) -> None:
        pass

    specs = [ChildSpec("a", returns, "transient", significant=True), log.spec("b"), log.spec("c")]
    is_asleep = True
    async with open_supervisor(*specs, auto_shutdown="any_significant"):
        await trio.sleep(1)
        is_asleep = False
    assert is_asleep
    assert "+c" not in log.steps


@pytest.mark.parametrize(("auto_shutdown", "restart"), [("never", "transient"), ("any_significant", "permanent")])
async def test_significant_children_that_have_no_effect_are_refused(auto_shutdown: Any, restart: Any) -> None:
    async with open_supervisor(auto_shutdown=auto_shutdown) as supervisor:
        with pytest.raises(ValueError, match="must not be permanent, and needs `auto_shutdown`"):
            supervisor.start_child(Log().spec("a", restart=restart, significant=True))


async def test_a_simple_supervisor_stops_its_children_at_the_same_time(autojump_clock: MockClock) -> None:
    log = Log()
    specs = [log.spec("a", shutdown_s=9), log.spec("b", shutdown_s=1), log.spec("c", shutdown_s=5)]
    ends: dict[str, float] = {}
    async with open_supervisor(*specs, strategy="simple_one_for_one") as supervisor:
        for ref in supervisor.children():
            ref.watch(lambda _ended, _is_final, name=ref.name: ends.update({name: trio.current_time() - left_at}))
            await ref.tell(7.0)
        await wait_all_tasks_blocked()
        left_at = trio.current_time()
    assert {name: round(at, 3) for name, at in ends.items()} == {"b": 1, "c": 5, "a": 7}


async def test_a_simple_supervisor_restarts_the_one_that_crashed(autojump_clock: MockClock) -> None:
    log = Log()
    async with open_supervisor(*map(log.spec, "ab"), strategy="simple_one_for_one") as supervisor:
        await wait_all_tasks_blocked()
        log.since()
        await supervisor.children()[0].tell(boom())
        await trio.sleep(1)
        assert log.since() == "-a +a"


async def test_a_cancelled_simple_supervisor_cancels_its_children_at_once(autojump_clock: MockClock) -> None:
    ends: list[float] = []

    async def slow(mailbox: Mailbox[Any]) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
            ends.append(trio.current_time() - cancelled_at)

    specs = [ChildSpec(name, slow) for name in "abc"]
    with trio.CancelScope() as scope:
        async with open_supervisor(*specs, strategy="simple_one_for_one"):
            await wait_all_tasks_blocked()
            cancelled_at = trio.current_time()
            scope.cancel()
    assert [round(each, 3) for each in ends] == [2, 2, 2]


async def test_backoff_doubles_and_begins_anew_after_a_long_life(autojump_clock: MockClock) -> None:
    started: list[float] = []

    async def hopeless(mailbox: Mailbox[Any]) -> None:
        started.append(trio.current_time())
        await trio.sleep(100 if len(started) == 6 else 0)
        raise boom()

    backoff = Backoff(first_s=1, max_s=8, jitter=0)
    async with open_supervisor(ChildSpec("a", hopeless), max_restarts=99, backoff=backoff):
        await trio.sleep(135)
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(started)]
    assert gaps == [1, 2, 4, 8, 8, 101, 2, 4]


async def test_jitter_only_shortens_a_delay() -> None:
    backoff = Backoff(first_s=1, max_s=10, jitter=0.5)
    assert backoff.delay_s(3, 0.0) == 4
    assert backoff.delay_s(3, 1.0) == 2
    assert backoff.delay_s(10_000, 0.0) == 10


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all"])
async def test_a_delay_before_a_restart_holds_up_no_stop(strategy: Any, autojump_clock: MockClock) -> None:
    log = Log()
    backoff = Backoff(first_s=1000, max_s=1000, jitter=0)
    async with open_supervisor(*map(log.spec, "ab"), strategy=strategy, backoff=backoff) as supervisor:
        a, _ = supervisor.children()
        await a.tell(boom())
        await trio.sleep(5)
        assert log.steps.count("+a") == 1
        assert a.is_alive
    assert trio.current_time() < 6
    assert (await a.wait_ended()).how == "crashed"


async def test_a_child_is_stopped_while_it_waits_for_its_restart(autojump_clock: MockClock) -> None:
    log = Log()
    async with open_supervisor(log.spec("a"), backoff=Backoff(first_s=1000, max_s=1000)) as supervisor:
        (a,) = supervisor.children()
        await a.tell(boom())
        await trio.sleep(5)
        ended = await supervisor.stop_child("a")
        assert ended is not None
        assert ended.how == "crashed"
        assert trio.current_time() < 6


async def test_a_tree_is_declared_as_data_and_opened_in_one_line(autojump_clock: MockClock) -> None:
    log = Log()
    workers = SupervisorSpec("workers", (log.spec("b"), log.spec("c")), strategy="one_for_all")
    async with open_supervisor(log.spec("a"), workers, log.spec("d")) as root:
        below = root.supervisor("workers")
        assert [ref.name for ref in below.children()] == ["b", "c"]
        await wait_all_tasks_blocked()
        assert log.since() == "+a +b +c +d"
        await below.children()[0].tell(boom())
        await trio.sleep(1)
        assert log.since() == "-b -c +b +c"
        below.start_child(log.spec("e"))
        await trio.sleep(1)
        with pytest.raises(TypeError, match=r"use Supervisor\.supervisor"):
            await root.children()[1].ask("hello")
        log.since()
    assert log.since() == "-d -e -c -b -a"
    with pytest.raises(ActorEnded, match="no supervisor named 'workers'"):
        root.supervisor("workers")


@pytest.mark.parametrize("restart", ["permanent", "transient"])
async def test_a_supervisor_below_that_gives_up_is_restarted_then_fails_the_upper_one(
    restart: Any, autojump_clock: MockClock
) -> None:
    log = Log()
    below = SupervisorSpec("below", (log.spec("a"),), max_restarts=0, restart=restart)

    async def block() -> None:
        async with open_supervisor(below, max_restarts=1) as root:
            for _ in range(2):
                await trio.sleep(1)
                await root.supervisor("below").children()[0].tell(boom())
            await trio.sleep_forever()

    with pytest.raises(RestartIntensityExceeded, match=r"'below' ended .*child 'a' ended") as caught:
        await block()
    assert isinstance(caught.value.__cause__, RestartIntensityExceeded)
    assert repr(caught.value.__cause__.__cause__) == "ValueError('boom')"
    assert log.since() == "+a -a +a -a"


async def test_a_supervisor_below_restarts_in_its_upper_ones_group(autojump_clock: MockClock) -> None:
    log = Log()
    below = SupervisorSpec("below", (log.spec("b"), log.spec("c")))
    async with open_supervisor(log.spec("a"), below, strategy="rest_for_one") as root:
        await trio.sleep(1)
        log.since()
        await root.children()[0].tell(boom())
        await trio.sleep(1)
        assert log.since() == "-a -c -b +a +b +c"


async def test_children_to_the_right_of_a_restarted_supervisor_start_after_its_whole_subtree(
    autojump_clock: MockClock,
) -> None:
    log = Log()
    deeper = SupervisorSpec("deeper", (log.spec("c"), log.spec("d")))
    below = SupervisorSpec("below", (log.spec("b"), deeper))
    async with open_supervisor(log.spec("a"), below, log.spec("e"), strategy="rest_for_one") as root:
        await wait_all_tasks_blocked()
        log.since()
        await root.children()[0].tell(boom())
        await trio.sleep(1)
        assert log.since() == "-a -e -d -c -b +a +b +c +d +e"
        await root.restart_child("below")
        assert log.since() == "-d -c -b +b +c +d"


async def test_a_supervisor_that_can_not_start_again_fails_its_group(autojump_clock: MockClock) -> None:
    log = Log()
    is_broken = False

    async def fragile(mailbox: Mailbox[Any]) -> None:
        if is_broken:
            raise boom()
        await log.run(mailbox, "b")

    # The crash comes before its sibling is started, so the supervisor is never up again.
    below = SupervisorSpec("below", (ChildSpec("b", fragile), log.spec("sibling")), max_restarts=0)

    async def block() -> None:
        async with open_supervisor(log.spec("a"), below, log.spec("c"), strategy="one_for_all") as root:
            nonlocal is_broken
            is_broken = True
            await root.children()[0].tell(boom())
            await trio.sleep_forever()

    with pytest.raises(RestartIntensityExceeded, match=r"child 'below' ended .*, after 3 restarts"):
        await block()
    assert log.steps.count("+c") == 1  # it waited for `below`, and never had its turn again


async def test_stopping_a_supervisor_stops_its_subtree_from_right_to_left(autojump_clock: MockClock) -> None:
    log = Log()
    below = SupervisorSpec("below", tuple(map(log.spec, "abc")))
    async with open_supervisor(below, log.spec("d")) as root:
        await wait_all_tasks_blocked()
        log.since()
        assert await root.stop_child("below") == Ended("shutdown")
        assert log.since() == "-c -b -a"
        assert [ref.name for ref in root.children()] == ["d"]


async def test_an_automatic_shutdown_goes_up_through_significant_supervisors(autojump_clock: MockClock) -> None:
    log = Log()
    significant = log.spec("a", restart="transient", significant=True)
    below = SupervisorSpec(
        "below", (significant,), auto_shutdown="any_significant", restart="transient", significant=True
    )
    is_asleep = True
    async with open_supervisor(below, log.spec("b"), auto_shutdown="all_significant") as root:
        await root.supervisor("below").children()[0].tell(None)
        await trio.sleep(1)
        is_asleep = False
    assert is_asleep
    assert log.steps[-1] == "-b"


async def test_automatic_shutdown_of_a_supervisor_below_is_its_normal_end(autojump_clock: MockClock) -> None:
    log = Log()
    significant = log.spec("a", restart="temporary", significant=True)
    below = SupervisorSpec("below", (significant, log.spec("b")), auto_shutdown="any_significant", restart="transient")
    async with open_supervisor(below) as root:
        await trio.sleep(1)
        (ref,) = root.children()
        await root.supervisor("below").children()[0].tell(None)
        assert await ref.wait_ended() == Ended("normal")
        assert log.since() == "+a +b -a -b"


async def test_a_cancelled_block_cancels_the_tree_in_order(autojump_clock: MockClock) -> None:
    log = Log()
    below = SupervisorSpec("below", (log.spec("b"), log.spec("c")))
    with trio.move_on_after(1) as scope:
        async with open_supervisor(log.spec("a"), below, log.spec("d")) as root:
            await trio.sleep(0.5)
            for ref in (*root.children(), *root.supervisor("below").children()):
                if ref.name != "below":
                    await ref.tell(math.inf)
            await trio.sleep(0.1)
            log.since()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert log.since() == "-d -c -b -a"


async def test_a_child_is_restarted_by_name_with_its_mail(autojump_clock: MockClock) -> None:
    log = Log()
    async with open_supervisor(*map(log.spec, "abc"), strategy="one_for_all") as supervisor:
        _, b, _ = refs = supervisor.children()
        await b.tell(1.0)
        await wait_all_tasks_blocked()
        log.since()
        b.tell_nowait(2.0)
        await supervisor.restart_child("b")
        assert log.since() == "-b +b"
        assert supervisor.children() == refs
        assert supervisor.statistics().restarts == 0
        assert await b.ask(1) == 1
        assert trio.current_time() == pytest.approx(3, abs=0.01)
        with pytest.raises(ActorEnded, match="no child named 'x'"):
            await supervisor.restart_child("x")


async def test_restarting_by_name_ends_a_delay(autojump_clock: MockClock) -> None:
    log = Log()
    async with open_supervisor(log.spec("a"), backoff=Backoff(first_s=1000, max_s=1000)) as supervisor:
        (a,) = supervisor.children()
        await a.tell(boom())
        await trio.sleep(5)
        await supervisor.restart_child("a")
        assert await a.ask(1) == 1
        assert trio.current_time() < 6


async def test_replacing_a_child_keeps_its_reference_its_place_and_its_mail(autojump_clock: MockClock) -> None:
    async def doubles(mailbox: Mailbox[Any]) -> None:
        async for mail in mailbox:
            mail.reply(mail.body * 2)

    log = Log()
    async with open_supervisor(*map(log.spec, "ab")) as supervisor:
        a, _ = refs = supervisor.children()
        assert await a.ask(2) == 2
        await supervisor.replace_child(ChildSpec("a", doubles))
        assert await a.ask(2) == 4
        assert supervisor.children() == refs
        with pytest.raises(ValueError, match="must keep `restart`"):
            await supervisor.replace_child(ChildSpec("a", doubles, "transient"))


async def test_one_spec_is_the_template_of_many_children() -> None:
    async def adds(mailbox: Mailbox[int], amount: int) -> None:
        async for mail in mailbox:
            mail.reply(mail.body + amount)

    template = ChildSpec[int]("adds", adds, "transient", capacity=3)
    async with open_supervisor() as supervisor:
        refs = [supervisor.start_child(template.instance(f"adds-{n}", amount=n)) for n in range(3)]
        assert [await ref.ask(10) for ref in refs] == [10, 11, 12]
        assert [ref.statistics().mailbox.capacity for ref in refs] == [3] * 3


async def test_starting_a_supervisor_that_can_not_start_returns_its_ended_reference() -> None:
    log = Log()
    twins = SupervisorSpec("twins", (log.spec("a"), log.spec("a")), restart="temporary")
    async with open_supervisor() as root:
        ref = await root.start_supervisor(twins)
        assert "a child named 'a' is alive" in str(await ref.wait_ended())
        assert root.children() == ()
