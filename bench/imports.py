"""Scenario 8: a cold import, in fresh interpreters."""

import subprocess
import sys

from .figure import Figure, compared
from .repeat import say

__all__ = ["import_s", "measure"]

OURS = "import adjourn.actors"
BASELINE = "import trio, httpx, msgspec"


def measure(quick: bool) -> list[Figure]:
    """Measures the import statement alone."""
    repeats = 7
    pairs: list[tuple[float, float]] = []
    for number in range(repeats + 1):
        say(f"imports: {number}/{repeats}")
        pairs.append((import_s(OURS) * 1e3, import_s(BASELINE) * 1e3))
    return [compared(8, OURS, "ms", pairs[1:], against=BASELINE, most=1.5)]


def import_s(statement: str, python: str = sys.executable) -> float:
    """Returns the seconds that an import takes in a new interpreter."""
    program = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    done = subprocess.run([python, "-c", program], check=True, stdout=subprocess.PIPE)
    return float(done.stdout)
