"""The benchmark's command: `python -m bench [--quick] [--only 1,4] [--peers] [--json FILE] [--chart FILE]`.

After each scenario its table is printed and the files are written, so a stopped benchmark keeps its results, also
those of the scenario that was stopped.
Exit status: 0, also if a budget is missed; 1 if a scenario could not be measured; 130 after Ctrl-C or SIGTERM.
"""

import argparse
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .chart import chart
from .figure import Figure
from .report import PeerFigure, Report, budget_table, new_report, peer_table, scenario_table
from .scenarios import ONLY_WHEN_ASKED, SCENARIOS, ScenarioFailed, run_scenario


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the scenarios, prints their tables, writes the files."""
    options = _options(arguments)
    bench = _Benchmark(options)
    try:
        bench.measure()
    except KeyboardInterrupt:
        bench.end()
        return 130
    bench.end()
    return 1 if bench.failed else 0


class _Benchmark:
    """Collects the figures, prints them and writes them to the files."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._console = Console()
        self._figures: list[Figure] = []
        self._peers: list[PeerFigure] = []
        self.failed: list[str] = []

    def measure(self) -> None:
        """Measures one scenario after the other, then the other libraries."""
        numbers: list[int] = self._options.only
        self._console.print("Medians, min–max below them; less is better. Each ratio is to the baseline beside it.")
        with _progress(len(numbers) + bool(self._options.peers)) as step:
            for number in numbers:
                with step(f"{number} {SCENARIOS[number][0]}") as progress:
                    self._scenario(number, progress)
            if self._options.peers:
                with step("other libraries") as progress:
                    self._other_libraries(progress)

    def _scenario(self, number: int, progress: Callable[[str], None]) -> None:
        first = len(self._figures)
        try:
            for module in SCENARIOS[number][1]:
                self._module(number, module, progress)
        finally:
            if figures := self._figures[first:]:
                self._console.print(scenario_table(number, figures))
        self._write()

    def _module(self, number: int, module: str, progress: Callable[[str], None]) -> None:
        try:
            run_scenario(module, quick=self._options.quick, progress=progress, found=self._figures.append)
        except ScenarioFailed as error:
            self.failed.append(f"{number} {module}")
            self._console.print(f"[bold red]not measured:[/] {number} {module}")
            self._console.print(str(error), style="dim", markup=False)

    def _other_libraries(self, progress: Callable[[str], None]) -> None:
        from .peers import measure_peers

        for found in measure_peers(self._figures, quick=self._options.quick, progress=progress):
            self._peers += found
            self._console.print(peer_table(found))
            self._write()

    def end(self) -> None:
        """Writes the files, and prints a table of all budgets."""
        report = self._write()
        if any(figure.budget for figure in report.figures):
            self._console.print(budget_table(report.figures))
        versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
        self._console.print(f"{report.date} · {report.machine} · {versions}", style="dim")

    def _write(self) -> Report:
        report = new_report(self._figures, self.failed, self._peers, quick=self._options.quick)
        if self._options.json:
            text = msgspec.json.format(msgspec.json.encode(report), indent=1)
            self._options.json.write_bytes(text + b"\n")
        if self._options.chart:
            self._options.chart.write_text(chart(report))
        return report


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="How much the runtime adds to bare trio.")
    parser.add_argument("--quick", action="store_true", help="smaller numbers: about a minute")
    parser.add_argument(
        "--only", type=_numbers, default=sorted(SCENARIOS.keys() - ONLY_WHEN_ASKED), help="scenarios by number: 1,4,8"
    )
    parser.add_argument("--peers", action="store_true", help="also other libraries, installed for it from PyPI")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="write an SVG chart of the ratios there")
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(",") if part.strip().isdigit()]
    if not numbers or not set(numbers) <= set(SCENARIOS):
        raise argparse.ArgumentTypeError(f"expected numbers of {', '.join(map(str, SCENARIOS))}, got {text!r}")
    return sorted(set(numbers))


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[str], AbstractContextManager[Callable[[str], None]]]]:
    """Shows the progress: a bar on a terminal, otherwise one line a step."""
    console = Console(stderr=True)
    columns = BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=steps)

        @contextmanager
        def step(name: str) -> Iterator[Callable[[str], None]]:
            if not console.is_terminal:
                done = int(bar.tasks[task].completed)
                console.print(f"{done + 1}/{steps} {name}", style="dim", highlight=False)
            yield lambda line: bar.update(task, description=f"{name}: {line}")
            bar.advance(task)

        yield step


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    raise SystemExit(main())
