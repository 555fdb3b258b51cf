"""Takes over running runs that no live node of a shared store owns: those of nodes that have left or died.

After a claim or a first save whose outcome is unknown, this node may own runs that are not in its memory, and no other
node can claim them. These runs are activated too. Those that are parked leave memory again, and then have no owner.
"""

import logging
from collections.abc import Callable

from ...stores.shared import Orphan, SharedStore
from ..core.mailbox import Mailbox
from .looks import wait_for_look
from .membership import Membership
from .recovery import Recovery, is_executing

__all__ = ["Takeover"]

logger = logging.getLogger("adjourn.system")

AT_ONCE = 100  # runs claimed and activated together


class Takeover:
    """Claims such runs and activates them: at each beat, and at once when another node leaves.

    `agents`: the names of the agents loaded here. `in_memory`: returns the ids of the runs in memory.
    """

    def __init__(
        self,
        store: SharedStore,
        membership: Membership,
        recovery: Recovery,
        agents: tuple[str, ...],
        in_memory: Callable[[], list[str]],
    ) -> None:
        self._store, self._membership, self._recovery, self._agents = store, membership, recovery, agents
        self._in_memory = in_memory

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor."""
        while True:
            left = self._store.hinted("left")
            try:
                await self._take_all()
            except Exception as error:
                logger.warning("taking over runs waits for the store: %s", error)
            await wait_for_look(left, self._membership.beat_s)

    async def _take_all(self) -> None:
        suspects: list[Orphan] = []
        is_in_doubt = self._membership.is_in_doubt
        while orphans := await self._next(is_in_doubt):
            is_in_doubt = False  # until the next look: a run that can't be activated would be found again and again
            if lost := sum(not each.claimed.is_clean for each in orphans):
                logger.warning("took over runs of nodes whose leases have ended: %d", lost)
            unsuspected = [each for each in orphans if each.claimed.is_clean or not is_executing(each.head)]
            suspects += [each for each in orphans if each not in unsuspected]
            await self._recovery.recover_together(unsuspected)
        for orphan in suspects:
            await self._recovery.recover_alone(orphan)

    async def _next(self, is_in_doubt: bool) -> tuple[Orphan, ...]:
        membership = self._membership
        await membership.wait_held()
        known = [*self._in_memory(), *membership.letting_go] if is_in_doubt else None
        with membership.doubting():
            # A first save that begins later comes later to the store too, so its run is not taken.
            return await self._store.orphans(self._agents, AT_ONCE, known=known)
