"""A member's days as a table: points, and a bar for the score."""

from collections.abc import Sequence

from rich.table import Table

from agents.screens.fitting import Fitting
from pipeline.common.points import as_points
from pipeline.reports.population import PastDay

_WIDTH = 20


def table(days: Sequence[PastDay]) -> Fitting:
    """One row a day, oldest first."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("day", no_wrap=True)
    for name in ("score", "brand", "find", "engage", "relate"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("", no_wrap=True)
    for day in days:
        bar = "█" * round(day.score * _WIDTH / 10_000)
        shown.add_row(day.day.isoformat(), *map(as_points, (day.score, *day.pillars)), bar)
    return Fitting(shown, ("", "relate", "engage", "find", "brand"))
