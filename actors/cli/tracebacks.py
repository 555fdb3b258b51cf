"""Tracebacks for authors of tools and agents: they start at the author's own file, without frames of this library."""

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
    """Returns the lines of an error's traceback, from the first frame outside Python and this library on.

    Empty if there is no such frame. The error's cause (`raise ... from`) is shown in the same way.
    """
    told = TracebackException.from_exception(error)
    if _trimmed(told):
        return "".join(told.format()).splitlines()
    # A syntax error names its own file and line.
    return "".join(told.format_exception_only()).splitlines() if isinstance(error, SyntaxError) else []


def place_of(error: BaseException) -> str:
    """Returns the file and line that an error is about, as `shop.py:12`; empty if unknown."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [frame for frame in TracebackException.from_exception(error).stack if not _is_between(frame)]
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGES)] or frames
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def _trimmed(told: TracebackException) -> bool:
    """Cuts off the frames before the author's code. Returns whether frames are left."""
    stack = list(told.stack)
    while stack and _is_between(stack[0]):
        del stack[0]
    told.stack = StackSummary.from_list(stack)
    for earlier in (told.__cause__, told.__context__):
        if earlier is not None:
            _trimmed(earlier)
    return bool(stack)


def _is_between(frame: FrameSummary) -> bool:
    """Whether a frame belongs to this library, trio or Python itself, rather than to the author's code."""
    name = frame.filename
    is_python = name.startswith(("<frozen", _STDLIB)) and not name.startswith(_PACKAGES)
    return is_python or name.startswith(_BETWEEN)
