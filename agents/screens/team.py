"""A team's report as a table for the terminal, JSON, and CSV for a spreadsheet."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from rich.table import Table
from rich.text import Text

from agents.screens.comparison import signed
from agents.screens.fitting import Fitting
from agents.screens.scores_export import harmless
from agents.screens.visible import identity
from pipeline.common.days import calendar
from pipeline.common.points import as_points
from pipeline.reports.team import Mover, Summary, Team, TeamSize
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Rubric
from pipeline.scoring.bands import BANDS

COLUMNS = ("place", "member", "score", *map(str, PILLARS), "band", "weakest", "change")
_AT_ONCE = 10_000


def table(team: Team, rows: int) -> Fitting:
    """The best `rows` members."""
    shown = Table(box=None, pad_edge=False)
    for name in ("rank", *COLUMNS[1:]):
        if name == "member":
            shown.add_column(name, overflow="fold")
        else:
            text = name in ("band", "weakest")
            shown.add_column(name, justify="left" if text else "right", no_wrap=True)
    for row in range(min(rows, len(team))):
        rank, _, *more = _cells(team, row)
        shown.add_row(rank, Text(identity(team.members[row])), *more)
    return Fitting(shown, ("weakest", "relate", "engage", "find", "brand", "band", "change"))


def _cells(team: Team, row: int, sign: bool = True) -> list[str]:
    points = [int(team.score[row]), *team.pillars[row].tolist()]
    change = team.change(row)
    return [
        str(int(team.rank[row])),
        team.members[row],
        *map(as_points, points),
        str(BANDS[int(team.band[row])]),
        team.weakest(row),
        "" if change is None else signed(change) if sign else as_points(change),
    ]


def lines(team: Team, summary: Summary, rubric: Rubric) -> Iterator[str]:
    """The team in a few lines of text."""
    count = "1 member" if summary.members == 1 else f"{summary.members:,} members"
    as_of = calendar(team.day)
    yield f"{identity(team.name)}: {count} as of {as_of} by {rubric.name} {rubric.version}"
    pillars = ", ".join(f"{name} {as_points(points)}" for name, points in summary.pillars.items())
    yield f"average {as_points(summary.mean)}, median {as_points(summary.median)}; {pillars}"
    yield f"weakest pillar: {summary.weakest}"
    yield "bands: " + ", ".join(f"{count:,} {band}" for band, count in summary.bands.items())
    if summary.change is None:
        yield "no member has a known score from a week ago"
        return
    of = "" if summary.compared == summary.members else f" of {summary.compared:,} with a score a week ago"
    yield f"over a week: {summary.risen:,} rose, {summary.fallen:,} fell{of}; {signed(summary.change)} on average"
    for what, movers in (("largest gains", summary.up), ("largest losses", summary.down)):
        if movers:
            yield f"{what}: {', '.join(map(_mover, movers))}"


def _mover(mover: Mover) -> str:
    return f"{identity(mover.member)} {signed(mover.change)}"


def list_table(found: Sequence[TeamSize]) -> Table:
    """The teams with their sizes and averages."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("team", overflow="fold")
    for name in ("members", "average"):
        shown.add_column(name, justify="right", no_wrap=True)
    for one in found:
        average = "·" if one.mean is None else as_points(one.mean)
        shown.add_row(Text(identity(one.team)), f"{one.members:,}", average)
    return shown


def as_json(team: Team, summary: Summary, rubric: Rubric) -> bytes:
    """The whole report; points in hundredths, names as they are."""
    members: list[dict[str, Any]] = []
    for row, name in enumerate(team.members):
        pillars = zip(map(str, PILLARS), team.pillars[row].tolist(), strict=True)
        members.append(
            {
                "place": int(team.rank[row]),
                "member": name,
                "score": int(team.score[row]),
                "pillars": dict(pillars),
                "band": str(BANDS[int(team.band[row])]),
                "change": team.change(row),
                "weakest": team.weakest(row),
            }
        )
    about = {"rubric": rubric.name, "version": rubric.version}
    report = {
        "team": team.name,
        "as_of": calendar(team.day),
        **about,
        "summary": summary.model_dump(mode="json"),
    }
    return orjson.dumps(report | {"members": members}, option=orjson.OPT_INDENT_2) + b"\n"


def as_csv(team: Team) -> Iterator[bytes]:
    """All members as CSV in UTF-8, with a line of names, in pieces; names can't become formulas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in range(len(team)):
        rank, name, *more = _cells(team, row, sign=False)
        writer.writerow([rank, harmless(name), *more])
        if row % _AT_ONCE == _AT_ONCE - 1:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()
