"""Bounds the time that a server takes to stop, even if a tool or the event loop hangs.

A separate thread keeps the time. It learns of signals before the event loop does, so it also works while a tool blocks
the loop. A process that ends by force says on stderr what held it.
"""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress

import trio

from ...protocol.record import Head
from ..runtime.system import ActorSystem

__all__ = ["FORCED", "Departure", "bounded_departure", "end_lingering_threads"]

FORCED = 3  # the exit code of a process that had to end by force
PATIENCE_S = 1.0  # to close the store, and to write the last line to stderr
_BEGIN = b"\0"  # no signal has this number


class Departure:
    """The stop of a server, from the first signal to the end of the process. Get one from `bounded_departure`."""

    def __init__(self, bound_s: float, numbers: tuple[int, ...]) -> None:
        self._bound_s, self._numbers = bound_s, numbers
        self._token = trio.lowlevel.current_trio_token()
        self._loop_thread = threading.get_ident()
        self._system: ActorSystem | None = None
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)
        self._forward = -1  # the wakeup fd that was set before: trio's
        self._deadline: float | None = None  # on the monotonic clock; None: no stop was requested
        self._thread = threading.Thread(target=self._watch, name="adjourn leaves in time", daemon=True)

    def of(self, system: ActorSystem) -> None:
        """Sets the actor system, to name its busy runs and to close its store."""
        self._system = system

    def begin(self) -> None:
        """Starts the stop: the process ends within the bound. Idempotent."""
        with suppress(BlockingIOError):  # the pipe is full of signals: the stop has begun
            self._theirs.send(_BEGIN)

    @contextmanager
    def listening(self) -> Generator[None]:
        """Keeps the time while the block runs."""
        self._forward = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        self._thread.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(self._forward, warn_on_full_buffer=False)
            self._theirs.close()
            self._thread.join(PATIENCE_S)
            self._ours.close()

    # In the thread.

    def _watch(self) -> None:
        while True:
            left_s = None if self._deadline is None else max(0.001, self._deadline - time.monotonic())
            self._ours.settimeout(left_s)
            try:
                data = self._ours.recv(64)
            except TimeoutError:
                self._end_by_force()
            except OSError:
                return
            else:
                if not data:
                    return
                self._take(data)

    def _take(self, data: bytes) -> None:
        for number in data:
            if number in self._numbers and self._deadline is not None:
                os._exit(128 + number)  # a second signal ends the process at once
            if (number in self._numbers or number == _BEGIN[0]) and self._deadline is None:
                self._deadline = time.monotonic() + self._bound_s
        signals = data.replace(_BEGIN, b"")
        if signals and self._forward >= 0:
            with suppress(OSError):  # the event loop has unread signals already
                os.write(self._forward, signals)

    def _end_by_force(self) -> None:
        held = list(_names(self._system)) or ["something that is no run: a model, the store, or a client"]
        if _within(PATIENCE_S, self._ask_loop):
            _within(PATIENCE_S, self._close_store)
        else:
            held.append(f"the event loop, which stands still in {_place(self._loop_thread)}")
        _end(f"left by force after {self._bound_s:g} s; would not stop: {', '.join(held)}")

    def _ask_loop(self) -> None:
        trio.from_thread.run_sync(lambda: None, trio_token=self._token)

    def _close_store(self) -> None:
        if self._system is not None:
            trio.from_thread.run(self._system.close_store, trio_token=self._token)


@contextmanager
def bounded_departure(bound_s: float, *numbers: int) -> Generator[Departure]:
    """Ends the process by force if the block takes over `bound_s` seconds after the first of the signals, or `begin()`.

    The store is then closed, and the process exits with `FORCED`. A second signal ends the process at once, with 128
    plus the signal's number. Use it in the main thread, inside trio."""
    departure = Departure(bound_s, numbers)
    with departure.listening():
        yield departure


def end_lingering_threads(bound_s: float) -> None:
    """Ends the process by force if threads that tools started keep running for over `bound_s` seconds."""
    deadline = time.monotonic() + bound_s
    others = [each for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()]
    for thread in others:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [f"thread {each.name!r}" for each in others if each.is_alive()]
    if left:
        _end(f"left by force; would not stop: {', '.join(left)}")


def _names(system: ActorSystem | None) -> Iterator[str]:
    """Returns what still runs, in words."""
    for head in () if system is None else system.under_way():
        tools = [f"tool {call.name!r} (run {head.id}, call {call.id})" for call in head.calls if call.executing]
        yield from tools or [_other(head)]


def _other(head: Head) -> str:
    return f"the model call of run {head.id}" if head.model_call else f"run {head.id}"


def _place(thread: int) -> str:
    """Returns the line of code that a thread is in, for a person."""
    frame = sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage]  # documented, in spite of its name
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "code that is gone"


def _within(seconds: float, call: Callable[[], None]) -> bool:
    """Runs `call` in a thread. Returns whether it ended in time; if not, the thread is abandoned."""
    is_over = threading.Event()

    def work() -> None:
        with suppress(Exception):  # a failed call has ended too
            call()
        is_over.set()

    threading.Thread(target=work, daemon=True).start()
    return is_over.wait(seconds)


def _end(text: str) -> None:
    """Writes a line to stderr, closes the log and exits, without waiting for locks that a thread may hold."""
    _within(PATIENCE_S, lambda: _say(f"adjourn: {text}\n"))
    os._exit(FORCED)


def _say(line: str) -> None:
    os.write(2, line.encode(errors="replace"))
    sys.stdout.flush()
    logging.shutdown()
