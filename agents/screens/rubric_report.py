"""What was checked of a rubric, as tables for the terminal and as an HTML page of one file."""

import html
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from agents.screens import comparison as compared
from agents.screens import comparison_plot
from agents.screens.console import WIDTH
from agents.screens.visible import visible
from pipeline.common.points import as_points
from pipeline.reports.rubric_check import GoldenScore, Reach, RubricCheck
from pipeline.reports.rubric_comparison import Comparison
from pipeline.rubric.model import Bands

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 1000px; margin: 2em auto }}
svg {{ width: 100%; height: auto }}
pre {{ font: 13px/1.35 ui-monospace, monospace; overflow-x: auto }}
.bad {{ color: #b3261e; font-weight: bold }}
</style>
<h1>{title}</h1>
{sections}
</html>
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to show: the check, the problems in words, and what differs from another rubric, if any."""

    check: RubricCheck
    problems: Sequence[str]
    differences: Sequence[str] = ()
    comparison: Comparison | None = None

    @property
    def title(self) -> str:
        """`ssi 3 against ssi 2: 2 problems`."""
        names = f"{self.check.rubric} {self.check.version}"
        if self.comparison is not None:
            names += f" against {self.comparison.before.rubric} {self.comparison.before.version}"
        count = len(self.problems)
        return (
            f"{names}: {'no problems' if not count else '1 problem' if count == 1 else f'{count} problems'}"
        )


def tables(report: Report, *, whole: bool = False) -> Iterator[RenderableType]:
    """Everything in the report. whole: also what holds, one row each."""
    check = report.check
    yield _summary(check)
    if whole or not all(part.holds for part in check.reach):
        yield _reach(check.reach if whole else [part for part in check.reach if not part.holds])
    yield _golden(check.golden)
    if report.comparison is not None:
        if not whole:
            yield Text(f"{len(report.differences):,} differences: `pillarscore rubric diff` says which")
        yield from compared.tables(report.comparison)


def _summary(check: RubricCheck) -> Text:
    reachable = sum(part.holds for part in check.reach)
    golden = sum(one.holds for one in check.golden)
    return Text(
        f"{check.rubric} {check.version} is valid\n"
        f"{reachable} of {len(check.reach)} components can be earned\n"
        f"{check.never_lower - len(check.lowered)} of {check.never_lower} signals that must not lower a score "
        "on its day don't\n"
        f"{golden} of {len(check.golden)} golden members have the score that is expected"
    )


def _table(*columns: str) -> Table:
    shown = Table(box=None, pad_edge=False)
    for name in columns:
        shown.add_column(name, justify="left" if name in (columns[0], columns[-1]) else "right")
    return shown


def _reach(parts: Sequence[Reach]) -> Table:
    shown = _table("component", "at most", "of", "by")
    for part in parts:
        style = "" if part.holds else "red"
        by = ", ".join(part.events) or "no event"
        shown.add_row(part.component, as_points(part.most), as_points(part.max), by, style=style)
    return shown


def _golden(members: Sequence[GoldenScore]) -> Table:
    shown = _table("golden member", "score", "expected", "")
    for one in members:
        low, high = map(as_points, one.expected)
        score = as_points(one.lowest)
        if one.highest > one.lowest:
            score += f" to {as_points(one.highest)}"
        shown.add_row(
            visible(one.member), score, f"{low} to {high}", "" if one.holds else "not as expected",
            style="" if one.holds else "red",
        )  # fmt: skip
    return shown


def page(report: Report, bands: Bands) -> str:
    """The report as HTML. bands: those of the rubric that is checked, for the picture."""
    parts = []
    if report.problems:
        items = "".join(f'<li class="bad">{html.escape(visible(line))}</li>' for line in report.problems)
        parts.append(f"<h2>Problems</h2><ul>{items}</ul>")
    if report.differences:
        items = "".join(f"<li>{html.escape(visible(line))}</li>" for line in report.differences)
        parts.append(f"<h2>What differs</h2><ul>{items}</ul>")
    if report.comparison is not None:
        parts.append(f"<h2>Impact</h2>{comparison_plot.svg(report.comparison, bands)}")
    console = Console(file=io.StringIO(), width=WIDTH, highlight=False)
    for table in tables(report, whole=True):
        console.print(table)
        console.print()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    parts.append(f"<h2>Details</h2><pre>{html.escape(text.rstrip())}</pre>")
    return _PAGE.format(title=html.escape(visible(report.title)), sections="\n".join(parts))
