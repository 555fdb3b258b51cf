"""A living tree of supervisors and actors as plain data, for those who look at it. `Supervisor.observe` returns it.

What OTP's observer has and this module does not, and why: the memory and the reductions of a process. All actors share
one heap and one thread, and Python counts neither for a task.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal, TypeAlias

import trio

from .actor import Ended
from .child import Restart, SupervisorSpec
from .children import Child, Children
from .faults import bare_error, error_text
from .intensity import Intensity
from .mailbox import MailboxStatistics
from .regroup import Regroup

__all__ = ["ActorState", "RestartLog", "Restarted", "SupervisorView", "TreeNode", "observe"]

KEPT = 16  # restarts that a supervisor remembers
MAX_CAUSE = 200  # characters of a restart's cause
OUR_CODE = ("trio.", __name__.rpartition("tree")[0])  # packages whose frames don't say where an actor waits

ActorState: TypeAlias = Literal["idle", "busy", "restarting", "stopping"]
"""`idle`: it waits for mail; `busy`: it does something else; `restarting`: it is down until its next start; `stopping`:
it was asked to stop."""


@dataclass(frozen=True, slots=True)
class Restarted:
    """One restart of a supervisor's child.

    Attributes:
        name: the child's name.
        at: when the child went down, on trio's clock.
        cause: why, for people, in at most 200 characters: `crashed: ValueError: boom`.
    """

    name: str
    at: float
    cause: str


@dataclass(frozen=True, slots=True)
class TreeNode:
    """An actor or a supervisor at one moment, with everything below it.

    Attributes:
        name: its name, unique among the living children of its supervisor. The first supervisor is called `root`.
        kind: whether it is an actor or a supervisor.
        state: what it does now. A running supervisor is `idle`.
        place: where in the program's code it waits, if not for mail: `fetch (crawler.py:31)`. None: unknown.
        restart: when it is restarted.
        uptime_s: seconds since its last start. None: it is not started.
        restarts: how often it was restarted.
        mailbox: its mailbox. None: a supervisor, which takes no messages.
        children: of a supervisor: its living children, from left to right.
        more: how many further children there are, beyond the limit or the depth.
        restarts_left: of a running supervisor: how many restarts it allows now before it gives up.
        recent: of a supervisor: the latest restarts among its children, oldest first, at most 16.
    """

    name: str
    kind: Literal["actor", "supervisor"]
    state: ActorState
    place: str | None
    restart: Restart
    uptime_s: float | None
    restarts: int
    mailbox: MailboxStatistics | None
    children: tuple[TreeNode, ...] = ()
    more: int = 0
    restarts_left: int | None = None
    recent: tuple[Restarted, ...] = ()


class RestartLog:
    """The latest restarts among the children of one supervisor. Keeps texts, because an exception keeps its frames."""

    def __init__(self) -> None:
        self._kept: deque[Restarted] = deque(maxlen=KEPT)

    def add(self, name: str, ended: Ended, *, on_purpose: bool) -> None:
        """Adds a restart. `on_purpose`: the child was stopped to be restarted, alone or with its group."""
        cause = "restarted with others, or by hand" if on_purpose else ended.how
        if ended.error is not None:
            cause = f"{ended.how}: {error_text(bare_error(ended.error))}"
        self._kept.append(Restarted(name, trio.current_time(), cause[:MAX_CAUSE]))

    def latest(self) -> tuple[Restarted, ...]:
        """Returns what is kept, oldest first."""
        return tuple(self._kept)


@dataclass(frozen=True, slots=True)
class SupervisorView:
    """What a supervisor shows of its inside. `below`: the supervisors among its children, by name; None: down now."""

    spec: SupervisorSpec
    began: float
    children: Children
    regroup: Regroup
    intensity: Intensity
    restarts: RestartLog
    below: Mapping[str, SupervisorView | None]


def observe(root: SupervisorView, limit: int, depth: int) -> TreeNode:
    """Returns the tree below a supervisor: at most `limit` nodes, and at most `depth` levels of children.

    Nodes near the root come first, and among siblings the leftmost. Raises: ValueError.
    """
    if limit < 1 or depth < 0:
        raise ValueError(f"expected limit >= 1 and depth >= 0, not {limit} and {depth}")
    now = trio.current_time()
    shown = _shown(root, limit - 1, depth)
    return _with_children(root, _root(root, now), shown, now)


def _shown(root: SupervisorView, left: int, depth: int) -> dict[int, int]:
    """Returns how many children of each supervisor are shown, by the view's id. Goes level by level."""
    shown: dict[int, int] = {}
    level = [root]
    for _ in range(depth):
        below: list[SupervisorView] = []
        for view in level:
            count = shown[id(view)] = min(len(view.children), left)
            left -= count
            names = islice(view.children, count) if view.below else ()
            below += [each for name in names if (each := view.below.get(name)) is not None]
        level = below
    return shown


def _root(view: SupervisorView, now: float) -> TreeNode:
    return TreeNode(view.spec.name, "supervisor", "idle", None, "temporary", now - view.began, 0, None)


def _with_children(view: SupervisorView, node: TreeNode, shown: Mapping[int, int], now: float) -> TreeNode:
    """Returns a supervisor's node with what is below it."""
    count = shown.get(id(view), 0)
    children: list[TreeNode] = []
    for name, child in islice(view.children.items(), count):
        below = view.below.get(name)
        shown_child = _node(view, child, now)
        children.append(shown_child if below is None else _with_children(below, shown_child, shown, now))
    return replace(
        node,
        children=tuple(children),
        more=len(view.children) - count,
        restarts_left=max(0, view.spec.max_restarts - view.intensity.recent(now)),
        recent=view.restarts.latest(),
    )


def _node(view: SupervisorView, child: Child[Any], now: float) -> TreeNode:
    statistics, name = child.ref.statistics(), child.ref.name
    is_supervisor = name in view.below
    state = _state(view, name, child)
    return TreeNode(
        name,
        "supervisor" if is_supervisor else "actor",
        state,
        None if is_supervisor or child.is_receiving or state == "restarting" else _place(child.task),
        child.spec.restart,
        None if child.began is None or state == "restarting" else now - child.began,
        statistics.restarts,
        None if is_supervisor else statistics.mailbox,
    )


def _state(view: SupervisorView, name: str, child: Child[Any]) -> ActorState:
    if view.regroup.is_down(name):
        return "restarting"
    if child.is_stopping or name in view.regroup.stopped:
        return "stopping"
    return "idle" if child.is_receiving or name in view.below else "busy"


def _place(task: trio.lowlevel.Task | None) -> str | None:
    """Returns where in the program's code a task waits: its innermost frame outside of trio and this package."""
    frames = () if task is None else tuple(task.iter_await_frames())
    for frame, line in reversed(frames):
        if not f"{frame.f_globals.get('__name__')}.".startswith(OUR_CODE):
            code = frame.f_code
            return f"{code.co_name} ({os.path.basename(code.co_filename)}:{line})"
    return None
