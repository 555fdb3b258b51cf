"""The changes in the list of runs that a client of `runs.watch` has not been told yet. Plain data; no I/O."""

from collections import OrderedDict
from collections.abc import Callable

from ...protocol.methods import RunsWatch
from ...protocol.record import Head

__all__ = ["Changes"]

MAX_WAITING = 10_000  # runs that changed; the list of a client that lags by more can't be kept right
MAX_KNOWN = 1_024  # runs that are known to have left the status; beyond, some are told twice


class Changes:
    """For each run that changed, the latest head, until it is taken.

    Only the runs that are `wanted`, and each run once more when it no longer is. `wake` is called for each change that
    comes in; `overflow` when too many wait: they are dropped, and the client must list again.
    """

    def __init__(self, wanted: RunsWatch, *, wake: Callable[[], None], overflow: Callable[[], None]) -> None:
        self._wanted = wanted
        self._wake, self._overflow = wake, overflow
        self._waiting: dict[str, tuple[Head, bool]] = {}
        self._outside: OrderedDict[str, None] = OrderedDict()  # runs that the client knows it does not want

    def note(self, head: Head, deleted: bool) -> None:
        """Take in that a run was saved, or deleted."""
        if not self._concerns(head):
            return
        self._waiting[head.id] = (head, deleted)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.clear()
            self._overflow()
        self._wake()

    def take(self) -> tuple[Head, bool] | None:
        """The latest head of the run whose change has waited longest, and whether it was deleted; None: no change."""
        for run_id in self._waiting:
            return self._waiting.pop(run_id)
        return None

    def _concerns(self, head: Head) -> bool:
        """Whether the run is wanted, or may have been: a client is told that it leaves."""
        wanted = self._wanted
        if wanted.agent not in (None, head.agent):
            return False  # a run never changes its agent
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
