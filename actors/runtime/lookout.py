"""Tells the watchers of all runs what the other nodes of a shared store change, by looking at the store."""

import logging
from math import inf

import trio

from ...protocol.record import Head
from ...stores.shared import CHANGES_KEPT_S, Changed, SharedStore
from ..core.mailbox import Mailbox
from .changes import Changes
from .looks import LOOK_S, wait_for_look

__all__ = ["Lookout"]

logger = logging.getLogger("adjourn.system")

AT_ONCE = 10_000  # changed runs in a look; beyond, watchers are told that they missed some


class Lookout:
    """Asks the store what other nodes have changed: after a hint, and at least once a second.

    While nobody watches, it only moves the mark on. So a new watcher misses nothing: the mark is older than its watch.
    """

    def __init__(self, store: SharedStore, changes: Changes) -> None:
        self._store, self._changes = store, changes
        self._mark: str | None = None
        self._marked_at = -inf

    async def run(self, mailbox: Mailbox[None]) -> None:
        """The actor."""
        while True:
            hinted = self._store.hinted("changed")
            try:
                if self._is_due():
                    await self._look()
            except Exception as error:
                if self._mark is not None:  # else the look before failed too
                    logger.warning("lists show no changes of other nodes until the store answers: %s", error)
                self._mark = None  # the store may have lost the changes since
            await wait_for_look(hinted)

    def _is_due(self) -> bool:
        """Returns whether anybody watches, or the mark must be moved on."""
        return self._changes.is_watched_everywhere or trio.current_time() - self._marked_at >= LOOK_S

    async def _look(self) -> None:
        began = trio.current_time()
        if began - self._marked_at > CHANGES_KEPT_S:
            self._mark = None
        is_watched, since = self._changes.is_watched_everywhere, self._mark
        own: dict[str, int] = {}  # runs that this node saves or deletes during the look, with their versions

        def note(head: Head, deleted: bool) -> None:
            own[head.id] = head.version

        unwatch = self._changes.watch(note)
        try:
            found = await self._store.changed(since if is_watched else None, AT_ONCE)
        finally:
            unwatch()
        if is_watched or not self._changes.is_watched_everywhere:
            self._mark, self._marked_at = found.mark, began
        if is_watched:
            self._tell(found, own, is_complete=found.is_complete and since is not None)

    def _tell(self, found: Changed, own: dict[str, int], *, is_complete: bool) -> None:
        """Tells what was found, but no state of a run that is older than what this node has told of it meanwhile."""
        self._changes.changed_elsewhere(
            [head for head in found.saved if head.version > own.get(head.id, 0)],
            [head for head in found.deleted if head.id not in own],
        )
        if not is_complete:
            self._changes.missed_elsewhere()
