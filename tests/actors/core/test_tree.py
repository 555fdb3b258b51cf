"""A supervisor's living tree as plain data."""

from typing import Any

import pytest
import trio
from echo import echo
from trio.testing import wait_all_tasks_blocked

from adjourn.actors.core import Backoff, ChildSpec, Mailbox, SupervisorSpec, TreeNode, open_supervisor


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


async def sleeper(mailbox: Mailbox[Any]) -> None:
    async for _ in mailbox:
        await trio.sleep(60)


def child(node: TreeNode, name: str) -> TreeNode:
    """The child of this name."""
    (found,) = (each for each in node.children if each.name == name)
    return found


async def test_the_tree_has_actors_and_supervisors_in_order_with_their_state(autojump_clock: Any) -> None:
    below = SupervisorSpec("below", (ChildSpec("sleeper", sleeper, "transient", capacity=3),))
    async with open_supervisor(ChildSpec("echo", echo), below) as root:
        (ref,) = root.supervisor("below").children()
        for body in "abc":
            await ref.tell(body)
        await wait_all_tasks_blocked()
        await trio.sleep(5)
        tree = root.observe()
        assert (tree.name, tree.kind, tree.state, tree.uptime_s, tree.mailbox) == (
            "root",
            "supervisor",
            "idle",
            5,
            None,
        )
        assert [each.name for each in tree.children] == ["echo", "below"]
        idle, supervisor = tree.children
        assert (idle.kind, idle.state, idle.place, idle.restart) == ("actor", "idle", None, "permanent")
        assert (supervisor.kind, supervisor.state, supervisor.restarts_left) == ("supervisor", "idle", 3)
        busy = child(supervisor, "sleeper")
        assert (busy.state, busy.restart, busy.uptime_s) == ("busy", "transient", 5)
        assert busy.place is not None
        assert busy.place.startswith("sleeper (test_tree.py:")
        assert busy.mailbox is not None
        assert (busy.mailbox.waiting_mail, busy.mailbox.capacity) == (2, 3)


async def test_restarts_are_shown_with_their_cause_and_time(autojump_clock: Any) -> None:
    async with open_supervisor(ChildSpec("echo", echo)) as root:
        (ref,) = root.children()
        began = trio.current_time()
        await trio.sleep(2)
        await ref.tell(ValueError("boom"))
        await trio.sleep(3)
        await root.restart_child("echo")
        await ref.tell(None)
        await wait_all_tasks_blocked()
        tree = root.observe()
        assert [(each.name, each.at - began, each.cause) for each in tree.recent] == [
            ("echo", 2, "crashed: ValueError: boom"),
            ("echo", 5, "restarted with others, or by hand"),
            ("echo", 5, "normal"),
        ]
        assert tree.restarts_left == 1  # a restart by hand does not count
        assert child(tree, "echo").restarts == 3
        assert child(tree, "echo").uptime_s == 0


async def test_only_the_latest_restarts_are_kept_and_their_causes_are_short() -> None:
    async with open_supervisor(ChildSpec("echo", echo), max_restarts=100) as root:
        (ref,) = root.children()
        for error in (*[ValueError(f"{n} {'x' * 5000}") for n in range(20)], Unprintable()):
            await ref.tell(error)
        await wait_all_tasks_blocked()
        recent = root.observe().recent
        assert len(recent) == 16
        assert recent[-1].cause == "crashed: Unprintable"
        assert all(len(each.cause) <= 200 for each in recent)


async def test_a_child_that_waits_for_its_restart_is_restarting(autojump_clock: Any) -> None:
    below = SupervisorSpec("below", (ChildSpec("worker", echo),), max_restarts=0)
    backoff = Backoff(first_s=10, jitter=0)
    async with open_supervisor(ChildSpec("echo", echo), below, backoff=backoff) as root:
        for ref in (root.children()[0], root.supervisor("below").children()[0]):
            await ref.tell(ValueError())
        await trio.sleep(5)
        for name, kind in (("echo", "actor"), ("below", "supervisor")):
            down = child(root.observe(), name)
            assert (down.state, down.kind, down.uptime_s, down.children) == ("restarting", kind, None, ())
        await trio.sleep(10)
        up = root.observe()
        assert [each.state for each in up.children] == ["idle", "idle"]
        assert child(up, "below").restarts == 1
        assert child(child(up, "below"), "worker").restarts == 0


async def test_an_actor_that_was_asked_to_stop_is_stopping() -> None:
    async with open_supervisor(ChildSpec("sleeper", sleeper, shutdown_s=60)) as root:
        (ref,) = root.children()
        await ref.tell("sleep")
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(root.stop_child, "sleeper")
            await wait_all_tasks_blocked()
            stopping = child(root.observe(), "sleeper")
            assert stopping.state == "stopping"
            assert "test_tree.py" in str(stopping.place)
            nursery.cancel_scope.cancel()
        await ref.wait_ended()
        assert root.observe().children == ()


async def test_an_actor_can_observe_its_own_tree() -> None:
    async def looks(mailbox: Mailbox[Any]) -> None:
        async for mail in mailbox:
            mail.reply(root.observe())

    async with open_supervisor(ChildSpec("looks", looks)) as root:
        (ref,) = root.children()
        assert child(await ref.ask("look"), "looks").state == "busy"


@pytest.mark.parametrize(
    ("limit", "depth", "shown"),
    [
        (100, 32, "root(0 first(0 a b) second(0 a b))"),
        (5, 32, "root(0 first(0 a b) second(2))"),
        (4, 32, "root(0 first(1 a) second(2))"),
        (2, 32, "root(1 first(2))"),
        (1, 32, "root(2)"),
        (100, 1, "root(0 first(2) second(2))"),
        (100, 0, "root(2)"),
    ],
)
async def test_the_tree_is_cut_at_the_limit_and_the_depth(limit: int, depth: int, shown: str) -> None:
    children = (ChildSpec("a", echo), ChildSpec("b", echo))
    async with open_supervisor(SupervisorSpec("first", children), SupervisorSpec("second", children)) as root:
        assert drawn(root.observe(limit=limit, depth=depth)) == shown


async def test_a_limit_below_one_is_refused() -> None:
    async with open_supervisor() as root:
        for options in ({"limit": 0}, {"depth": -1}):
            with pytest.raises(ValueError, match="expected limit >= 1 and depth >= 0"):
                root.observe(**options)


def drawn(node: TreeNode) -> str:
    if node.kind == "actor":
        return node.name
    return f"{node.name}({' '.join([str(node.more), *map(drawn, node.children)])})"
