"""`python -m bench.hostile [--seconds S] [--only WORDS]`: shows for each attack how it affects 50 normal clients.

Each attack gets a new server. 50 clients use it for S seconds without the attack, then for S seconds under attack. The
table has the median and the 99th percentile of the time from a run's start until it is parked, and how much the
server's memory grew at most.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from .attacks import ATTACKS

WARM_UP_S = 3.0
TICK_S = 0.05


@dataclass
class Sample:
    """The measurements of one period."""

    latencies_s: list[float] = field(default_factory=list)
    peak_bytes: int = 0

    def percentile_ms(self, share: float) -> float:
        """Returns the percentile of the latencies; NaN if there are none."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else float("nan")


class Crowd:
    """Runs the normal clients, and reads their latencies."""

    def __init__(self, url: str) -> None:
        self._process = _spawn("normal", url)
        self._seen: list[float] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._seen.append(float(line))

    def watch(self, seconds: float, pid: int) -> Sample:
        """Waits; returns the latencies that came meanwhile and the server's peak memory."""
        sample, first, end = Sample(), len(self._seen), time.monotonic() + seconds
        while time.monotonic() < end:
            sample.peak_bytes = max(sample.peak_bytes, _resident_bytes(pid))
            time.sleep(TICK_S)
        sample.latencies_s = self._seen[first:]
        return sample

    def stop(self) -> None:
        """Ends the clients."""
        self._process.kill()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the attacks, and shows the table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.hostile", description="What hostile clients cost the others."
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each attack, and before it")
    parser.add_argument("--only", default="", metavar="WORDS", help="attacks with these words in their name")
    options = parser.parse_args(arguments)
    table = Table("attack", "alone p50/p99 ms", "attacked p50/p99 ms", "p99 ×", "memory MB", "still served")
    for name in ATTACKS:
        if options.only in name:
            print(name, file=sys.stderr, flush=True)
            table.add_row(name, *_measure(name, options.seconds))
    Console(width=120).print(table)
    return 0


def _measure(name: str, seconds: float) -> tuple[str, ...]:
    with _server() as (url, pid):
        crowd = Crowd(url)
        time.sleep(WARM_UP_S)
        alone = crowd.watch(seconds, pid)
        attacker = _spawn("attacks", url, name)
        attacked = crowd.watch(seconds, pid)
        attacker.kill()
        after = crowd.watch(WARM_UP_S, pid)
        crowd.stop()
    grown = (attacked.peak_bytes - alone.peak_bytes) / 1e6
    ratio = attacked.percentile_ms(0.99) / alone.percentile_ms(0.99)
    return (_figures(alone), _figures(attacked), f"{ratio:.1f}", f"{grown:+.0f}", "yes" if after.latencies_s else "NO")


def _figures(sample: Sample) -> str:
    return f"{sample.percentile_ms(0.5):.0f} / {sample.percentile_ms(0.99):.0f}"


@contextmanager
def _server() -> Generator[tuple[str, int]]:
    process = _spawn("server")
    assert process.stdout is not None
    try:
        url = process.stdout.readline().decode().strip()
        if not url:
            raise RuntimeError("the server did not come up")
        yield url, process.pid
    finally:
        process.kill()


def _spawn(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"bench.hostile.{module}", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def _resident_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


if __name__ == "__main__":
    sys.exit(main())
