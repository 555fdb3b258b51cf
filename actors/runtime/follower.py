"""Keeps the watched logs of runs up to date that other nodes of a shared store own.

A run is watched at the node that owns it (`upstream.py`): its log here gets each event, with the same `seq`. If the run
has no owner, or its owner can't be reached, its log is compared with the store instead: watchers then get a snapshot
after each change, without the events in between.
"""

import logging

import trio

from ...protocol.errors import RunNotFound
from ...stores.shared import Node, SharedStore
from ..core.mailbox import Mailbox
from .log_cache import LogCache
from .looks import LOOK_S, wait_for_look
from .membership import Membership
from .upstream import Dial, Upstream

__all__ = ["Follower"]

logger = logging.getLogger("adjourn.system")

AT_ONCE = 1_000  # runs in a query


class Follower:
    """Finds the owners of watched runs in the store, and compares the logs that get no events from an owner with it.

    Newly watched runs are looked up at once; runs without events from an owner after each hint; all runs once a second.

    `dial` connects to the gateways of other nodes. None: other nodes can't be reached.
    """

    def __init__(self, store: SharedStore, logs: LogCache, membership: Membership) -> None:
        self.dial: Dial | None = None
        self._store, self._logs, self._membership = store, logs, membership
        self._seen: dict[str, int] = {}  # by run: the version with which its log was last compared
        self._new: list[str] = []  # runs watched since `_watch_new` last looked
        self._woken = trio.Event()
        logs.on_watched = self._wake

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor."""
        async with trio.open_nursery() as nursery:
            upstream = Upstream(self._logs, nursery)
            nursery.start_soon(self._watch_new, upstream)
            await self._watch_all(upstream)

    async def _watch_new(self, upstream: Upstream) -> None:
        while True:
            await self._woken.wait()
            self._woken, new, self._new = trio.Event(), self._new, []
            await self._look(upstream, new, compares=False)  # their logs have just been loaded

    def _wake(self, run_id: str) -> None:
        if self.dial is not None:
            self._new.append(run_id)
            self._woken.set()

    async def _watch_all(self, upstream: Upstream) -> None:
        hinted = self._store.hinted("changed")
        all_at = trio.current_time() + LOOK_S  # the next look at all runs
        while True:
            await wait_for_look(hinted)
            hinted = self._store.hinted("changed")
            run_ids = self._logs.watched_elsewhere()
            self._seen = {run_id: self._seen[run_id] for run_id in run_ids if run_id in self._seen}
            if trio.current_time() < all_at:
                run_ids = [run_id for run_id in run_ids if not upstream.feeds(run_id)]
            else:
                upstream.retry()
                all_at = trio.current_time() + LOOK_S
            await self._look(upstream, run_ids, compares=True)

    async def _look(self, upstream: Upstream, run_ids: list[str], *, compares: bool) -> None:
        try:
            for at in range(0, len(run_ids), AT_ONCE):
                some = run_ids[at : at + AT_ONCE]
                if self.dial is not None:
                    await self._watch_at_owners(upstream, some, self.dial)
                if compares:
                    await self._compare([run_id for run_id in some if not upstream.feeds(run_id)])
        except Exception as error:
            logger.warning("watching runs of other nodes waits for the store: %s", error)

    async def _watch_at_owners(self, upstream: Upstream, run_ids: list[str], dial: Dial) -> None:
        owners = await self._store.owners(run_ids)
        for run_id in run_ids:
            if self._logs.is_watched_elsewhere(run_id):
                upstream.watch(run_id, self._reachable(owners.get(run_id)), dial)

    def _reachable(self, owner: Node | None) -> Node | None:
        """Returns the owner if it is another node and has another url: a dead node may have had the url of this one."""
        own = self._membership.node
        return None if owner is None or owner.id == own.id or owner.url in (None, own.url) else owner

    async def _compare(self, run_ids: list[str]) -> None:
        if not run_ids:
            return
        versions = await self._store.versions(run_ids)
        for run_id in run_ids:
            version = versions.get(run_id)
            if version is None or version != self._seen.get(run_id):
                await self._reload(run_id)

    async def _reload(self, run_id: str) -> None:
        try:
            version = await self._logs.reload(run_id)
        except RunNotFound:
            self._logs.forget(run_id)
        else:
            if version is not None:
                self._seen[run_id] = version
