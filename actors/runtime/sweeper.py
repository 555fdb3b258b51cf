"""The sweeper: what must happen at a certain time, to runs in memory and out of it. One for a system.

Deadlines of decisions and claims, the TTL of parked runs and the retention of ended ones are all one thing to the
store: `nextDue`. What leaves memory because it has been at rest for long is `resting.py`'s business.
"""

import logging
from collections.abc import Callable

import trio

from ...protocol.codec import MAX_INT
from ...protocol.errors import AdjournError, RunNotFound, StaleEpoch
from ...protocol.record import FINAL, Head
from ...stores.base import Store
from ..core.mailbox import Mailbox
from .activation import Activation
from .registry import Registry

__all__ = ["Alarm", "Sweeper"]

logger = logging.getLogger("adjourn.system")

BATCH = 100
LONGEST_SLEEP_S = 60.0  # the wall clock may be set meanwhile
RETRY_S = 1.0


class Alarm:
    """Wakes the sweeper when something falls due before it would look again."""

    def __init__(self) -> None:
        self._rung = trio.Event()
        self._looks_at: int | None = None  # ms; None: it looks when it is woken

    def note(self, head: Head) -> None:
        """Note when a run that was saved falls due."""
        if head.next_due is not None and (self._looks_at is None or head.next_due < self._looks_at):
            self._rung.set()

    def ring(self) -> None:
        """Wake the sweeper."""
        self._rung.set()

    def clear(self) -> None:
        """Begin to look: whatever falls due from now on wakes the sweeper again."""
        self._rung, self._looks_at = trio.Event(), None

    async def wait(self, sleep_s: float, now: int) -> None:
        """Wait until woken, or for `sleep_s`."""
        self._looks_at = None if sleep_s == float("inf") else now + int(sleep_s * 1000)
        with trio.move_on_after(sleep_s):
            await self._rung.wait()


class Sweeper:
    """Does what is due. It survives a store that doesn't answer."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        activation: Activation,
        alarm: Alarm,
        *,
        now: Callable[[], int],
    ) -> None:
        self._store, self._registry, self._activation, self._alarm = store, registry, activation, alarm
        self._now = now
        self._stuck: set[str] = set()  # runs that can't do what is due, for want of code; not asked again

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor."""
        while True:
            self._alarm.clear()
            later: set[str] = set()  # runs that can't do it at this moment
            try:
                await self._bring_back(later)
                await self._do_due(later)
                due = await self._next_due(self._stuck | later)
            except Exception as error:
                logger.warning("the sweeper waits for the store: %s", error)
                await trio.sleep(RETRY_S)
                continue
            sleep_s = RETRY_S if later else float("inf")
            if due is not None:
                sleep_s = min(sleep_s, LONGEST_SLEEP_S, max(0.0, (due - self._now()) / 1000))
            await self._alarm.wait(sleep_s, self._now())

    async def _bring_back(self, later: set[str]) -> None:
        """Activate runs that lost their actor."""
        for run_id in tuple(self._registry.lost):
            try:
                await self._activation.activate(run_id)
            except RunNotFound:
                self._registry.lost.discard(run_id)
            except Exception as error:
                logger.warning("run %s is not brought back yet: %s", run_id, error)
                later.add(run_id)
            else:
                self._registry.lost.discard(run_id)

    async def _do_due(self, later: set[str]) -> None:
        while True:
            skipped = self._stuck | later
            found = await self._store.due(self._now(), BATCH + len(skipped))
            heads = [head for head in found if head.id not in skipped]
            if not heads:
                return
            async with trio.open_nursery() as nursery:
                for head in heads:
                    nursery.start_soon(self._do_one, head, later)

    async def _next_due(self, skipped: set[str]) -> int | None:
        heads = await self._store.due(MAX_INT, 1 + len(skipped))
        return next((head.next_due for head in heads if head.id not in skipped), None)

    async def _do_one(self, head: Head, later: set[str]) -> None:
        try:
            if head.status in FINAL:
                await self._registry.delete(head)
            else:
                await self._activation.tick(head.id)
        except StaleEpoch:
            self._stuck.add(head.id)  # the store's new owner does it
        except Exception as error:
            logger.warning("run %s can't do what is due: %s", head.id, error)
            is_lasting = isinstance(error, AdjournError) and not error.retryable
            (self._stuck if is_lasting else later).add(head.id)
