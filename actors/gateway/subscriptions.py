"""The runs that one connection watches: a cursor for each, and the order in which they are sent. No I/O."""

from collections import deque
from collections.abc import Callable, Iterator

from ...protocol import rpc
from ...protocol.errors import LimitExceeded
from ...protocol.methods import RunUnsubscribed
from ..runtime.eventlog import EventLog
from .framing import Framing, message_frame

__all__ = ["Subscription", "Subscriptions"]


MAX_NEW = 16  # watched runs with nothing sent yet: each may hold a whole transcript in memory


class Subscription:
    """A watched run. Nothing of it is sent before `begin`."""

    __slots__ = ("_cursor", "_framing", "_log", "_parts", "_ready", "is_new", "run_id")

    def __init__(
        self, log: EventLog, after: int | None, framing: Framing, ready: Callable[["Subscription"], None]
    ) -> None:
        self.run_id = log.run_id
        self._log, self._framing, self._ready = log, framing, ready
        self._cursor = log.open_cursor(after, wake=self.begin)
        self._parts: Iterator[bytes] | None = None  # the unsent parts of a snapshot; None: nothing was sent yet
        self.is_new = True  # until the first snapshot, or the backlog of events, is sent

    def begin(self) -> None:
        """Marks the run as ready to send, now and whenever new events arrive."""
        self._ready(self)

    def take(self, limit: int) -> Iterator[bytes] | None:
        """Returns the next frames, encoded lazily: at most `limit` events, or one part of a snapshot.

        None: the client is up to date.

        Raises: LimitExceeded if a part of a snapshot is too large for the client. For an event, the iterator raises it.
        """
        if self._parts is not None:
            part = next(self._parts, None)
            if part is not None:
                return iter((part,))
            self.is_new = False
        items = self._cursor.take(limit)
        self._parts = iter(())
        if not items:
            self.is_new = False
            return None
        if items[0].is_snapshot:
            self._parts = self._framing.parts(items[0])
            return self.take(limit)
        return self._framing.frames(items)

    def close(self) -> None:
        """Stops watching. Idempotent."""
        self._cursor.close()

    @property
    def finished(self) -> bool:
        """Whether the run's last event was taken."""
        return self._cursor.finished

    def skip(self) -> None:
        """Continues from a fresh snapshot, to skip an event too large for the client."""
        passed, self._cursor = self._cursor, self._log.open_cursor(None, wake=self.begin)
        passed.close()


class Subscriptions:
    """The runs that a connection watches, at most `maximum`. Calls `wake` when there is something to take."""

    def __init__(self, maximum: int, framing: Framing, wake: Callable[[], None]) -> None:
        self._maximum, self._framing = maximum, framing
        self._wake = wake
        self._by_run: dict[str, Subscription] = {}
        self._new: set[Subscription] = set()  # begun, but nothing sent yet
        self._turn: deque[Subscription] = deque()  # subscriptions with something to take, the next one first

    def check_room(self, run_id: str | None) -> None:
        """Checks that one more run may be watched. Raises: LimitExceeded."""
        if len(self._by_run) >= self._maximum and run_id not in self._by_run:
            text = f"a connection watches at most {self._maximum} runs at once; unsubscribe from one first"
            raise LimitExceeded(text, limit="maxSubscriptions", maximum=self._maximum)

    def open(self, log: EventLog, after: int | None) -> Subscription:
        """Returns a new subscription to a run, replacing the previous one. Call its `begin` when events may be sent.

        Raises: LimitExceeded.
        """
        self.check_room(log.run_id)
        subscription = Subscription(log, after, self._framing, self._ready)
        self.close(log.run_id)  # after opening the new cursor: a log without watchers drops events
        self._by_run[log.run_id] = subscription
        return subscription

    def close(self, run_id: str) -> None:
        """Stops watching a run: no more of it is sent. Idempotent."""
        subscription = self._by_run.pop(run_id, None)
        if subscription is not None:
            self._new.discard(subscription)
            subscription.close()

    def close_all(self) -> None:
        """Stops watching all runs."""
        for run_id in tuple(self._by_run):
            self.close(run_id)

    @property
    def are_many_new(self) -> bool:
        """Whether new runs must be sent before another run may be watched."""
        return len(self._new) >= MAX_NEW

    @property
    def are_many_opened(self) -> bool:
        """The same as `are_many_new`, also counting subscriptions that have not begun yet."""
        return sum(subscription.is_new for subscription in self._by_run.values()) >= MAX_NEW

    @property
    def ready(self) -> bool:
        """Whether `take` may return something."""
        return bool(self._turn)

    def take(self, limit: int) -> Iterator[bytes]:
        """Yields frames of the next run, encoded lazily, to send in order; possibly none.

        If an event is too large for the client, a snapshot replaces it. Stops watching a run after its last event, or
        if a part of its snapshot is too large; the client is told about the latter.
        """
        subscription = self._turn.popleft()
        if self._by_run.get(subscription.run_id) is not subscription:
            return
        try:
            frames = subscription.take(limit)
        except LimitExceeded as error:
            yield self._farewell(subscription, error)
            return
        if not subscription.is_new:
            self._new.discard(subscription)
        if frames is None:
            if subscription.finished:
                self.close(subscription.run_id)
            return
        try:
            yield from frames
        except LimitExceeded:
            if self._by_run.get(subscription.run_id) is subscription:  # may have been closed between two frames
                subscription.skip()
        self._turn.append(subscription)

    def _farewell(self, subscription: Subscription, error: LimitExceeded) -> bytes:
        self.close(subscription.run_id)
        params = RunUnsubscribed(run_id=subscription.run_id, error=rpc.error_object(error))
        form = self._framing.form
        return message_frame(rpc.notification("run.unsubscribed", params, form), binary=form.binary)

    def _ready(self, subscription: Subscription) -> None:
        if self._by_run.get(subscription.run_id) is subscription:
            if subscription.is_new:
                self._new.add(subscription)
            self._turn.append(subscription)
            self._wake()
