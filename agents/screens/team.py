"""A team's report as a table for the terminal, JSON, and CSV for a spreadsheet."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from rich.table import Table
from rich.text import Text

from agents.screens.comparison import signed
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


def table(team: Team, rows: int) -> Table:
    """The best `rows` members."""
    shown = Table(box=None, pad_edge=False)
    for name in ("rank", *COLUMNS[1:]):
        if name == "member":
            shown.add_column(name, overflow="fold")
        else:
            text = name in ("band", "weakest")
            shown.add_column(name, justify="left" if text else "right", no_wrap=True)
    for row in range(min(rows, len(team))):
        place, _, *more = _cells(team, row)
        shown.add_row(place, Text(identity(team.members[row])), *more)
    return shown


def _cells(team: Team, row: int, sign: bool = True) -> list[str]:
    points = [int(team.score[row]), *team.pillars[row].tolist()]
    change = team.change(row)
    return [
        str(int(team.place[row])),
        team.members[row],
        *map(as_points, points),
        str(BANDS[int(team.band[row])]),
        team.weakest(row),
        "" if change is None else signed(change) if sign else as_points(change),
    ]


def lines(team: Team, said: Summary, rubric: Rubric) -> Iterator[str]:
    """The team in a few lines of text."""
    count = "1 member" if said.members == 1 else f"{said.members:,} members"
    as_of = calendar(team.day)
    yield f"{identity(team.name)}: {count} as of {as_of} by {rubric.name} {rubric.version}"
    pillars = ", ".join(f"{name} {as_points(points)}" for name, points in said.pillars.items())
    yield f"average {as_points(said.mean)}, median {as_points(said.median)}; {pillars}"
    yield f"weakest pillar: {said.weakest}"
    yield "bands: " + ", ".join(f"{count:,} {band}" for band, count in said.bands.items())
    if said.change is None:
        yield "no member has a known score from a week ago"
        return
    of = "" if said.compared == said.members else f" of {said.compared:,} with a score a week ago"
    yield f"over a week: {said.risen:,} rose, {said.fallen:,} fell{of}; {signed(said.change)} on average"
    for what, movers in (("largest gains", said.up), ("largest losses", said.down)):
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


def as_json(team: Team, said: Summary, rubric: Rubric) -> bytes:
    """The whole report; points in hundredths, names as they are."""
    members: list[dict[str, Any]] = []
    for row, name in enumerate(team.members):
        pillars = zip(map(str, PILLARS), team.pillars[row].tolist(), strict=True)
        members.append(
            {
                "place": int(team.place[row]),
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
        "summary": said.model_dump(mode="json"),
    }
    return orjson.dumps(report | {"members": members}, option=orjson.OPT_INDENT_2) + b"\n"


def as_csv(team: Team) -> Iterator[bytes]:
    """All members as CSV in UTF-8, with a line of names, in pieces; names can't become formulas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in range(len(team)):
        place, name, *more = _cells(team, row, sign=False)
        writer.writerow([place, harmless(name), *more])
        if row % _AT_ONCE == _AT_ONCE - 1:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()
