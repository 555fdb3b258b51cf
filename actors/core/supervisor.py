"""The supervisor: child specs as data, limited restarts, and an orderly stop.

Works like OTP's supervisor. This module has what users call; `child.py` has the specs, `restarter.py` runs the
children. Knows nothing of agents, runs or stores.

What OTP has and this module does not, and why:

- A spec that outlives its child (OTP's `delete_child`, `restart_child` of a stopped child): a spec is a value, which
  the program keeps if it wants to start it again. So a name is free as soon as its child ended for good, and a
  transient child that ended normally is not started again when its group restarts.
- The template of `simple_one_for_one`: `ChildSpec.instance` makes many children from one spec, under any strategy. So
  `stop_child` and `restart_child` work here by name too. As in OTP, the children stop at the same time.
- `brutal_kill`: trio can't stop a task that shields itself from cancellation, and nothing here pretends to.
  `shutdown_s=0` cancels at once, and then waits.
- The reason `shutdown` of a supervisor that gives up, after which OTP does not restart a transient one: here giving up
  is a crash, so `permanent` and `transient` supervisors are restarted.
- Mail lost at a crash: the mailbox belongs to the reference, so the next start reads what was queued. Only the message
  in hand is lost, and its asker is told.
- `init`, its failure and its `ignore`: an actor is one function, and has no separate start phase. A crash before the
  first message counts like any other, and an actor that has nothing to do returns.
- `check_childspecs`, `type` and `modules`: specs are typed, and `start_child` refuses those that do not fit.
- `which_children`, `count_children` and `get_childspec`: `children()` and `statistics()` tell of the living children,
  and the program has the specs.
- `hibernate` and `code_change`: an actor here has no heap of its own to shrink, and `replace_child` changes the code
  of a living child.
- Distribution: references are valid in one trio loop only.

The defaults are OTP's, except `max_restarts`: 3 in place of 1, as many children share one supervisor here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio

from .actor import ActorRef, Ended
from .backoff import Backoff
from .child import GROUPED, AutoShutdown, ChildSpec, Strategy, SupervisorSpec
from .children import Child
from .depth import AlarmedMailbox
from .errors import ActorEnded, NameTaken, RestartIntensityExceeded
from .loops import IN_THREAD, check_trio
from .mail import M
from .mailbox import Mailbox
from .reports import ReportReader, Reports
from .restarter import Restarter
from .tree import SupervisorView, TreeNode, observe

__all__ = ["ChildSpec", "Supervisor", "SupervisorStatistics", "open_supervisor"]


@dataclass(frozen=True, slots=True)
class SupervisorStatistics:
    """A supervisor's state at one moment.

    Attributes:
        children: living children; supervisors below count as one each.
        restarts: restarts so far. A group that restarts as one counts once; `restart_child` does not count.
        recent_restarts: restarts in the period that decides whether the supervisor gives up.
    """

    children: int
    restarts: int
    recent_restarts: int


class Supervisor:
    """The children of one `open_supervisor` block."""

    def __init__(self, restarter: Any, spec: SupervisorSpec, reports: Reports) -> None:
        self._restarter: Restarter = restarter  # runs the children
        self._spec, self._reports = spec, reports  # the reports are shared with the whole tree
        self._children, self._regroup = self._restarter.children, self._restarter.regroup
        self._below: dict[str, Supervisor | None] = {}  # supervisors that are children; None: down now
        self._began = trio.current_time()

    # Children

    def start_child(self, spec: ChildSpec[M]) -> ActorRef[M]:
        """Starts a child, to the right of all others. Its reference takes mail at once.

        The child sees the context variables of the task that opened the supervisor, no matter which task starts it.

        Raises: NameTaken; ActorEnded if the supervisor is stopping; ValueError if the spec does not fit.
        """
        if self._restarter.is_stopping:
            raise ActorEnded("the supervisor is stopping")
        if spec.name in self._children:
            raise NameTaken(f"a child named {spec.name!r} is alive")
        if spec.significant or self._spec.strategy in GROUPED:
            self._check(spec)
        mailbox: Mailbox[M]
        mailbox = Mailbox(spec.capacity, spec.reserved) if self._spec.alarm_depth is None else self._alarmed(spec)
        child = Child(spec, mailbox)
        self._restarter.start(child)
        return child.ref

    async def start_supervisor(self, spec: SupervisorSpec) -> ActorRef[Any]:
        """Starts a supervisor as a child, and returns once all its children are started. `supervisor(name)` gives
        access to it.

        If it gives up, that is its crash: this supervisor restarts it with all its children, or gives up too. As in
        OTP, when a group restarts, the children to its right start after its whole subtree. If this call is cancelled,
        the supervisor stays.

        Raises: NameTaken, ActorEnded, ValueError as `start_child`.
        """
        run = partial(self._run_below, spec)
        child = ChildSpec[Any](spec.name, run, spec.restart, spec.shutdown_s, capacity=1, significant=spec.significant)
        ref = self.start_child(child)
        self._below[spec.name] = None
        ref.watch(lambda _ended, is_final: self._below.pop(spec.name, None) if is_final else None)
        self._regroup.down(spec.name)
        await self._regroup.wait_started(spec.name)
        return ref

    async def stop_child(self, name: str) -> Ended | None:
        """Asks a child to stop, cancels it after its `shutdown_s`, and returns how it ended, once its task is over.

        Its name is free then. None if there is no living child of that name. If this call is cancelled, cancels the
        child and waits no longer.
        """
        child = self._children.get(name)
        if child is None:
            await trio.lowlevel.checkpoint()
            return None
        child.ask_to_stop()
        self._regroup.wake(name)
        return await child.stop(child.spec.shutdown_s)

    async def restart_child(self, name: str) -> None:
        """Stops a living child and starts it again, with the same reference, mailbox and place; others go on.

        Returns when it runs again. It handles the message in hand, gets `shutdown_s` seconds to return, and is then
        cancelled; what is in its mailbox stays there. Does not count as a restart that can fail the supervisor. If this
        call is cancelled, the child is restarted all the same.

        Raises: ActorEnded if there is no such child, or it ends meanwhile; ValueError if the child shields itself or is
            temporary.
        """
        child = self._found(name)
        if child.spec.cancel is not None or child.spec.restart == "temporary":
            raise ValueError(f"child {name!r} is temporary or cancels itself, so it can't be restarted")
        self._restarter.restart([name])
        await self._regroup.wait_started(name)
        if not child.ref.is_alive:
            raise ActorEnded(f"child {name!r} ended before it was restarted")

    async def replace_child(self, spec: ChildSpec[Any]) -> None:
        """Restarts the child of this name as `restart_child` does, and from then on with this spec.

        The mailbox stays as it is, so `capacity` and `reserved` of the spec have no effect.

        Raises: ActorEnded, ValueError as `restart_child`.
        """
        child = self._found(spec.name)
        old = child.spec
        if spec.cancel is not None or (spec.significant, spec.restart) != (old.significant, old.restart):
            raise ValueError(f"child {spec.name!r} must keep `restart` and `significant`, and have no `cancel`")
        child.spec = spec
        child.replace_start(spec.start)
        await self.restart_child(spec.name)

    # Looking

    def children(self) -> tuple[ActorRef[Any], ...]:
        """Returns the living children, from left to right. The name of a child that ended for good is free at once."""
        return tuple(child.ref for child in self._children.values())

    def whereis(self, name: str) -> ActorRef[Any] | None:
        """Returns the living child of this name, if there is one. `Names` has names for a whole tree."""
        child = self._children.get(name)
        return None if child is None else child.ref

    def supervisor(self, name: str) -> Supervisor:
        """Returns the supervisor that runs as the child of this name. After its restart, this is another one.

        Raises: ActorEnded if none runs now.
        """
        below = self._below.get(name)
        if below is None:
            raise ActorEnded(f"no supervisor named {name!r} runs now")
        return below

    def open_reports(self, capacity: int = 256) -> AbstractContextManager[ReportReader]:
        """Opens a reader of the dead letters and depth alarms of the whole tree, from now on, until the block ends.

        Up to `capacity` reports wait for the reader; then the oldest is dropped, and `missed` counts it. So a slow
        reader holds nobody up. Raises: ValueError.
        """
        return self._reports.open_reader(capacity)

    def observe(self, *, limit: int = 1000, depth: int = 32) -> TreeNode:
        """Returns the living tree of this supervisor as plain data: states, mailboxes, restarts with their causes.

        At most `limit` nodes and `depth` levels of children: those near the root come first, and the leftmost among
        siblings. Each supervisor says how many more it has. The cost grows with the nodes, and nothing waits. To follow
        the tree, call this again.

        Raises: ValueError.
        """
        return observe(self._view(), limit, depth)

    def statistics(self) -> SupervisorStatistics:
        """Returns the supervisor's current state."""
        intensity = self._restarter.intensity
        return SupervisorStatistics(len(self._children), intensity.total, intensity.recent(trio.current_time()))

    # Inside

    def _view(self) -> SupervisorView:
        below = {name: each and each._view() for name, each in self._below.items()}
        return SupervisorView(
            self._spec,
            self._began,
            self._children,
            self._regroup,
            self._restarter.intensity,
            self._restarter.log,
            below,
        )

    def _found(self, name: str) -> Child[Any]:
        if name not in self._children:
            raise ActorEnded(f"no child named {name!r} is alive")
        return self._children[name]

    def _check(self, spec: ChildSpec[Any]) -> None:
        if spec.significant and (spec.restart == "permanent" or self._spec.auto_shutdown == "never"):
            raise ValueError(f"significant child {spec.name!r}: it must not be permanent, and needs `auto_shutdown`")
        if spec.cancel is not None and spec.restart != "temporary" and self._spec.strategy in GROUPED:
            raise ValueError(f"child {spec.name!r} has `cancel`, so a group can't restart it: it must be temporary")

    def _alarmed(self, spec: ChildSpec[M]) -> Mailbox[M]:
        depth = self._spec.alarm_depth
        assert depth is not None
        return AlarmedMailbox(spec.capacity, spec.reserved, name=spec.name, alarm_depth=depth, report=self._reports.put)

    async def _run_below(self, spec: SupervisorSpec, mailbox: Mailbox[Any]) -> None:
        """The actor that is a supervisor: runs until it is asked to stop."""
        async with _opened(spec, self._reports) as supervisor:
            self._below[spec.name] = supervisor
            self._regroup.up(spec.name)
            try:
                async for mail in mailbox:
                    mail.fail(TypeError("a supervisor takes no messages; use Supervisor.supervisor(name)"))
            finally:
                self._below[spec.name] = None
                self._regroup.down(spec.name)


