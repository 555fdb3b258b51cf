"""The runs that one connection of the gateway watches, each by a cursor, and whose turn it is. No I/O."""

from collections import deque
from collections.abc import Callable

from ...protocol.errors import LimitExceeded
from ..runtime.cursor import Cursor
from ..runtime.eventlog import EventLog
from ..runtime.item import Item

__all__ = ["Subscription", "Subscriptions"]


class Subscription:
    """One watched run. Nothing of it is sent before `begin`."""

    __slots__ = ("_ready", "cursor", "run_id")

    def __init__(self, log: EventLog, after: int | None, ready: Callable[["Subscription"], None]) -> None:
        self.run_id = log.run_id
        self._ready = ready
        self.cursor: Cursor = log.open_cursor(after, wake=self.begin)

    def begin(self) -> None:
        """Let its events be taken, from now on and each time that there are new ones."""
        self._ready(self)


class Subscriptions:
    """The runs that a connection watches, at most `maximum`. `wake` is called when there is something to take."""

    def __init__(self, maximum: int, wake: Callable[[], None]) -> None:
        self._maximum = maximum
        self._wake = wake
        self._by_run: dict[str, Subscription] = {}
        self._turn: deque[Subscription] = deque()  # subscriptions with something to take, the next one first

    def check_room(self, run_id: str | None) -> None:
        """Raises: LimitExceeded, if this run can't be watched beside the others."""
        if len(self._by_run) >= self._maximum and run_id not in self._by_run:
            text = f"a connection watches at most {self._maximum} runs at once; unsubscribe from one first"
            raise LimitExceeded(text, limit="maxSubscriptions", maximum=self._maximum)

    def open(self, log: EventLog, after: int | None) -> Subscription:
        """A new subscription to a run; it replaces the one before. `begin` it when its events may be sent.

        Raises: LimitExceeded.
        """
        self.check_room(log.run_id)
        subscription = Subscription(log, after, self._ready)
        self.close(log.run_id)  # after the new cursor is open: a log without watchers drops events
        self._by_run[log.run_id] = subscription
        return subscription

    def close(self, run_id: str) -> None:
        """Stop watching a run: nothing of it is taken any more. Idempotent."""
        subscription = self._by_run.pop(run_id, None)
        if subscription is not None:
            subscription.cursor.close()

    def close_all(self) -> None:
        """Stop watching all runs."""
        for run_id in tuple(self._by_run):
            self.close(run_id)

    @property
    def ready(self) -> bool:
        """Whether `take` may give something."""
        return bool(self._turn)

    def take(self, limit: int) -> list[Item]:
        """The next items of the run whose turn it is, at most `limit`, possibly none.

        A run whose last event was taken is no longer watched.
        """
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
