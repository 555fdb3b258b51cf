"""The watchers that are called when runs are saved or deleted. No I/O."""

from collections.abc import Callable
from functools import partial

from ...protocol.record import Head

__all__ = ["Changes"]

Watcher = Callable[[Head, bool], None]  # head, deleted


class Changes:
    """The watchers of all changes of all runs. A watcher must neither wait nor raise."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Calls `watcher(head, deleted)` after each save and deletion; returns the function that stops this."""
        self._watchers.add(watcher)
        return partial(self._watchers.discard, watcher)

    def saved(self, head: Head) -> None:
        """Tells the watchers that a run was saved."""
        if self._watchers:
            for watcher in tuple(self._watchers):
                watcher(head, False)

    def deleted(self, head: Head) -> None:
        """Tells the watchers that a run was deleted."""
        for watcher in tuple(self._watchers):
            watcher(head, True)
