"""One mail: what an actor receives and answers, and the side of it that the mailbox and the asker have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, Literal, TypeVar

from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

from .errors import ActorError

__all__ = ["M", "Mail", "Post"]

M = TypeVar("M")


class Mail(ABC, Generic[M]):
    """One message as its actor receives it: `body`, and a way to answer, once, whoever asked.

    An answer to a mail that was told, or whose asker has gone, is dropped.
    """

    __slots__ = ("body",)

    def __init__(self, body: M) -> None:
        self.body = body

    @abstractmethod
    def reply(self, value: Any = None) -> None:
        """Answer with a value: the asker's `ask` returns it.

        Raises: RuntimeError when the actor has answered this mail already.
        """

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """Answer with an exception: the asker's `ask` raises it.

        Raises: RuntimeError when the actor has answered this mail already.
        """


class Post(Mail[M]):
    """A mail as its mailbox and its asker have it."""

    __slots__ = ("_answer", "_asker", "is_reserved", "owed", "state")

    def __init__(self, body: M, *, asked: bool = False, reserved: bool = False) -> None:
        super().__init__(body)
        self.state: Literal["told", "asked", "replied", "failed", "dropped"] = "asked" if asked else "told"
        self.is_reserved = reserved  # it takes a reserved place of the mailbox
        self.owed: set[Post[M]] | None = None  # the mailbox's set that holds this mail, once it is put off
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
        """Fail an open mail for the actor that no longer can. What the actor says of it later is dropped."""
        if self.state in ("told", "asked"):
            # A told mail is settled too: its sender may not have woken yet, and must hear that the actor ended.
            asker, self._asker = self._asker, None
            self.state, self._answer = "dropped", error
            if asker is not None:
                reschedule(asker)

    def _withdraw(self, _raise_cancel: object) -> Abort:
        """The asker is cancelled: the mail stays where it is, its answer goes nowhere."""
        self._asker, self.state = None, "dropped"
        self._forget()
        return Abort.SUCCEEDED

    def _forget(self) -> None:
        if self.owed is not None:
            self.owed.discard(self)
            self.owed = None

    async def wait_answer(self) -> Any:
        """The answer. Does not checkpoint when it is there already."""
        if self.state == "asked":
            self._asker = current_task()
            await wait_task_rescheduled(self._withdraw)
        answer, self._answer = self._answer, None  # the actor may hold on to this mail
        if self.state == "replied":
            return answer
        try:
            raise answer
        finally:
            del answer  # or the exception, its traceback and this frame would keep each other alive
