"""What a benchmark says: figures, each a spread over repeats, with baseline and budget. Data and arithmetic only."""

from collections.abc import Sequence
from statistics import median
from typing import Literal

import msgspec

__all__ = ["Budget", "Figure", "Spread", "compared", "plain", "quantile", "spread"]


class Spread(msgspec.Struct, frozen=True):
    """The median of some repeats, and their extremes."""

    median: float
    low: float
    high: float


class Budget(msgspec.Struct, frozen=True):
    """The most that a figure may be: its ratio to the baseline, or its own value."""

    of: Literal["ratio", "value"]
    most: float


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the report. Of everything, less is better."""

    scenario: int  # as numbered in `scenarios.py`
    name: str
    unit: str  # of ours and baseline
    ours: Spread
    baseline: Spread | None = None
    ratio: Spread | None = None  # ours / baseline, within each repeat
    against: str = ""  # what the baseline is
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
    """The median of at least one sample, and the extremes."""
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
    """A figure from interleaved repeats: pairs of ours and the baseline, measured one right after the other.
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
    """A figure that has no baseline. `most`: the budget of its value."""
    budget = None if most is None else Budget("value", most)
    return Figure(scenario=scenario, name=name, unit=unit, ours=spread(samples), budget=budget, note=note)


def quantile(samples: Sequence[float], share: float) -> float:
    """The sample that `share` (0 to 1) of all samples do not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
