"""The scenarios by number. Each runs in its own process: `python -m bench.scenarios MODULE [--quick]`.

The process prints its figures as JSON to stdout and progress lines to stderr. So no scenario is affected by what
another left in memory.
"""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

import msgspec

from .figure import Figure

__all__ = ["ONLY_WHEN_ASKED", "SCENARIOS", "ScenarioFailed", "run_scenario"]

SCENARIOS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("pause and resume", ("pause", "instructions")),
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
}
ONLY_WHEN_ASKED = {12}  # it needs a server


class ScenarioFailed(Exception):
    """A scenario's process failed. The text is the last line that it printed."""


def run_scenario(module: str, *, quick: bool, progress: Callable[[str], None]) -> list[Figure]:
    """Returns the figures of one module, measured in its own process. `progress` gets each progress line.

    Raises: ScenarioFailed.
    """
    command = [sys.executable, "-m", "bench.scenarios", module, *(["--quick"] if quick else [])]
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stderr:  # stdout needs no reader yet: its single line fits into the pipe
                said.append(line.rstrip())
                progress(line.rstrip())
            out = process.stdout.read()
        except KeyboardInterrupt:
            process.kill()
            raise
    if process.returncode:
        raise ScenarioFailed("\n".join(said[-12:]))
    return msgspec.json.decode(out, type=list[Figure])


if __name__ == "__main__":
    figures = import_module(f"bench.{sys.argv[1]}").measure("--quick" in sys.argv[2:])
    print(msgspec.json.encode(figures).decode())
