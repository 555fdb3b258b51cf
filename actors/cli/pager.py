"""Shows text that is too long for the terminal in the person's pager."""

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
    """Opens a screen. Its text is shown at the end of the block, through `PAGER` or `less` if it is long.

    If standard output is not a terminal, text is written at once."""
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
        environment = {"LESS": "FRX", **os.environ}  # -R: show colours
        subprocess.run(pager, input=text.encode(errors="replace"), env=environment, check=False)  # noqa: S603


def _pager() -> list[str] | None:
    """Returns the pager's command; None: there is no pager."""
    words = shlex.split(os.environ.get("PAGER", "less"))
    return words if words and shutil.which(words[0]) else None
