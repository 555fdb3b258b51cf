"""What a supervisor starts, as plain data: `ChildSpec` for an actor, `SupervisorSpec` for a supervisor below it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Concatenate, Generic, Literal, TypeAlias

import msgspec

from .backoff import Backoff
from .mail import M
from .mailbox import Mailbox

__all__ = ["AutoShutdown", "ChildSpec", "Restart", "Strategy", "SupervisorSpec"]

Restart: TypeAlias = Literal["permanent", "transient", "temporary"]
"""When a child that ended is started again: after any end; only after a crash; never."""

Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"]
"""Which children a restart concerns: the one that ended; all; that one and those to its right.

`simple_one_for_one` is `one_for_one` for many children that do not depend on each other: all stop at the same time.
"""

GROUPED: tuple[Strategy, ...] = ("one_for_all", "rest_for_one")  # strategies that restart several children as one

AutoShutdown: TypeAlias = Literal["never", "any_significant", "all_significant"]
"""When a supervisor stops by itself: never; when a significant child ends; when the last of them ends."""


class ChildSpec(msgspec.Struct, Generic[M], frozen=True):
    """What to run as a child, and what to do when it ends.

    Attributes:
        name: the child's name, unique among the supervisor's living children.
        start: the actor: called with the mailbox, at each start. Further parameters come from `instance`.
        restart: `permanent`: the child is restarted after any end; `transient`: only after a crash; `temporary`:
            never.
        shutdown_s: seconds the child gets to stop when asked, before it is cancelled. `math.inf`: it is never
            cancelled.
        capacity: messages that its mailbox holds.
        reserved: further messages that its mailbox holds, for completions of the child's own effects.
        cancel: cancels, for good, a child that shields itself: the child must then end soon. May be called before its
            first step. None: the supervisor shields the child and cancels it.
        significant: whether its end can stop the supervisor, as `auto_shutdown` says. Not for permanent children.
    """

    name: str
    start: Callable[Concatenate[Mailbox[M], ...], Awaitable[None]]
    restart: Restart = "permanent"
    shutdown_s: float = 5.0
    capacity: int = 64
    reserved: int = 0
    cancel: Callable[[], None] | None = None
    significant: bool = False

    def instance(self, name: str, /, **arguments: Any) -> ChildSpec[M]:
        """Returns this spec under another name; `start` is called with these keyword arguments too.

        So one spec is the template of many children.
        """
        return msgspec.structs.replace(self, name=name, start=partial(self.start, **arguments))


class SupervisorSpec(msgspec.Struct, frozen=True):
    """A supervisor with its children, to run as a child of another supervisor. Whole trees are declared this way.

    Attributes:
        name: unique among the upper supervisor's living children.
        children: the children of this supervisor, started from left to right.
        strategy: which children a restart concerns, and whether all children stop at the same time.
        max_restarts: with more restarts than this within `within_s` seconds, the supervisor gives up.
        within_s: seconds over which restarts are counted.
        auto_shutdown: which ends of significant children stop this supervisor. It then ends normally; a `permanent` one
            would be restarted.
        backoff: the delay before each restart. None: restarts are immediate.
        alarm_depth: mails waiting in one child's mailbox at which a `DepthAlarm` is reported. None: no alarms.
        restart: whether the upper supervisor restarts this one: after any end; only after a failure; never.
        shutdown_s: seconds for all its children to stop, before they are cancelled. By default each child's own bound
            decides.
        significant: whether its end can stop the upper supervisor. Not for permanent ones.
    """

    name: str
    children: tuple[ChildSpec[Any] | SupervisorSpec, ...] = ()
    strategy: Strategy = "one_for_one"
    max_restarts: int = 3
    within_s: float = 5.0
    auto_shutdown: AutoShutdown = "never"
    backoff: Backoff | None = None
    alarm_depth: int | None = None
    restart: Restart = "permanent"
    shutdown_s: float = math.inf
    significant: bool = False
