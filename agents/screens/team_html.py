"""A team's report as a page: one file for the browser, the printer, and to be passed on.

Nothing is loaded and nothing runs: style and drawings are in the file, and its policy forbids the rest, so a
name that is hostile has nothing to work with even if it should come through the escaping.
"""

import html
from collections.abc import Iterator
from pathlib import Path

from agents.screens.comparison import signed
from agents.screens.visible import identity
from pipeline.common.days import calendar
from pipeline.common.points import as_points
from pipeline.reports.team import Mover, Summary, Team
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Rubric
from pipeline.scoring.bands import BANDS

STYLE = Path(__file__).with_suffix(".css")
_ALL = 2500
"""Hundredths of a whole pillar."""
_AT_ONCE = 1_000
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{team}: team report, {day}</title>
<style>
{style}</style>
</head>
<body>
<header>
<p class="kind">Team report</p>
<h1>{bdi}</h1>
<p class="about">{about}</p>
</header>
<main>
"""
_FOOT = """</main>
<footer>
<p>Members with the same score share a rank; the following ranks are skipped. The change is since the end of the
day a week ago; members without a score then show no change. Each member's weakest pillar is underlined.
Confidential, for the team's lead: this report names people.</p>
</footer>
</body>
</html>
"""


def page(team: Team, summary: Summary, rubric: Rubric, *, limit: int) -> Iterator[bytes]:
    """The page with the best `limit` members in its table, as HTML in UTF-8, in pieces."""
    members = "1 member" if summary.members == 1 else f"{summary.members:,} members"
    day = calendar(team.day)
    by = f'as of <time datetime="{day}">{day}</time>, by rubric {_text(rubric.name)} {rubric.version}'
    yield _HEAD.format(
        team=_text(team.name),
        bdi=_name(team.name),
        day=day,
        about=f"{members} {by}",
        style=STYLE.read_text(encoding="utf-8"),
    ).encode()
    yield "".join([*_tiles(summary), *_pillars(summary), *_bands(summary), *_movers(summary)]).encode()
    yield from _table(team, limit)
    yield _FOOT.encode()


def _text(text: str) -> str:
    """A text from outside: with what is not visible by its escape, the rest escaped for HTML."""
    return html.escape(identity(text))


def _name(text: str) -> str:
    """The same, set apart from the direction of the text around it."""
    return f"<bdi>{_text(text)}</bdi>"


def _tiles(summary: Summary) -> Iterator[str]:
    change = "no score a week ago" if summary.change is None else f"{_change(summary.change)} over a week"
    weakest = f"{as_points(summary.pillars[summary.weakest])} of {as_points(_ALL)} on average"
    moved = f"of {summary.compared:,} with a score a week ago"
    yield '<section class="tiles" aria-label="In short">\n'
    for name, value, remark in (
        ("Average", as_points(summary.mean), change),
        ("Median", as_points(summary.median), "half of the team is at or above it"),
        ("Weakest pillar", summary.weakest, weakest),
        ("Rose / fell", f"{summary.risen:,} / {summary.fallen:,}", moved),
    ):
        yield f"<div><h2>{name}</h2><p><strong>{value}</strong></p><p>{remark}</p></div>\n"
    yield "</section>\n"


def _change(change: int) -> str:
    """A change with an arrow beside its sign, since some can't see the colour."""
    kind, arrow = ("up", "▲") if change > 0 else ("down", "▼") if change < 0 else ("even", "●")
    return f'<span class="{kind}"><span aria-hidden="true">{arrow} </span>{signed(change)}</span>'


def _share(of: int, whole: int) -> str:
    """A percentage for a style, in tenths and in whole numbers."""
    tenths = (2000 * of + whole) // (2 * whole) if whole else 0
    return f"{tenths // 10}.{tenths % 10}%"


def _pillars(summary: Summary) -> Iterator[str]:
    yield '<div class="pair">\n<section aria-labelledby="pillars"><h2 id="pillars">Average by pillar</h2>\n'
    yield '<dl class="bars">\n'
    for name, points in summary.pillars.items():
        weakest = " <em>weakest</em>" if name == summary.weakest else ""
        bar = f'<i class="{name}" style="width:{_share(points, _ALL)}"></i>'
        yield f"<dt>{name}{weakest}</dt><dd><span>{as_points(points)}</span>"
        yield f'<span class="track" aria-hidden="true">{bar}</span></dd>\n'
    yield "</dl></section>\n"


def _bands(summary: Summary) -> Iterator[str]:
    yield '<section aria-labelledby="bands"><h2 id="bands">Bands</h2>\n<p class="stack" aria-hidden="true">'
    for band, count in summary.bands.items():
        if count:
            yield f'<i class="{band}" style="width:{_share(count, summary.members)}"></i>'
    yield '</p>\n<ul class="legend">\n'
    for band, count in summary.bands.items():
        share = _share(count, summary.members)
        yield f'<li><i class="{band}" aria-hidden="true"></i>{band} <strong>{count:,}</strong> {share}</li>\n'
    yield "</ul></section>\n</div>\n"


def _movers(summary: Summary) -> Iterator[str]:
    yield '<div class="pair">\n'
    for key, title, movers in (
        ("rose", "Largest gains", summary.up),
        ("fell", "Largest losses", summary.down),
    ):
        yield f'<section aria-labelledby="{key}"><h2 id="{key}">{title}</h2>\n'
        if movers:
            yield f'<ol class="movers">\n{"".join(map(_mover, movers))}</ol>'
        else:
            yield f"<p>No known member {key} over the week.</p>"
        yield "</section>\n"
    yield "</div>\n"


def _mover(mover: Mover) -> str:
    from_to = f"{as_points(mover.before)} to {as_points(mover.after)}"
    return f"<li>{_name(mover.member)} {_change(mover.change)} <small>{from_to}</small></li>\n"


def _table(team: Team, limit: int) -> Iterator[bytes]:
    shown = min(limit, len(team))
    caption = "all members" if shown == len(team) else f"the best {shown:,} of {len(team):,}"
    columns = "".join(f'<th scope="col" class="n">{name}</th>' for name in ("score", *map(str, PILLARS)))
    yield (
        f'<section class="ranking"><table><caption>Ranking, {caption}</caption>\n<thead><tr>'
        f'<th scope="col" class="n">rank</th><th scope="col">member</th>{columns}<th scope="col">band</th>'
        '<th scope="col" class="n">week</th></tr></thead>\n<tbody>\n'
    ).encode()
    for start in range(0, shown, _AT_ONCE):
        rows = range(start, min(start + _AT_ONCE, shown))
        yield "".join(_row(team, row) for row in rows).encode()
    yield b"</tbody></table></section>\n"


def _row(team: Team, row: int) -> str:
    weakest, change = team.weakest(row), team.change(row)
    cells = [
        f'<td class="n p{" w" if name == weakest else ""}" style="--f:{points / _ALL:.3f}">'
        f"{as_points(points)}</td>"
        for name, points in zip(map(str, PILLARS), team.pillars[row].tolist(), strict=True)
    ]
    week = "–" if change is None else _change(change)
    return (
        f'<tr><td class="n">{int(team.rank[row])}</td><th scope="row">{_name(team.members[row])}</th>'
        f'<td class="n"><strong>{as_points(int(team.score[row]))}</strong></td>{"".join(cells)}'
        f'<td>{BANDS[int(team.band[row])]}</td><td class="n">{week}</td></tr>\n'
    )
