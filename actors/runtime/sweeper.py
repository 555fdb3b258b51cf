"""The sweeper: what must happen at a certain time, to runs in memory and out of it. One for a system.

Deadlines of decisions and claims, the TTL of parked runs and the retention of ended ones are all one thing to the
store: `nextDue`. What leaves memory because it has been at rest for long is `resting.py`'s business.
"""

import logging
from collections.abc import Callable, Mapping
from math import inf

import trio

from ...protocol.codec import MAX_INT
from ...protocol.errors import AdjournError, RunNotFound, StaleEpoch
from ...protocol.record import Head
from ...stores.base import Store
from ..core.faults import bare_error
from ..core.mailbox import Mailbox
from .activation import Activation
from .registry import Registry

__all__ = ["Alarm", "Sweeper"]

logger = logging.getLogger("adjourn.system")

PAGE = 100  # runs that are read, and taken up, together
PAGES_AT_ONCE = 2  # one is loaded while another is saved
MAX_RETRIES = 200  # runs that wait for another try and are known by name; the others are found again later
CLOCK_S = 60.0  # until the wall clock is looked at again while a deadline is waited for: it may have been set
RETRY_S = 1.0


class Alarm:
    """Knows the soonest deadline, and wakes the sweeper at it."""

    def __init__(self) -> None:
        self.soonest: float = inf  # ms; the soonest deadline that was noted since `clear`
        self._rung = False
        self._changed = trio.Event()

    def note(self, next_due: int) -> None:
        """Note when a run falls due, in ms. A sweeper that is at work isn't disturbed."""
        if next_due < self.soonest:
            self.soonest = next_due
            self._changed.set()

    def ring(self) -> None:
        """Wake the sweeper at once."""
        self._rung = True
        self._changed.set()

    def clear(self) -> None:
        """Begin to look: what is noted from now on counts."""
        self.soonest, self._rung = inf, False

    async def wait(self, now: Callable[[], int], longest_s: float) -> None:
        """Wait until the soonest deadline, until `ring`, or for `longest_s` at most."""
        latest = trio.current_time() + longest_s
        while not self._rung:
            self._changed = trio.Event()
            sleep_s = min((self.soonest - now()) / 1000, latest - trio.current_time())
            if sleep_s <= 0:
                return
            if self.soonest < inf:
                sleep_s = min(sleep_s, CLOCK_S)
            with trio.move_on_after(sleep_s):
                await self._changed.wait()


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
        # All that is due up to this run has been taken up. What is still due there can't be done here, for want of code
        # or because its record can't be read: it isn't asked again.
        self._reached: Head | None = None
        self._retries: set[str] = set()  # runs that could not do it at that moment
        self._is_full = False  # more of them than are remembered: this look goes no further
        self._begins_anew = False  # some of them were not remembered: at the end, begin at the first run that is due

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor."""
        while True:
            if self._reached is not None and self._alarm.soonest <= (self._reached.next_due or 0):
                self._reached = None  # a run fell due there after the sweeper had passed
            self._alarm.clear()
            try:
                await self._look()
            except Exception as error:
                logger.warning("the sweeper waits for the store: %s", bare_error(error))
                self._reached = None  # some of the runs before it were perhaps not taken up
                await trio.sleep(RETRY_S)
                continue
            if self._begins_anew:
                await trio.sleep(RETRY_S)
            else:
                await self._alarm.wait(self._now, RETRY_S if self._retries or self._registry.lost else inf)

    async def _look(self) -> None:
        if self._begins_anew and not self._is_full:
            self._begins_anew, self._reached = False, None
        self._is_full = False
        await self._bring_back()
        await self._do_due()
        for head in await self._store.due(MAX_INT, 1, after=self._reached):
            self._alarm.note(head.next_due or 0)

    async def _bring_back(self) -> None:
        """Activate runs that lost their actor."""
        for run_id in tuple(self._registry.lost):
            try:
                await self._activation.activate(run_id)
            except RunNotFound:
                self._registry.lost.discard(run_id)
            except Exception as error:
                logger.warning("run %s is not brought back yet: %s", run_id, error)
            else:
                self._registry.lost.discard(run_id)

    async def _do_due(self) -> None:
        """Do what is due by now, first in the runs that wait for another try."""
        retries, self._retries = self._retries, set()
        slots = trio.Semaphore(PAGES_AT_ONCE - 1)  # beside the page that is begun first
        async with trio.open_nursery() as nursery:
            page: Mapping[str, Head | None] = dict.fromkeys(retries) or await self._take_up()
            while page:
                nursery.start_soon(self._do_page, page, slots)
                await slots.acquire()
                page = await self._take_up()

    async def _take_up(self) -> Mapping[str, Head | None]:
        """The heads of some runs that are due; none where too many have failed in this look."""
        if self._is_full:
            return {}
        heads = await self._store.due(self._now(), PAGE, after=self._reached)
        self._reached = heads[-1] if heads else self._reached
        return {head.id: head for head in heads}

    async def _do_page(self, page: Mapping[str, Head | None], slots: trio.Semaphore) -> None:
        # Begun in one tick, they are loaded and saved together too: a store may do that as one group.
        async with trio.open_nursery() as nursery:
            for run_id, head in page.items():
                nursery.start_soon(self._do_one, run_id, head)
        slots.release()

    async def _do_one(self, run_id: str, head: Head | None) -> None:
        try:
            left = await self._activation.do_due(run_id, head)
            if left is not None and left.next_due is not None:
                self._alarm.note(left.next_due)
        except StaleEpoch:
            pass  # the store's new owner does it
        except Exception as error:
            logger.warning("run %s can't do what is due: %s", run_id, error)
            if not isinstance(error, AdjournError) or error.retryable:
                self._try_again(run_id)

    def _try_again(self, run_id: str) -> None:
        if len(self._retries) < MAX_RETRIES:
            self._retries.add(run_id)
        else:
            self._is_full = self._begins_anew = True
