"""The benchmark's command: `python -m bench [--quick] [--only 1,4] [--peers] [--json FILE] [--chart FILE]`.

Exit status 0 also where a budget is missed; 1 where a scenario could not be measured.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from .chart import chart
from .figure import Figure
from .report import PeerFigure, Report, new_report, peer_table, table
from .scenarios import SCENARIOS, ScenarioFailed, run_scenario


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show, write."""
    options = _options(arguments)
    console, progress_on = Console(), Console(stderr=True)
    figures, failed = _measure(options.only, options.quick, progress_on)
    peers = _peers(figures, options.quick, progress_on) if options.peers else []
    report = new_report(figures, list(failed), peers, quick=options.quick)
    _show(report, failed, console)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    if options.chart:
        options.chart.write_text(chart(report))
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="How much the runtime adds to bare trio.")
    parser.add_argument("--quick", action="store_true", help="smaller numbers: about a minute")
    parser.add_argument("--only", type=_numbers, default=sorted(SCENARIOS), help="scenarios by number: 1,4,8")
    parser.add_argument("--peers", action="store_true", help="also other libraries, installed for it from PyPI")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="write an SVG chart of the ratios there")
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(",") if part.strip().isdigit()]
    if not numbers or not set(numbers) <= set(SCENARIOS):
        raise argparse.ArgumentTypeError(f"expected numbers of {', '.join(map(str, SCENARIOS))}, got {text!r}")
    return sorted(set(numbers))


def _measure(numbers: Sequence[int], quick: bool, console: Console) -> tuple[list[Figure], dict[str, str]]:
    modules = [(number, module) for number in numbers for module in SCENARIOS[number][1]]
    figures: list[Figure] = []
    failed: dict[str, str] = {}
    with _progress(console) as progress:
        bar = progress.add_task("", total=len(modules))
        for number, module in modules:
            try:
                figures += run_scenario(module, quick=quick, progress=_say(progress, bar, f"{number} "))
            except ScenarioFailed as error:
                failed[f"{number} {module}"] = str(error)
            progress.advance(bar)
    return figures, failed


def _peers(figures: Sequence[Figure], quick: bool, console: Console) -> list[PeerFigure]:
    from .peers import measure_peers

    with _progress(console) as progress:
        bar = progress.add_task("", total=None)
        return measure_peers(figures, quick=quick, progress=_say(progress, bar, "peers: "))


def _progress(console: Console) -> Progress:
    return Progress(
        BarColumn(20),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
    )


def _say(progress: Progress, bar: TaskID, prefix: str) -> Callable[[str], None]:
    return lambda line: progress.update(bar, description=prefix + line)


def _show(report: Report, failed: dict[str, str], console: Console) -> None:
    console.print(table(report.figures))
    for figure in report.figures:
        if figure.note:
            console.print(f"{figure.name}: {figure.note}", style="dim")
    if report.peers:
        console.print(peer_table(report.peers))
    for name, said in failed.items():
        console.print(f"[bold red]not measured:[/] {name}")
        console.print(said, style="dim", markup=False)
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    console.print(f"{report.date} · {report.machine} · {versions}", style="dim")


if __name__ == "__main__":
    raise SystemExit(main())
