"""Lets other threads get the GIL while a trio loop is busy. Starts no threads.

A busy loop releases the GIL once a tick, to poll for I/O, and takes it back before a waiting thread has woken up. So
with a few dozen busy tasks, a thread may wait for the GIL for seconds, whatever `sys.setswitchinterval` says. As a
remedy, the loop sleeps for a moment at the end of each busy tick, as long as a thread has work to do.

A thread that is woken in the middle of a tick takes one job and then waits for the GIL. So the jobs of a tick are
handed over together, at its end.
"""

import time
from collections.abc import Callable
from typing import Self

import trio

__all__ = ["ThreadFriendly", "thread_friendly"]

NAP_S = 10e-6  # long enough for a thread on another core to wake up; the kernel rounds it up to some 60 µs


class ThreadFriendly(trio.abc.Instrument):
    """A context manager inside which threads get the GIL. Reentrant, and shared by all tasks of a loop."""

    def __init__(self) -> None:
        self._inside = 0
        self._at_tick_end: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        self._inside += 1
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._inside -= 1

    def at_tick_end(self, work: Callable[[], None]) -> None:
        """Call `work` once, at the end of this tick. It must neither wait nor raise.

        Trio calls instruments before it polls for I/O, also in guest mode and with a mock clock.
        """
        self._at_tick_end.append(work)

    def before_io_wait(self, timeout: float) -> None:
        """Trio calls this at the end of each tick. `timeout` is 0 if tasks are ready."""
        if self._at_tick_end:
            works, self._at_tick_end = self._at_tick_end, []
            for work in works:
                work()
        if self._inside and timeout <= 0:
            time.sleep(NAP_S)


_CURRENT: trio.lowlevel.RunVar[ThreadFriendly] = trio.lowlevel.RunVar("adjourn.thread_friendly")


def thread_friendly() -> ThreadFriendly:
    """Return a context manager inside which busy tasks don't keep other threads from running.

        with thread_friendly():
            await trio.to_thread.run_sync(blocking)

    Meanwhile a busy loop is slower, above all if its ticks are short. An idle loop loses nothing. Call this in a trio
    task.
    """
    try:
        return _CURRENT.get()
    except LookupError:
        friendly = ThreadFriendly()
        _CURRENT.set(friendly)
        trio.lowlevel.add_instrument(friendly)
        return friendly
