"""The figures of a benchmark: a spread over repeats, with baseline and budget. Data and arithmetic only."""

from collections.abc import Sequence
from statistics import median
from typing import Literal

import msgspec

__all__ = ["Budget", "Figure", "Spread", "compared", "plain", "quantile", "spread"]


class Spread(msgspec.Struct, frozen=True):
    """The median, least and greatest of several repeats."""

    median: float
    low: float
    high: float


class Budget(msgspec.Struct, frozen=True):
    """The highest allowed ratio of a figure to its baseline, or its highest allowed value."""

    of: Literal["ratio", "value"]
    most: float


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the report. Lower is always better."""

    scenario: int  # as numbered in `scenarios.py`
    name: str
    unit: str  # of ours and baseline
    ours: Spread
    baseline: Spread | None = None
    ratio: Spread | None = None  # ours / baseline, within each repeat
    against: str = ""  # describes the baseline
    budget: Budget | None = None
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether the budget is missed, by the median."""
        if self.budget is None:
            return False
        measured = self.ratio if self.budget.of == "ratio" else self.ours
        return measured is None or measured.median > self.budget.most


def spread(samples: Sequence[float]) -> Spread:
    """Returns the spread of at least one sample."""
    return Spread(median(samples), min(samples), max(samples))


def compared(
    scenario: int,
    name: str,
    unit: str,
    pairs: Sequence[tuple[float, float]],
    *,
    against: str,
    most: float | None = None,
    note: str = "",
) -> Figure:
    """Returns a figure from interleaved repeats: pairs of ours and the baseline, measured right after each other.

    `most`: the budget of the ratio."""
    return Figure(
        scenario=scenario,
        name=name,
        unit=unit,
        ours=spread([ours for ours, _ in pairs]),
        baseline=spread([base for _, base in pairs]),
        ratio=spread([ours / base for ours, base in pairs]),
        against=against,
        budget=None if most is None else Budget("ratio", most),
        note=note,
    )


def plain(
    scenario: int, name: str, unit: str, samples: Sequence[float], *, most: float | None = None, note: str = ""
) -> Figure:
    """Returns a figure without a baseline. `most`: the budget of its value."""
    budget = None if most is None else Budget("value", most)
    return Figure(scenario=scenario, name=name, unit=unit, ours=spread(samples), budget=budget, note=note)


def quantile(samples: Sequence[float], share: float) -> float:
    """Returns the sample that a `share` (0 to 1) of all samples do not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
