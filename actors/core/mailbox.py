"""The mailbox: a bounded memory channel of mail that belongs to an actor's reference and so survives its restarts.

One mail with its answer is in `mail.py`, what runs an actor in `actor.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias

import trio

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


_Channel: TypeAlias = "tuple[trio.MemorySendChannel[Post[M]], trio.MemoryReceiveChannel[Post[M]]]"


class Mailbox(Generic[M]):
    """A bounded FIFO of mail with one receiver at a time.

    Senders that wait for room get it in the order in which they came. `async for mail in mailbox` ends once the actor
    is asked to stop and has received what was in by then. The actor may put an answer off and receive on: whoever still
    waits for one when the actor crashes or ends is failed then.
    """

    # Two memory channels, each opened when it is first needed. `_channel` has room for ordinary mail and completions
    # alike; `_room` and `_reserved_room` count what is free of each. A sender that finds no room for ordinary mail
    # waits at `_lobby`, which has no buffer. Whenever a mail is received, the first sender that waits there is let in.

    __slots__ = (
        "_capacity",
        "_channel",
        "_delivered",
        "_ended",
        "_in_hand",
        "_is_receiving",
        "_lobby",
        "_owed",
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
        self._owed: set[Post[M]] | None = None  # received, then put off: their askers still wait
        self._in_hand: Post[M] | None = None
        self._is_receiving = False  # whether a task waits in `receive`
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
        if self._try_enter(mail):
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._wait_room(mail)

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
        self._opened()[0].send_nowait(Post(body, reserved=True))

    async def ask(self, body: M) -> Any:
        """Put a message in, waiting for room, and return its answer.

        Cancelled while it waits for room, the message was never in; cancelled later, the actor may still act on it and
        its answer is dropped.

        Raises: ActorEnded; ActorCrashed; whatever the actor fails this mail with.
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
        if mail.state == "dropped":  # it was let in and lost: the actor ended first
            await mail.wait_answer()

    def _opened(self) -> _Channel[M]:
        if self._channel is None:
            self._channel = trio.open_memory_channel(self._capacity + self._reserved)
        return self._channel

    # The receiver

    async def receive(self) -> Mail[M]:
        """The next mail, in order. Cancelled, it has taken none.

        Raises: trio.EndOfChannel when the actor is to stop and nothing is left; trio.BusyResourceError when another
        task receives.
        """
        self._begin()
        if self._reason is not None:
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
        """The next mail, if there is one.

        Raises: trio.WouldBlock when there is none; trio.EndOfChannel, trio.BusyResourceError as `receive`.
        """
        self._begin()
        if self._is_in:
            assert self._channel is not None
            return self._taken(self._channel[1].receive_nowait())
        raise trio.WouldBlock if self._reason is None else trio.EndOfChannel

    def __aiter__(self) -> Mailbox[M]:
        return self

    async def __anext__(self) -> Mail[M]:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def _begin(self) -> None:
        """Put the mail in hand off: an asker that still waits for its answer is remembered."""
        if self._is_receiving:
            raise trio.BusyResourceError("another task receives from this mailbox")
        mail, self._in_hand = self._in_hand, None
        if mail is not None and mail.state == "asked":
            if self._owed is None:
                self._owed = set()
            self._owed.add(mail)
            mail.owed = self._owed

    def _taken(self, mail: Post[M]) -> Mail[M]:
        """Take a mail that has come out of the channel in hand, and let in who waits for its room."""
        self._booked(mail)
        if self._ended:  # it was on its way to a receiver that is not the actor's task
            mail.abandon(ActorEnded(self._reason))
            raise trio.EndOfChannel
        self._in_hand = mail
        self._delivered += 1
        if self._lobby is not None and self._room:
            self._let_in(self._lobby)
        return mail

    def _booked(self, mail: Post[M]) -> Post[M]:
        if mail.is_reserved:
            self._reserved_room += 1
        else:
            self._room += 1
        return mail

    @property
    def _is_in(self) -> bool:
        """Whether a mail is in and not yet received."""
        return self._room < self._capacity or self._reserved_room < self._reserved

    def _let_in(self, lobby: _Channel[M]) -> None:
        try:
            mail = lobby[1].receive_nowait()
        except trio.WouldBlock:
            return
        self._room -= 1
        self._opened()[0].send_nowait(mail)

    # The owner

    def drain(self, reason: str) -> None:
        """Ask the receiver to stop: senders get ActorEnded with `reason` from now on, also those who wait for room;
        what is in is still received, then `receive` raises EndOfChannel."""
        if self._reason is not None:
            return
        self._refuse(reason)
        if self._channel is not None:
            send, receive = self._channel
            # From now on the owner has ends of its own, for the mail that is in and for completions.
            self._channel = send.clone(), receive.clone()
            send.close()
            receive.close()  # tells a receiver that waits

    def _refuse(self, reason: str) -> None:
        self._reason = reason
        if self._lobby is not None:
            self._lobby[0].close()  # tells who waits there
            self._lobby = None

    def fail_received(self, make_error: Callable[[], ActorError]) -> None:
        """Fail every received mail whose asker still waits, each with an error of its own."""
        mail, self._in_hand = self._in_hand, None
        owed, self._owed = self._owed or set(), None
        if mail is not None and mail.state == "asked":
            owed.add(mail)
        for each in owed:
            each.abandon(make_error())

    def close(self, reason: str) -> int:
        """End for good: whoever waits for an answer or for room gets ActorEnded with `reason`, and so does everyone
        who comes later. Returns how many told mails were in and are lost."""
        self._refuse(reason)
        self._ended = True
        self.fail_received(lambda: ActorEnded(reason))
        channel, self._channel = self._channel, None
        lost = 0
        if channel is not None:
            with channel[0], channel[1], suppress(trio.WouldBlock):
                while self._is_in:
                    mail = self._booked(channel[1].receive_nowait())
                    lost += mail.state == "told"
                    mail.abandon(ActorEnded(reason))
        return lost

    @property
    def is_idle(self) -> bool:
        """Whether no mail is in, no sender waits, and nobody waits for an answer to what was received."""
        return not (self._is_in or self._unanswered())

    def statistics(self) -> MailboxStatistics:
        """What the mailbox holds now."""
        return MailboxStatistics(
            capacity=self._capacity,
            reserved=self._reserved,
            waiting_mail=self._capacity - self._room + self._reserved - self._reserved_room,
            waiting_senders=0 if self._lobby is None else self._lobby[0].statistics().tasks_waiting_send,
            unanswered=self._unanswered(),
            delivered=self._delivered,
        )

    def _unanswered(self) -> int:
        in_hand = self._in_hand is not None and self._in_hand.state == "asked"
        return len(self._owed or ()) + in_hand
