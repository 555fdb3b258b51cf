"""The sweeper: does what is due at a certain time, in runs in memory and in the store. A system has one.

`nextDue` in the store covers the deadlines of decisions and claims, the TTL of parked runs and the retention of ended
ones. `resting.py` takes runs out of memory.
"""

import logging
from collections.abc import Callable, Mapping
from math import inf

import trio

from ...protocol.codec import MAX_INT
from ...protocol.errors import AdjournError, RunElsewhere, RunNotFound, StaleEpoch
from ...protocol.record import Head
from ...stores.base import Store
from ..core.faults import bare_error
from ..core.mailbox import Mailbox
from .activation import Activation
from .registry import Registry

__all__ = ["Alarm", "Sweeper"]

logger = logging.getLogger("adjourn.system")

PAGE = 100  # runs that are read and handled together
PAGES_AT_ONCE = 2  # one page loads while another is saved
MAX_RETRIES = 200  # failed runs kept for a retry; beyond that, a later pass over the store finds them
CLOCK_S = 60.0  # longest sleep before a deadline: then reads the wall clock again, as it may have been set
RETRY_S = 1.0
LOOK_S = 1.0  # in a shared store, between two looks: other nodes set deadlines too, and may die before them
WHOLE_LOOK_S = 10.0  # in a shared store, between two looks at all due runs


class Alarm:
    """Knows the soonest deadline, and wakes the sweeper at it."""

    def __init__(self) -> None:
        self.soonest: float = inf  # the soonest deadline noted since `clear`, in ms since the epoch
        self._rung = False
        self._changed = trio.Event()

    def note(self, next_due: int) -> None:
        """Notes when a run is due, in ms since the epoch. Wakes only a sweeper that waits."""
        if next_due < self.soonest:
            self.soonest = next_due
            self._changed.set()

    def ring(self) -> None:
        """Wakes the sweeper at once."""
        self._rung = True
        self._changed.set()

    def clear(self) -> None:
        """Forgets the deadlines noted so far: the sweeper is about to read the store."""
        self.soonest, self._rung = inf, False

    async def wait(self, now: Callable[[], int], longest_s: float) -> None:
        """Waits until the soonest deadline or `ring`, but at most `longest_s` seconds."""
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
    """Does what is due. Retries while the store does not answer."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        activation: Activation,
        alarm: Alarm,
        *,
        now: Callable[[], int],
        is_shared: bool,
    ) -> None:
        self._store, self._registry, self._activation, self._alarm = store, registry, activation, alarm
        self._now, self._is_shared = now, is_shared
        self._whole_at = 0.0  # when a shared store is looked at as a whole next, on trio's clock
        # All runs due up to this one were handled. Those still due there are not tried again: their code is missing in
        # this process, or their record can't be read.
        self._reached: Head | None = None
        self._retries: set[str] = set()  # runs to try again
        self._is_full = False  # `_retries` is full: the current pass stops
        self._begins_anew = False  # a run did not fit into `_retries`: a later pass starts at the first due run

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor."""
        while True:
            if self._reached is not None and self._alarm.soonest <= (self._reached.next_due or 0):
                self._reached = None  # a run before this place has become due
            if self._is_shared and trio.current_time() >= self._whole_at:
                self._reached, self._whole_at = None, trio.current_time() + WHOLE_LOOK_S
            self._alarm.clear()
            try:
                await self._look()
            except Exception as error:
                logger.warning("the sweeper waits for the store: %s", bare_error(error))
                self._reached = None  # runs before this place were perhaps not handled
                await trio.sleep(RETRY_S)
                continue
            if self._begins_anew:
                await trio.sleep(RETRY_S)
            else:
                longest_s = LOOK_S if self._is_shared else inf
                await self._alarm.wait(self._now, RETRY_S if self._retries or self._registry.lost else longest_s)

    async def _look(self) -> None:
        if self._begins_anew and not self._is_full:
            self._begins_anew, self._reached = False, None
        self._is_full = False
        await self._bring_back()
        await self._do_due()
        for head in await self._store.due(MAX_INT, 1, after=self._reached):
            self._alarm.note(head.next_due or 0)

    async def _bring_back(self) -> None:
        """Activates the runs whose actor was lost."""
        for run_id in tuple(self._registry.lost):
            try:
                await self._activation.activate(run_id)
            except RunNotFound:
                self._registry.lost.discard(run_id)
            except Exception as error:
                logger.warning("run %s could not be activated yet: %s", run_id, error)
            else:
                self._registry.lost.discard(run_id)

    async def _do_due(self) -> None:
        """Does what is due by now, first in the runs to try again."""
        retries, self._retries = self._retries, set()
        slots = trio.Semaphore(PAGES_AT_ONCE - 1)  # for the pages after the first
        async with trio.open_nursery() as nursery:
            page: Mapping[str, Head | None] = dict.fromkeys(retries) or await self._take_up()
            while page:
                nursery.start_soon(self._do_page, page, slots)
                await slots.acquire()
                page = await self._take_up()

    async def _take_up(self) -> Mapping[str, Head | None]:
        """Returns the heads of the next due runs, by id; none if too many runs have failed in this pass."""
        if self._is_full:
            return {}
        heads = await self._store.due(self._now(), PAGE, after=self._reached)
        self._reached = heads[-1] if heads else self._reached
        return {head.id: head for head in heads}

    async def _do_page(self, page: Mapping[str, Head | None], slots: trio.Semaphore) -> None:
        # Started in one tick, so that a store can load and save them as one group.
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
        except RunElsewhere:
            self._try_again(run_id)  # the run's owner does it, unless it dies before
        except Exception as error:
            logger.warning("could not do what is due in run %s: %s", run_id, error)
            if not isinstance(error, AdjournError) or error.retryable:
                self._try_again(run_id)

    def _try_again(self, run_id: str) -> None:
        if len(self._retries) < MAX_RETRIES:
            self._retries.add(run_id)
        else:
            self._is_full = self._begins_anew = True
