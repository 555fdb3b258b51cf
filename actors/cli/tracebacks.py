"""Tracebacks as the author of a tool or an agent wants them: from the author's own file on, without frames of ours."""

import sysconfig
from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException

import outcome
import trio
import typer

__all__ = ["place_of", "traceback_of"]

_STDLIB, _PACKAGES = sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")
_OURS = Path(__file__).parents[2]
_BETWEEN = tuple(f"{folder}/" for folder in (_OURS, *trio.__path__, *outcome.__path__, *typer.__path__))


def traceback_of(error: BaseException) -> list[str]:
    """Return the lines of an error's traceback, without the frames of Python and ours that lead to the first other.

    Empty where there is no such frame. What the error came of (`raise ... from`) is shown in the same way.
    """
    told = TracebackException.from_exception(error)
    if not isinstance(error, SyntaxError) and not _trimmed(told):
        return []
    return "".join(told.format()).splitlines()


def place_of(error: BaseException) -> str:
    """Return the file and line that an error is about, as `shop.py:12`; empty where none is known."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [frame for frame in TracebackException.from_exception(error).stack if not _is_between(frame)]
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGES)] or frames
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def _trimmed(told: TracebackException) -> bool:
    """Whether frames are left once those that lead to other people's code are cut off."""
    stack = list(told.stack)
    while stack and _is_between(stack[0]):
        del stack[0]
    told.stack = StackSummary.from_list(stack)
    for earlier in (told.__cause__, told.__context__):
        if earlier is not None:
            _trimmed(earlier)
    return bool(stack)


def _is_between(frame: FrameSummary) -> bool:
    """Whether a frame is of what calls other people's code: this library, trio, Python itself."""
    name = frame.filename
    is_python = name.startswith(("<frozen", _STDLIB)) and not name.startswith(_PACKAGES)
    return is_python or name.startswith(_BETWEEN)
