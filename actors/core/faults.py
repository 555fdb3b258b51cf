"""The border to other people's code: what it raises becomes its own call's error, and nothing else of the program's.

Every place that calls tools, models, middleware, `decision_when` or anything else that users write goes through
`foreign_error`. Nothing here decides what a call's error looks like; only what it is, and what must pass through.
"""

import logging
import math
import secrets
import threading
from collections.abc import Iterator
from typing import cast, overload

import trio

from ...protocol.errors import InternalError

__all__ = ["bare_error", "error_text", "foreign_error", "internal_error"]


def foreign_error(
    error: BaseException, where: str, log: logging.Logger, *, task: trio.lowlevel.Task | None = None
) -> BaseException:
    """Return what other people's code raised, for the caller to make it the error of that one call.

    Call it first thing in an `except BaseException`. `SystemExit`, `asyncio.CancelledError`, a `trio.Cancelled` that
    somebody had kept, groups: all of them are returned, a group that holds a single error as that error. It logs only
    where what it returns would be incomplete: the caller logs what it returns.

    `task`: the current task, taken before the code was awaited; None where it was called and not awaited, so that
    neither cancellation nor closing can have come out of it.

        task = trio.lowlevel.current_task()
        try:
            value = await function()
        except BaseException as raised:
            error = foreign_error(raised, "tool search", log, task=task)

    Raises: what is ours to raise, alone; what a group held beside it is logged, as of `where`.
        KeyboardInterrupt: on the main thread, where Ctrl-C raises it. What a worker thread raised must not get here as
            it is: on the main thread it would look the same (`actors.tools.threads` wraps it).
        trio.Cancelled: while a scope around the current task is cancelled. Else somebody raised one that is none.
        GeneratorExit: when the task's coroutine is being closed, so that nothing may be awaited any more.
    """
    ours = [leaf for leaf in _leaves(error) if _is_ours(leaf, task)]
    if not ours:
        return bare_error(error)
    if len(ours) < sum(1 for _ in _leaves(error)):
        log.error("%s raised beside what ended it", where, exc_info=error)
    raise min(ours, key=_precedence) from None


@overload
def bare_error(error: Exception) -> Exception: ...
@overload
def bare_error(error: BaseException) -> BaseException: ...
def bare_error(error: BaseException) -> BaseException:
    """Return the one error in a nursery's group, or the error as it is."""
    leaves = _leaves(error)
    first = next(leaves)
    if next(leaves, None) is not None:
        return error
    if first.__traceback__ is None:  # it was put into the group without having been raised
        first.__traceback__ = error.__traceback__
    return first


def error_text(error: BaseException) -> str:
    """Return the name of an error's class and what it says, `SystemExit: 2`; the name alone where it says nothing.

    Never raises, also where the error's own `__str__` does."""
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:  # noqa: ASYNC103  # nothing was awaited
        return name  # noqa: ASYNC104
    return f"{name}: {text}" if text else name


def internal_error(error: BaseException, where: str, log: logging.Logger) -> InternalError:
    """An error of ours: logged with its traceback under an id, which is all that anybody else is told."""
    error_id = secrets.token_hex(4)
    log.error("internal error %s in %s", error_id, where, exc_info=error)
    return InternalError(f"internal error {error_id}; the log has its cause", id=error_id)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    # Walked by hand: `split` calls methods that a subclass of other people's may have overridden.
    stack = [error]
    while stack:
        each = stack.pop()
        if isinstance(each, BaseExceptionGroup):
            stack.extend(reversed(cast("BaseExceptionGroup[BaseException]", each).exceptions))
        else:
            yield each


def _is_ours(leaf: BaseException, task: trio.lowlevel.Task | None) -> bool:
    if isinstance(leaf, KeyboardInterrupt):
        return threading.current_thread() is threading.main_thread()
    if task is None:
        return False
    if isinstance(leaf, trio.Cancelled):
        return _is_current(task) and trio.current_effective_deadline() == -math.inf
    return isinstance(leaf, GeneratorExit) and not _is_current(task)


def _is_current(task: trio.lowlevel.Task) -> bool:
    """Whether this code runs in the task: a coroutine that is being closed runs in none, or in another."""
    try:
        return trio.lowlevel.current_task() is task
    except RuntimeError:
        return False


def _precedence(leaf: BaseException) -> int:
    return next(at for at, kind in enumerate(_PRECEDENCE) if isinstance(leaf, kind))


_PRECEDENCE = (KeyboardInterrupt, GeneratorExit, trio.Cancelled)  # a group of several: the first of these is raised
