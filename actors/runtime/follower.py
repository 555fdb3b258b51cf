"""Keeps watched logs up to date whose runs other nodes of a shared store carry on, by looking at the store.

A watcher gets a snapshot after each change that it finds. Events between two looks, as the deltas of a message, are not
seen here.
"""

import logging

from ...protocol.errors import RunNotFound
from ...stores.shared import SharedStore
from ..core.mailbox import Mailbox
from .log_cache import LogCache
from .looks import wait_for_look

__all__ = ["Follower"]

logger = logging.getLogger("adjourn.system")

AT_ONCE = 1_000  # runs in a query


class Follower:
    """Looks at the versions of these runs after a hint, or each second, and loads the records that have changed."""

    def __init__(self, store: SharedStore, logs: LogCache) -> None:
        self._store, self._logs = store, logs
        self._seen: dict[str, int] = {}  # by run: the version that its log shows

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor."""
        hinted = self._store.hinted("changed")
        while True:
            await wait_for_look(hinted)
            hinted = self._store.hinted("changed")
            watched = self._logs.watched_elsewhere()
            self._seen = {run_id: self._seen[run_id] for run_id in watched if run_id in self._seen}
            try:
                for at in range(0, len(watched), AT_ONCE):
                    await self._follow(watched[at : at + AT_ONCE])
            except Exception as error:
                logger.warning("watching runs of other nodes waits for the store: %s", error)

    async def _follow(self, run_ids: list[str]) -> None:
        versions = await self._store.versions(run_ids)
        for run_id in run_ids:
            version = versions.get(run_id)
            if version is None or version != self._seen.get(run_id):
                try:
                    self._seen[run_id] = await self._logs.reload(run_id)
                except RunNotFound:
                    self._logs.forget(run_id)
