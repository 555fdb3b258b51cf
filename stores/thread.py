"""A thread of a store's own, that takes all jobs waiting for it at once. Knows nothing of what the jobs are."""

import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

import trio

from ..protocol.errors import StoreUnavailable
from .gil import thread_friendly

__all__ = ["GroupThread"]

Job = TypeVar("Job")
# Does all these jobs and gives, for each, what it came to: a value, or the exception to raise.
Work = Callable[[Sequence[Job]], Sequence[Any]]

_LOG = logging.getLogger(__name__)


class _Ticket(Generic[Job]):
    """One job, and the task that waits for it."""

    __slots__ = ("job", "result", "task")

    def __init__(self, job: Job, task: trio.lowlevel.Task) -> None:
        self.job = job
        self.task = task
        self.result: Any = None


class GroupThread(Generic[Job]):
    """Hands jobs to `work` on a thread of its own, in order, together with all others that wait by then.

    `work` and `end` (the last thing that happens there) run on that thread.
    """

    def __init__(self, name: str, work: Work[Job], end: Callable[[], None]) -> None:
        self._work = work
        self._end = end
        self._queue: SimpleQueue[_Ticket[Job] | None] = SimpleQueue()
        self._token = trio.lowlevel.current_trio_token()
        self._friendly = thread_friendly()
        self._closed = False
        self._ended = trio.Event()
        # A daemon: a process whose loop crashed must be able to end.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def run(self, job: Job) -> Any:
        """What the job came to. Cancelled before it is handed over: nothing happens; after that it can't be cancelled.

        Raises: StoreUnavailable once closed, and whatever the job does.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise StoreUnavailable("the store is closed")
        ticket = _Ticket(job, trio.lowlevel.current_task())
        with self._friendly:
            self._queue.put(ticket)
            self._friendly.nap_if_busy()
            await trio.lowlevel.wait_task_rescheduled(_no_abort)
        if isinstance(ticket.result, BaseException):
            raise ticket.result
        return ticket.result

    async def aclose(self) -> None:
        """Take no more jobs, finish those accepted, end the thread. Idempotent; not cancelled once begun."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        with trio.CancelScope(shield=True), self._friendly:
            await self._ended.wait()

    def _run(self) -> None:
        ended = False
        while not ended:
            tickets, ended = self._take()
            results = self._results([ticket.job for ticket in tickets])
            for ticket, result in zip(tickets, results, strict=True):
                ticket.result = result
            if tickets:
                self._token.run_sync_soon(_wake, tickets)
        try:
            self._end()
        except Exception:
            _LOG.exception("closing a store failed")
        self._token.run_sync_soon(self._ended.set)

    def _take(self) -> tuple[list[_Ticket[Job]], bool]:
        """All jobs that wait, at least one, and whether they are the last."""
        tickets: list[_Ticket[Job]] = []
        item = self._queue.get()
        while item is not None:
            tickets.append(item)
            try:
                item = self._queue.get_nowait()
            except Empty:
                return tickets, False
        return tickets, True

    def _results(self, jobs: Sequence[Job]) -> Sequence[Any]:
        try:
            return self._work(jobs) if jobs else ()
        except Exception as error:
            return [error] * len(jobs)


def _no_abort(_: Callable[[], BaseException]) -> trio.lowlevel.Abort:
    # A job handed over is going to happen: whoever asked for it must learn what it came to.
    return trio.lowlevel.Abort.FAILED


def _wake(tickets: Sequence[_Ticket[Any]]) -> None:
    for ticket in tickets:
        trio.lowlevel.reschedule(ticket.task)
