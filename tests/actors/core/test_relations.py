"""Scenarios of Erlang's documentation of monitors, links and registered names."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import trio
from echo import echo
from trio.testing import MockClock, wait_all_tasks_blocked

from adjourn.actors.core import (
    ActorEnded,
    ActorRef,
    ChildSpec,
    Down,
    Ended,
    LinkBroken,
    Mailbox,
    Monitors,
    Names,
    NameTaken,
    open_link,
    open_monitors,
    open_supervisor,
)


class Watching:
    """An actor that monitors others and keeps what it is told."""

    def __init__(self) -> None:
        self.downs: list[Down] = []
        self.monitors: Monitors

    async def run(self, mailbox: Mailbox[Any]) -> None:
        with open_monitors(mailbox) as self.monitors:
            async for mail in mailbox:
                if isinstance(mail.body, Down):
                    self.downs.append(mail.body)
                elif isinstance(mail.body, Exception):
                    raise mail.body

    def seen(self) -> list[tuple[str, str, bool]]:
        return [(down.ref.name, down.ended.how, down.is_final) for down in self.downs]


Opened = Callable[[list[ActorRef[Any]], Watching], Awaitable[None]]


async def in_a_tree(check: Opened, restart: Any = "transient") -> None:
    """Runs `check` with three echoing children and a watching one."""
    watching = Watching()
    specs = [ChildSpec(name, echo, restart) for name in "abc"]
    async with open_supervisor(ChildSpec("watching", watching.run), *specs, max_restarts=9) as supervisor:
        await wait_all_tasks_blocked()
        await check(list(supervisor.children()), watching)


@pytest.mark.parametrize(
    ("restart", "message", "how"),
    [("transient", None, "normal"), ("temporary", None, "normal"), ("temporary", ValueError(), "crashed")],
)
async def test_a_monitor_tells_how_an_actor_ended_once(restart: Any, message: Any, how: str) -> None:
    async def check(refs: list[ActorRef[Any]], watching: Watching) -> None:
        watching.monitors.add(refs[1])
        await refs[1].tell(message)
        await wait_all_tasks_blocked()
        assert watching.seen() == [("a", how, True)]
        assert watching.monitors.refs() == ()

    await in_a_tree(check, restart)


async def test_a_restart_is_no_end_unless_the_monitor_asks_for_restarts() -> None:
    async def check(refs: list[ActorRef[Any]], watching: Watching) -> None:
        _, a, b, _ = refs
        watching.monitors.add(a)
        watching.monitors.add(b, restarts=True)
        for ref in (a, b):
            await ref.tell(ValueError("boom"))
            await ref.tell(None)
            await ref.wait_ended()
        await wait_all_tasks_blocked()
        assert watching.seen() == [("a", "normal", True), ("b", "crashed", False), ("b", "normal", True)]

    await in_a_tree(check)


async def test_a_monitor_of_an_actor_that_is_gone_tells_at_once_how_it_ended() -> None:
    async def check(refs: list[ActorRef[Any]], watching: Watching) -> None:
        await refs[1].tell(None)
        await refs[1].wait_ended()
        watching.monitors.add(refs[1])
        await wait_all_tasks_blocked()
        assert watching.seen() == [("a", "normal", True)]
        assert watching.monitors.refs() == ()

    await in_a_tree(check)


async def test_a_removed_monitor_tells_nothing_and_a_repeated_one_tells_once() -> None:
    async def check(refs: list[ActorRef[Any]], watching: Watching) -> None:
        _, a, b, _ = refs
        for ref in (a, a, b):
            watching.monitors.add(ref)
        watching.monitors.remove(b)
        for ref in (a, b):
            await ref.tell(None)
            await ref.wait_ended()
        await wait_all_tasks_blocked()
        assert watching.seen() == [("a", "normal", True)]

    await in_a_tree(check)


async def test_monitors_end_with_the_start_that_opened_them() -> None:
    async def check(refs: list[ActorRef[Any]], watching: Watching) -> None:
        watching.monitors.add(refs[1])
        await refs[0].tell(ValueError("boom"))
        await wait_all_tasks_blocked()
        assert refs[0].statistics().restarts == 1
        await refs[1].tell(None)
        await refs[1].wait_ended()
        await wait_all_tasks_blocked()
        assert watching.seen() == []

    await in_a_tree(check)


async def test_a_down_needs_no_room_in_the_mailbox() -> None:
    mailbox = Mailbox[Any](1)
    async with open_supervisor(*[ChildSpec(n, echo, "temporary") for n in "ab"]) as supervisor:
        with open_monitors(mailbox) as monitors:
            for ref in supervisor.children():
                monitors.add(ref)
            mailbox.put_nowait("full")
            for ref in supervisor.children():
                await ref.tell(None)
                await ref.wait_ended()
            assert mailbox.statistics().waiting_mail == 3
            received = [mailbox.receive_nowait().body for _ in range(3)]
            assert [getattr(body, "ended", body) for body in received] == ["full", Ended("normal"), Ended("normal")]
            statistics = mailbox.statistics()
            assert (statistics.waiting_mail, statistics.reserved) == (0, 0)


async def linked(ref: ActorRef[Any], outcomes: list[str]) -> None:
    try:
        with open_link(ref):
            await trio.sleep_forever()
    except LinkBroken as error:
        outcomes.append(str(error))


@pytest.mark.parametrize(
    ("restart", "message", "outcomes"),
    [
        ("temporary", None, []),
        ("permanent", None, ["actor 'a' ended (normal)"]),
        ("temporary", ValueError("boom"), ["actor 'a' ended (crashed: ValueError('boom'))"]),
        ("permanent", ValueError("boom"), ["actor 'a' ended (crashed: ValueError('boom'))"]),
    ],
)
async def test_which_ends_break_a_link(restart: Any, message: Any, outcomes: list[str], nursery: trio.Nursery) -> None:
    seen: list[str] = []
    async with open_supervisor(ChildSpec("a", echo, restart)) as supervisor:
        (ref,) = supervisor.children()
        nursery.start_soon(linked, ref, seen)
        await wait_all_tasks_blocked()
        await ref.tell(message)
        await wait_all_tasks_blocked()
        assert seen == outcomes
    await wait_all_tasks_blocked()
    assert seen == outcomes
    nursery.cancel_scope.cancel()


async def test_stopping_an_actor_breaks_its_links(nursery: trio.Nursery) -> None:
    seen: list[str] = []
    async with open_supervisor(ChildSpec("a", echo)) as supervisor:
        nursery.start_soon(linked, supervisor.children()[0], seen)
        await wait_all_tasks_blocked()
        await supervisor.stop_child("a")
        await wait_all_tasks_blocked()
        assert seen == ["actor 'a' ended (shutdown)"]


async def test_a_link_to_an_actor_that_is_gone_is_broken_at_once() -> None:
    async with open_supervisor(ChildSpec("a", echo, "temporary")) as supervisor:
        (ref,) = supervisor.children()
        await ref.tell(None)
        await ref.wait_ended()
        with pytest.raises(LinkBroken, match="'a' had ended before"), open_link(ref):
            pytest.fail("the block must not run")


async def test_a_linked_actor_crashes_too_and_its_supervisor_restarts_it() -> None:
    refs: list[ActorRef[Any]] = []

    async def depends(mailbox: Mailbox[Any]) -> None:
        with open_link(refs[0]):
            await echo(mailbox)

    async with open_supervisor(ChildSpec("a", echo)) as supervisor:
        refs.extend(supervisor.children())
        b = supervisor.start_child(ChildSpec("b", depends))
        assert await b.ask(1) == 1
        await refs[0].tell(ValueError("boom"))
        await wait_all_tasks_blocked()
        assert await b.ask(2) == 2
        assert b.statistics().restarts == 1


async def test_an_error_of_a_linked_block_comes_out_as_it_is() -> None:
    async def block(ref: ActorRef[Any]) -> None:
        with open_link(ref):
            await ref.tell(ValueError("boom"))
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError("mine")

    async with open_supervisor(ChildSpec("a", echo)) as supervisor:
        with pytest.raises(KeyError, match="mine"):
            await block(supervisor.children()[0])


async def test_names_are_unique_live_over_restarts_and_are_freed_at_the_end() -> None:
    names = Names()
    async with open_supervisor(*[ChildSpec(n, echo, "transient") for n in "ab"]) as supervisor:
        a, b = supervisor.children()
        names.register("clock", a)
        names.register("time", a)
        assert (names.whereis("clock"), names.whereis("nobody")) == (a, None)
        assert names.registered() == ("clock", "time")
        with pytest.raises(NameTaken, match="'clock' belongs to <ActorRef 'a' alive>"):
            names.register("clock", b)
        await a.tell(ValueError("boom"))
        assert await a.ask(1) == 1
        assert names.whereis("clock") is a
        await a.tell(None)
        await a.wait_ended()
        assert names.registered() == ()
        names.register("clock", b)
        with pytest.raises(ActorEnded, match="can't be named 'late'"):
            names.register("late", a)
        names.unregister("clock")
        names.unregister("clock")
        assert names.whereis("clock") is None
    assert names.registered() == ()


async def test_a_name_given_anew_is_not_freed_by_its_first_owner() -> None:
    names = Names()
    async with open_supervisor(*[ChildSpec(n, echo, "transient") for n in "ab"]) as supervisor:
        a, b = supervisor.children()
        names.register("clock", a)
        names.unregister("clock")
        names.register("clock", b)
        await a.tell(None)
        await a.wait_ended()
        assert names.whereis("clock") is b


async def test_a_supervisor_finds_its_children_by_name() -> None:
    async with open_supervisor(ChildSpec("a", echo)) as supervisor:
        assert supervisor.whereis("a") is supervisor.children()[0]
        assert supervisor.whereis("b") is None
        await supervisor.stop_child("a")
        assert supervisor.whereis("a") is None


async def test_a_cancelled_waiter_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    async with open_supervisor(ChildSpec("a", echo)) as supervisor:
        (ref,) = supervisor.children()
        with trio.move_on_after(1):
            await ref.wait_ended()
        block: AbstractContextManager[None] = open_link(ref)
        with block:
            pass
        assert ref._watchers is None  # pyright: ignore[reportPrivateUsage]
