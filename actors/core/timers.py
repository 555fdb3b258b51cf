"""Timers of one actor: messages to its own mailbox, once after a delay or periodically.

Erlang's `apply_after` has no counterpart: to call a function later, a task sleeps and calls it.

For a deadline of one question, no timer is needed: `with trio.fail_after(2): await ref.ask(question)`. An answer that
comes later is dropped. All times follow trio's clock, so they stand still under a mock clock.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Generic

import trio

from .errors import ActorEnded
from .mail import M
from .mailbox import Mailbox

__all__ = ["Timer", "Timers", "open_timers"]


class Timer:
    """One timer, to read or cancel."""

    __slots__ = ("_due", "_scope")

    def __init__(self, due: float) -> None:
        """`due`: trio's time of the next message."""
        self._due = due
        self._scope = trio.CancelScope()

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the next message: 0 if it waits for room in the mailbox. None: there is no next one."""
        return None if self._scope.cancel_called else max(0.0, self._due - trio.current_time())

    def cancel(self) -> None:
        """Sends nothing from now on. A message that is in the mailbox stays there."""
        self._scope.cancel()

    async def run(self, mailbox: Mailbox[M], message: M, period_s: float | None) -> None:
        """Sends the messages. Ends when the timer is done or cancelled, or the actor takes no more mail."""
        with self._scope:
            try:
                await self._send(mailbox, message)
                while period_s is not None:
                    late_s = trio.current_time() - self._due
                    self._due += period_s * max(1, math.ceil(late_s / period_s))
                    await self._send(mailbox, message)
            except ActorEnded:
                pass
        self._scope.cancel()  # so that `remaining_s` is None

    async def _send(self, mailbox: Mailbox[M], message: M) -> None:
        await trio.sleep_until(self._due)
        await mailbox.put(message)


class Timers(Generic[M]):
    """The timers of one `open_timers` block."""

    def __init__(self, mailbox: Mailbox[M], nursery: trio.Nursery) -> None:
        self._mailbox, self._nursery = mailbox, nursery

    def send_after(self, delay_s: float, message: M) -> Timer:
        """Puts `message` into the mailbox once, after `delay_s` seconds, waiting for room.

        Raises: ValueError if `delay_s` is negative.
        """
        if not delay_s >= 0:
            raise ValueError(f"delay_s must be at least 0, not {delay_s}")
        return self._start(delay_s, message, None)

    def send_every(self, period_s: float, message: M) -> Timer:
        """Puts `message` into the mailbox each `period_s` seconds, for the first time after one period.

        The period does not drift. While the mailbox is full, one message waits for room and later ones are skipped, so
        a slow actor is not flooded.

        Raises: ValueError if `period_s` is not positive.
        """
        if not 0 < period_s < math.inf:
            raise ValueError(f"period_s must be positive and finite, not {period_s}")
        return self._start(period_s, message, period_s)

    def _start(self, delay_s: float, message: M, period_s: float | None) -> Timer:
        timer = Timer(trio.current_time() + delay_s)
        self._nursery.start_soon(partial(timer.run, self._mailbox, message, period_s), name="timer")
        return timer


@asynccontextmanager
async def open_timers(mailbox: Mailbox[M]) -> AsyncGenerator[Timers[M]]:
    """Opens the timers of the actor that reads `mailbox`. All end with the block, so none outlives this start of it.

        async def poller(mailbox):
            async with open_timers(mailbox) as timers:
                timers.send_every(60, Poll())
                async for mail in mailbox: ...

    An error of the block comes out as it is.
    """
    error: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            yield Timers(mailbox, nursery)
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        error = group.exceptions[0] if len(group.exceptions) == 1 else group
    if error is not None:
        raise error
