"""Live scores against those from the file: every member, every number, each as of its own day."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from agents.offline import Offline, Standings
from agents.settings import Settings
from pipeline import days
from pipeline.components import PILLARS
from pipeline.names import as_points
from pipeline.rubric import Rubric
from schemas.scores import Score


@dataclass(frozen=True, slots=True)
class Difference:
    """What a member has live and offline, as text; `none` where there is no score."""

    member: str
    field: str
    live: str
    offline: str


def differences(
    settings: Settings,
    rubric: Rubric,
    live: Mapping[str, Score],
    read: Callable[[Offline], object],
    today: int,
) -> Iterator[Difference]:
    """Each field in which a live score is not the one that the files give as of the same day.

    read: feeds the files to the engine given; called once for each day that scores are as of, or for `today`
    when there are none. Members that only the files know are looked for on the latest of these days.
    """
    by_day: dict[int, list[Score]] = defaultdict(list)
    for score in live.values():
        by_day[days.number(score.as_of)].append(score)
    latest = max(by_day, default=today)
    for day in sorted({*by_day, latest}):
        run = Offline(settings, rubric, day)
        read(run)
        standings = run.standings()
        rows = {member: row for row, member in enumerate(standings.members)}
        for score in by_day[day]:
            yield from _compared(score, standings, rows.get(score.member), rubric)
        if day == latest:
            for member, row in rows.items():
                if member not in live:
                    yield Difference(member, "score", "none", as_points(int(standings.score[row])))


def _compared(score: Score, offline: Standings, row: int | None, rubric: Rubric) -> Iterator[Difference]:
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
