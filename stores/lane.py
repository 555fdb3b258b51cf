"""A connection with a queue: jobs of many tasks are done over it, in order. Knows nothing about the jobs.

All jobs that wait are offered to the work at once, so that it can do many in one statement.
"""

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import trio

from ..protocol.errors import StoreUnavailable

__all__ = ["Lane", "Link", "unavailable"]


class Link(Protocol):
    """A connection to a server."""

    def is_alive(self) -> bool:
        """Check, without waiting, whether the connection is still open as far as this end knows."""
        ...

    def close(self) -> None:
        """Close the connection. Never waits. Idempotent."""
        ...


Job = TypeVar("Job")
Connection = TypeVar("Connection", bound=Link)
# Does some of the waiting jobs, from the first on; returns for each of those its result: a value, or the exception to
# raise. Raises the lane's `failure` if the connection failed: then nobody knows which were done.
Work = Callable[[Connection, Sequence[Job]], Awaitable[Sequence[Any]]]

_LOG = logging.getLogger("adjourn.stores")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0  # between two attempts to connect


def unavailable(where: str, cause: Exception) -> StoreUnavailable:
    """Return the error that callers get for a failure at this server."""
    first_line = str(cause).partition("\n")[0]  # below it, servers quote statements
    error = StoreUnavailable(f"{where}: {first_line or type(cause).__name__}")
    error.__cause__ = cause
    return error


class _Ticket(Generic[Job]):
    """One job, and the task that waits for it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.since = time.monotonic()  # a server's time is real, whatever trio's clock says
        self.result: Any = None
        self.done = trio.Event()

    def end(self, result: Any) -> None:
        self.result = result
        self.done.set()


class Lane(Generic[Connection, Job]):
    """Runs jobs over one connection, which is opened again after a failure, or after the work has closed it.

    Args:
        where: the server, for error messages; without secrets.
        connect: opens a connection.
        work: does a group of jobs.
        failure: the base class of the errors that `connect` and `work` raise when the connection fails. Other errors
            end the jobs too, and are logged.
        repeats: whether jobs are done once more, at once, over a new connection when the connection fails. For reads.
    """

    def __init__(
        self,
        where: str,
        connect: Callable[[], Awaitable[Connection]],
        work: Work[Connection, Job],
        failure: type[Exception],
        *,
        repeats: bool = False,
    ) -> None:
        self._where, self._connect, self._work, self._failure = where, connect, work, failure
        self._repeats = repeats
        self._waiting: deque[_Ticket[Job]] = deque()
        self._in_hand: deque[_Ticket[Job]] = deque()
        self._wake = trio.Event()
        self._attempt = trio.CancelScope()  # what the task does now for the jobs in hand
        self._connection: Connection | None = None
        self._pause_s, self._not_before = 0.0, 0.0
        self._closed = False

    async def run(self, job: Job) -> Any:
        """Run the job and return its result. Once this has begun to wait, it can't be cancelled.

        Raises: StoreUnavailable after `close` or `give_up`, or when the connection fails; and what the job raises.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise StoreUnavailable(f"{self._where}: the store is closed")
        ticket = _Ticket(job)
        self._waiting.append(ticket)
        self._wake.set()
        with trio.CancelScope(shield=True):
            await ticket.done.wait()
        if isinstance(ticket.result, BaseException):
            raise ticket.result
        return ticket.result

    async def serve(self) -> None:
        """Do the jobs, until cancelled, or until `close` was called and no job is left."""
        try:
            while not (self._closed and not self._waiting):
                await self._wake.wait()
                if not self._waiting:
                    self._wake = trio.Event()
                    continue
                await self._attempt_waiting()
        finally:
            self._closed = True
            self._fail(StoreUnavailable(f"{self._where}: the store is closed"))
            self._drop()

    def give_up(self, after_s: float) -> bool:
        """Make every job that has waited longer than `after_s` seconds raise StoreUnavailable.

        Returns: whether any job was given up.
        """
        before = time.monotonic() - after_s
        hangs = [ticket for ticket in self._in_hand if ticket.since <= before]
        if hangs:
            self._attempt.cancel()  # the statement is one for all jobs in hand
        old = [ticket for ticket in self._waiting if ticket.since <= before]
        for ticket in old:
            self._waiting.remove(ticket)
            ticket.end(self._late())
        return bool(hangs or old)

    def close(self) -> None:
        """Refuse new jobs. `serve` does the accepted ones and returns. Idempotent."""
        self._closed = True
        self._wake.set()

    async def _attempt_waiting(self) -> None:
        self._in_hand = self._waiting
        self._waiting = deque()
        error: StoreUnavailable | None = None
        try:
            with trio.CancelScope() as self._attempt:
                await self._do_those_in_hand()
        except Exception as failed:
            if not isinstance(failed, self._failure):
                _LOG.exception("%s: a call of the store failed", self._where)
            error = unavailable(self._where, failed)
        if self._attempt.cancelled_caught:
            error = self._late()
        if error is not None:
            self._drop()
            self._fail(error)

    async def _do_those_in_hand(self) -> None:
        may_repeat = self._repeats
        while self._in_hand:
            connection = await self._connected()
            try:
                results = await self._work(connection, [ticket.job for ticket in self._in_hand])
            except self._failure:
                if not may_repeat:
                    raise
                may_repeat = False
                self._drop()
                continue
            for result in results:
                self._in_hand.popleft().end(result)

    async def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.is_alive():
            self._drop()
        if self._connection is None:
            await trio.sleep_until(self._not_before)
            self._pause_s = min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
            self._not_before = trio.current_time() + self._pause_s
            self._connection = await self._connect()
            self._pause_s = 0.0
        return self._connection

    def _late(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self._where}: the server has not answered in time")

    def _fail(self, error: StoreUnavailable) -> None:
        for ticket in (*self._in_hand, *(self._waiting if self._closed else ())):
            ticket.end(error)
        self._in_hand.clear()
        if self._closed:
            self._waiting.clear()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
