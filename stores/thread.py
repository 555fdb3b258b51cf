"""A store's own thread, which takes all waiting jobs at once. Knows nothing about the jobs.

The loop hands over the jobs of a tick together, at the tick's end. So a thousand runs that save in one tick make one
group of a thousand jobs, and the thread wakes up once.
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
# Does all the jobs, and returns for each its result: a value, or the exception to raise.
Work = Callable[[Sequence[Job]], Sequence[Any]]

_LOG = logging.getLogger(__name__)

CLOSE_S = 30.0  # how long `aclose` waits for the thread to finish its jobs and end
STUCK_S = 1.0  # the same if the thread hangs in a job that was given up


class _Ticket(Generic[Job]):
    """One job, and the task that waits for it."""

    __slots__ = ("job", "result", "task")

    def __init__(self, job: Job, task: trio.lowlevel.Task) -> None:
        self.job = job
        self.task = task
        self.result: Any = None


class _Group(Generic[Job]):
    """The jobs of one tick."""

    __slots__ = ("given_up", "since", "tickets")

    def __init__(self) -> None:
        self.tickets: list[_Ticket[Job]] = []
        self.since = time.monotonic()  # a thread's time is real, whatever trio's clock says
        self.given_up = False


class GroupThread(Generic[Job]):
    """Runs jobs on its own thread, in order, and all waiting jobs in one call.

    Args:
        work: does a group of jobs.
        end: called last, when the thread ends.
        spare: called while no job waits. Does a little work at each call, and returns whether more is left.
    """

    def __init__(
        self, name: str, work: Work[Job], end: Callable[[], None], spare: Callable[[], bool] = lambda: False
    ) -> None:
        self._work, self._spare = work, spare
        self._end = end
        self._tick: _Group[Job] | None = None  # the jobs of this tick, not handed over yet
        self._queue: SimpleQueue[_Group[Job] | None] = SimpleQueue()
        self._token = trio.lowlevel.current_trio_token()
        self._friendly = thread_friendly()
        self._closed = False
        self._under_way: list[_Group[Job]] = []  # groups whose tasks wait, the oldest first
        self._is_stuck = False  # a job was given up, and the thread has finished no job since
        # A daemon thread, so that the process can end after a crash of the loop, or while the disk hangs.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, job: Job) -> Any:
        """Run the job and return its result. Once this has begun to wait, it can't be cancelled.

        Raises: StoreUnavailable after `aclose` or `give_up`; and what the job raises.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise StoreUnavailable("the store is closed")
        ticket = _Ticket(job, trio.lowlevel.current_task())
        tick = self._tick or self._begin_tick()
        tick.tickets.append(ticket)
        await trio.lowlevel.wait_task_rescheduled(_no_abort)
        if isinstance(ticket.result, BaseException):
            raise ticket.result
        return ticket.result

    def give_up(self, after_s: float) -> bool:
        """Make every job that has waited longer than `after_s` seconds raise StoreUnavailable now.

        Jobs that the thread has not begun never happen. The group that it is working on may still happen.

        Returns: whether any job was given up.
        """
        self._hand_over()  # a job that comes later in this tick must not join a group that was given up
        before = time.monotonic() - after_s
        old = [group for group in self._under_way if group.since <= before]
        for group in old:
            group.given_up = self._is_stuck = True
            for ticket in group.tickets:
                ticket.result = StoreUnavailable("the store has not answered in time")
            self._wake(group)
        return bool(old)

    async def aclose(self) -> bool:
        """Refuse new jobs, finish the accepted ones, end the thread. Idempotent. Can't be cancelled.

        Returns: False if the thread hangs, or doesn't end within `CLOSE_S`. Then the thread is abandoned.
        """
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)
        bound_s = STUCK_S if self._is_stuck else CLOSE_S
        with trio.CancelScope(shield=True), self._friendly:
            await trio.to_thread.run_sync(self._thread.join, bound_s, limiter=trio.CapacityLimiter(1))
        self.give_up(0)  # no effect if the thread has ended: all jobs have their results
        return not self._thread.is_alive()

    def _begin_tick(self) -> _Group[Job]:
        if not self._under_way:
            self._friendly.__enter__()  # until no group is under way
        self._tick = _Group()
        self._under_way.append(self._tick)
        self._friendly.at_tick_end(self._hand_over)
        return self._tick

    def _hand_over(self) -> None:
        if self._tick is not None:  # None if `aclose` or `give_up` was faster
            self._queue.put(self._tick)
            self._tick = None

    def _run(self) -> None:
        while self._do_group():
            while self._queue.empty() and self._spared():
                pass
        try:
            self._end()
        except Exception:
            _LOG.exception("closing a store failed")

    def _do_group(self) -> bool:
        """Wait for jobs and do them. Return whether more may come.

        A function of its own, so that no local variable keeps finished jobs in memory during the next wait.
        """
        groups, ended = self._take()
        tickets = [ticket for group in groups if not group.given_up for ticket in group.tickets]
        results = self._results([ticket.job for ticket in tickets])
        for ticket, result in zip(tickets, results, strict=True):
            ticket.result = result
        if groups:
            with suppress(trio.RunFinishedError):  # the thread was abandoned, and the loop has ended
                self._token.run_sync_soon(self._back, groups)
        return not ended

    def _take(self) -> tuple[list[_Group[Job]], bool]:
        """Wait for jobs. Return all waiting ones, and whether they are the last."""
        groups: list[_Group[Job]] = []
        group = self._queue.get()
        while group is not None:
            groups.append(group)
            try:
                group = self._queue.get_nowait()
            except Empty:
                return groups, False
        return groups, True

    def _back(self, groups: Sequence[_Group[Job]]) -> None:
        self._is_stuck = False
        for group in groups:
            if not group.given_up:
                self._wake(group)

    def _wake(self, group: _Group[Job]) -> None:
        for ticket in group.tickets:
            trio.lowlevel.reschedule(ticket.task)
        self._under_way.remove(group)
        if not self._under_way:
            self._friendly.__exit__()

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
    # A job that was handed over will happen, and its caller must get the result.
    return trio.lowlevel.Abort.FAILED
