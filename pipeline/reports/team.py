"""A team's report: its members ranked, where they stand, and how a week has moved them.

All numbers are whole hundredths of a point and follow from the scores alone, so the report of a file and the
live one agree. What each member had a week ago is what the shards have recorded (live), or the score as of
that day (from a file).
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipeline.common.units import Day
from pipeline.reports.population import AnyShard, Population
from pipeline.reports.rubric_comparison import bands_now, mean
from pipeline.rubric.components import PILLARS
from pipeline.scoring.bands import BANDS, UNKNOWN, Band, next_bands
from pipeline.shard.daily_history import DAYS
from pipeline.shard.shard import Shard
from schemas.registers import Register

WEEK = 7
_AT_ONCE = 4_000


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class Mover(_Result):
    """A member whose score changed over the week; hundredths."""

    member: str
    before: int
    after: int
    change: int


class Summary(_Result):
    """A team in numbers; hundredths of a point.

    mean, median, pillars: of all members, the median as in benchmarks: of two the lower; weakest: the pillar
    with the lowest mean, the first of several. compared: members with a score a week ago, of whom risen,
    fallen and change (the mean, None when there is nobody) are; up, down: who rose and fell most, the most
    first.
    """

    members: int
    mean: int
    median: int
    pillars: dict[str, int]
    weakest: str
    bands: dict[Band, int]
    compared: int
    risen: int
    fallen: int
    change: int | None
    up: tuple[Mover, ...]
    down: tuple[Mover, ...]


class TeamSize(_Result):
    """A team in the list of teams; mean in hundredths, None when it is too small to be shown."""

    team: str
    members: int
    mean: int | None


@dataclass(frozen=True, slots=True)
class Team:
    """The members of a team as of `day`, best first, level ones by name; one row for each.

    rank: int64[n], 1 + how many have a higher score; score: int64[n]; pillars: int64[n, 4]; band: int8[n],
    indices in BANDS; before: int64[n], the score a week ago, UNKNOWN where there was none.
    """

    name: str
    day: Day
    members: list[str]
    rank: np.ndarray
    score: np.ndarray
    pillars: np.ndarray
    band: np.ndarray
    before: np.ndarray

    def __len__(self) -> int:
        return len(self.members)

    def change(self, row: int) -> int | None:
        """By how much the score of a row changed over the week; None when it had none."""
        before = int(self.before[row])
        return None if before == UNKNOWN else int(self.score[row]) - before

    def weakest(self, row: int) -> str:
        """The pillar of a row with the fewest points, the first of several."""
        return str(PILLARS[int(self.pillars[row].argmin())])

    def summary(self, max_movers: int = 3) -> Summary:
        """The team in numbers, with at most so many movers each way; of at least one member."""
        n = len(self)
        known = np.flatnonzero(self.before != UNKNOWN)
        gain = self.score[known] - self.before[known]
        pillars = [mean(total, n) for total in self.pillars.sum(axis=0).tolist()]
        counts = np.bincount(self.band, minlength=len(BANDS)).tolist()
        return Summary(
            members=n,
            mean=mean(int(self.score.sum()), n),
            median=int(self.score[n // 2]),  # from the greatest down
            pillars={str(pillar): points for pillar, points in zip(PILLARS, pillars, strict=True)},
            # by the exact sums: two means may be the same only after rounding
            weakest=str(PILLARS[int(self.pillars.sum(axis=0).argmin())]),
            bands={band: counts[at] for at, band in enumerate(BANDS)},
            compared=len(known),
            risen=int((gain > 0).sum()),
            fallen=int((gain < 0).sum()),
            change=mean(int(gain.sum()), len(known)) if len(known) else None,
            up=self._movers(known, gain, max_movers),
            down=self._movers(known, -gain, max_movers),
        )

    def _movers(self, rows: np.ndarray, gain: np.ndarray, max_movers: int) -> tuple[Mover, ...]:
        """Those of `rows` with the largest `gain` above 0; level ones by name."""
        order = np.argsort(-gain, kind="stable")
        threshold = int(gain[order[: max_movers or 1][-1]]) if len(order) else 0
        leading = [at for at in np.flatnonzero(gain >= max(threshold, 1)).tolist() if max_movers]
        leading.sort(key=lambda at: (-int(gain[at]), self.members[rows[at]]))
        return tuple(self._mover(int(rows[at])) for at in leading[:max_movers])

    def _mover(self, row: int) -> Mover:
        before, after = int(self.before[row]), int(self.score[row])
        return Mover(member=self.members[row], before=before, after=after, change=after - before)


def team(population: Population, name: str, week_ago: Population | None) -> Team | None:
    """The team called `name` in the population; None when nobody is in it.

    week_ago: the same members as of a week before; None: what the shards have recorded for that day. Bands
    are then those of the recorded history too, else those of the score alone.
    """
    names: list[str] = []
    parts: list[tuple[np.ndarray, ...]] = []
    for shard in population.shards:
        for members in _members(shard, name):
            some = shard.state.index.of(members)
            points = shard.points(members)
            if week_ago is None and isinstance(shard, Shard):
                before = _recorded(shard, members, Day(population.day - WEEK))
                band = next_bands(shard.state.history.band[members], points.score, shard.rubric.bands)
            else:
                before = np.full(len(some), UNKNOWN, np.int64)
                band = bands_now(points.score, shard.rubric.bands)
            names += some
            parts.append((points.score, points.pillars, band, before))
    if not names:
        return None
    score, pillars, band, before = (np.concatenate(column) for column in zip(*parts, strict=True))
    if week_ago is not None:
        before = _scores(week_ago, names)
    level = score.tolist()
    order = sorted(range(len(names)), key=lambda row: (-level[row], names[row]))
    falling = -score[order]
    return Team(
        name=name,
        day=population.day,
        members=[names[row] for row in order],
        rank=np.searchsorted(falling, falling, "left") + 1,
        score=score[order],
        pillars=pillars[order].astype(np.int64),
        band=band[order],
        before=before[order],
    )


def teams(population: Population, minimum: int) -> list[TeamSize]:
    """All teams by name, with the means of those that have at least `minimum` members.

    Of a smaller one no average is shown among other teams: it would reveal single members.
    """
    sums: dict[str, tuple[int, int]] = {}
    for shard in population.shards:
        texts = shard.state.registers.texts.names
        count, total = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64)
        for members in _members(shard, None):
            code = _codes(shard)[members]
            count += np.bincount(code, minlength=len(texts))
            np.add.at(total, code, shard.points(members).score)
        for code in np.flatnonzero(count).tolist():
            have = sums.get(texts[code], (0, 0))
            sums[texts[code]] = (have[0] + int(count[code]), have[1] + int(total[code]))
    return [
        TeamSize(team=name, members=count, mean=mean(total, count) if count >= minimum else None)
        for name, (count, total) in sorted(sums.items())
    ]


def like(name: str, known: Sequence[str], max_names: int = 3) -> list[str]:
    """Teams with a name like this one, whatever the case, for who has mistyped it."""
    folded: dict[str, list[str]] = {}
    for one in known:
        folded.setdefault(one.casefold(), []).append(one)
    near = difflib.get_close_matches(name.casefold(), folded, max_names)
    return [one for fold in near for one in folded[fold]][:max_names]


def _codes(shard: AnyShard) -> np.ndarray:
    """int32[n]: of each member of the shard the number of its team's name, 0 for none."""
    registers, n = shard.state.registers, len(shard.state.index.names)
    registers.resize(n)
    return registers.values[registers.slot[:n], Register.TEAM]


