"""One actor: the reference for other code, and the owner's side, which runs, stops and ends it.

An actor is an async function that reads its mailbox. `supervisor.py` handles failures and restarts. Knows nothing of
agents, runs or stores.

What OTP's gen_server has and an actor here does not, and why:

- Callbacks and a module for them: the actor's state is its local variables, and its loop is a plain `async for`.
- `init`, `handle_continue` and `terminate`: the code before the loop, and a `finally` around it.
- The timeout of a call: `trio.fail_after` bounds an `ask`, and a late answer is dropped, never read as a message.
- A timeout of the server without mail: `trio.move_on_after` around `Mailbox.receive`.
- `multi_call` and `send_request`: a nursery asks several actors at once, or one beside other work. Any task may answer
  a `Mail`, not only the actor's.
- `stop`, and signals that end an actor from outside: only its supervisor stops it, because a trio scope has one owner.
- `sys`, which reads, traces and suspends any server: nothing outside reaches local variables. An actor that wants to be
  asked for its state answers a message for it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, TypeAlias

import trio

from .errors import ActorCrashed
from .mail import M
from .mailbox import Mailbox, MailboxStatistics

__all__ = ["Actor", "ActorRef", "ActorStatistics", "Ended", "Watcher"]

logger = logging.getLogger("adjourn.actors")


@dataclass(frozen=True, slots=True)
class Ended:
    """How an actor ended, after its last restart.

    Attributes:
        how: `normal`: it returned by itself. `shutdown`: it returned after it was asked to stop. `cancelled`: it
            did not return in time after it was asked. `crashed`: it raised `error`.
        error: what it raised. None: nothing.
    """

    how: Literal["normal", "crashed", "shutdown", "cancelled"]
    error: BaseException | None = None

    def __str__(self) -> str:
        return f"{self.how}: {self.error!r}" if self.error is not None else self.how


_NORMAL, _SHUTDOWN, _CANCELLED = Ended("normal"), Ended("shutdown"), Ended("cancelled")

Watcher: TypeAlias = Callable[[Ended, bool], object]
"""Called with how an actor ended, and whether for good: False if it is going to be restarted. Must not raise."""


@dataclass(frozen=True, slots=True)
class ActorStatistics:
    """An actor's state at one moment.

    Attributes:
        is_alive: whether the actor has not ended.
        restarts: how often it was restarted.
        mailbox: its mailbox.
    """

    is_alive: bool
    restarts: int
    mailbox: MailboxStatistics


class ActorRef(Generic[M]):
    """A reference to an actor. Stays valid over restarts, and tells how the actor ended."""

    __slots__ = ("_ended", "_mailbox", "_restarts", "_watchers", "name")

    def __init__(self, name: str, mailbox: Mailbox[M]) -> None:
        self.name = name
        self._mailbox = mailbox
        self._ended: Ended | None = None
        self._watchers: dict[Watcher, None] | None = None  # created for the first watcher
        self._restarts = 0

    async def tell(self, message: M) -> None:
        """Puts `message` into the mailbox, waiting for room. If cancelled while waiting, the message is not sent.

        Raises: ActorEnded.
        """
        await self._mailbox.put(message)

    def tell_nowait(self, message: M) -> None:
        """Puts `message` into the mailbox at once.

        Raises: MailboxFull, ActorEnded.
        """
        self._mailbox.put_nowait(message)

    async def ask(self, message: M) -> Any:
        """Puts `message` into the mailbox, waiting for room, and returns the actor's reply.

        If cancelled while waiting for room, the message is not sent; if cancelled later, the actor may still act on it.

        Raises: ActorEnded if the actor has ended or ends first; ActorCrashed if it crashes before it answers; any error
            that the actor answers with.
        """
        return await self._mailbox.ask(message)

    async def wait_ended(self) -> Ended:
        """Waits until the actor has ended for good and its task is over; returns how. Restarts do not count."""
        over = trio.Event()

        def watcher(_ended: Ended, is_final: bool) -> None:
            if is_final:
                over.set()

        stop = self.watch(watcher)
        try:
            await over.wait()
        finally:
            stop()
        assert self._ended is not None
        return self._ended

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Calls `watcher` at each end of the actor: how it ended, and whether for good. Returns what stops this.

        An actor that has ended for good already is told at once. For other code; an actor uses `open_monitors`.
        """
        if self._ended is not None:
            watcher(self._ended, True)
        else:
            if self._watchers is None:
                self._watchers = {}
            self._watchers[watcher] = None
        return partial(self._unwatch, watcher)

    def _unwatch(self, watcher: Watcher) -> None:
        """Calls `watcher` no more. Does nothing if it does not watch."""
        if self._watchers is not None:
            self._watchers.pop(watcher, None)
            self._watchers = self._watchers or None

    @property
    def is_alive(self) -> bool:
        """Whether the actor runs, or is about to."""
        return self._ended is None

    def statistics(self) -> ActorStatistics:
        """Returns the actor's current state."""
        return ActorStatistics(self.is_alive, self._restarts, self._mailbox.statistics())

    def __repr__(self) -> str:
        return f"<ActorRef {self.name!r} {self._ended or 'alive'}>"

    # For `Actor`, the owner's side.

    def _restarted(self, ended: Ended) -> None:
        """Notes that the actor ended and is going to be restarted, and tells the watchers."""
        self._restarts += 1
        self._tell(ended, is_final=False)

    def _end(self, ended: Ended) -> None:
        """Notes how the actor ended for good, and tells the watchers."""
        self._ended = ended
        if self._watchers is not None:
            self._tell(ended, is_final=True)
            self._watchers = None

    def _tell(self, ended: Ended, *, is_final: bool) -> None:
        """Tells the watchers of an end, in the order in which they came."""
        for watcher in tuple(self._watchers or ()):
            watcher(ended, is_final)


