"""The generated tables of `bench/README.md`, from the JSON files beside it. `pages.py` writes them."""

from pathlib import Path
from typing import Any

import msgspec

__all__ = ["actors_part", "figures_part", "peers_part"]

BENCH = Path(__file__).parents[2] / "bench"


# `bench` is a folder, not installed: it is importable where the root of the repository is on the path.


def figures_part() -> str:
    """Return a table of the figures with a budget, the worst first, with the date, the machine and the versions."""
    from bench.report import amount, worst_first

    report = _report()
    rows = [
        f"| {figure.scenario} | {figure.name} | {amount(figure.ours.median)} {figure.unit} | {_beside(figure)} "
        f"| {_budget(figure)} | {'missed' if figure.missed else 'met'} |"
        for figure in worst_first(report.figures)
        if figure.budget is not None
    ]
    head = ["| scenario | | adjourn | baseline | budget | |", "|---|---|---|---|---|---|"]
    return "\n".join([_when(report), "", *head, *rows, ""])


def peers_part() -> str:
    """Return a table of the other libraries' times, in multiples of adjourn's time."""
    from bench.report import amount

    rows = [
        f"| {each.peer} | {each.scenario} | {each.name} | {'' if each.ratio is None else amount(each.ratio) + ' ×'} |"
        for each in _report().peers
        if each.scenario != 7
    ]
    return "\n".join(
        ["| library | scenario | | its time, as a multiple of adjourn's |", "|---|---|---|---|", *rows, ""]
    )


def actors_part() -> str:
    """Return a table of what actors cost: adjourn's, bare trio's and the other libraries' times."""
    from bench.report import amount

    report = _report("actors.json")
    theirs = {(each.peer, each.name): amount(each.theirs.median) for each in report.peers if each.theirs}
    peers = sorted({peer for peer, _ in theirs})
    rows = [
        " | ".join(
            [
                f"| {figure.name}",
                amount(figure.ours.median),
                f"{amount(figure.baseline.median)} ({figure.against})",
                *(theirs.get((peer, figure.name), "") for peer in peers),
            ]
        )
        + " |"
        for figure in report.figures
    ]
    head = [f"| µs CPU each | adjourn | bare trio | {' | '.join(peers)} |", "|---" * (3 + len(peers)) + "|"]
    return "\n".join([_when(report), "", *head, *rows, ""])


def _report(file: str = "results.json") -> Any:
    from bench.report import Report

    return msgspec.json.decode((BENCH / file).read_bytes(), type=Report)


def _when(report: Any) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return f"Measured {report.date}, on {report.machine}, with {versions}. Medians."


def _beside(figure: Any) -> str:
    from bench.report import amount

    return "" if figure.ratio is None else f"{amount(figure.ratio.median)} × {figure.against}"


def _budget(figure: Any) -> str:
    from bench.report import amount

    return f"≤ {amount(figure.budget.most)}" + (" ×" if figure.budget.of == "ratio" else f" {figure.unit}")
