"""The mailbox: a bounded queue of mail that belongs to an actor's reference and so survives the actor's restarts.

One mail with its answer is in `mail.py`, what runs an actor in `actor.py`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

import trio
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

from .errors import ActorEnded, ActorError, MailboxFull
from .mail import M, Mail, Post

__all__ = ["Mailbox", "MailboxStatistics"]


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """What a mailbox held at one moment."""

    capacity: int
    """Mails that fit, reserved room not counted."""
    reserved: int
    """Further mails that fit by `put_reserved_nowait`."""
    waiting_mail: int
    """Mails that are in and not yet received."""
    waiting_senders: int
    """Senders that wait for room."""
    unanswered: int
    """Received mails whose askers still wait."""
    delivered: int
    """Mails received so far, over all restarts."""


class Mailbox(Generic[M]):
    """A bounded FIFO of mail with one receiver at a time.

    Senders that wait for room get it in the order in which they came. `async for mail in mailbox` ends once the actor
    is asked to stop and has received what was in by then. The actor may put an answer off and receive on: whoever still
    waits for one when the actor crashes or ends is failed then.
    """

    __slots__ = (
        "_capacity",
        "_delivered",
        "_ended",
        "_in_hand",
        "_owed",
        "_queue",
        "_reason",
        "_receiver",
        "_reserved",
        "_reserved_room",
        "_room",
        "_senders",
    )

    def __init__(self, capacity: int, reserved: int = 0) -> None:
        if capacity < 1 or reserved < 0:
            raise ValueError(f"a mailbox needs capacity >= 1 and reserved >= 0, not {capacity} and {reserved}")
        self._capacity = self._room = capacity
        self._reserved = self._reserved_room = reserved
        # Containers exist only while they hold something: an idle mailbox stays at a few hundred bytes.
        self._queue: deque[Post[M]] | None = None
        self._senders: OrderedDict[Task, Post[M]] | None = None  # someone waits here only while _room == 0
        self._owed: set[Post[M]] | None = None  # received, then put off: their askers still wait
        self._in_hand: Post[M] | None = None
        self._receiver: Task | None = None
        self._reason: str | None = None  # set: no new mail from outside
        self._ended = False  # set: no mail at all
        self._delivered = 0

    # Senders

    async def put(self, body: M) -> None:
        """Put a message in, waiting for room. Cancelled while it waits, the message was never in.

        Raises: ActorEnded, also when the actor ends during the wait.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        mail = Post(body)
        if await self._enter(mail):
            await trio.lowlevel.cancel_shielded_checkpoint()

    def put_nowait(self, body: M) -> None:
        """Put a message in at once.

        Raises: MailboxFull, ActorEnded.
        """
        if not self._try_enter(Post(body)):
            raise MailboxFull(f"the mailbox holds {self._capacity} mails and is full")

    def put_reserved_nowait(self, body: M) -> None:
        """Put in the completion of one of the actor's own effects. It has room of its own, and comes in while the
        actor is stopping too.

        Raises: MailboxFull when there are more completions than were reserved for, ActorEnded.
        """
        if self._ended:
            raise ActorEnded(self._reason)
        if not self._reserved_room:
            raise MailboxFull(f"all {self._reserved} reserved places are taken")
        self._reserved_room -= 1
        self._append(Post(body, reserved=True))

    async def ask(self, body: M) -> Any:
        """Put a message in, waiting for room, and return what the actor replies.

        Cancelled while it waits for room, the message was never in; cancelled later, the actor may still act on it and
        its answer is dropped.

        Raises: ActorEnded; ActorCrashed; whatever the actor fails this mail with.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        mail = Post(body, asked=True)
        await self._enter(mail)
        return await mail.wait_answer()

    async def _enter(self, mail: Post[M]) -> bool:
        """Wait until `mail` is in; whether it was at once, without a checkpoint."""
        if self._try_enter(mail):
            return True
        senders = self._senders = self._senders or OrderedDict()
        task = current_task()
        senders[task] = mail

        def leave(_raise_cancel: object) -> Abort:
            del senders[task]
            return Abort.SUCCEEDED

        await wait_task_rescheduled(leave)
        if mail.state == "dropped":  # refused, or let in and lost: the actor ended first
            await mail.wait_answer()
        return False

    def _try_enter(self, mail: Post[M]) -> bool:
        if self._reason is not None:
            raise ActorEnded(self._reason)
        if not self._room:
            return False
        self._room -= 1
        self._append(mail)
        return True

    def _append(self, mail: Post[M]) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(mail)
        self._wake_receiver()

    # The receiver

    async def receive(self) -> Mail[M]:
        """The next mail, in order. Cancelled, it has taken none.

        Raises: trio.EndOfChannel when the actor is to stop and nothing is left; trio.BusyResourceError when another
        task receives.
        """
        self._put_off()
        if self._queue or self._reason is not None:
            await trio.lowlevel.checkpoint()
        while not self._queue and self._reason is None:
            await self._park()
        return self.receive_nowait()

    def receive_nowait(self) -> Mail[M]:
        """The next mail, if there is one.

        Raises: trio.WouldBlock when there is none; trio.EndOfChannel, trio.BusyResourceError as `receive`.
        """
        if self._receiver is not None:
            raise trio.BusyResourceError("another task receives from this mailbox")
        self._put_off()
        if not self._queue:
            raise trio.WouldBlock if self._reason is None else trio.EndOfChannel
        mail = self._in_hand = self._queue.popleft()
        self._delivered += 1
        if mail.is_reserved:
            self._reserved_room += 1
        elif self._senders:
            sender, waiting = self._senders.popitem(last=False)
            self._queue.append(waiting)
            reschedule(sender)
        else:
            self._room += 1
        return mail

    def __aiter__(self) -> Mailbox[M]:
        return self

    async def __anext__(self) -> Mail[M]:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def _put_off(self) -> None:
        """The mail in hand is in hand no more; if its asker still waits, remember that it is owed an answer."""
        mail, self._in_hand = self._in_hand, None
        if mail is not None and mail.state == "asked":
            if self._owed is None:
                self._owed = set()
            self._owed.add(mail)
            mail.owed = self._owed

    async def _park(self) -> None:
        if self._receiver is not None:
            raise trio.BusyResourceError("another task receives from this mailbox")
        self._queue = self._senders = None  # both are empty: room is there
        if not self._owed:
            self._owed = None
        self._receiver = current_task()
        await wait_task_rescheduled(self._unpark)

    def _unpark(self, _raise_cancel: object) -> Abort:
        self._receiver = None
        return Abort.SUCCEEDED

    def _wake_receiver(self) -> None:
        if self._receiver is not None:
            reschedule(self._receiver)
            self._receiver = None

    # The owner

    def drain(self, reason: str) -> None:
        """Ask the receiver to stop: senders get ActorEnded with `reason` from now on, also those who wait for room;
        what is in is still received, then `receive` raises EndOfChannel."""
        if self._reason is not None:
            return
        self._reason = reason
        senders, self._senders = self._senders, None
        for task, mail in (senders or {}).items():
            mail.abandon(ActorEnded(reason))
            reschedule(task)
        self._wake_receiver()

    def fail_received(self, make_error: Callable[[], ActorError]) -> None:
        """Fail every received mail whose asker still waits, each with an error of its own."""
        self._put_off()
        owed, self._owed = self._owed, None
        for mail in owed or ():
            mail.abandon(make_error())

    def close(self, reason: str) -> int:
        """End for good: whoever waits for an answer or for room gets ActorEnded with `reason`, and so does everyone
        who comes later. Returns how many told mails were in and are lost."""
        self.drain(reason)
        self._reason, self._ended = reason, True
        self.fail_received(lambda: ActorEnded(reason))
        queue, self._queue = self._queue, None
        lost = sum(mail.state == "told" for mail in queue or ())
        for mail in queue or ():
            mail.abandon(ActorEnded(reason))
        return lost

    @property
    def is_idle(self) -> bool:
        """Whether no mail is in, no sender waits, and nobody waits for an answer to what was received."""
        return not (self._queue or self._senders or self._unanswered())

    def statistics(self) -> MailboxStatistics:
        """What the mailbox holds now."""
        return MailboxStatistics(
            capacity=self._capacity,
            reserved=self._reserved,
            waiting_mail=len(self._queue or ()),
            waiting_senders=len(self._senders or ()),
            unanswered=self._unanswered(),
            delivered=self._delivered,
        )

    def _unanswered(self) -> int:
        in_hand = self._in_hand is not None and self._in_hand.state == "asked"
        return len(self._owed or ()) + in_hand
