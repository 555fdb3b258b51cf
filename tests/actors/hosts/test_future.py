"""The future that a host's thread waits for: an interrupt at any point leaves it usable."""

import sys
import threading
from types import FrameType
from typing import Any

import pytest

from adjourn.actors.hosts.future import Future
from adjourn.actors.hosts.waiting import wait_blocking


class Interrupt(BaseException):
    """Stands for KeyboardInterrupt, which a signal handler raises between any two instructions."""


def wait_interrupted(future: Future[int], place: int, raised: threading.Event) -> bool:
    """Waits for the future, and raises `Interrupt` before the instruction of this number. Returns whether it came."""
    left = place

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raised.set()
                raise Interrupt
        return trace

    sys.settrace(trace)
    try:
        wait_blocking(future, lambda: None)
    except Interrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def test_an_interrupt_anywhere_in_a_wait_leaves_the_future_usable() -> None:
    place, comes = 0, True
    while comes:
        place += 1
        future, raised = Future[int](), threading.Event()

        def set_it(future: Future[int] = future, raised: threading.Event = raised) -> None:
            raised.wait(0.01)  # interrupts after the wait need the result first
            future.set_result(7)

        setter = threading.Thread(target=set_it, daemon=True)
        setter.start()
        comes = wait_interrupted(future, place, raised)
        setter.join(5)
        assert not setter.is_alive(), f"the thread that sets the result hangs after an interrupt at {place}"
        assert future.result() == 7
    assert place > 20


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