@asynccontextmanager
async def open_supervisor(
    *specs: ChildSpec[Any] | SupervisorSpec,
    strategy: Strategy = "one_for_one",
    max_restarts: int = 3,
    within_s: float = 5.0,
    auto_shutdown: AutoShutdown = "never",
    backoff: Backoff | None = None,
    alarm_depth: int | None = None,
) -> AsyncGenerator[Supervisor]:
    """Opens a supervisor with these children, started from left to right. Each reaches its first checkpoint before the
    next one starts; a supervisor among them has started all its children by then. The options are those of
    `SupervisorSpec`, which declares a supervisor below this one.

    Leaving the block stops the children from right to left, one after the other: each is asked to stop, gets its
    `shutdown_s` seconds to finish its mail and return, and is then cancelled. With the strategy `simple_one_for_one`
    all children stop at the same time. If the block is cancelled, its body ends first, then the children are cancelled
    in the same order without being asked. A child that shields itself may take any time. No task is left after the
    block.

    `strategy` says which children a restart concerns. Those that did not crash are asked to end, keep the mail that
    they have not received, are cancelled after their `shutdown_s`, and are started again from left to right; temporary
    ones end. With `backoff`, there is a delay before each restart.

    After more than `max_restarts` restarts in `within_s` seconds, counted over all children, the supervisor fails: it
    cancels the body, stops the children in order and raises RestartIntensityExceeded. If the body raises an error of
    its own, that error comes out instead.

    `auto_shutdown`: when a significant child ends by itself and is not restarted, the supervisor cancels the body,
    stops the children in order, and leaves the block without an error.

    Raises: NameTaken if two specs have the same name; ValueError if a spec does not fit; RestartIntensityExceeded.
    """
    flags = SupervisorSpec(
        "root",
        specs,
        strategy,
        max_restarts,
        within_s,
        auto_shutdown,
        backoff,
        alarm_depth,
    )
    async with _opened(flags, Reports()) as supervisor:
        yield supervisor


