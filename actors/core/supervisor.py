"""The supervisor: child specs as data, restarts within an intensity, and an orderly end.

Its meaning is OTP's `one_for_one`: a child that crashes is started again over the same mailbox, and no other child
notices. Nothing here knows of agents, runs or stores.
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
    """What to run as a child, and how to treat its end."""

    name: str
    """Unique among the supervisor's living children."""
    start: Callable[[Mailbox[M]], Awaitable[None]]
    """The actor: called with the mailbox, once for each start."""
    restart: Literal["permanent", "transient", "temporary"] = "permanent"
    """Started again after: any end; a crash only; never."""
    shutdown_s: float = 5.0
    """How long the child may take to stop when asked, before it is cancelled."""
    capacity: int = 64
    """Mails that its mailbox holds."""
    reserved: int = 0
    """Further mails that its mailbox holds for completions of the child's own effects."""
    cancel: Callable[[], None] | None = None
    """Cancels a child that shields itself, for good: it must end soon, also when called before the child's first step.
    None: the supervisor shields the child, and cancels it."""


class Supervisor:
    """The children of one `open_supervisor` block."""

    def __init__(self, nursery: trio.Nursery, body: trio.CancelScope, max_restarts: int, within_s: float) -> None:
        """`nursery` and `body` are those of the block: its tasks, and what is cancelled as the supervisor gives up."""
        self.failure: RestartIntensityExceeded | None = None  # why it gave up
        self._nursery, self._body = nursery, body
        self._max_restarts = max_restarts
        self._within_s = within_s
        self._restarted_at: deque[float] = deque()
        self._children: dict[str, tuple[ChildSpec[Any], Actor[Any]]] = {}
        self._is_stopping = False
        self._context = copy_context()  # children see the context variables of who opened the supervisor

    def start_child(self, spec: ChildSpec[M]) -> ActorRef[M]:
        """Start a child, to the right of all others. Its reference takes mail at once.

        The child sees the context variables of the task that opened the supervisor, whoever starts it.

        Raises: NameTaken; ActorEnded when the supervisor is stopping.
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
        """Ask a child to stop, cancel it after its `shutdown_s`, and return how it ended, once its task is over.

        None when no child of that name is alive. Cancelled, it cancels the child at once and leaves.
        """
        if name not in self._children:
            await trio.lowlevel.checkpoint()
            return None
        spec, actor = self._children[name]
        return await actor.stop(spec.shutdown_s)

    def children(self) -> tuple[ActorRef[Any], ...]:
        """The living children, from left to right. A child that ends for good leaves at once, and its name is free."""
        return tuple(actor.ref for _, actor in self._children.values())

    async def _tend(self, spec: ChildSpec[M], actor: Actor[M]) -> None:
        """One child's task: its incarnations, one after another."""
        ended = Ended("crashed")
        try:
            ended = await actor.run_once()
            while self._restarts(spec, actor, ended):
                actor.prepare_restart()
                await trio.lowlevel.cancel_shielded_checkpoint()  # a child that crashes at once holds nobody up
                ended = await actor.run_once()
        except BaseException as error:
            # An interrupt is nobody's crash to restart: it goes on, through the block, to the program.
            ended = Ended("crashed", error)
            raise
        finally:
            del self._children[spec.name]
            actor.end(ended)

    def _restarts(self, spec: ChildSpec[M], actor: Actor[M], ended: Ended) -> bool:
        """Whether this end is followed by another start; if that would be one too many, the supervisor fails."""
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
        """Stop from right to left. Cancelled, it goes on in that order, but asks nobody any more."""
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
                raise error  # a cancelled stop must not hide what the body raised


@asynccontextmanager
async def open_supervisor(
    *specs: ChildSpec[Any], max_restarts: int = 3, within_s: float = 5.0
) -> AsyncGenerator[Supervisor]:
    """A supervisor with these children, started from left to right: each has run to its first checkpoint before the
    next one starts.

    Leaving the block stops the children from right to left: each is asked to stop, has its `shutdown_s` to handle
    the mail that is in and return, and is cancelled then; the next one follows when its task is over. Cancelled, the
    block's body ends first, then the children are cancelled in the same order, without being asked. An actor that
    shields itself is waited for, however long. No task is left after the block.

    After more than `max_restarts` restarts in `within_s` seconds, counted over all children, the supervisor fails: it
    cancels the body, stops the children in order and raises RestartIntensityExceeded. An error of the body's own
    comes out as it is, and goes first.

    Raises: NameTaken when two specs have one name; RestartIntensityExceeded.
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
        # The nursery's own group: children raise nothing but interrupts, so nearly always one error, the body's.
        error = group.exceptions[0] if len(group.exceptions) == 1 else group
    if error is None and failure is not None:
        raise failure
    if error is not None:
        if failure is not None:
            error.add_note(f"beside it, the supervisor gave up: {failure}")
        raise error
