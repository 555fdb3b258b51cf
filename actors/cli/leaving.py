"""The bound on leaving: a process that was asked to stop ends in time, whatever its tools and its event loop do.

A thread of its own keeps the time. It hears of signals before the event loop does, so it works also where a tool
blocks the loop. A process that ends by force says on stderr what held it.
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
PATIENCE_S = 1.0  # for the store to close, and for stderr to take what there is to say
_BEGIN = b"\0"  # no signal has this number


class Departure:
    """The end of a process that serves, from the first sign of it. Get one from `bounded_departure`."""

    def __init__(self, bound_s: float, numbers: tuple[int, ...]) -> None:
        self._bound_s, self._numbers = bound_s, numbers
        self._token = trio.lowlevel.current_trio_token()
        self._loop_thread = threading.get_ident()
        self._system: ActorSystem | None = None
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)
        self._forward = -1  # where signals were told of before; trio listens there
        self._deadline: float | None = None  # on the monotonic clock; None: nobody leaves yet
        self._thread = threading.Thread(target=self._watch, name="adjourn leaves in time", daemon=True)

    def of(self, system: ActorSystem) -> None:
        """Say whose runs there are, so that what holds the process can be named, and its store closed."""
        self._system = system

    def begin(self) -> None:
        """Leave from now on: the process ends within the bound. Idempotent."""
        with suppress(BlockingIOError):  # full of signals, and so begun
            self._theirs.send(_BEGIN)

    @contextmanager
    def listening(self) -> Generator[None]:
        """Keep the time for as long as the block."""
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
                os._exit(128 + number)  # asked again: at once
            if (number in self._numbers or number == _BEGIN[0]) and self._deadline is None:
                self._deadline = time.monotonic() + self._bound_s
        signals = data.replace(_BEGIN, b"")
        if signals and self._forward >= 0:
            with suppress(OSError):  # the event loop has enough of them already
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
    """Bound the time from the first of these signals, or from `begin()`, to the end of the block: beyond `bound_s`
    seconds the store is closed, and the process exits with `FORCED`. Another of the signals ends it at once, with 128
    and the signal's number. For the main thread, inside of trio."""
    departure = Departure(bound_s, numbers)
    with departure.listening():
        yield departure


def end_lingering_threads(bound_s: float) -> None:
    """End the process by force if threads that tools have started would keep it from ending, for more than `bound_s`
    seconds. Nothing, if there are none."""
    deadline = time.monotonic() + bound_s
    others = [each for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()]
    for thread in others:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [f"thread {each.name!r}" for each in others if each.is_alive()]
    if left:
        _end(f"left by force; would not stop: {', '.join(left)}")


def _names(system: ActorSystem | None) -> Iterator[str]:
    """What is still under way, in words."""
    for head in () if system is None else system.under_way():
        tools = [f"tool {call.name!r} (run {head.id}, call {call.id})" for call in head.calls if call.executing]
        yield from tools or [_other(head)]


def _other(head: Head) -> str:
    return f"the model call of run {head.id}" if head.model_call else f"run {head.id}"


def _place(thread: int) -> str:
    """Where that thread is in its code, for a person."""
    frame = sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage]  # documented, in spite of its name
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "code that is gone"


def _within(seconds: float, call: Callable[[], None]) -> bool:
    """Whether `call` came to its end in time; it is left behind otherwise."""
    is_over = threading.Event()

    def work() -> None:
        with suppress(Exception):  # what fails is over, too
            call()
        is_over.set()

    threading.Thread(target=work, daemon=True).start()
    return is_over.wait(seconds)


def _end(text: str) -> None:
    """Say a line on stderr, close the log, and end; without waiting for whoever may hold them."""
    _within(PATIENCE_S, lambda: _say(f"adjourn: {text}\n"))
    os._exit(FORCED)


def _say(line: str) -> None:
    os.write(2, line.encode(errors="replace"))
    sys.stdout.flush()
    logging.shutdown()
