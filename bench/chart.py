"""The chart of a report, as SVG for light and dark mode: a bar with ratio and budget for each figure, worst first."""

from collections.abc import Sequence
from math import log10
from xml.sax.saxutils import escape

from .figure import Figure
from .report import Report, amount, worst_first
from .scenarios import SCENARIOS

__all__ = ["chart"]

WIDTH, LABEL, RIGHT, ROW, TOP = 1000, 430, 150, 24, 86
PLOT = WIDTH - LABEL - RIGHT

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.small { font-size: 11px; fill: #59636e }
.bar { fill: #2f6fb5 } .missed { fill: #c4432b }
.budget { stroke: #1f2328; stroke-width: 2 } .spread { stroke: #1f2328; stroke-opacity: .55 }
.one { stroke: #59636e; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9198a1 }
  .bar { fill: #5b9bd8 } .missed { fill: #e8735a }
  .budget { stroke: #e6edf3 } .spread { stroke: #e6edf3 } .one { stroke: #9198a1 }
}
"""


def chart(report: Report) -> str:
    """Returns the figures that have a ratio as an SVG document. The scale is logarithmic; 1 is the baseline."""
    figures = [figure for figure in worst_first(report.figures) if figure.ratio is not None]
    scale = _Scale(figures)
    height = TOP + ROW * len(figures) + 60
    rows = "\n".join(_row(figure, TOP + ROW * n, scale) for n, figure in enumerate(figures))
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    bottom = TOP + ROW * len(figures)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" \
height="{height}" role="img" aria-labelledby="title">
<style>{STYLE}</style>
<text id="title" class="title" x="12" y="26">adjourn as a multiple of its baseline (less is better)</text>
<text class="small" x="12" y="46">Median of interleaved repeats; thin line: min–max; tick: the budget; red: missed. \
Logarithmic; dashed: the baseline, 1 ×.</text>
<text class="small" x="12" y="62">The baseline is the same by hand in bare trio, unless the name says otherwise.</text>
<line class="one" x1="{scale.x(1)}" x2="{scale.x(1)}" y1="{TOP - 6}" y2="{bottom}"/>
{rows}
<text class="small" x="12" y="{bottom + 24}">{escape(report.date)}{", quick" if report.quick else ""} · \
{escape(report.machine)}</text>
<text class="small" x="12" y="{bottom + 42}">{escape(versions)}</text>
</svg>
"""


class _Scale:
    """Converts ratios to positions on the plot."""

    def __init__(self, figures: Sequence[Figure]) -> None:
        values = [1.0]
        for figure in figures:
            assert figure.ratio is not None
            values += [figure.ratio.low, figure.ratio.high]
            values += [figure.budget.most] if figure.budget and figure.budget.of == "ratio" else []
        least = log10(max(0.1, min(values)))
        self._low = least - 0.05
        self._span = max(log10(max(values)), least) + 0.05 - self._low

    def x(self, ratio: float) -> float:
        """Returns the ratio's distance from the left, in pixels."""
        share = (log10(max(ratio, 10**self._low)) - self._low) / self._span
        return round(LABEL + PLOT * share, 1)


def _row(figure: Figure, y: int, scale: _Scale) -> str:
    ratio, budget = figure.ratio, figure.budget
    assert ratio is not None
    middle, end = y + ROW // 2, scale.x(ratio.median)
    kind = "missed" if figure.missed else "bar"
    label = f"{SCENARIOS[figure.scenario][0]}: {figure.name}"
    parts = [
        f'<text x="{LABEL - 10}" y="{middle + 4}" text-anchor="end">{escape(label)}</text>',
        f'<rect class="{kind}" x="{LABEL}" y="{y + 5}" width="{round(end - LABEL, 1)}" height="{ROW - 10}" rx="2"/>',
        f'<line class="spread" x1="{scale.x(ratio.low)}" x2="{scale.x(ratio.high)}" y1="{middle}" y2="{middle}"/>',
    ]
    text = f"{amount(ratio.median)} ×"
    if budget is not None and budget.of == "ratio":
        x = scale.x(budget.most)
        parts.append(f'<line class="budget" x1="{x}" x2="{x}" y1="{y + 3}" y2="{y + ROW - 3}"/>')
        text += f" (budget {amount(budget.most)})"
    parts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{middle + 4}">{escape(text)}</text>')
    return "\n".join(parts)
