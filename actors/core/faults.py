"""Turns errors of users' code into the error of one call, and lets real interrupts and cancellations pass.

Every place that calls tools, models, middleware, `decision_when` or other users' code uses `foreign_error`. Nothing
here decides what a call's error looks like.
"""

import logging
import math
import secrets
import threading
from typing import cast, overload

import trio

from ...protocol.errors import InternalError

__all__ = ["bare_error", "error_text", "foreign_error", "internal_error", "is_cancelled"]


def foreign_error(
    error: BaseException, where: str, log: logging.Logger, *, task: trio.lowlevel.Task | None = None
) -> BaseException:
    """Returns the error that users' code raised, for the caller to report as that call's error.

    Call it first in an `except BaseException`. Also returns `SystemExit`, `asyncio.CancelledError`, a `trio.Cancelled`
    that was stored and raised later, and groups (a group of a single error as that error). The caller logs what this
    returns; this function logs only what would otherwise be lost.

    `task`: the current task, read before the code was awaited. None if the code was called but not awaited: then it can
    raise neither a cancellation nor GeneratorExit of ours.

        task = trio.lowlevel.current_task()
        try:
            value = await function()
        except BaseException as raised:
            error = foreign_error(raised, "tool search", log, task=task)

    Raises: the following, alone; if they came in a group, the whole group is logged under `where`.
        KeyboardInterrupt: on the main thread, where Ctrl-C raises it. A worker thread's KeyboardInterrupt must be
            wrapped first, because it would look the same on the main thread (`actors.tools.threads` does this).
        trio.Cancelled: if a scope around the current task is cancelled. Otherwise the code raised it without reason.
        GeneratorExit: if the task's coroutine is being closed, so that nothing may be awaited any more.
    """
    if isinstance(error, trio.Cancelled) and _is_ours(error, task):  # the usual case, kept short
        try:
            raise error from None
        finally:
            del error  # breaks a reference cycle, as below
    leaves = _leaves(error)
    ours = [leaf for leaf in leaves if _is_ours(leaf, task)]
    if not ours:
        return bare_error(error)
    if len(ours) < len(leaves):
        log.error("%s raised beside what ended it", where, exc_info=error)
    first = ours[0] if len(ours) == 1 else min(ours, key=_precedence)
    try:
        raise first from None
    finally:
        del error, leaves, ours, first  # its traceback has this frame: a cycle, left to the collector


def is_cancelled(task: trio.lowlevel.Task) -> bool:
    """Whether trio cancels this task: the task is the current one, and a scope around it is cancelled.

    Then a `trio.Cancelled` passes `foreign_error`. Where aborts are frequent, ask this first and `raise`: it takes a
    third of the time.
    """
    return _is_current(task) and trio.current_effective_deadline() == -math.inf


@overload
def bare_error(error: Exception) -> Exception: ...
@overload
def bare_error(error: BaseException) -> BaseException: ...
def bare_error(error: BaseException) -> BaseException:
    """Returns the single error of a nursery's group, or the error unchanged."""
    leaves = _leaves(error)
    if len(leaves) > 1:
        return error
    first = leaves[0]
    if first.__traceback__ is None:  # it was put into the group without being raised
        first.__traceback__ = error.__traceback__
    return first


def error_text(error: BaseException) -> str:
    """Returns the class name and the text of an error, as `SystemExit: 2`; only the name if there is no text.

    Never raises, even if the error's own `__str__` does.
    """
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:  # noqa: ASYNC103  # nothing was awaited
        return name  # noqa: ASYNC104
    return f"{name}: {text}" if text else name


def internal_error(error: BaseException, where: str, log: logging.Logger) -> InternalError:
    """Logs an error with its traceback under an id; returns an error that tells only this id."""
    error_id = secrets.token_hex(4)
    log.error("internal error %s in %s", error_id, where, exc_info=error)
    return InternalError(f"internal error {error_id}; the log has its cause", id=error_id)


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    # Not `split`: a user's subclass may have overridden what it calls.
    leaves: list[BaseException] = []
    stack: list[BaseException] = [error]
    while stack:
        each = stack.pop()
        if isinstance(each, BaseExceptionGroup):
            stack.extend(reversed(cast("BaseExceptionGroup[BaseException]", each).exceptions))
        else:
            leaves.append(each)
    return leaves


def _is_ours(leaf: BaseException, task: trio.lowlevel.Task | None) -> bool:
    if isinstance(leaf, KeyboardInterrupt):
        return threading.current_thread() is threading.main_thread()
    if task is None:
        return False
    if isinstance(leaf, trio.Cancelled):
        return is_cancelled(task)
    return isinstance(leaf, GeneratorExit) and not _is_current(task)


def _is_current(task: trio.lowlevel.Task) -> bool:
    """Whether this code runs in the task. A coroutine that is being closed runs in none, or in another one."""
    try:
        return trio.lowlevel.current_task() is task
    except RuntimeError:
        return False


def _precedence(leaf: BaseException) -> int:
    return next(at for at, kind in enumerate(_PRECEDENCE) if isinstance(leaf, kind))


_PRECEDENCE = (KeyboardInterrupt, GeneratorExit, trio.Cancelled)  # of several in a group, the first of these is raised
