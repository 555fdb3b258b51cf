"""The scenarios by number. Each runs in its own process: `python -m bench.scenarios MODULE [--quick]`.

The process prints each figure as a line of JSON to stdout, and progress lines to stderr. So no scenario is affected by
what another left in memory.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

import msgspec

from .figure import Figure

__all__ = ["ONLY_WHEN_ASKED", "SCENARIOS", "ScenarioFailed", "run_scenario"]

SCENARIOS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("pause and resume", ("pause",)),
    2: ("memory", ("memory", "startup")),
    3: ("fan-out", ("fanout",)),
    4: ("streaming", ("streaming",)),
    5: ("abort", ("abort",)),
    6: ("long runs", ("turns",)),
    7: ("actor core", ("core",)),
    8: ("cold import", ("imports",)),
    9: ("threads", ("threads",)),
    10: ("server-sent events", ("sse",)),
    11: ("growth", ("growth",)),
    12: ("PostgreSQL", ("nodes",)),
    13: ("instructions", ("instructions",)),
}
ONLY_WHEN_ASKED = {12}  # it needs a server


class ScenarioFailed(Exception):
    """A scenario's process failed. The text is the last line that it printed."""


def run_scenario(module: str, *, quick: bool, progress: Callable[[str], None], found: Callable[[Figure], None]) -> None:
    """Measures one module in its own process. `progress` gets each progress line, `found` each figure at the end.

    If interrupted, kills that process and all processes that it has started; `found` gets the figures measured so far.
    Raises: ScenarioFailed.
    """
    command = [sys.executable, "-m", "bench.scenarios", module, *(["--quick"] if quick else [])]
    said: list[str] = []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stderr:  # stdout needs no reader yet: its few lines fit into the pipe
                said.append(line.rstrip())
                progress(line.rstrip())
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            for line in process.stdout:
                found(msgspec.json.decode(line, type=Figure))
    if process.returncode:
        raise ScenarioFailed("\n".join(said[-12:]))


if __name__ == "__main__":
    for figure in import_module(f"bench.{sys.argv[1]}").measure("--quick" in sys.argv[2:]):
        print(msgspec.json.encode(figure).decode(), flush=True)
