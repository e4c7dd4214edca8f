"""A comparison of two rubrics, and trials of single members, as tables for the terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from agents.screens.visible import identity, visible
from pipeline.common.days import calendar
from pipeline.common.points import as_points
from pipeline.reports.member_trial import Trial
from pipeline.reports.rubric_comparison import Change, Comparison, Distribution, Mover, mean
from pipeline.rubric.components import PILLARS
from pipeline.scoring.bands import BANDS

BAR = 24
"""Characters of the longest bar."""
STEP = 1_000
"""Hundredths in a row of the histogram."""


def tables(said: Comparison) -> Iterator[RenderableType]:
    """Everything the comparison says."""
    yield Text(headline(said), "bold")
    yield _histogram(said)
    yield _distribution(said)
    if not said.members:
        return
    yield _bands(said)
    yield _parts("mean by pillar", said.pillars, said.members)
    changed = [part for part in said.components if part.before != part.after]
    if changed:
        changed.sort(key=lambda part: (-abs(part.mean), part.name))
        yield _parts("mean by component, changed ones only", changed, said.members)
    for title, movers in (("largest gains", said.up), ("largest losses", said.down)):
        if movers:
            yield _movers(title, movers)


def headline(said: Comparison) -> str:
    """`1,107 members as of 2004-06-14, ssi 1 -> ssi-rhythm 2: 20 gain, 1,080 lose, …`."""
    names = " -> ".join(f"{side.rubric} {side.version}" for side in (said.before, said.after))
    rise, stay, fall = (said.with_change(sign) for sign in (1, 0, -1))
    moved = said.moved()
    return (
        f"{_members(said.members)} as of {calendar(said.day)}, {names}: {rise:,} gain, {fall:,} lose, "
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


def _histogram(said: Comparison) -> Table:
    shown = _table("score", "before", "")
    shown.add_column("after", justify="right")
    shown.add_column("")
    sides = [_binned(side) for side in (said.before, said.after)]
    most = max([1, *sides[0], *sides[1]])
    last = max((at for at in range(len(sides[0])) if sides[0][at] or sides[1][at]), default=-1)
    for at in range(last + 1):
        cells: list[RenderableType] = []
        for side, style in zip(sides, ("dim", "cyan"), strict=True):
            cells += [f"{side[at]:,}", Text(_bar(side[at], most), style)]
        shown.add_row(f"{at * STEP // 100} to {(at + 1) * STEP // 100}", *cells)
    shown.columns[2].justify = "left"
    return shown


def _binned(side: Distribution) -> list[int]:
    """The members by tens of points; 100.00 is in the last ten."""
    counts = [0] * (10_000 // STEP)
    for score, count in side.histogram.items():
        counts[min(score // STEP, len(counts) - 1)] += count
    return counts


def _bar(count: int, most: int) -> str:
    """A bar in eighths of a character; never empty for somebody."""
    eighths = max(8 * BAR * count // most, 1 if count else 0)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")


def _distribution(said: Comparison) -> Table:
    shown = _table("score", "before", "after", "change")
    sides = said.before, said.after
    rows = [("mean", [side.mean for side in sides])]
    if said.members:
        names = ["lowest", *(f"{tenth}0th percentile" for tenth in range(1, 10)), "highest"]
        names[5] = "median"
        rows += [
            (name, list(pair))
            for name, pair in zip(names, zip(*(s.deciles for s in sides), strict=True), strict=True)
        ]
    for name, (before, after) in rows:
        shown.add_row(name, as_points(before), as_points(after), signed(after - before))
    return shown


def _bands(said: Comparison) -> Table:
    shown = _table("band before / after", *(str(band) for band in BANDS), "before")
    for band, row in zip(BANDS, said.moves, strict=True):
        cells = [
            Text(f"{count:,}" if count else "·", "" if to is band else "bold" if count else "dim")
            for to, count in zip(BANDS, row, strict=True)
        ]
        shown.add_row(str(band), *cells, f"{sum(row):,}")
    shown.add_row("after", *(f"{said.after.bands[band]:,}" for band in BANDS), f"{said.members:,}")
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


def _movers(title: str, movers: Sequence[Mover]) -> Table:
    shown = _table(title, "before", "after", "change", *(str(pillar) for pillar in PILLARS))
    shown.add_column("band")
    for mover in movers:
        was, now = mover.bands
        shown.add_row(
            Text(identity(mover.member)),
            *(as_points(mover.before), as_points(mover.after), signed(mover.change)),
            *(signed(mover.pillars[pillar]) if pillar in mover.pillars else "·" for pillar in PILLARS),
            str(was) if was is now else f"{was} -> {now}",
        )
    return shown


def trial_table(said: Trial) -> Table:
    """A member before and after: the score, its pillars, and the components that change."""
    about = (
        f"{identity(said.member)} with {visible(', '.join(said.settings))}, by {said.rubric} {said.version}"
    )
    shown = _table(about, "before", "after", "change")
    before, after = said.before, said.after
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
