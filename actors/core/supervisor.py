"""The supervisor: child specs as data, limited restarts, and an orderly stop.

Works like OTP's `one_for_one`: a crashed child is restarted over the same mailbox, and other children are not affected.
Knows nothing of agents, runs or stores.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import copy_context
from functools import partial
from typing import Any, Generic, Literal

import msgspec
import trio

from .actor import Actor, ActorRef, Ended
from .errors import ActorEnded, NameTaken, RestartIntensityExceeded
from .loops import IN_THREAD, check_trio
from .mail import M
from .mailbox import Mailbox

logger = logging.getLogger("adjourn.actors")


class ChildSpec(msgspec.Struct, Generic[M], frozen=True):
    """What to run as a child, and what to do when it ends.

    Attributes:
        name: the child's name, unique among the supervisor's living children.
        start: the actor: called with the mailbox, at each start.
        restart: `permanent`: the child is restarted after any end; `transient`: only after a crash; `temporary`:
            never.
        shutdown_s: seconds that the child gets to stop when asked, before it is cancelled.
        capacity: messages that its mailbox holds.
        reserved: further messages that its mailbox holds, for completions of the child's own effects.
        cancel: cancels, for good, a child that shields itself: the child must then end soon. May be called before
            its first step. None: the supervisor shields the child and cancels it.
    """

    name: str
    start: Callable[[Mailbox[M]], Awaitable[None]]
    restart: Literal["permanent", "transient", "temporary"] = "permanent"
    shutdown_s: float = 5.0
    capacity: int = 64
    reserved: int = 0
    cancel: Callable[[], None] | None = None


class Supervisor:
    """The children of one `open_supervisor` block."""

    def __init__(self, nursery: trio.Nursery, body: trio.CancelScope, max_restarts: int, within_s: float) -> None:
        """`nursery`: for the children's tasks. `body`: the block's scope, cancelled if the supervisor gives up."""
        self.failure: RestartIntensityExceeded | None = None  # why it gave up
        self._nursery, self._body = nursery, body
        self._max_restarts = max_restarts
        self._within_s = within_s
        self._restarted_at: deque[float] = deque()
        self._children: dict[str, tuple[ChildSpec[Any], Actor[Any]]] = {}
        self._is_stopping = False
        self._context = copy_context()  # children see the context variables of the task that opened the supervisor

    def start_child(self, spec: ChildSpec[M]) -> ActorRef[M]:
        """Starts a child, to the right of all others. Its reference takes mail at once.

        The child sees the context variables of the task that opened the supervisor, no matter which task starts it.

        Raises: NameTaken; ActorEnded if the supervisor is stopping.
        """
        if self._is_stopping:
            raise ActorEnded("the supervisor is stopping")
        if spec.name in self._children:
            raise NameTaken(f"a child named {spec.name!r} is alive")
        mailbox: Mailbox[M] = Mailbox(spec.capacity, spec.reserved)
        actor = Actor(spec.name, spec.start, mailbox, spec.cancel)
        self._children[spec.name] = spec, actor
        tend = partial(self._tend, spec, actor)
        self._context.run(partial(self._nursery.start_soon, tend, name=f"actor {spec.name}"))
        return actor.ref

    async def stop_child(self, name: str) -> Ended | None:
        """Asks a child to stop, cancels it after its `shutdown_s`, and returns how it ended, once its task is over.

        None if there is no living child of that name. If this call is cancelled, cancels the child and waits no longer.
        """
        if name not in self._children:
            await trio.lowlevel.checkpoint()
            return None
        spec, actor = self._children[name]
        return await actor.stop(spec.shutdown_s)

    def children(self) -> tuple[ActorRef[Any], ...]:
        """Returns the living children, from left to right. The name of a child that ended for good is free at once."""
        return tuple(actor.ref for _, actor in self._children.values())

    async def _tend(self, spec: ChildSpec[M], actor: Actor[M]) -> None:
        """Runs one child, with its restarts."""
        ended = Ended("crashed")
        try:
            ended = await actor.run_once()
            while self._restarts(spec, actor, ended):
                actor.prepare_restart()
                await trio.lowlevel.cancel_shielded_checkpoint()  # even if each start crashes at once, others run
                ended = await actor.run_once()
        except BaseException as error:
            # An interrupt is not the child's crash: no restart; it goes on through the block to the program.
            ended = Ended("crashed", error)
            raise
        finally:
            del self._children[spec.name]
            actor.end(ended)

    def _restarts(self, spec: ChildSpec[M], actor: Actor[M], ended: Ended) -> bool:
        """Whether to restart after this end. Fails the supervisor if there were too many restarts."""
        wanted = spec.restart == "permanent" or (spec.restart == "transient" and ended.how == "crashed")
        if not wanted or actor.is_stopping or self._is_stopping:
            return False
        now = trio.current_time()
        self._restarted_at.append(now)
        while self._restarted_at[0] < now - self._within_s:
            self._restarted_at.popleft()
        if len(self._restarted_at) <= self._max_restarts:
            return True
        self._fail(spec.name, ended)
        return False

    def _fail(self, name: str, ended: Ended) -> None:
        text = f"child {name!r} ended ({ended}), after {self._max_restarts} restarts within {self._within_s} s"
        logger.error("supervisor gives up: %s", text)
        self.failure = RestartIntensityExceeded(text)
        self.failure.__cause__ = ended.error
        self._is_stopping = True
        self._body.cancel()

    async def stop_all(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Stops all children from right to left. If cancelled, cancels the rest in that order."""
        self._is_stopping = True
        right_to_left = list(reversed(self._children.values()))
        try:
            for spec, actor in right_to_left:
                await actor.stop(spec.shutdown_s)
        finally:
            with trio.CancelScope(shield=True):
                for _, actor in right_to_left:
                    actor.cancel()
                    await actor.ref.wait_ended()
            if error is not None:
                raise error  # if stopping was cancelled, the body's own error must still come out


