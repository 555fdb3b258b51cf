"""How the `adjourn` command ends: its exit code, and what went wrong in one line; and where its log goes.

0 done; 1 it went wrong, and a line on stderr says why; 2 wrong usage, and a line says what was expected; 3 a process
that serves had to end by force, and a line says what held it; 4 a process that serves has lost its store to another
one; 5 a run failed or was aborted; 6 a message was refused; 7 a decision is left waiting; 130 interrupted; 128 + n
ended at once by signal n.
"""

import logging
import os
import sys
from collections.abc import Iterator
from typing import Any, cast

import typer

from ...protocol.errors import AdjournError, StaleEpoch, Unauthorized
from ..core.faults import internal_error
from .screen import clean

__all__ = ["FAILED", "OURS", "REFUSED", "WAITING", "after_interrupt", "complain", "exit_code", "set_up_log"]

LOST = 4  # another process has become the owner of the store
FAILED = 5  # a run failed, or was aborted
REFUSED = 6  # a message could not be sent
WAITING = 7  # a run waits for a decision, or for a client
INTERRUPTED = 130  # 128 + SIGINT

logger = logging.getLogger("adjourn.cli")

OURS = "adjourn"  # the name of the handler that the command logs with


def exit_code(app: typer.Typer, args: list[str]) -> int:
    """Carry out a command line, say in one line what went wrong, and return the exit code."""
    try:
        code = typer.main.get_command(app).main(args, prog_name="adjourn", standalone_mode=False)
        if code == INTERRUPTED:
            typer.echo(after_interrupt(), nl=False)
        sys.stdout.flush()
    except _UsageError as error:
        return _wrong_usage(error)
    except (Exception, BaseExceptionGroup, KeyboardInterrupt) as error:
        return _failed(cast(BaseException, error))
    return code or 0


_UsageError = cast(type[Exception], typer.BadParameter.__mro__[1])  # typer has it under no name of its own


def _wrong_usage(error: Any) -> int:
    command = error.ctx.command_path if error.ctx is not None else "adjourn"
    if (
        message := error.format_message().rstrip(".").replace("Value error, ", "")
    ):  # without one, the help is out already
        complain(f"{message} (see {command} --help)")
    return 2


def _failed(error: BaseException) -> int:
    leaf = _worst(error)
    match leaf:
        case KeyboardInterrupt() | typer.Abort():
            typer.echo(after_interrupt(), nl=False)
            return INTERRUPTED
        case BrokenPipeError():  # whoever read our output has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        case SystemExit():
            raise leaf
        case AdjournError():
            logger.debug("failed", exc_info=error)
            complain(leaf.message + _hint(leaf))
            return LOST if isinstance(leaf, StaleEpoch) else 1
        case _:
            complain(internal_error(error, "the adjourn command", logger).message)
    return 1


def _hint(error: AdjournError) -> str:
    if isinstance(error, Unauthorized):
        return " (set ADJOURN_TOKEN, or give --token)"
    return " (`adjourn demo` starts a gateway)" if "nothing answers" in error.message else ""


def _worst(error: BaseException) -> BaseException:
    """The one error of a group to tell of: what isn't ours first, for it tells more."""
    leaves = list(_leaves(error))
    return next((leaf for leaf in leaves if not isinstance(leaf, AdjournError)), leaves[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in cast(BaseExceptionGroup[BaseException], error).exceptions:
            yield from _leaves(each)
    else:
        yield error


def complain(text: str) -> None:
    """Say on stderr, in one line, what went wrong."""
    typer.echo(_one_line(text), err=True)


def _one_line(text: str) -> str:
    return f"adjourn: {clean(' '.join(text.split()))}"


class _OneLine(logging.Formatter):
    """A record on one line, with the error that it is about but no traceback."""

    def format(self, record: logging.LogRecord) -> str:
        text = f"{record.levelname.lower()}: {record.getMessage()}"
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            leaf = _worst(error)
            text += f": {type(leaf).__name__}: {leaf}"
        return _one_line(text)


def set_up_log(verbose: bool) -> None:
    """Log to stderr: what people should know, on one line each; or else all of ours, with tracebacks.

    The root logger is left alone, for a module that is loaded later; until that gives it a handler, other libraries are
    silent. `logs.py` replaces the handler where a module is served.
    """
    handler = logging.StreamHandler()
    handler.set_name(OURS)
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT) if verbose else _OneLine())
    ours = logging.getLogger("adjourn")
    ours.handlers[:] = [handler]
    ours.setLevel(logging.DEBUG if verbose else logging.WARNING)
    logging.getLogger("adjourn.calls").setLevel(logging.INFO)  # whoever has a `CallLog` wants to see it
    ours.propagate = False
    logging.lastResort = cast(Any, logging.NullHandler())


def after_interrupt() -> str:
    """A terminal has shown ^C, and stands behind it."""
    return "\n" if sys.stdout.isatty() else ""
