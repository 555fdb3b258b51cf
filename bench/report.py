"""All figures of one run with the date, the versions and the machine: as JSON, and as a table for the terminal."""

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import msgspec
from rich.table import Table

from .figure import Figure, Spread
from .scenarios import SCENARIOS

__all__ = ["PeerFigure", "Report", "amount", "new_report", "peer_table", "table", "worst_first"]

DISTRIBUTIONS = ("trio", "trio-websocket", "httpx", "msgspec", "jsonschema")


class PeerFigure(msgspec.Struct, frozen=True, omit_defaults=True):
    """What another library took for a scenario, beside what adjourn took in the same run of the benchmark."""

    peer: str  # with its version
    scenario: int
    name: str
    unit: str = ""
    theirs: Spread | None = None  # None: not measured; the note says why
    ours: Spread | None = None
    ratio: float | None = None  # theirs / ours, of the medians: more is better for adjourn
    target: float | None = None  # the least that the ratio should be
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
    """A report of these figures, dated now."""
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
    """Cores, processor and system; nothing that names the host."""
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read())
    except OSError:
        found = None
    model = found[1] if found else platform.machine()
    return f"{os.cpu_count()} cores, {model}, {platform.system()}"


def worst_first(figures: Sequence[Figure]) -> list[Figure]:
    """The figures with a budget first, by how much of it they use; then the others, by their ratio."""

    def badness(figure: Figure) -> tuple[bool, float]:
        if figure.budget is None:
            return False, figure.ratio.median if figure.ratio else 0.0
        value = figure.ours if figure.budget.of == "value" else figure.ratio
        assert value is not None
        return True, value.median / figure.budget.most if figure.budget.most else value.median

    return sorted(figures, key=badness, reverse=True)


def amount(value: float) -> str:
    """A number with about three digits."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _range(spread: Spread | None) -> str:
    if spread is None:
        return ""
    if spread.low == spread.high:
        return amount(spread.median)
    return f"{amount(spread.median)} ({amount(spread.low)}–{amount(spread.high)})"


def table(figures: Sequence[Figure]) -> Table:
    """Every figure, by scenario; what misses its budget is marked."""
    grid = Table(title="adjourn beside its baselines: median (min–max); less is better", title_justify="left")
    for heading in ("scenario", "figure", "unit", "adjourn", "baseline", "which is", "ratio", "budget", ""):
        right = heading in ("adjourn", "baseline", "ratio", "budget")
        grid.add_column(heading, justify="right" if right else "left", overflow="fold")
    previous = 0
    for figure in figures:
        budget = figure.budget
        grid.add_row(
            f"{figure.scenario} {SCENARIOS[figure.scenario][0]}" if figure.scenario != previous else "",
            figure.name,
            figure.unit,
            _range(figure.ours),
            _range(figure.baseline),
            figure.against,
            _range(figure.ratio),
            "" if budget is None else "≤ " + amount(budget.most) + (" ×" if budget.of == "ratio" else ""),
            "[bold red]missed[/]" if figure.missed else ("[green]met[/]" if budget else ""),
        )
        previous = figure.scenario
    return grid


def peer_table(peers: Sequence[PeerFigure]) -> Table:
    """What the others took."""
    grid = Table(title="beside other libraries: how many times adjourn's time they take", title_justify="left")
    for heading in ("peer", "figure", "unit", "theirs", "adjourn", "times", "target", ""):
        grid.add_column(heading, justify="right" if heading in ("theirs", "adjourn", "times") else "left")
    for each in peers:
        grid.add_row(
            each.peer,
            f"{each.scenario} {each.name}",
            each.unit,
            _range(each.theirs),
            _range(each.ours),
            "" if each.ratio is None else amount(each.ratio),
            "" if each.target is None else "≥ " + amount(each.target),
            "[bold red]missed[/]" if each.missed else each.note,
        )
    return grid
