"""Long text through the person's pager: what doesn't fit on the terminal is shown page by page."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

from .screen import Screen

__all__ = ["paged"]


@contextmanager
def paged() -> Generator[Screen]:
    """A screen. What is written on it is shown at the end of the block: by `PAGER`, or `less`, if it is longer than the
    terminal. Where standard output is no terminal, it is written as it comes."""
    screen = Screen()
    if not screen.console.is_terminal:
        yield screen
        return
    with screen.console.capture() as captured:
        yield screen
    text = captured.get()
    pager = _pager() if text.count("\n") >= screen.height else None
    if pager is None:
        screen.console.file.write(text)
    else:
        environment = {"LESS": "FRX", **os.environ}  # -R: colours are shown
        subprocess.run(pager, input=text.encode(errors="replace"), env=environment, check=False)  # noqa: S603


def _pager() -> list[str] | None:
    """The command to pipe the text to; None: there is no pager."""
    words = shlex.split(os.environ.get("PAGER", "less"))
    return words if words and shutil.which(words[0]) else None
