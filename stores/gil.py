"""Lets other threads run while a trio loop is busy. No threads here, only the remedies for all who use them.

A loop whose tasks are always ready releases the GIL once a tick, to look for I/O, and takes it back before a waiting
thread has woken up. So a thread that needs the GIL waits for seconds beside a few dozen busy tasks, whatever
`sys.setswitchinterval` says. While thread work is outstanding, the loop therefore naps for a moment at each tick at
which it would not have slept anyway.

A thread that is woken in mid-tick gets one job and waits for the GIL with it. So jobs of one tick are handed over at
its end, all at once.
"""

import time
from collections.abc import Callable
from typing import Self

import trio

__all__ = ["ThreadFriendly", "thread_friendly"]

NAP_S = 10e-6  # long enough for a thread on another core to wake up; the kernel rounds it up to some 60 µs


class ThreadFriendly(trio.abc.Instrument):
    """A context manager, reentrant and shared by all tasks of a loop: inside it, threads get the GIL."""

    def __init__(self) -> None:
        self._inside = 0
        self._at_tick_end: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        self._inside += 1
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._inside -= 1

    def at_tick_end(self, work: Callable[[], None]) -> None:
        """Call `work` once, when all tasks that are ready now have had their turn. It must neither wait nor raise.

        Trio calls instruments before it looks for I/O, also where it is a guest in another loop or its clock is a mock.
        """
        self._at_tick_end.append(work)

    def before_io_wait(self, timeout: float) -> None:
        """Called by trio at the end of each tick; `timeout` is 0 where tasks are ready."""
        if self._at_tick_end:
            works, self._at_tick_end = self._at_tick_end, []
            for work in works:
                work()
        if self._inside and timeout <= 0:
            time.sleep(NAP_S)


_CURRENT: trio.lowlevel.RunVar[ThreadFriendly] = trio.lowlevel.RunVar("adjourn.thread_friendly")


def thread_friendly() -> ThreadFriendly:
    """A context manager for awaiting what another thread does, so that busy tasks don't keep it from running.

        with thread_friendly():
            await trio.to_thread.run_sync(blocking)

    Its price is a slower loop meanwhile, where ticks are short; an idle loop pays nothing. Call it in a trio task.
    """
    try:
        return _CURRENT.get()
    except LookupError:
        friendly = ThreadFriendly()
        _CURRENT.set(friendly)
        trio.lowlevel.add_instrument(friendly)
        return friendly