def _members(shard: AnyShard, name: str | None) -> Iterator[np.ndarray]:
    """The members of a team, or of any (None), in batches; who has a register has a score."""
    codes = _codes(shard)
    if name is None:
        members = np.flatnonzero(codes)
    else:
        # code 0 is no team, and so is an empty name
        members = (
            np.flatnonzero(codes == shard.state.registers.texts.codes.get(name, -1)) if name else codes[:0]
        )
    for start in range(0, len(members), _AT_ONCE):
        yield members[start : start + _AT_ONCE]


def _recorded(shard: Shard, members: np.ndarray, day: Day) -> np.ndarray:
    """int64[n]: what was recorded of `members` for a day, UNKNOWN where that is not kept."""
    last = shard.rollover.recorded_through(members)
    kept = (last - DAYS < day) & (day <= last)
    return np.where(kept, shard.state.history.score(members, day), UNKNOWN)


def _scores(population: Population, names: Sequence[str]) -> np.ndarray:
    """int64[n]: the scores of members by name, UNKNOWN for those that have none."""
    found = np.full(len(names), UNKNOWN, np.int64)
    for shard in population.shards:
        known = np.array([shard.state.index.get(name, -1) for name in names], np.int64)
        rows = np.flatnonzero(np.isin(known, shard.scored()))
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            found[some] = shard.points(known[some]).score
    return found
