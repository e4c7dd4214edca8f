"""A comparison of two rubrics as a picture: both distributions, the changes, the pillars. PNG, SVG or HTML.

The figure is drawn without a display; an HTML page is one file, with the drawing and the tables in it.
"""

import html
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

from agents.config.errors import UserError
from agents.files.text_files import replacing
from agents.screens.comparison import headline, signed, tables
from agents.screens.console import WIDTH
from pipeline.common.points import as_points
from pipeline.reports.rubric_comparison import Comparison, mean
from pipeline.rubric.model import Bands

KINDS = (".png", ".svg", ".html")
BEFORE, AFTER, UP, DOWN, INK, FAINT = "#9aa5b1", "#0b6e99", "#2e8b57", "#c8553d", "#1f2933", "#cbd2d9"
_STYLE: Any = {
    "font.size": 10,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e4e7eb",
    "xtick.color": INK,
    "ytick.color": INK,
    "ytick.left": False,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "pillarscore",  # the same comparison is the same file
}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: {ink}; max-width: 1000px; margin: 2em auto }}
svg {{ width: 100%; height: auto }}
pre {{ font: 13px/1.35 ui-monospace, monospace; overflow-x: auto }}
</style>
<h1>What if</h1>
<p>{title}</p>
{drawing}
<pre>{tables}</pre>
</html>
"""


def check(path: Path) -> None:
    """Raise UserError unless a picture can be written there, as far as the name shows."""
    if path.suffix.lower() not in KINDS:
        raise UserError(f"--plot {path}: the name must end in {', '.join(KINDS[:-1])} or {KINDS[-1]}")


def write(path: Path, comparison: Comparison, after: Bands) -> None:
    """Write the picture in the format the name ends in; raises UserError. after: the bands it shows."""
    check(path)
    kind = path.suffix.lower()
    if kind == ".html":
        content = _page(comparison, svg(comparison, after)).encode()
    else:
        with mpl.rc_context(_STYLE):
            content = _saved(draw(comparison, after), kind[1:])
    with replacing(path) as file:
        file.write(content)


def svg(comparison: Comparison, after: Bands) -> str:
    """The picture as an element of an HTML page."""
    with mpl.rc_context(_STYLE):
        drawn = _saved(draw(comparison, after), "svg").decode()
    return drawn[drawn.index("<svg") :]


def _saved(figure: Figure, kind: str) -> bytes:
    out = io.BytesIO()
    about: dict[str, Any] = {"Date": None} if kind == "svg" else {}
    figure.savefig(out, format=kind, dpi=144, metadata=about)
    return out.getvalue()


def draw(comparison: Comparison, bands: Bands) -> Figure:
    """The figure of three panels."""
    figure = Figure(figsize=(10, 7.2), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(1.25, 1), width_ratios=(1.6, 1))
    figure.suptitle(headline(comparison).replace(": ", "\n", 1), x=0.01, ha="left", size=11)
    _distributions(figure.add_subplot(grid[0, :]), comparison, bands)
    _changes(figure.add_subplot(grid[1, 0]), comparison)
    _pillars(figure.add_subplot(grid[1, 1]), comparison)
    return figure


def _distributions(axes: Axes, comparison: Comparison, bands: Bands) -> None:
    sides = (comparison.before, BEFORE, 0.55), (comparison.after, AFTER, 0.45)
    top = max([0, *comparison.before.histogram, *comparison.after.histogram])
    step = 50 if top <= 3_000 else 100 if top <= 6_000 else 200
    for side, colour, alpha in sides:
        starts, counts = _binned(side.histogram, step)
        label = f"{side.rubric} {side.version}, mean {as_points(side.mean)}"
        axes.bar(
            starts,
            counts,
            step / 100,
            align="edge",
            color=colour,
            alpha=alpha,
            label=label,
            edgecolor="white",
        )
        axes.axvline(side.mean / 100, color=colour, linewidth=2)
    right = min((top // step + 2) * step, 10_000 + step)
    for name, threshold in (("middle", bands.middle), ("high", bands.high), ("top", bands.top)):
        if threshold < right:
            axes.axvline(threshold / 100, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
            axes.annotate(
                f" {name}", (threshold / 100, 1), xycoords=("data", "axes fraction"), va="top", size=9
            )
    axes.set(title="Scores before and after", xlabel="score", ylabel="members", xlim=(0, right / 100))
    axes.legend(loc="upper right")


def _changes(axes: Axes, comparison: Comparison) -> None:
    moved = {change: count for change, count in comparison.changes.items() if change}
    reach = max((abs(change) for change in moved), default=100)
    step = next(step for step in (5, 10, 25, 50, 100, 250, 500, 1_000) if reach <= 20 * step or step == 1_000)
    for part, colour in (
        ({by: n for by, n in moved.items() if by < 0}, DOWN),
        ({by: n for by, n in moved.items() if by > 0}, UP),
    ):
        # away from 0, so that no bar holds both who rises and who falls
        starts, counts = _binned({abs(by) - 1: n for by, n in part.items()}, step)
        sign = -1 if colour == DOWN else 1
        axes.bar(
            [sign * (start + step / 200) for start in starts],
            counts,
            step / 100,
            color=colour,
            edgecolor="white",
        )
    axes.axvline(0, color=INK, linewidth=0.8)
    edge = (reach // step + 1) * step / 100
    fall, stay, rise = (comparison.with_change(sign) for sign in (-1, 0, 1))
    axes.set(
        title=f"Change: {fall:,} lose, {rise:,} gain, {stay:,} unchanged",
        xlabel="change in score (unchanged members not shown)",
        ylabel="members",
        xlim=(-edge, edge),
    )


def _pillars(axes: Axes, comparison: Comparison) -> None:
    for at, part in enumerate(comparison.pillars):
        means = [mean(total or 0, comparison.members) for total in (part.before, part.after)]
        for offset, value, colour in ((-0.19, means[0], BEFORE), (0.19, means[1], AFTER)):
            axes.barh(at + offset, value / 100, 0.36, color=colour)
        axes.annotate(
            f" {signed(part.mean)}",
            (max(means) / 100, at),
            va="center",
            size=9,
            color=UP if part.mean > 0 else DOWN if part.mean < 0 else INK,
        )
    axes.set_yticks(range(len(comparison.pillars)), [part.name for part in comparison.pillars])
    axes.invert_yaxis()
    axes.margins(x=0.25)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.set(title="Mean by pillar", xlabel="points of 25")


def _binned(histogram: Mapping[int, int], step: int) -> tuple[list[float], list[int]]:
    """(where each bin of `step` hundredths begins, in points; its members), of those that have any."""
    counts: dict[int, int] = {}
    for value, count in histogram.items():
        counts[value // step] = counts.get(value // step, 0) + count
    bins = sorted(counts)
    return [at * step / 100 for at in bins], [counts[at] for at in bins]


def _page(comparison: Comparison, drawing: str) -> str:
    console = Console(file=io.StringIO(), width=WIDTH, highlight=False)
    for table in tables(comparison):
        console.print(table)
        console.print()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return _PAGE.format(
        title=html.escape(headline(comparison)),
        ink=INK,
        drawing=drawing,
        tables=html.escape(text.rstrip()),
    )
