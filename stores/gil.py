"""Lets other threads run while a trio loop is busy. No threads here, only the one remedy for all who use them.

A loop whose tasks are always ready releases the GIL once a tick, to look for I/O, and takes it back before a waiting
thread has woken up. So a thread that needs the GIL waits for seconds beside a few dozen busy tasks, whatever
`sys.setswitchinterval` says. While thread work is outstanding, the loop therefore naps for a moment at each tick at
which it would not have slept anyway.
"""

import time
from typing import Self

import trio

__all__ = ["ThreadFriendly", "thread_friendly"]

NAP_S = 10e-6  # long enough for a thread on another core to wake up; the kernel rounds it up to some 60 µs
BUSY_S = 500e-6  # without a nap, while jobs are handed over


class ThreadFriendly(trio.abc.Instrument):
    """A context manager, reentrant and shared by all tasks of a loop: inside it, threads get the GIL."""

    def __init__(self) -> None:
        self._inside = 0
        self._napped_at = 0.0  # on the monotonic clock

    def __enter__(self) -> Self:
        self._inside += 1
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._inside -= 1

    def nap_if_busy(self) -> None:
        """For whoever has handed a job over. A tick with a thousand tasks ready takes a tenth of a second, all of which
        the thread would wait; so it works beside them (1,000 runs at once, SQLite: a tenth less time)."""
        if time.monotonic() - self._napped_at > BUSY_S:
            self._nap()

    def before_io_wait(self, timeout: float) -> None:
        """Called by trio at each tick; `timeout` is 0 where tasks are ready."""
        if self._inside and timeout <= 0:
            self._nap()

    def _nap(self) -> None:
        time.sleep(NAP_S)
        self._napped_at = time.monotonic()


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
