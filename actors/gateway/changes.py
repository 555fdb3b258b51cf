"""The changes in the list of runs that a client of `runs.watch` has not been told yet. Plain data; no I/O."""

from collections import OrderedDict
from collections.abc import Callable

from ...protocol.events import Status
from ...protocol.record import Head

__all__ = ["Changes"]

MAX_WAITING = 10_000  # runs that changed; the list of a client that lags by more can't be kept right
MAX_KNOWN = 1_024  # runs that are known to have left the status; beyond, some are told twice


class Changes:
    """For each run that changed, the latest head, until it is taken.

    With a `status`, only runs in that status, and each run once more when it leaves the status. `wake` is called for
    each change that comes in; `overflow` when too many wait: they are dropped, and the client must list again.
    """

    def __init__(self, status: Status | None, *, wake: Callable[[], None], overflow: Callable[[], None]) -> None:
        self._status = status
        self._wake, self._overflow = wake, overflow
        self._waiting: dict[str, tuple[Head, bool]] = {}
        self._outside: OrderedDict[str, None] = OrderedDict()  # runs that the client knows to be in another status

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
        """Whether the run is in the status, or may have been: a client is told that it leaves."""
        if self._status is None:
            return True
        if head.status == self._status:
            self._outside.pop(head.id, None)
            return True
        is_new = head.id not in self._outside
        self._outside[head.id] = None
        self._outside.move_to_end(head.id)
        if len(self._outside) > MAX_KNOWN:
            self._outside.popitem(last=False)
        return is_new