class Actor(Generic[M]):
    """The owner's side of one actor. The owner runs it in a task that it joins, and calls `end` last in that task.

    Each start runs shielded from outer cancellation: only `cancel` reaches it. So the owner decides the order in which
    actors stop. With the parameter `cancel`, the actor shields itself, and calling `cancel` cancels it.
    """

    __slots__ = ("_cancel", "_is_stopping", "_mailbox", "_scope", "_start", "began", "ref", "task")

    def __init__(
        self,
        name: str,
        start: Callable[[Mailbox[M]], Awaitable[None]],
        mailbox: Mailbox[M],
        cancel: Callable[[], None] | None = None,
    ) -> None:
        self.ref = ActorRef(name, mailbox)
        self._start = start
        self._mailbox = mailbox
        self._is_stopping = False
        self.began: float | None = None  # when it was last started, on trio's clock
        self.task: trio.lowlevel.Task | None = None  # the task that runs it
        self._cancel = cancel
        # Created before the task starts, so that an earlier cancellation is not lost.
        self._scope = trio.CancelScope(shield=True) if cancel is None else None

    @property
    def is_stopping(self) -> bool:
        """Whether the actor was asked to stop or was cancelled: it must not be restarted."""
        return self._is_stopping

    @property
    def is_receiving(self) -> bool:
        """Whether the actor waits for mail."""
        return self._mailbox.is_receiving

    async def run_once(self) -> Ended:
        """Runs the actor once, to its end. Logs a crash with its traceback, and fails all unanswered asks."""
        scope = self._scope
        self.began, self.task = trio.current_time(), trio.lowlevel.current_task()
        try:
            if scope is None:
                await self._start(self._mailbox)
            elif scope.cancel_called:
                return _CANCELLED
            else:
                with scope:
                    await self._start(self._mailbox)
        except Exception as error:
            return self._crashed(error)
        if scope is not None and scope.cancelled_caught:
            return _CANCELLED
        return _SHUTDOWN if self._is_stopping else _NORMAL

    def _crashed(self, error: Exception) -> Ended:
        logger.exception("actor %r crashed", self.ref.name)
        text = f"actor {self.ref.name!r} crashed: {error!r}"
        self._mailbox.fail_received(lambda: ActorCrashed(text))
        return Ended("crashed", error)

    def prepare_restart(self, ended: Ended) -> None:
        """Prepares another start over the same mailbox. Fails the askers whose mail the last start had received."""
        if self._scope is not None:
            self._scope = trio.CancelScope(shield=True)
        text = f"actor {self.ref.name!r} was restarted before it answered ({ended})"
        self._mailbox.fail_received(lambda: ActorCrashed(text))
        self.ref._restarted(ended)  # pyright: ignore[reportPrivateUsage]  # only the owner may

    def pause(self) -> None:
        """Asks the actor to end this start. The mail that is in stays for the next one, which `resume` allows."""
        self._mailbox.pause()

    def resume(self) -> None:
        """Lets the next start receive mail again."""
        self._mailbox.resume()

    def cancel_start(self) -> None:
        """Cancels this start only: the actor may be restarted."""
        self._cancel_it()

    def replace_start(self, start: Callable[[Mailbox[M]], Awaitable[None]]) -> None:
        """Runs other code from the next start on."""
        self._start = start

    def ask_to_stop(self) -> None:
        """Refuses new mail. The actor's loop over the mailbox ends after the mail that is already in."""
        self._is_stopping = True
        self._mailbox.drain(f"actor {self.ref.name!r} is stopping")

    def cancel(self) -> None:
        """Refuses new mail and cancels the actor."""
        self.ask_to_stop()
        self._cancel_it()

    async def stop(self, within_s: float) -> Ended:
        """Asks the actor to stop, cancels it after `within_s` seconds, and returns how it ended, once its task is over.

        If the actor shields itself, waits until its shield ends. If this call is cancelled, cancels the actor and
        waits no longer.
        """
        self.ask_to_stop()
        try:
            with trio.move_on_after(within_s):
                return await self.ref.wait_ended()
        finally:
            if self.ref.is_alive:
                self._cancel_it()
        return await self.ref.wait_ended()

    def _cancel_it(self) -> None:
        if self._cancel is not None:
            self._cancel()
        elif self._scope is not None:
            self._scope.cancel()

    def end(self, ended: Ended) -> list[M]:
        """Closes the mailbox, fails waiting askers and senders, and tells the watchers. Call it last in the actor's
        task. Returns the messages sent by `tell` that the actor never received.
        """
        lost = self._mailbox.close(f"actor {self.ref.name!r} has ended ({ended})")
        if lost:
            logger.warning("actor %r ended (%s) with %d messages unread", self.ref.name, ended, len(lost))
        self.ref._end(ended)  # pyright: ignore[reportPrivateUsage]  # only the owner may
        return lost
