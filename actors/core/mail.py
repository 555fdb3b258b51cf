"""One message with its answer, as the actor sees it (`Mail`) and as the mailbox and the asker do (`Post`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, Literal, TypeVar

from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

from .errors import ActorError

__all__ = ["M", "Mail", "Post", "Signal"]

M = TypeVar("M")


class Mail(ABC, Generic[M]):
    """A message as its actor receives it: `body`, and methods to answer an `ask` once.

    The answer is dropped if the message came by `tell`, or its asker was cancelled.

    Args:
        body: the message.
    """

    __slots__ = ("body",)

    def __init__(self, body: M) -> None:
        self.body = body

    @abstractmethod
    def reply(self, value: Any = None) -> None:
        """Answers with a value: the asker's `ask` returns it.

        Raises: RuntimeError if this mail was answered already.
        """

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """Answers with an exception: the asker's `ask` raises it.

        Raises: RuntimeError if this mail was answered already.
        """


class Post(Mail[M]):
    """A mail as its mailbox and its asker see it."""

    __slots__ = ("_answer", "_asker", "is_reserved", "owed", "state")
    is_signal = False

    def __init__(self, body: M, *, asked: bool = False, reserved: bool = False) -> None:
        self.body = body
        self.state: Literal["told", "asked", "replied", "failed", "dropped"] = "asked" if asked else "told"
        self.is_reserved = reserved  # whether it takes a reserved place in the mailbox
        self.owed: set[Post[M]] | None = None  # the mailbox's set of deferred mails, while this mail is in it
        self._asker: Task | None = None
        self._answer: Any = None

    def reply(self, value: Any = None) -> None:
        self._settle("replied", value)

    def fail(self, error: Exception) -> None:
        self._settle("failed", error)

    def _settle(self, state: Literal["replied", "failed"], answer: Any) -> None:
        if self.state in ("replied", "failed"):
            raise RuntimeError("this mail has been answered already")
        if self.state == "asked":
            self.state, self._answer = state, answer
            self._forget()
            if self._asker is not None:
                reschedule(self._asker)
                self._asker = None

    def abandon(self, error: ActorError) -> None:
        """Fails an open mail when its actor has crashed or ended. A later answer of the actor is dropped."""
        if self.state in ("told", "asked"):
            # A mail by `tell` too: its sender may not have woken yet, and must learn that the actor ended.
            asker, self._asker = self._asker, None
            self.state, self._answer = "dropped", error
            if asker is not None:
                reschedule(asker)

    def _withdraw(self, _raise_cancel: object) -> Abort:
        """Drops the answer, because the asker was cancelled; the mail stays where it is."""
        self._asker, self.state = None, "dropped"
        self._forget()
        return Abort.SUCCEEDED

    def _forget(self) -> None:
        if self.owed is not None:
            self.owed.discard(self)
            self.owed = None

    async def wait_answer(self) -> Any:
        """Waits for the answer. Does not checkpoint if it is there already."""
        if self.state == "asked":
            self._asker = current_task()
            await wait_task_rescheduled(self._withdraw)
        answer, self._answer = self._answer, None  # the actor may keep this mail
        if self.state == "replied":
            return answer
        try:
            raise answer
        finally:
            del answer  # otherwise the exception, its traceback and this frame would keep each other alive


class Signal(Post[Any]):
    """A mail from the core itself, as `Down`. It takes no room in the mailbox."""

    __slots__ = ()
    is_signal = True

    def __init__(self, body: Any) -> None:
        super().__init__(body, reserved=True)