@asynccontextmanager
async def open_supervisor(
    *specs: ChildSpec[Any], max_restarts: int = 3, within_s: float = 5.0
) -> AsyncGenerator[Supervisor]:
    """Opens a supervisor with these children, started from left to right. Each reaches its first checkpoint before the
    next one starts.

    Leaving the block stops the children from right to left, one after the other: each is asked to stop, gets its
    `shutdown_s` seconds to finish its mail and return, and is then cancelled. If the block is cancelled, its body ends
    first, then the children are cancelled in the same order without being asked. A child that shields itself may take
    any time. No task is left after the block.

    After more than `max_restarts` restarts in `within_s` seconds, counted over all children, the supervisor fails: it
    cancels the body, stops the children in order and raises RestartIntensityExceeded. If the body raises an error of
    its own, that error comes out instead.

    Raises: NameTaken if two specs have the same name; RestartIntensityExceeded.
    """
    check_trio("open_supervisor", IN_THREAD)
    failure: RestartIntensityExceeded | None = None
    error: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            body = trio.CancelScope()
            supervisor = Supervisor(nursery, body, max_restarts, within_s)
            try:
                async with AsyncExitStack() as stack:
                    stack.push_async_exit(supervisor.stop_all)
                    with body:
                        for spec in specs:
                            supervisor.start_child(spec)
                            await trio.lowlevel.checkpoint()
                        yield supervisor
            finally:
                failure = supervisor.failure
    except BaseExceptionGroup as group:
        # This group is the nursery's. Children raise only interrupts, so it usually holds one error, the body's.
        error = group.exceptions[0] if len(group.exceptions) == 1 else group
    if error is None and failure is not None:
        raise failure
    if error is not None:
        if failure is not None:
            error.add_note(f"beside it, the supervisor gave up: {failure}")
        raise error
