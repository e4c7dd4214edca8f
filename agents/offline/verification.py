"""Live scores against those from the file: every member, every number, each as of its own day.

Band, trend, changes and weakest pillar are not in a file: they follow from the days that were recorded live.
So they are compared with what the recorded days and the score give, and the days with the file.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.config.settings import Settings
from agents.offline.engine import AsLive, Offline, ScoreTable
from pipeline.common import days
from pipeline.common.points import as_points
from pipeline.reports.recorded_history import RecordedHistory
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Rubric
from schemas.scores import Score


@dataclass(frozen=True, slots=True)
class Difference:
    """What a member has live and what it should be, as text; `none` where there is none."""

    member: str
    field: str
    live: str
    offline: str


@dataclass(frozen=True, slots=True)
class Horizon:
    """What live has refused when it was read, and so is left out of the files too.

    latest_ms: the latest time of an event for scores as of a day. refused: by id why events are dead letters live
    that a file can't tell from others: they were ahead, too late, or not allowed (`agents.dead_letters.refused`).
    """

    latest_ms: Callable[[int], int]
    refused: Mapping[int, Sequence[str]]


def _run(settings: Settings, rubric: Rubric, day: int, *, horizon: Horizon | None) -> Offline:
    if horizon is None:
        return Offline(settings, rubric, day)
    return Offline(settings, rubric, day, as_live=AsLive(horizon.latest_ms(day), horizon.refused))


def differences(
    settings: Settings,
    rubric: Rubric,
    live: Mapping[str, Score],
    *,
    read: Callable[[Offline], object],
    today: int,
    recorded: RecordedHistory | None = None,
    horizon: Horizon | None = None,
) -> Iterator[Difference]:
    """Each field in which a live score is not the one that the files give as of the same day.

    read: feeds the files to the engine given; called once for each day that scores are as of, or for `today`
    when there are none. Members that only the files know are looked for on the latest of these days.
    recorded: the days by which band, trend, changes and weakest pillar are judged; None: these are not.
    horizon: what live has refused; None: what is after the day.
    """
    by_day: dict[int, list[Score]] = defaultdict(list)
    for score in live.values():
        by_day[days.number(score.as_of)].append(score)
    latest = max(by_day, default=today)
    for day in sorted({*by_day, latest}):
        run = _run(settings, rubric, day, horizon=horizon)
        read(run)
        standings = run.standings()
        rows = {member: row for row, member in enumerate(standings.members)}
        for score in by_day[day]:
            yield from _compared(score, standings, rows.get(score.member), rubric=rubric)
            if recorded is not None:
                yield from _judged(score, recorded)
        if day == latest:
            for member, row in rows.items():
                if member not in live:
                    yield Difference(member, "score", "none", as_points(int(standings.score[row])))


def _compared(score: Score, offline: ScoreTable, row: int | None, *, rubric: Rubric) -> Iterator[Difference]:
    if row is None:
        yield Difference(score.member, "score", as_points(score.score), "none")
        return
    name = f"{score.rubric.name} {score.rubric.version}"
    if name != f"{rubric.name} {rubric.version}":
        yield Difference(score.member, "rubric", name, f"{rubric.name} {rubric.version}")
    fields = [("score", score.score, int(offline.score[row]))]
    for pillar, points in zip(PILLARS, offline.pillars[row].tolist(), strict=True):
        fields.append((str(pillar), getattr(score.pillars, pillar), points))
    for field, there, here in fields:
        if there != here:
            yield Difference(score.member, field, as_points(there), as_points(here))


def _judged(score: Score, recorded: RecordedHistory) -> Iterator[Difference]:
    """Each field beside the points that does not follow from them and the recorded days."""
    p, change = score.pillars, score.change
    pillars = [p.brand, p.find, p.engage, p.relate]
    wanted = recorded.expected(score.member, days.number(score.as_of), score.score, pillars=pillars)
    band = score.band if wanted.band is None else str(wanted.band)
    fields = (
        ("band", score.band or "none", band or "none"),
        ("trend", score.trend or "none", str(wanted.trend)),
        ("change.day", _change(change.day if change else None), _points(wanted.day)),
        ("change.week", _change(change.week if change else None), _points(wanted.week)),
        ("weakest", score.weakest or "none", wanted.weakest),
    )
    for field, there, here in fields:
        if there != here:
            yield Difference(score.member, field, there, here)


def _change(points: float | None) -> str:
    """Points as in a record: exact, unless they are finer than a hundredth, which is a difference too."""
    return "none" if points is None else f"{points:.2f}" if points == round(points, 2) else repr(points)


def _points(hundredths: int | None) -> str:
    return "none" if hundredths is None else as_points(hundredths)


@dataclass(frozen=True, slots=True)
class Lookback:
    """Recorded days against the files: how many days and records, and how many these give otherwise now."""

    days: int
    records: int
    changed: int


def look_back(
    settings: Settings,
    rubric: Rubric,
    read: Callable[[Offline], object],
    *,
    recorded: RecordedHistory,
    most: int,
    horizon: Horizon | None = None,
) -> Lookback:
    """Compare the newest recorded days, at most so many, with the files; `read` is called once for each.

    A day is recorded at its end and stays, so what came in later, or was counted by another rubric, makes it
    differ: that is no error. Members whom only the files have on a day count as changed too.
    """
    chosen, records, changed = recorded.last_days(most), 0, 0
    for day in chosen:
        run = _run(settings, rubric, day, horizon=horizon)
        read(run)
        standings = run.standings()
        columns = zip(standings.members, standings.score.tolist(), standings.pillars.tolist(), strict=True)
        offline = {member: [score, *pillars] for member, score, pillars in columns}
        there = 0
        for member, points in recorded.on(day):
            there += 1
            changed += offline.pop(member, None) != points
        records += there
        changed += len(offline)
    return Lookback(len(chosen), records, changed)
