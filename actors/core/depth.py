"""A mailbox that reports when it fills up. Only supervisors with an alarm depth use it; others pay nothing."""

from __future__ import annotations

from collections.abc import Callable

import trio

from .mail import M, Post
from .mailbox import Mailbox
from .reports import DepthAlarm

__all__ = ["AlarmedMailbox"]


class AlarmedMailbox(Mailbox[M]):
    """Reports once when `alarm_depth` mails wait, or it is full, and once more when no more than half of that do."""

    __slots__ = ("_alarm_depth", "_is_raised", "_name", "_report")

    def __init__(
        self, capacity: int, reserved: int, *, name: str, alarm_depth: int, report: Callable[[DepthAlarm], None]
    ) -> None:
        super().__init__(capacity, reserved)
        self._name, self._report = name, report
        self._alarm_depth = min(alarm_depth, capacity)
        self._is_raised = False

    def _opened(self) -> tuple[trio.MemorySendChannel[Post[M]], trio.MemoryReceiveChannel[Post[M]]]:
        # Each mail that comes in passes here after it has been counted.
        depth = self.waiting_mail
        if depth >= self._alarm_depth and not self._is_raised:
            self._is_raised = True
            self._report(DepthAlarm(self._name, depth, True))
        return super()._opened()

    def _booked(self, mail: Post[M]) -> Post[M]:
        mail = super()._booked(mail)
        depth = self.waiting_mail
        if self._is_raised and depth <= self._alarm_depth // 2:
            self._is_raised = False
            self._report(DepthAlarm(self._name, depth, False))
        return mail
