"""The future that a host's thread waits for: an interrupt at any point leaves it usable."""

import inspect
import sys
import threading
from types import FrameType
from typing import Any

import pytest

from adjourn.actors.hosts.future import Future
from adjourn.actors.hosts.waiting import wait_blocking


class Interrupt(BaseException):
    """Stands for KeyboardInterrupt, which a signal handler raises between any two instructions."""


class Attempt:
    """A wait in which an interrupt comes before the instruction `interrupt_at`.

    Another thread sets the result when the wait blocks; or before the instruction `set_at`, and then it calls no
    further callbacks until the wait is over.
    """

    def __init__(self, interrupt_at: int, set_at: int | None) -> None:
        self.future, self.told = Future[int](), list[str]()
        self.setter = threading.Thread(target=self.future.set_result, args=(7,), daemon=True)
        self.count = 0
        self._interrupt_at, self._set_at = interrupt_at, set_at
        self._is_set, self._may_go_on = threading.Event(), threading.Event()

    def interrupted(self) -> bool:
        """Waits. Returns whether the interrupt came."""
        self.future.when_done(self._pause)
        self.future.when_done(lambda: self.told.append("another"))
        sys.settrace(self._trace)
        try:
            wait_blocking(self.future, self._set)
        except Interrupt:
            return True
        finally:
            sys.settrace(None)
            self._set()
            self.setter.join(5)
        return False

    def _pause(self) -> None:
        self._is_set.set()
        self._may_go_on.wait(5)

    def _set(self) -> None:
        self._may_go_on.set()
        if self.setter.ident is None:
            self.setter.start()

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in FILES:
            return None
        frame.f_trace_opcodes = EVENT == "opcode"
        if event == EVENT:
            self.count += 1
            self._before(frame)
        return self._trace

    def _before(self, frame: FrameType) -> None:
        if self.count == self._set_at:
            self.setter.start()
            self._is_set.wait(5)
        elif frame.f_code is Future.wait.__code__ and frame.f_lineno == BLOCKS_AT:
            self._set()
        if self.count == self._interrupt_at:
            raise Interrupt


EVENT = "opcode" if sys.version_info < (3, 12) else "line"  # Python 3.12 may crash if a trace raises before an opcode
FILES = {inspect.getsourcefile(Future), inspect.getsourcefile(wait_blocking)}
LINES, FIRST_LINE = inspect.getsourcelines(Future.wait)
BLOCKS_AT = FIRST_LINE + len(LINES) - 1


def test_an_interrupt_anywhere_in_a_wait_leaves_the_future_usable() -> None:
    for set_at in (None, *range(1, 40 if EVENT == "opcode" else 10)):
        interrupt_at, comes = (set_at or 1), True
        while comes:
            attempt = Attempt(interrupt_at, set_at)
            comes = attempt.interrupted()
            where = f"interrupted at {interrupt_at}, set at {set_at}"
            assert not attempt.setter.is_alive(), f"the thread that sets the result hangs: {where}"
            assert (attempt.future.result(), attempt.told) == (7, ["another"]), where
            interrupt_at += 1
    assert attempt.count > (40 if EVENT == "opcode" else 10)


def test_a_result_and_an_error_reach_those_who_wait_before_and_after() -> None:
    future, called = Future[int](), list[int]()
    future.when_done(lambda: called.append(1))
    assert (future.done(), called) == (False, [])
    future.set_result(7)
    future.when_done(lambda: called.append(2))
    assert (future.done(), future.exception(), future.result(), called) == (True, None, 7, [1, 2])

    failed, error = Future[int](), ValueError("no")
    failed.set_exception(error)
    assert (failed.done(), failed.exception()) == (True, error)
    with pytest.raises(ValueError, match="no"):
        failed.result()


def test_many_threads_wait_for_one_result() -> None:
    future, got = Future[int](), list[int]()
    waiting = [threading.Thread(target=lambda: got.append(future.result())) for _ in range(20)]
    for thread in waiting[:10]:
        thread.start()
    setter = threading.Thread(target=future.set_result, args=(7,))
    for thread in (setter, *waiting[10:]):
        thread.start()
    for thread in (setter, *waiting):
        thread.join(5)
    assert got == [7] * 20
