"""Recovery: runs that were live when the last owner of the store died come back into memory, once, at the start."""

import logging

import trio

from ...protocol.errors import RecordTooNew, ShuttingDown
from ...protocol.record import Head, Record
from ...stores.base import Store
from ..core.mailbox import Mailbox
from .activation import Activation
from .contracts import Contracts
from .services import BACKOFF_S

__all__ = ["Recovery"]

logger = logging.getLogger("adjourn.system")

AT_ONCE = 32
PAGE = 500  # heads


class Recovery:
    """Brings live runs back, at most `AT_ONCE` at a time, for as long as the store takes to answer."""

    def __init__(self, store: Store, activation: Activation, contracts: Contracts) -> None:
        self._store, self._activation, self._contracts = store, activation, contracts

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor: over when every live run is in memory, or can't be."""
        wait_s, longest = BACKOFF_S
        while not await self._recover_all():
            await trio.sleep(wait_s)
            wait_s = min(2 * wait_s, longest)

    async def _recover_all(self) -> bool:
        """Whether nothing is left to try again."""
        limiter = trio.CapacityLimiter(AT_ONCE)
        failed: set[str] = set()
        after: str | None = None
        while True:
            try:
                page = await self._store.list(status="running", limit=PAGE, after=after)
            except Exception as error:
                logger.warning("recovery waits for the store: %s", error)
                return False
            async with trio.open_nursery() as nursery:
                for head in page.heads:
                    nursery.start_soon(self._recover_one, head, limiter, failed)
            after = page.after
            if after is None:
                return not failed

    async def _recover_one(self, head: Head, limiter: trio.CapacityLimiter, failed: set[str]) -> None:
        async with limiter:
            try:
                actor = await self._activation.activate(head.id)
            except Exception as error:
                logger.warning("run %s is not recovered: %s", head.id, error)
                if not isinstance(error, RecordTooNew | ShuttingDown):  # whatever else the store says may pass
                    failed.add(head.id)
                return
        if not isinstance(actor, Record) and actor.state.agent is None:
            why = self._contracts.fault(actor.state.head, actor.state.history)
            logger.warning("run %s is stranded: %s", head.id, why)
