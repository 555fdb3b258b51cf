"""One actor: the reference that others hold, and the owner's side that runs, stops and ends it.

An actor is an async function over its mailbox. Its failures, restarts and siblings are the business of
`supervisor.py`. Nothing here knows of agents, runs or stores.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal

import trio

from .errors import ActorCrashed
from .mail import M
from .mailbox import Mailbox, MailboxStatistics

__all__ = ["Actor", "ActorRef", "ActorStatistics", "Ended"]

logger = logging.getLogger("adjourn.actors")


@dataclass(frozen=True, slots=True)
class Ended:
    """How an actor ended, after its last restart."""

    how: Literal["normal", "crashed", "shutdown", "cancelled"]
    """`normal`: it returned of its own accord. `shutdown`: it was asked to stop and did. `cancelled`: it was asked and
    did not within its bound. `crashed`: it raised `error`."""
    error: BaseException | None = None

    def __str__(self) -> str:
        return f"{self.how}: {self.error!r}" if self.error is not None else self.how


@dataclass(frozen=True, slots=True)
class ActorStatistics:
    """What an actor has been through, at one moment."""

    is_alive: bool
    restarts: int
    mailbox: MailboxStatistics


class Life:
    """What becomes of an actor, shared by its owner's side and all who hold its reference."""

    __slots__ = ("ended", "over", "restarts")

    def __init__(self) -> None:
        self.ended: Ended | None = None
        self.over: trio.Event | None = None  # made for the first who waits
        self.restarts = 0

    def end(self, ended: Ended) -> None:
        """Tell everyone who waits."""
        self.ended = ended
        if self.over is not None:
            self.over.set()


class ActorRef(Generic[M]):
    """What others hold of an actor. It stays good over restarts, and tells how the actor ended."""

    __slots__ = ("_life", "_mailbox", "name")

    def __init__(self, name: str, mailbox: Mailbox[M], life: Any) -> None:
        self.name = name
        self._mailbox = mailbox
        self._life: Life = life  # shared with the owner's side

    async def tell(self, message: M) -> None:
        """Put `message` into the mailbox, waiting for room. Cancelled while it waits, it was never in.

        Raises: ActorEnded.
        """
        await self._mailbox.put(message)

    def tell_nowait(self, message: M) -> None:
        """Put `message` into the mailbox at once.

        Raises: MailboxFull, ActorEnded.
        """
        self._mailbox.put_nowait(message)

    async def ask(self, message: M) -> Any:
        """Put `message` into the mailbox, waiting for room, and return what the actor replies.

        Cancelled while it waits for room, the message was never in; cancelled later, the actor may still act on it.

        Raises: ActorEnded when the actor is dead or ends first; ActorCrashed when it crashes while it owes the
        answer; whatever else the actor fails the message with.
        """
        return await self._mailbox.ask(message)

    async def wait_ended(self) -> Ended:
        """How the actor ended, once it has ended for good and its task is over. Restarts do not count."""
        life = self._life
        if life.over is None:
            life.over = trio.Event()
            if life.ended is not None:
                life.over.set()
        await life.over.wait()
        assert life.ended is not None
        return life.ended

    @property
    def is_alive(self) -> bool:
        """Whether the actor runs, or is about to."""
        return self._life.ended is None

    def statistics(self) -> ActorStatistics:
        """What the actor has been through so far."""
        return ActorStatistics(self.is_alive, self._life.restarts, self._mailbox.statistics())

    def __repr__(self) -> str:
        return f"<ActorRef {self.name!r} {self._life.ended or 'alive'}>"


class Actor(Generic[M]):
    """The owner's side of one actor. Whoever makes one runs it in a task that it joins, and calls `end` as that
    task's last deed.

    Each incarnation runs shielded from the cancellation around it: only `cancel` reaches it. So its owner decides the
    order in which actors stop. Where a `cancel` is given, the actor shields itself, and is cancelled by that.
    """

    __slots__ = ("_cancel", "_is_stopping", "_life", "_mailbox", "_scope", "_start", "ref")

    def __init__(
        self,
        name: str,
        start: Callable[[Mailbox[M]], Awaitable[None]],
        mailbox: Mailbox[M],
        cancel: Callable[[], None] | None = None,
    ) -> None:
        self._life = Life()
        self.ref = ActorRef(name, mailbox, self._life)
        self._start = start
        self._mailbox = mailbox
        self._is_stopping = False
        self._cancel = cancel
        # It exists before the task does: a cancellation before the first step is not lost.
        self._scope = trio.CancelScope(shield=True) if cancel is None else None

    @property
    def is_stopping(self) -> bool:
        """Whether the actor has been asked to stop, or cancelled: it must not be started again."""
        return self._is_stopping

    async def run_once(self) -> Ended:
        """Run one incarnation to its end. A crash is logged with its traceback and fails every answer owed."""
        scope = self._scope
        try:
            if scope is None:
                await self._start(self._mailbox)
            elif scope.cancel_called:
                return Ended("cancelled")
            else:
                with scope:
                    await self._start(self._mailbox)
        except Exception as error:
            logger.exception("actor %r crashed", self.ref.name)
            text = f"actor {self.ref.name!r} crashed: {error!r}"
            self._mailbox.fail_received(lambda: ActorCrashed(text))
            return Ended("crashed", error)
        if scope is not None and scope.cancelled_caught:
            return Ended("cancelled")
        return Ended("shutdown" if self._is_stopping else "normal")

    def prepare_restart(self) -> None:
        """Make ready for another incarnation over the same mailbox."""
        if self._scope is not None:
            self._scope = trio.CancelScope(shield=True)
        self._life.restarts += 1

    def ask_to_stop(self) -> None:
        """Refuse new mail and let the actor handle what is in; its loop over the mailbox ends then."""
        self._is_stopping = True
        self._mailbox.drain(f"actor {self.ref.name!r} is stopping")

    def cancel(self) -> None:
        """Refuse new mail and cancel the actor."""
        self.ask_to_stop()
        self._cancel_it()

    async def stop(self, within_s: float) -> Ended:
        """Ask the actor to stop, cancel it after `within_s` seconds, and return how it ended once its task is over.

        Cancellation reaches an actor that shields itself only when its shield ends; so long this waits. Cancelled
        itself, it cancels the actor at once and leaves.
        """
        self.ask_to_stop()
        try:
            with trio.move_on_after(within_s):
                return await self.ref.wait_ended()
        finally:
            self._cancel_it()
        return await self.ref.wait_ended()

    def _cancel_it(self) -> None:
        if self._cancel is not None:
            self._cancel()
        elif self._scope is not None:
            self._scope.cancel()

    def end(self, ended: Ended) -> None:
        """Close the mailbox, answer whoever waits, and tell the monitors. The last deed of the actor's task."""
        lost = self._mailbox.close(f"actor {self.ref.name!r} has ended ({ended})")
        if lost:
            logger.warning("actor %r ended (%s) with %d messages unread", self.ref.name, ended, lost)
        self._life.end(ended)
