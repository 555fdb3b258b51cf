"""The runs that one connection of the gateway watches, each by a cursor, and whose turn it is. No I/O."""

from collections import deque
from collections.abc import Callable

from ...protocol.errors import LimitExceeded
from ..runtime.eventlog import Cursor, EventLog
from ..runtime.item import Item

__all__ = ["Subscription", "Subscriptions"]


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
