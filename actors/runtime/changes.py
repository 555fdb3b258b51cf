"""The watchers that are called when runs are saved or deleted. No I/O."""

from collections.abc import Callable, Iterable
from functools import partial

from ...protocol.record import Head

__all__ = ["Changes"]

Watcher = Callable[[Head, bool], None]  # head, deleted
Missed = Callable[[], None]


class Changes:
    """The watchers of all changes of all runs. A watcher must neither wait nor raise."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._everywhere: dict[Watcher, Missed] = {}  # those that are also told what other nodes change

    def watch(self, watcher: Watcher, missed: Missed | None = None) -> Callable[[], None]:
        """Calls `watcher(head, deleted)` after each save and deletion; returns the function that stops this.

        `missed`: watch what other nodes change too. Called when some of those changes could not be told.
        """
        self._watchers.add(watcher)
        if missed is not None:
            self._everywhere[watcher] = missed
        return partial(self._stop, watcher)

    @property
    def is_watched_everywhere(self) -> bool:
        """Whether anybody watches what other nodes change."""
        return bool(self._everywhere)

    def saved(self, head: Head) -> None:
        """Tells the watchers that a run was saved."""
        if self._watchers:
            for watcher in tuple(self._watchers):
                watcher(head, False)

    def deleted(self, head: Head) -> None:
        """Tells the watchers that a run was deleted."""
        for watcher in tuple(self._watchers):
            watcher(head, True)

    def changed_elsewhere(self, saved: Iterable[Head], deleted: Iterable[Head]) -> None:
        """Tells the watchers that another node saved and deleted runs."""
        for head, is_deleted in (*((head, False) for head in saved), *((head, True) for head in deleted)):
            for watcher in tuple(self._everywhere):
                watcher(head, is_deleted)

    def missed_elsewhere(self) -> None:
        """Tells the watchers that they were not told everything that other nodes changed."""
        for missed in tuple(self._everywhere.values()):
            missed()

    def _stop(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        self._everywhere.pop(watcher, None)