@asynccontextmanager
async def _opened(flags: SupervisorSpec, reports: Reports) -> AsyncGenerator[Supervisor]:
    check_trio("open_supervisor", IN_THREAD)
    failure: RestartIntensityExceeded | None = None
    error: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            body = trio.CancelScope()
            restarter = Restarter(nursery, body, flags, reports)
            supervisor = Supervisor(restarter, flags, reports)
            try:
                async with AsyncExitStack() as stack:
                    stack.push_async_exit(restarter.stop_all)
                    is_up = False
                    with body:
                        for spec in flags.children:
                            if isinstance(spec, SupervisorSpec):
                                await supervisor.start_supervisor(spec)
                            else:
                                supervisor.start_child(spec)
                            await trio.lowlevel.checkpoint()
                        is_up = True
                        yield supervisor
                    if not is_up and restarter.failure is None:  # a significant child ended before all were started
                        with trio.CancelScope() as cancelled:  # noqa: ASYNC100  # the body has its checkpoints
                            cancelled.cancel()
                            yield supervisor
            finally:
                failure = restarter.failure
    except BaseExceptionGroup as group:
        # This group is the nursery's. Children raise only interrupts, so it usually holds one error, the body's.
        error = group.exceptions[0] if len(group.exceptions) == 1 else group
    if error is None and failure is not None:
        raise failure
    if error is not None:
        if failure is not None:
            error.add_note(f"beside it, the supervisor gave up: {failure}")
        raise error
