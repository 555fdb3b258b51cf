"""The changes that one client of `runs.watch` has still to be told. Plain data; no I/O."""

from collections import OrderedDict
from collections.abc import Callable

from ...protocol.methods import RunsWatch
from ...protocol.record import Head

__all__ = ["Changes"]

MAX_WAITING = 10_000  # changed runs; a client that lags further behind must list again
MAX_KNOWN = 1_024  # runs kept as known to have left the wanted status; beyond, some are reported twice


class Changes:
    """Keeps the latest head of each changed run until it is taken.

    Keeps only `wanted` runs, and each run once more when it stops being wanted. Calls `wake` for each change. When too
    many changes wait, drops them all and calls `overflow`: the client must list again.
    """

    def __init__(self, wanted: RunsWatch, *, wake: Callable[[], None], overflow: Callable[[], None]) -> None:
        self._wanted = wanted
        self._wake, self._overflow = wake, overflow
        self._waiting: dict[str, tuple[Head, bool]] = {}
        self._outside: OrderedDict[str, None] = OrderedDict()  # runs that the client knows to be no longer wanted

    def note(self, head: Head, deleted: bool) -> None:
        """Notes that a run was saved, or deleted."""
        if not self._concerns(head):
            return
        self._waiting[head.id] = (head, deleted)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.clear()
            self._overflow()
        self._wake()

    def take(self) -> tuple[Head, bool] | None:
        """Returns the run whose change has waited longest: its latest head, and whether it was deleted. None: no
        change.
        """
        for run_id in self._waiting:
            return self._waiting.pop(run_id)
        return None

    def _concerns(self, head: Head) -> bool:
        """Whether the run is wanted, or may have been until now: the client must learn that it left the list."""
        wanted = self._wanted
        if wanted.agent not in (None, head.agent):
            return False  # a run's agent never changes
        if wanted.status is None and not wanted.waiting:
            return True
        if wanted.status in (None, head.status) and (head.waiting_since is not None or not wanted.waiting):
            self._outside.pop(head.id, None)
            return True
        is_new = head.id not in self._outside
        self._outside[head.id] = None
        self._outside.move_to_end(head.id)
        if len(self._outside) > MAX_KNOWN:
            self._outside.popitem(last=False)
        return is_new
