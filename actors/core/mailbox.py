"""A bounded mailbox. It belongs to the actor's reference, so it survives restarts.

`mail.py` has one message with its answer; `actor.py` runs an actor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias

import trio

from .errors import ActorEnded, ActorError, MailboxFull
from .mail import M, Mail, Post, Signal

__all__ = ["Mailbox", "MailboxStatistics"]


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """A mailbox's state at one moment.

    Attributes:
        capacity: messages that fit, without reserved room.
        reserved: further messages that fit: completions of the actor's effects, and signals of its monitors.
        waiting_mail: messages not received yet.
        waiting_senders: senders waiting for room.
        unanswered: received messages whose askers still wait.
        delivered: messages received so far, over all restarts.
    """

    capacity: int
    reserved: int
    waiting_mail: int
    waiting_senders: int
    unanswered: int
    delivered: int


# What a receiver gets: mail · only the mail that is in · nothing until the next start · nothing any more.
OPEN, DRAINING, PAUSED, ENDED = 0, 1, 2, 3

_Channel: TypeAlias = "tuple[trio.MemorySendChannel[Post[M]], trio.MemoryReceiveChannel[Post[M]]]"


class Mailbox(Generic[M]):
    """A bounded FIFO of messages with one receiver at a time.

    Senders get room in the order in which they came. `async for mail in mailbox` ends once the actor was asked to stop
    and has received all mail. The actor may receive further mail before it answers one; if the actor crashes or ends,
    every waiting asker gets an error.

    There is no selective receive: skipped mail would fill a bounded mailbox, and each receive would search it. An actor
    that has to wait for one message receives the others too, and keeps them for later; their askers go on waiting.

    Args:
        capacity: messages that the mailbox holds.
        reserved: further messages that it holds, only for `put_reserved_nowait`.
    """

    # Two memory channels, each opened when first needed. `_channel` holds both ordinary mail and completions; `_room`
    # and `_reserved_room` count the free places of each kind. Without room, a sender waits at the unbuffered `_lobby`.
    # Each received mail lets the first waiting sender in.

    __slots__ = (
        "_capacity",
        "_channel",
        "_delivered",
        "_in_hand",
        "_is_receiving",
        "_lobby",
        "_owed",
        "_phase",
        "_reason",
        "_reserved",
        "_reserved_room",
        "_room",
    )

    def __init__(self, capacity: int, reserved: int = 0) -> None:
        if capacity < 1 or reserved < 0:
            raise ValueError(f"a mailbox needs capacity >= 1 and reserved >= 0, not {capacity} and {reserved}")
        self._capacity = self._room = capacity
        self._reserved = self._reserved_room = reserved
        self._channel: _Channel[M] | None = None
        self._lobby: _Channel[M] | None = None
        self._owed: set[Post[M]] | None = None  # received and deferred: their askers still wait
        self._in_hand: Post[M] | None = None
        self._is_receiving = False  # whether a task waits in `receive`
        self._reason: str | None = None  # set: refuses mail from outside, with this text
        self._phase = OPEN
        self._delivered = 0

    # For senders

    async def put(self, body: M) -> None:
        """Puts a message in, waiting for room. If cancelled while waiting, the message is not in.

        Raises: ActorEnded, also if the actor ends during the wait.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        mail = Post(body)
        if self._try_enter(mail):
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._wait_room(mail)

    def put_nowait(self, body: M) -> None:
        """Puts a message in at once.

        Raises: MailboxFull, ActorEnded.
        """
        if not self._try_enter(Post(body)):
            raise MailboxFull(f"the mailbox holds {self._capacity} mails and is full")

    def put_reserved_nowait(self, body: M) -> None:
        """Puts in the completion of one of the actor's own effects, into reserved room; also while the actor is
        stopping.

        Raises: MailboxFull if all reserved room is taken, ActorEnded.
        """
        if self._phase == ENDED:
            raise ActorEnded(self._reason)
        if not self._reserved_room:
            raise MailboxFull(f"all {self._reserved} reserved places are taken")
        self._reserved_room -= 1
        self._opened()[0].send_nowait(Post(body, reserved=True))

    def put_signal(self, body: Any) -> None:
        """Puts in a signal that the actor asked for itself: always at once, without taking room. After the end, drops
        it.

        An actor gets one signal a monitor, so its own monitors bound how many wait here.
        """
        if self._phase != ENDED:
            self._reserved += 1  # until it is received
            self._opened()[0].send_nowait(Signal(body))

    async def ask(self, body: M) -> Any:
        """Puts a message in, waiting for room, and returns its answer.

        If cancelled while waiting for room, the message is not in; if cancelled later, the actor may still act on it,
        and its answer is dropped.

        Raises: ActorEnded; ActorCrashed; any error that the actor answers with.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        mail = Post(body, asked=True)
        if not self._try_enter(mail):
            await self._wait_room(mail)
        return await mail.wait_answer()

    def _try_enter(self, mail: Post[M]) -> bool:
        if self._reason is not None:
            raise ActorEnded(self._reason)
        if not self._room:
            return False
        self._room -= 1
        self._opened()[0].send_nowait(mail)
        return True

    async def _wait_room(self, mail: Post[M]) -> None:
        if self._lobby is None:
            self._lobby = trio.open_memory_channel(0)
        try:
            await self._lobby[0].send(mail)
        except trio.ClosedResourceError:
            raise ActorEnded(self._reason) from None
        if mail.state == "dropped":  # it got in, but the actor ended before receiving it
            await mail.wait_answer()

    def _opened(self) -> _Channel[M]:
        if self._channel is None:
            self._channel = trio.open_memory_channel(math.inf)  # the counts of free places bound it
        return self._channel

    # For the receiver

    async def receive(self) -> Mail[M]:
        """Returns the next mail, in order. If cancelled, none is lost.

        Raises: trio.EndOfChannel once the actor was asked to stop and no mail is left; trio.BusyResourceError if
            another task receives.
        """
        self._begin()
        if self._phase:
            await trio.lowlevel.checkpoint()
            return self.receive_nowait()
        if not self._owed:
            self._owed = None
        self._is_receiving = True
        try:
            return self._taken(await self._opened()[1].receive())
        except (trio.ClosedResourceError, trio.EndOfChannel):  # the actor was asked to stop meanwhile, or ended
            pass
        finally:
            self._is_receiving = False
        return self.receive_nowait()

    def receive_nowait(self) -> Mail[M]:
        """Returns the next mail, if there is one.

        Raises: trio.WouldBlock if there is none; trio.EndOfChannel, trio.BusyResourceError as `receive`.
        """
        self._begin()
        if self._phase == PAUSED:
            raise trio.EndOfChannel
        if self._is_in:
            assert self._channel is not None
            return self._taken(self._channel[1].receive_nowait())
        raise trio.EndOfChannel if self._phase else trio.WouldBlock

    def __aiter__(self) -> Mailbox[M]:
        return self

    async def __anext__(self) -> Mail[M]:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def _begin(self) -> None:
        """Defers the current mail if its asker still waits for an answer."""
        if self._is_receiving:
            raise trio.BusyResourceError("another task receives from this mailbox")
        mail, self._in_hand = self._in_hand, None
        if mail is not None and mail.state == "asked":
            if self._owed is None:
                self._owed = set()
            self._owed.add(mail)
            mail.owed = self._owed

    def _taken(self, mail: Post[M]) -> Mail[M]:
        """Makes a mail from the channel the current one, and lets the first waiting sender in."""
        self._booked(mail)
        if self._phase == ENDED:  # another task than the actor's was receiving it
            mail.abandon(ActorEnded(self._reason))
            raise trio.EndOfChannel
        self._in_hand = mail
        self._delivered += 1
        if self._lobby is not None and self._room:
            self._let_in(self._lobby)
        return mail

    def _booked(self, mail: Post[M]) -> Post[M]:
        if mail.is_reserved:
            if mail.is_signal:
                self._reserved -= 1
            else:
                self._reserved_room += 1
        else:
            self._room += 1
        return mail

    @property
    def _is_in(self) -> bool:
        """Whether there is mail to receive."""
        return self._room < self._capacity or self._reserved_room < self._reserved

    def _let_in(self, lobby: _Channel[M]) -> None:
        try:
            mail = lobby[1].receive_nowait()
        except trio.WouldBlock:
            return
        self._room -= 1
        self._opened()[0].send_nowait(mail)

    # For the owner

    def drain(self, reason: str) -> None:
        """Asks the receiver to stop. From now on new and waiting senders get ActorEnded with `reason`. Mail that is in
        is still received; then `receive` raises EndOfChannel."""
        if self._reason is not None:
            return
        self._phase = DRAINING
        self._refuse(reason)
        self._wake_receiver()

    def pause(self) -> None:
        """Asks the receiver to stop, and keeps the mail for its next start: `receive` raises EndOfChannel until
        `resume`. Senders are not affected."""
        if self._phase == OPEN:
            self._phase = PAUSED
            self._wake_receiver()

    def resume(self) -> None:
        """Ends the pause, if there is one."""
        if self._phase == PAUSED:
            self._phase = OPEN

    def _wake_receiver(self) -> None:
        if self._is_receiving and not self._is_in:  # otherwise no task waits, or it has its mail already
            send, receive = self._opened()
            self._channel = None  # a completion that comes later opens another one
            send.close()
            receive.close()

    def _refuse(self, reason: str) -> None:
        self._reason = reason
        if self._lobby is not None:
            self._lobby[0].close()  # wakes waiting senders
            self._lobby = None

    def fail_received(self, make_error: Callable[[], ActorError]) -> None:
        """Fails every received mail whose asker still waits, each with an error of its own."""
        mail, self._in_hand = self._in_hand, None
        if mail is not None and mail.state == "asked":
            mail.abandon(make_error())
        owed, self._owed = self._owed, None
        for each in owed or ():
            each.abandon(make_error())

    def close(self, reason: str) -> list[M]:
        """Ends the mailbox: waiting askers, waiting senders and all later callers get ActorEnded with `reason`.

        Returns the messages sent by `tell` that were never received.
        """
        self._refuse(reason)
        self._phase = ENDED
        if self._in_hand is not None or self._owed:
            self.fail_received(partial(ActorEnded, reason))
        if self._channel is None:
            return []
        send, receive = self._channel
        lost = self._unread(receive, reason) if self._is_in else []
        self._channel = None
        send.close()
        receive.close()
        return lost

    def _unread(self, channel: trio.MemoryReceiveChannel[Post[M]], reason: str) -> list[M]:
        """Fails the mail that was not received; returns that sent by `tell`."""
        lost: list[M] = []
        with suppress(trio.WouldBlock):  # a task that was just woken may have the last mail
            while self._is_in:
                mail = self._booked(channel.receive_nowait())
                if mail.state == "told":
                    lost.append(mail.body)
                mail.abandon(ActorEnded(reason))
        return lost

    @property
    def is_idle(self) -> bool:
        """Whether there is no mail, no waiting sender and no waiting asker."""
        return not (self._is_in or self._unanswered())

    @property
    def is_receiving(self) -> bool:
        """Whether a task waits for mail."""
        return self._is_receiving

    @property
    def waiting_mail(self) -> int:
        """The mails not received yet."""
        return self._capacity - self._room + self._reserved - self._reserved_room

    def statistics(self) -> MailboxStatistics:
        """Returns the mailbox's current state."""
        return MailboxStatistics(
            capacity=self._capacity,
            reserved=self._reserved,
            waiting_mail=self.waiting_mail,
            waiting_senders=0 if self._lobby is None else self._lobby[0].statistics().tasks_waiting_send,
            unanswered=self._unanswered(),
            delivered=self._delivered,
        )

    def _unanswered(self) -> int:
        in_hand = self._in_hand is not None and self._in_hand.state == "asked"
        return len(self._owed or ()) + in_hand
