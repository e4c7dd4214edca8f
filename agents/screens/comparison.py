"""A comparison of two rubrics, and trials of single members, as tables for the terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from agents.screens.fitting import Fitting
from agents.screens.visible import identity, visible
from pipeline.common.days import calendar
from pipeline.common.points import as_points
from pipeline.reports.member_trial import Trial
from pipeline.reports.rubric_comparison import Change, Comparison, Distribution, Mover, mean
from pipeline.rubric.components import PILLARS
from pipeline.scoring.bands import BANDS

BAR = 24
"""Characters of the longest bar, where there is room for two."""
_NUMBERS = 36
"""Columns beside the two bars."""
STEP = 1_000
"""Hundredths in a row of the histogram."""


def tables(comparison: Comparison) -> Iterator[RenderableType]:
    """Everything in the comparison."""
    yield Text(headline(comparison), "bold")
    yield _Histogram(comparison)
    yield _distribution(comparison)
    if not comparison.members:
        return
    yield _bands(comparison)
    yield _parts("mean by pillar", comparison.pillars, comparison.members)
    changed = [part for part in comparison.components if part.before != part.after]
    if changed:
        changed.sort(key=lambda part: (-abs(part.mean), part.name))
        yield _parts("mean by component, changed ones only", changed, comparison.members)
    for title, movers in (("largest gains", comparison.up), ("largest losses", comparison.down)):
        if movers:
            yield _movers(title, movers)


def headline(comparison: Comparison) -> str:
    """`1,107 members as of 2004-06-14, ssi 1 -> ssi-rhythm 2: 20 gain, 1,080 lose, …`."""
    names = " -> ".join(f"{side.rubric} {side.version}" for side in (comparison.before, comparison.after))
    rise, stay, fall = (comparison.with_change(sign) for sign in (1, 0, -1))
    moved = comparison.moved()
    return (
        f"{_members(comparison.members)} as of {calendar(comparison.day)}, {names}: {rise:,} gain, {fall:,} lose, "
        f"{stay:,} unchanged; {_members(moved)} change{'s' if moved == 1 else ''} band"
    )


def _members(count: int) -> str:
    return "1 member" if count == 1 else f"{count:,} members"


def signed(hundredths: int) -> str:
    """A change in points: `+1.20`, `-0.05`, `0.00`."""
    return f"{'+' if hundredths > 0 else ''}{as_points(hundredths)}"


def _table(title: str, *numbers: str) -> Table:
    shown = Table(box=None, pad_edge=False, title_justify="left", title_style="bold")
    shown.add_column(Text(title, "bold"), overflow="fold")
    for name in numbers:
        shown.add_column(name, justify="right", no_wrap=True)
    return shown


class _Histogram:
    """How many members have which score, with bars as long as the terminal allows."""

    def __init__(self, comparison: Comparison) -> None:
        self.sides = [_binned(side) for side in (comparison.before, comparison.after)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table for this width."""
        longest = max(1, min(BAR, (options.max_width - _NUMBERS) // 2))
        sides, shown = self.sides, _table("score", "before", "")
        shown.add_column("after", justify="right", no_wrap=True)
        shown.add_column("", no_wrap=True)
        largest = max([1, *sides[0], *sides[1]])
        last = max((at for at in range(len(sides[0])) if sides[0][at] or sides[1][at]), default=-1)
        for at in range(last + 1):
            cells: list[RenderableType] = []
            for side, style in zip(sides, ("dim", "cyan"), strict=True):
                cells += [f"{side[at]:,}", Text(_bar(side[at], largest, longest), style)]
            shown.add_row(f"{at * STEP // 100} to {(at + 1) * STEP // 100}", *cells)
        shown.columns[2].justify = "left"
        yield shown


def _binned(side: Distribution) -> list[int]:
    """The members by tens of points; 100.00 is in the last ten."""
    counts = [0] * (10_000 // STEP)
    for score, count in side.histogram.items():
        counts[min(score // STEP, len(counts) - 1)] += count
    return counts


def _bar(count: int, largest: int, longest: int = BAR) -> str:
    """A bar in eighths of a character; never empty for somebody."""
    eighths = max(8 * longest * count // largest, 1 if count else 0)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")


def _distribution(comparison: Comparison) -> Table:
    shown = _table("score", "before", "after", "change")
    sides = comparison.before, comparison.after
    rows = [("mean", [side.mean for side in sides])]
    if comparison.members:
        names = ["lowest", *(f"{tenth}0th percentile" for tenth in range(1, 10)), "highest"]
        names[5] = "median"
        rows += [
            (name, list(pair))
            for name, pair in zip(names, zip(*(s.deciles for s in sides), strict=True), strict=True)
        ]
    for name, (before, after) in rows:
        shown.add_row(name, as_points(before), as_points(after), signed(after - before))
    return shown


def _bands(comparison: Comparison) -> Table:
    shown = _table("band before / after", *(str(band) for band in BANDS), "before")
    for band, row in zip(BANDS, comparison.moves, strict=True):
        cells = [
            Text(f"{count:,}" if count else "·", "" if to is band else "bold" if count else "dim")
            for to, count in zip(BANDS, row, strict=True)
        ]
        shown.add_row(str(band), *cells, f"{sum(row):,}")
    shown.add_row(
        "after", *(f"{comparison.after.bands[band]:,}" for band in BANDS), f"{comparison.members:,}"
    )
    return shown


def _parts(title: str, parts: Sequence[Change], members: int) -> Table:
    shown = _table(title, "before", "after", "change")
    for part in parts:
        sides = [
            "none" if total is None else as_points(mean(total, members))
            for total in (part.before, part.after)
        ]
        shown.add_row(part.name, *sides, signed(part.mean))
    return shown


def _movers(title: str, movers: Sequence[Mover]) -> Fitting:
    shown = _table(title, "before", "after", "change", *(str(pillar) for pillar in PILLARS))
    shown.add_column("band", no_wrap=True)
    for mover in movers:
        was, now = mover.bands
        shown.add_row(
            Text(identity(mover.member)),
            *(as_points(mover.before), as_points(mover.after), signed(mover.change)),
            *(signed(mover.pillars[pillar]) if pillar in mover.pillars else "·" for pillar in PILLARS),
            str(was) if was is now else f"{was} -> {now}",
        )
    return Fitting(shown, ("relate", "engage", "find", "brand", "band"))


def trial_table(trial: Trial) -> Table:
    """A member before and after: the score, its pillars, and the components that change."""
    about = f"{identity(trial.member)} with {visible(', '.join(trial.settings))}, by {trial.rubric} {trial.version}"
    shown = _table(about, "before", "after", "change")
    before, after = trial.before, trial.after
    shown.add_row("score", *_change(before.score, after.score), style="bold")
    for name, part in before.pillars.items():
        now = after.pillars[name]
        shown.add_row(f"  {name}", *_change(part.points, now.points))
        _add_changed(shown, part.components, now.components)
    if before.penalties != after.penalties:
        sums = sum(before.penalties.values()), sum(after.penalties.values())
        shown.add_row("  penalties", *_change(*sums))
        _add_changed(shown, before.penalties, after.penalties)
    if before.band is not after.band:
        shown.add_row("band", before.band, after.band, "")
    return shown


def _add_changed(shown: Table, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    for name, points in before.items():
        if points != after[name]:
            shown.add_row(Text(f"    {name}", "dim"), *_change(points, after[name]))


def _change(before: int, after: int) -> tuple[str, str, str]:
    return as_points(before), as_points(after), signed(after - before)
