"""What a supervisor tree reports to those who look: mail that nobody received, and mailboxes that fill up."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import trio

__all__ = ["DeadLetter", "DepthAlarm", "Report", "ReportReader", "Reports"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message sent by `tell` that its actor never received. One sent by `ask` is none: its asker gets an error.

    Attributes:
        actor: the actor's name.
        body: the message.
        reason: how the actor ended.
    """

    actor: str
    body: Any
    reason: str


@dataclass(frozen=True, slots=True)
class DepthAlarm:
    """A mailbox reached the alarm depth of its supervisor, or is down to half of it again.

    Attributes:
        actor: the actor's name.
        depth: mails that wait now.
        is_raised: True: the alarm begins. False: it is over.
    """

    actor: str
    depth: int
    is_raised: bool


Report: TypeAlias = DeadLetter | DepthAlarm


class ReportReader:
    """The reports of one reader, in order: `async for report in reader`."""

    def __init__(self, capacity: int) -> None:
        """`capacity`: reports that may wait; with more, the oldest is dropped, and `missed` counts it."""
        self.missed = 0
        self._waiting: deque[Report] = deque()
        self._capacity = capacity
        self._lot = trio.lowlevel.ParkingLot()

    def put(self, report: Report) -> None:
        """Adds a report."""
        if len(self._waiting) == self._capacity:
            self._waiting.popleft()
            self.missed += 1
        self._waiting.append(report)
        self._lot.unpark()

    def __len__(self) -> int:
        """The reports that wait now."""
        return len(self._waiting)

    def __aiter__(self) -> ReportReader:
        return self

    async def __anext__(self) -> Report:
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            await self._lot.park()
        return self._waiting.popleft()


class Reports:
    """The readers of one supervisor tree."""

    def __init__(self) -> None:
        self._readers: list[ReportReader] = []

    def put(self, report: Report) -> None:
        """Adds a report for each reader."""
        for reader in self._readers:
            reader.put(report)

    @contextmanager
    def open_reader(self, capacity: int) -> Generator[ReportReader]:
        """Opens a reader of the reports from now on, until the block ends. Raises: ValueError if `capacity` < 1."""
        if capacity < 1:
            raise ValueError(f"a reader of reports needs capacity >= 1, not {capacity}")
        reader = ReportReader(capacity)
        self._readers.append(reader)
        try:
            yield reader
        finally:
            self._readers.remove(reader)
