"""How the `adjourn` command ends: its exit code, its error line on stderr, and its log.

Exit codes: 0 success; 1 an error, explained on stderr; 2 wrong usage, stderr says what was expected; 3 a server had to
end by force, stderr says what held it; 4 a server lost its store to another process; 5 a run failed or was aborted; 6 a
message was refused; 7 a decision is left waiting; 130 interrupted; 128 + n ended at once by signal n.
"""

import errno
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any, cast

import typer

from ...protocol.errors import AdjournError, RunNotFound, StaleEpoch, Unauthorized
from ..core.faults import internal_error
from .reaching import SHORTEST
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
    """Runs a command line and returns the exit code. An error becomes one line on stderr."""
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


_UsageError = cast(type[Exception], typer.BadParameter.__mro__[1])  # typer does not export it


def _wrong_usage(error: Any) -> int:
    command = error.ctx.command_path if error.ctx is not None else "adjourn"
    if (
        message := error.format_message().rstrip(".").replace("Value error, ", "")
    ):  # without a message, typer has printed the help already
        complain(f"{message} (see {command} --help)")
    return 2


def _failed(error: BaseException) -> int:
    leaf = _worst(error)
    match leaf:
        case KeyboardInterrupt() | typer.Abort():
            typer.echo(after_interrupt(), nl=False)
            return INTERRUPTED
        case BrokenPipeError():  # the reader of stdout closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        case OSError(errno=errno.ENOSPC | errno.EIO, filename=None):
            complain(f"the output can't be written: {leaf.strerror}")
        case SystemExit():
            raise leaf
        case AdjournError():
            logger.debug("failed", exc_info=error)
            complain(_told(leaf))
            return LOST if isinstance(leaf, StaleEpoch) else 1
        case _:
            complain(internal_error(error, "the adjourn command", logger).message)
    return 1


def _told(error: AdjournError) -> str:
    """Returns the message of an error in the words of the command line, with what to do."""
    if isinstance(error, Unauthorized):
        return "the gateway does not know the access token: set ADJOURN_TOKEN, or give --token"
    if isinstance(error, RunNotFound):
        return f"{error.message} (`adjourn runs list` has the ids; a prefix has {SHORTEST} characters or more)"
    return error.message + (" (`adjourn demo` starts a gateway)" if "nothing answers" in error.message else "")


def _worst(error: BaseException) -> BaseException:
    """Returns the error of a group to report: a foreign error before an AdjournError, because it tells more."""
    leaves = list(_leaves(error))
    return next((leaf for leaf in leaves if not isinstance(leaf, AdjournError)), leaves[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in cast(BaseExceptionGroup[BaseException], error).exceptions:
            yield from _leaves(each)
    else:
        yield error


def complain(text: str) -> None:
    """Writes an error to stderr, on one line."""
    typer.echo(_one_line(text), err=True)


def _one_line(text: str) -> str:
    return f"adjourn: {clean(' '.join(text.split()))}"


class _OneLine(logging.Formatter):
    """Formats a record as one line, with its error but no traceback."""

    def format(self, record: logging.LogRecord) -> str:
        text = f"{record.levelname.lower()}: {record.getMessage()}"
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            leaf = _worst(error)
            text += f": {type(leaf).__name__}: {leaf}"
        return _one_line(text)


def set_up_log(verbose: bool) -> None:
    """Sets up adjourn's log on stderr: warnings and errors, one line each; `verbose`: everything, with tracebacks.

    The root logger stays untouched, for a module that is loaded later. Other libraries are silent until that module
    gives the root logger a handler. `logs.py` replaces adjourn's handler when a module is served.
    """
    handler = logging.StreamHandler()
    handler.set_name(OURS)
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT) if verbose else _OneLine())
    ours = logging.getLogger("adjourn")
    ours.handlers[:] = [handler]
    ours.setLevel(logging.DEBUG if verbose else logging.WARNING)
    logging.getLogger("adjourn.calls").setLevel(logging.INFO)  # an agent with a `CallLog` wants its lines
    ours.propagate = False
    logging.lastResort = cast(Any, logging.NullHandler())


def after_interrupt() -> str:
    """Returns a line break on a terminal: it shows ^C, with the cursor right after it."""
    return "\n" if sys.stdout.isatty() else ""
