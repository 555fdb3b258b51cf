"""What one connection of the gateway watches: runs, each by a cursor, in turn; and the list of runs. No I/O."""

from collections import OrderedDict, deque
from collections.abc import Callable

from ...protocol.errors import LimitExceeded
from ...protocol.events import Status
from ...protocol.record import Head
from ..runtime.eventlog import Cursor, EventLog
from ..runtime.item import Item

__all__ = ["Subscription", "Subscriptions", "Watch"]

MAX_WAITING = 10_000  # runs that changed; a client that lags by more can't be kept right
MAX_KNOWN = 1_024  # runs that are known to have left the status; beyond, some are told twice


class Subscription:
    """One watched run. It shows nothing before it is begun."""

    __slots__ = ("_ready", "cursor", "run_id")

    def __init__(self, log: EventLog, after: int | None, ready: Callable[["Subscription"], None]) -> None:
        self.run_id = log.run_id
        self._ready = ready
        self.cursor: Cursor = log.open_cursor(after, wake=self.begin)

    def begin(self) -> None:
        """There is something to take."""
        self._ready(self)


class Subscriptions:
    """All of a connection's subscriptions. `wake` is called when there is something to take."""

    def __init__(self, maximum: int, wake: Callable[[], None]) -> None:
        self._maximum = maximum
        self._wake = wake
        self._by_run: dict[str, Subscription] = {}
        self._turn: deque[Subscription] = deque()  # those with something to take, the next one first

    def check_room(self, run_id: str | None) -> None:
        """Raises: LimitExceeded, if one more run can't be watched."""
        if len(self._by_run) >= self._maximum and run_id not in self._by_run:
            text = f"a connection watches at most {self._maximum} runs at once; unsubscribe from one first"
            raise LimitExceeded(text, limit="maxSubscriptions", maximum=self._maximum)

    def open(self, log: EventLog, after: int | None) -> Subscription:
        """Watch a run, instead of any subscription to it so far; `begin` it when its events may flow.

        Raises: LimitExceeded.
        """
        self.check_room(log.run_id)
        subscription = Subscription(log, after, self._ready)
        self.close(log.run_id)  # not before: a log that nobody watches keeps less
        self._by_run[log.run_id] = subscription
        return subscription

    def close(self, run_id: str) -> None:
        """Watch a run no longer; nothing of it can be taken any more."""
        subscription = self._by_run.pop(run_id, None)
        if subscription is not None:
            subscription.cursor.close()

    def close_all(self) -> None:
        """Watch nothing any more."""
        for run_id in tuple(self._by_run):
            self.close(run_id)

    @property
    def ready(self) -> bool:
        """Whether it is worth trying to take."""
        return bool(self._turn)

    def take(self, limit: int) -> list[Item]:
        """At most `limit` items of the run whose turn it is; it may be none. A run at its end frees its place."""
        subscription = self._turn.popleft()
        if self._by_run.get(subscription.run_id) is not subscription:
            return []
        items = subscription.cursor.take(limit)
        if items:
            self._turn.append(subscription)
        elif subscription.cursor.finished:
            self.close(subscription.run_id)
        return items

    def _ready(self, subscription: Subscription) -> None:
        if self._by_run.get(subscription.run_id) is subscription:
            self._turn.append(subscription)
            self._wake()


class Watch:
    """What a client of `runs.watch` has not been told yet: of each run that changed, the latest.

    `wake` is called for each change that comes, `overflow` when there are too many.
    """

    def __init__(self, status: Status | None, *, wake: Callable[[], None], overflow: Callable[[], None]) -> None:
        self._status = status
        self._wake, self._overflow = wake, overflow
        self._waiting: dict[str, tuple[Head, bool]] = {}
        self._outside: OrderedDict[str, None] = OrderedDict()

    def note(self, head: Head, deleted: bool) -> None:
        """A run was saved, or deleted."""
        if not self._concerns(head):
            return
        self._waiting[head.id] = (head, deleted)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.clear()
            self._overflow()
        self._wake()

    def take(self) -> tuple[Head, bool] | None:
        """The change that has waited longest, if any, as it is now."""
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
