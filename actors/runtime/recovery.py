"""Recovery: at the start, activates the runs that were running when the store's last owner died.

After a crash, runs whose tool was executing come last and one by one: if one of these tools crashes the process again,
the crash counts against its run alone.
"""

import logging
from collections.abc import Sequence

import trio

from ...protocol.errors import RecordTooNew, ShuttingDown, StaleEpoch
from ...protocol.record import Head, Record
from ...stores.base import Store
from ...stores.shared import Claimed, Orphan
from ..core.mailbox import Mailbox
from .activation import Activation
from .changes import Changes
from .contracts import Contracts
from .services import BACKOFF_S

__all__ = ["Recovery", "is_executing"]

logger = logging.getLogger("adjourn.system")

AT_ONCE = 32
PAGE = 500  # heads
ALONE_S = 30.0  # for a tool that executes again to end, before the next run is activated


class Recovery:
    """Activates running runs, at most `AT_ONCE` at a time, and retries until the store answers.

    `is_clean`: the last owner shut down in order, so none of its runs is suspected of the crash.
    """

    def __init__(
        self, store: Store, activation: Activation, contracts: Contracts, changes: Changes, *, is_clean: bool
    ) -> None:
        self._store, self._activation, self._contracts, self._changes = store, activation, contracts, changes
        self._is_clean = is_clean

    async def recover_together(self, orphans: Sequence[Orphan]) -> None:
        """Activates claimed runs, at most `AT_ONCE` at a time."""
        limiter = trio.CapacityLimiter(AT_ONCE)
        async with trio.open_nursery() as nursery:
            for each in orphans:
                nursery.start_soon(self._recover_one, each.head.id, set[str](), limiter, each.claimed)

    async def recover_alone(self, orphan: Orphan) -> None:
        """Activates a claimed run, and waits until no tool of it executes, at most `ALONE_S` seconds."""
        await self._recover_alone(orphan.head.id, set(), orphan.claimed)

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor. Ends when every running run is in memory, or can't be activated."""
        wait_s, longest = BACKOFF_S
        while not await self._recover_all():
            await trio.sleep(wait_s)
            wait_s = min(2 * wait_s, longest)

    async def _recover_all(self) -> bool:
        """Activates all running runs. False: some must be tried again."""
        suspects: list[str] = []
        failed: set[str] = set()
        after: str | None = None
        while True:
            try:
                page = await self._store.list(status="running", limit=PAGE, after=after)
            except Exception as error:
                logger.warning("recovery waits for the store: %s", error)
                return False
            heads = [head for head in page.heads if self._is_clean or not is_executing(head)]
            suspects += [head.id for head in page.heads if not self._is_clean and is_executing(head)]
            await self._recover_page(heads, failed)
            after = page.after
            if after is None:
                break
        for run_id in suspects:
            await self._recover_alone(run_id, failed)
        return not failed

    async def _recover_page(self, heads: Sequence[Head], failed: set[str]) -> None:
        limiter = trio.CapacityLimiter(AT_ONCE)
        async with trio.open_nursery() as nursery:
            for head in heads:
                nursery.start_soon(self._recover_one, head.id, failed, limiter)

    async def _recover_one(
        self, run_id: str, failed: set[str], limiter: trio.CapacityLimiter, claimed: Claimed | None = None
    ) -> None:
        async with limiter:
            await self._activate(run_id, failed, claimed)

    async def _recover_alone(self, run_id: str, failed: set[str], claimed: Claimed | None = None) -> None:
        """Activates a run, and waits until no tool of it executes, at most `ALONE_S` seconds."""
        ended = trio.Event()

        def look(head: Head, deleted: bool) -> None:
            if head.id == run_id and not is_executing(head):
                ended.set()

        unwatch = self._changes.watch(look)
        try:
            head = await self._activate(run_id, failed, claimed)
            if head is not None and is_executing(head):
                with trio.move_on_after(ALONE_S):
                    await ended.wait()
        finally:
            unwatch()

    async def _activate(self, run_id: str, failed: set[str], claimed: Claimed | None) -> Head | None:
        """Activates a run and returns its head; None if it failed, is over, or is stranded."""
        try:
            actor = await self._activation.activate(run_id, claimed)
        except (ShuttingDown, StaleEpoch):
            return None  # the next process, or the store's new owner, does it
        except Exception as error:
            logger.warning("run %s is not recovered: %s", run_id, error)
            if not isinstance(error, RecordTooNew):  # any other error may pass
                failed.add(run_id)
            return None
        if isinstance(actor, Record):
            return None
        state = actor.state
        if state.agent is None:
            logger.warning("run %s is stranded: %s", run_id, self._contracts.fault(state.head, state.history))
            return None
        return state.head


def is_executing(head: Head) -> bool:
    """Returns whether a tool of the run executes on the server."""
    return any(call.executing for call in head.calls)
