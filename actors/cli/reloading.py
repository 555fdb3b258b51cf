"""`adjourn serve --reload`: waits for a change of the Python files below the working directory, then restarts."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import trio

__all__ = ["restart_process", "source_times", "wait_changed"]

POLL_S = 0.5
MAX_FILES = 10_000  # most files to watch
_PASSED_OVER = ("node_modules", "site-packages", "__pycache__")


def source_times(folder: Path) -> dict[Path, float]:
    """Returns the last modification time of each Python file in the folder, except hidden folders and environments."""
    times: dict[Path, float] = {}
    for path in _sources(folder):
        try:
            times[path] = path.stat().st_mtime
        except OSError:
            continue  # deleted meanwhile
        if len(times) == MAX_FILES:
            break
    return times


def _sources(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        here = Path(where)
        folders[:] = [name for name in folders if _may_have_sources(here / name)]
        yield from (here / name for name in files if name.endswith(".py"))


def _may_have_sources(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in _PASSED_OVER
    return not hidden and not (folder / "pyvenv.cfg").exists()


async def wait_changed(folder: Path, before: dict[Path, float]) -> Path:
    """Waits until a Python file in the folder differs from `before`. Returns its path."""
    while True:
        now = source_times(folder)
        changed = [path for path in now.keys() | before.keys() if now.get(path) != before.get(path)]
        if changed:
            return min(changed)
        await trio.sleep(POLL_S)


def restart_process() -> NoReturn:
    """Replaces this process by a new one with the same command line. Files, sockets and locks are closed."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # the command line is our own
