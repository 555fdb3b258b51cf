"""All figures of one run with the date, the versions and the machine: as JSON, and as a table for the terminal."""

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .figure import Figure, Spread
from .scenarios import SCENARIOS

__all__ = [
    "PeerFigure",
    "Report",
    "amount",
    "budget_table",
    "new_report",
    "peer_table",
    "scenario_table",
    "worst_first",
]

DISTRIBUTIONS = ("trio", "trio-websocket", "httpx", "msgspec", "jsonschema-rs")


class PeerFigure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A scenario's figures of another library and of adjourn, from the same run of the benchmark."""

    peer: str  # with its version
    scenario: int
    name: str
    unit: str = ""
    theirs: Spread | None = None  # None: not measured; the note says why
    ours: Spread | None = None
    ratio: float | None = None  # theirs / ours, of the medians; higher is better for adjourn
    target: float | None = None  # the lowest acceptable ratio
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether the target is missed."""
        return self.target is not None and (self.ratio is None or self.ratio < self.target)


class Report(msgspec.Struct, frozen=True):
    """One run of the benchmark."""

    date: str
    quick: bool
    versions: dict[str, str]
    machine: str
    figures: list[Figure]
    failed: list[str]  # scenarios that could not be measured
    peers: list[PeerFigure]


def new_report(figures: Sequence[Figure], failed: Sequence[str], peers: Sequence[PeerFigure], *, quick: bool) -> Report:
    """Returns a report of these figures, dated now."""
    return Report(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        quick=quick,
        versions={"python": platform.python_version()} | {name: version(name) for name in DISTRIBUTIONS},
        machine=machine(),
        figures=list(figures),
        failed=list(failed),
        peers=list(peers),
    )


def machine() -> str:
    """Returns cores, processor and system, without the host's name."""
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read())
    except OSError:
        found = None
    model = found[1] if found else platform.machine()
    return f"{os.cpu_count()} cores, {model}, {platform.system()}"


def worst_first(figures: Sequence[Figure]) -> list[Figure]:
    """Returns the figures with a budget first, by the share of it that they use; then the others, by ratio."""

    def badness(figure: Figure) -> tuple[bool, float]:
        if figure.budget is None:
            return False, figure.ratio.median if figure.ratio else 0.0
        value = figure.ours if figure.budget.of == "value" else figure.ratio
        assert value is not None
        return True, value.median / figure.budget.most if figure.budget.most else value.median

    return sorted(figures, key=badness, reverse=True)


def amount(value: float) -> str:
    """Returns a number as text, with about three digits."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _cell(spread: Spread | None) -> str:
    """Returns the median as text, with the extremes, if any, below it."""
    if spread is None:
        return ""
    if spread.low == spread.high:
        return amount(spread.median)
    return f"{amount(spread.median)}\n[dim]{amount(spread.low)}–{amount(spread.high)}[/]"


def _grid(title: str, columns: Sequence[str]) -> Table:
    """Returns a table that is readable at 80 columns: words aligned left, numbers right."""
    grid = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, expand=True, pad_edge=False)
    grid.add_column(columns[0], ratio=1, overflow="fold")
    for heading in columns[1:]:
        grid.add_column(heading, justify="right", no_wrap=True)
    return grid


def scenario_table(number: int, figures: Sequence[Figure]) -> RenderableType:
    """Returns the table of one scenario, with its notes."""
    grid = _grid(f"{number} {SCENARIOS[number][0]}", ("", "adjourn", "baseline", "ratio", "budget"))
    for figure in figures:
        beside = f"\n[dim]beside: {figure.against}[/]" if figure.against else ""
        name = f"{figure.name}, {figure.unit}{beside}"
        grid.add_row(name, _cell(figure.ours), _cell(figure.baseline), _cell(figure.ratio), _verdict(figure))
    notes = [Text(f"{figure.name}: {figure.note}", style="dim") for figure in figures if figure.note]
    return Group(grid, *notes)


def budget_table(figures: Sequence[Figure]) -> Table:
    """Returns a table of all figures with a budget, the worst first."""
    grid = _grid("budgets, worst first", ("", "measured", "budget"))
    for figure in worst_first(figures):
        if figure.budget is not None:
            measured = figure.ratio if figure.budget.of == "ratio" else figure.ours
            grid.add_row(f"{figure.scenario} {figure.name}", _cell(measured), _verdict(figure))
    return grid


def _verdict(figure: Figure) -> str:
    if figure.budget is None:
        return ""
    most = "≤ " + amount(figure.budget.most) + (" ×" if figure.budget.of == "ratio" else "")
    return most + ("\n[bold red]missed[/]" if figure.missed else "\n[green]met[/]")


def peer_table(peers: Sequence[PeerFigure]) -> Table:
    """Returns a table of the other libraries' figures."""
    title = "beside other libraries: how many times adjourn's time they take"
    grid = _grid(title, ("", "theirs", "adjourn", "times", "target"))
    for each in peers:
        note = f"\n[dim]{each.note}[/]" if each.note else ""
        target = "" if each.target is None else "≥ " + amount(each.target)
        grid.add_row(
            f"{each.peer}: {each.scenario} {each.name}, {each.unit}{note}",
            _cell(each.theirs),
            _cell(each.ours),
            "" if each.ratio is None else amount(each.ratio),
            target + ("\n[bold red]missed[/]" if each.missed else ""),
        )
    return grid
