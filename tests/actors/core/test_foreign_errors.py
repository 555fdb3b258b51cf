"""Errors of users' code become the error of one call, except real interrupts and cancellations."""

import asyncio
import gc
import logging
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import pytest
import trio
from cancelled import kept_cancelled

from adjourn.actors.core.faults import bare_error, error_text, foreign_error

log = logging.getLogger("adjourn.test")


async def guarded(code: Callable[[], Awaitable[Any]]) -> BaseException | None:
    """Returns the error of `code` that counts as the users'."""
    task = trio.lowlevel.current_task()
    try:
        await code()
    except BaseException as error:  # noqa: ASYNC103  # foreign_error raises it again
        return foreign_error(error, "the code", log, task=task)  # noqa: ASYNC104
    return None


async def verdict(code: Callable[[], Awaitable[Any]]) -> BaseException | type[BaseException] | None:
    """The same, or the class of an error that passes. (A passing cancellation would silently end a test.)"""
    try:
        return await guarded(code)
    except BaseException as error:  # noqa: ASYNC103
        return type(error)  # noqa: ASYNC104


def raising(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def code() -> None:
        raise error

    return code


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), SystemExit(2), asyncio.CancelledError(), GeneratorExit(), BaseException("bare")],
    ids=lambda error: type(error).__name__,
)
async def test_any_error_of_users_code_is_returned(error: BaseException) -> None:
    assert await verdict(raising(error)) is error
    assert await verdict(raising(BaseExceptionGroup("nursery", [BaseExceptionGroup("inner", [error])]))) is error


async def test_a_group_of_several_errors_stays_a_group() -> None:
    group = BaseExceptionGroup("nursery", [SystemExit(1), ValueError("no")])
    assert await verdict(raising(group)) is group


async def test_a_cancelled_without_a_cancelled_scope_is_an_ordinary_error() -> None:
    kept = await kept_cancelled()
    assert await verdict(raising(kept)) is kept
    group = BaseExceptionGroup("nursery", [kept, SystemExit(1)])
    assert await verdict(raising(group)) is group


async def test_a_shield_makes_a_kept_cancelled_an_error_again() -> None:
    kept = await kept_cancelled()
    with trio.CancelScope() as scope:
        scope.cancel()
        with trio.CancelScope(shield=True):
            assert await verdict(raising(kept)) is kept


async def test_cancellation_passes_where_a_scope_around_is_cancelled() -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await guarded(trio.lowlevel.checkpoint)
        pytest.fail("the cancellation did not pass")
    assert scope.cancelled_caught


async def test_cancellation_wins_over_other_errors_of_its_group_which_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def stumbles() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise SystemExit(3)

    async def code() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stumbles)
            await trio.sleep_forever()

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(guarded, code)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught
    (record,) = caplog.records
    assert record.getMessage() == "the code raised beside what ended it"
    assert record.exc_info is not None
    assert "SystemExit: 3" in caplog.text


async def test_an_error_raised_while_cancelled_is_still_the_codes_own() -> None:
    error = SystemExit(1)
    with trio.CancelScope() as scope:  # noqa: ASYNC100
        scope.cancel()
        assert await verdict(raising(error)) is error
    assert not scope.cancelled_caught


async def test_a_keyboard_interrupt_passes_on_the_main_thread_alone() -> None:
    error = KeyboardInterrupt()
    group = BaseExceptionGroup("nursery", [ValueError("no"), error])
    assert await verdict(raising(error)) is KeyboardInterrupt
    assert await verdict(raising(group)) is KeyboardInterrupt
    assert await trio.to_thread.run_sync(lambda: trio.run(verdict, raising(error))) is error


async def test_a_keyboard_interrupt_is_more_than_a_cancellation() -> None:
    kept = await kept_cancelled()
    with trio.CancelScope() as scope:  # noqa: ASYNC100
        scope.cancel()
        for errors in ([kept, KeyboardInterrupt()], [KeyboardInterrupt(), kept]):
            assert await verdict(raising(BaseExceptionGroup("nursery", errors))) is KeyboardInterrupt


class Pause:
    def __await__(self) -> Generator[None]:
        yield


def test_generator_exit_passes_while_a_coroutine_is_closed() -> None:
    """This happens when the program's loop has ended: nothing may be awaited any more."""
    told: list[Any] = []

    async def actor() -> None:
        task = trio.lowlevel.current_task()
        try:
            await Pause()
        except BaseException as error:  # noqa: ASYNC103
            told.append(foreign_error(error, "the code", log, task=task))
            await trio.lowlevel.checkpoint()  # noqa: ASYNC102  # which a coroutine that is being closed must not do

    async def left_in_the_middle() -> list[Coroutine[Any, Any, None]]:
        coroutine = actor()
        coroutine.send(None)
        return [coroutine]

    (coroutine,) = trio.run(left_in_the_middle)
    coroutine.close()
    assert told == []


async def test_code_that_was_only_called_can_be_neither_cancelled_nor_closed() -> None:
    kept = await kept_cancelled()
    with trio.CancelScope() as scope:  # noqa: ASYNC100
        scope.cancel()
        assert foreign_error(kept, "a tap", log) is kept
        assert foreign_error(GeneratorExit(), "a tap", log).__class__ is GeneratorExit
    with pytest.raises(KeyboardInterrupt):
        foreign_error(KeyboardInterrupt(), "a tap", log)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise SystemExit("no words")


def test_the_text_of_an_error_is_its_name_and_words() -> None:
    assert error_text(SystemExit(2)) == "SystemExit: 2"
    assert error_text(TimeoutError()) == "TimeoutError"
    assert error_text(Unprintable()) == "Unprintable"


def test_a_bare_error_has_a_traceback_though_only_its_group_was_raised() -> None:
    with pytest.raises(BaseExceptionGroup) as caught:  # noqa: ASYNC401
        raise BaseExceptionGroup("a", [SystemExit(2)])
    assert bare_error(caught.value).__traceback__ is caught.value.__traceback__ is not None


def test_the_bare_error_of_a_group_is_its_only_one() -> None:
    error = ValueError("no")
    assert bare_error(error) is error
    assert bare_error(ExceptionGroup("a", [ExceptionGroup("b", [error])])) is error
    group = ExceptionGroup("a", [error, KeyError("x")])
    assert bare_error(group) is group


def test_an_interrupt_that_passes_is_freed_without_the_collector() -> None:
    class Interrupt(KeyboardInterrupt):
        """Python's own takes no weak reference."""

    def interrupted() -> weakref.ref[Interrupt]:
        try:
            raise Interrupt
        except Interrupt as error:
            kept = weakref.ref(error)
            with pytest.raises(Interrupt):
                foreign_error(error, "the code", log)
            return kept

    gc.disable()
    try:
        assert interrupted()() is None
    finally:
        gc.enable()
