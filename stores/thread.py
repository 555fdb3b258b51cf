"""A thread of a store's own, that takes all jobs waiting for it at once. Knows nothing of what the jobs are.

The jobs of one tick of the loop are handed over together, at its end. A thousand runs that save in one tick are so one
group of a thousand; handed over one by one, they wake the thread for each few of them.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
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

CLOSE_S = 30.0  # for the thread to do what was accepted, and to end
STUCK_S = 1.0  # the same where a job was given up, and the thread still doesn't come back from it


class _Ticket(Generic[Job]):
    """One job, and the task that waits for it."""

    __slots__ = ("given_up", "job", "result", "since", "task")

    def __init__(self, job: Job, task: trio.lowlevel.Task) -> None:
        self.job = job
        self.task = task
        self.result: Any = None
        self.since = time.monotonic()  # a thread's time is real, whatever trio's clock says
        self.given_up = False


class GroupThread(Generic[Job]):
    """Hands jobs to `work` on a thread of its own, in order, together with all others that wait by then.

    `work` and `end` (the last thing that happens there) run on that thread. So does `spare`, what can be done while no
    job waits: a little at each call, and it returns whether there is more.
    """

    def __init__(
        self, name: str, work: Work[Job], end: Callable[[], None], spare: Callable[[], bool] = lambda: False
    ) -> None:
        self._work, self._spare = work, spare
        self._end = end
        self._tick: list[_Ticket[Job]] = []  # of this tick, not handed over yet
        self._queue: SimpleQueue[list[_Ticket[Job]] | None] = SimpleQueue()
        self._token = trio.lowlevel.current_trio_token()
        self._friendly = thread_friendly()
        self._closed = False
        self._under_way: dict[_Ticket[Job], None] = {}  # jobs whose tasks wait, the oldest first
        self._is_stuck = False  # a job was given up, and the thread has not come back since
        # A daemon: a process whose loop crashed, or whose disk hangs, must be able to end.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, job: Job) -> Any:
        """What the job came to. Cancelled before it is handed over: nothing happens; after that it can't be cancelled.

        Raises: StoreUnavailable once closed, or given up; and whatever the job does.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise StoreUnavailable("the store is closed")
        ticket = _Ticket(job, trio.lowlevel.current_task())
        self._under_way[ticket] = None
        with self._friendly:
            if not self._tick:
                self._friendly.at_tick_end(self._hand_over)
            self._tick.append(ticket)
            await trio.lowlevel.wait_task_rescheduled(_no_abort)
        if isinstance(ticket.result, BaseException):
            raise ticket.result
        return ticket.result

    def give_up(self, after_s: float) -> bool:
        """Let every job that is older raise StoreUnavailable now; returns whether there was one.

        Those that the thread has not begun never happen. What it is at may still happen.
        """
        before, old = time.monotonic() - after_s, list[_Ticket[Job]]()
        for ticket in self._under_way:
            if ticket.since > before:
                break
            old.append(ticket)
        for ticket in old:
            ticket.given_up = self._is_stuck = True
            ticket.result = StoreUnavailable("the store has not answered in time")
        self._wake(old)
        return bool(old)

    async def aclose(self) -> bool:
        """Take no more jobs, finish those accepted, end the thread. Idempotent; not cancelled once begun.

        False where the thread does not end within `CLOSE_S`, or hangs already: it is left behind.
        """
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)
        bound_s = STUCK_S if self._is_stuck else CLOSE_S
        with trio.CancelScope(shield=True), self._friendly:
            await trio.to_thread.run_sync(self._thread.join, bound_s, limiter=trio.CapacityLimiter(1))
        self.give_up(0)  # nothing, where the thread has ended: it has told all before
        return not self._thread.is_alive()

    def _hand_over(self) -> None:
        if self._tick:  # else closing has done it
            self._queue.put(self._tick)
            self._tick = []

    def _run(self) -> None:
        ended = False
        while not ended:
            taken, ended = self._take()
            tickets = [ticket for ticket in taken if not ticket.given_up]
            results = self._results([ticket.job for ticket in tickets])
            for ticket, result in zip(tickets, results, strict=True):
                ticket.result = result
            if taken:
                with suppress(trio.RunFinishedError):  # it was left behind, and comes back when the loop is over
                    self._token.run_sync_soon(self._back, tickets)
            while not ended and self._queue.empty() and self._spared():
                pass
        try:
            self._end()
        except Exception:
            _LOG.exception("closing a store failed")

    def _take(self) -> tuple[list[_Ticket[Job]], bool]:
        """All jobs that wait, at least one, and whether they are the last."""
        tickets: list[_Ticket[Job]] = []
        item = self._queue.get()
        while item is not None:
            tickets += item
            try:
                item = self._queue.get_nowait()
            except Empty:
                return tickets, False
        return tickets, True

    def _back(self, tickets: Sequence[_Ticket[Job]]) -> None:
        self._is_stuck = False
        self._wake([ticket for ticket in tickets if not ticket.given_up])

    def _wake(self, tickets: Sequence[_Ticket[Job]]) -> None:
        for ticket in tickets:
            del self._under_way[ticket]
            trio.lowlevel.reschedule(ticket.task)

    def _spared(self) -> bool:
        try:
            return self._spare()
        except Exception:
            _LOG.exception("the spare work of a store failed")
            return False

    def _results(self, jobs: Sequence[Job]) -> Sequence[Any]:
        try:
            return self._work(jobs) if jobs else ()
        except Exception as error:
            return [error] * len(jobs)


def _no_abort(_: Callable[[], BaseException]) -> trio.lowlevel.Abort:
    # A job handed over is going to happen: whoever asked for it must learn what it came to.
    return trio.lowlevel.Abort.FAILED
