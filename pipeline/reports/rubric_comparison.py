"""What another rubric would do to everybody's score, before it is switched to.

Both rubrics score the same state on the same day, so every difference is the rubric's. All is counted in
whole hundredths of a point: the histograms are exact, and what is shown of them (means, deciles, bands)
follows from them. Bands are those of the day's score alone, each rubric's by its own thresholds; the margin
that holds a member in a band works over days and is not in it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipeline.common.units import Day
from pipeline.reports.population import People
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Bands, Rubric
from pipeline.scoring.bands import BANDS, Band, next_bands
from pipeline.scoring.scorer import Points, Scorer

MAX_SCORE = 10_000
"""Hundredths in a score, at most."""


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class Distribution(_Result):
    """The scores of everybody by one rubric, in hundredths.

    histogram: how many members have each score that any has; total: the sum of all scores; deciles: the
    lowest score that is at least as high as that of 0, 10, … 100 % of the members (11 numbers, or none).
    """

    rubric: str
    version: int
    members: int
    total: int
    mean: int
    deciles: tuple[int, ...]
    bands: dict[Band, int]
    histogram: dict[int, int]


class Change(_Result):
    """A pillar or component: the sums over all members, in hundredths, and the change of the mean.

    A sum is None where the rubric does not have the component.
    """

    name: str
    before: int | None
    after: int | None
    mean: int


class Mover(_Result):
    """A member whose score changes a lot; hundredths. pillars: the changes that are not 0."""

    member: str
    before: int
    after: int
    change: int
    bands: tuple[Band, Band]
    pillars: dict[str, int]


class Comparison(_Result):
    """Two rubrics over the same members as of `day`.

    moves[a][b]: how many members are in band a before and b after, in the order of BANDS; changes: how many
    members each change of the score has, in hundredths; up, down: the biggest movers, the biggest first.
    """

    day: Day
    before: Distribution
    after: Distribution
    moves: tuple[tuple[int, ...], ...]
    changes: dict[int, int]
    pillars: tuple[Change, ...]
    components: tuple[Change, ...]
    up: tuple[Mover, ...]
    down: tuple[Mover, ...]

    @property
    def members(self) -> int:
        """How many members there are."""
        return self.before.members

    def with_change(self, sign: int) -> int:
        """How many members' scores rise (1), stay (0) or fall (-1)."""
        return sum(count for change, count in self.changes.items() if (change > 0) - (change < 0) == sign)

    def moved(self) -> int:
        """How many members change band."""
        return sum(count for a, row in enumerate(self.moves) for b, count in enumerate(row) if a != b)


def compare(
    before: Rubric, after: Rubric, *, day: Day, people: Iterable[People], max_movers: int = 10
) -> Comparison:
    """Score all members by both rubrics as of `day`; up to `max_movers` of the biggest movers each way are named.

    Members with the same change are in the order of their names, so the result doesn't depend on theirs.
    """
    scorers = Scorer(before, day), Scorer(after, day)
    sides = _Side(before), _Side(after)
    moves = np.zeros((len(BANDS), len(BANDS)), np.int64)
    changes = np.zeros(2 * MAX_SCORE + 1, np.int64)
    up: list[Mover] = []
    down: list[Mover] = []
    for some in people:
        n = len(some.names)
        points = [scorer.points(n, some.pairs, some.numbers) for scorer in scorers]
        bands = [side.add(of) for side, of in zip(sides, points, strict=True)]
        np.add.at(moves, (bands[0], bands[1]), 1)
        change = points[1].score - points[0].score
        changes += np.bincount(change + MAX_SCORE, minlength=len(changes))
        movers = partial(_movers, some.names, points, bands=bands, max_movers=max_movers)
        up = _leading(up + movers(gain=change), max_movers)
        down = _leading(down + movers(gain=-change), max_movers)
    return Comparison(
        day=day,
        before=sides[0].distribution(),
        after=sides[1].distribution(),
        moves=tuple(map(tuple, moves.tolist())),
        changes={int(at) - MAX_SCORE: int(changes[at]) for at in np.flatnonzero(changes)},
        pillars=_changes([side.pillar_sums() for side in sides], sides[0].members),
        components=_changes([side.component_sums() for side in sides], sides[0].members),
        up=tuple(up),
        down=tuple(down),
    )


class _Side:
    """Sums over all members by one rubric."""

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric
        self.members = 0
        self._histogram = np.zeros(MAX_SCORE + 1, np.int64)
        self._pillars = np.zeros(len(PILLARS), np.int64)
        self._components = np.zeros(len(rubric.components), np.int64)

    def add(self, points: Points) -> np.ndarray:
        """Count the points of some members; returns their bands, int8[n]."""
        self.members += len(points)
        self._histogram += np.bincount(points.score, minlength=MAX_SCORE + 1)
        self._pillars += points.pillars.sum(axis=0)
        self._components += points.components.sum(axis=0)
        return bands_now(points.score, self.rubric.bands)

    def pillar_sums(self) -> dict[str, int]:
        return {str(pillar): total for pillar, total in zip(PILLARS, self._pillars.tolist(), strict=True)}

    def component_sums(self) -> dict[str, int]:
        names = [component.name for component in self.rubric.components]
        return dict(zip(names, self._components.tolist(), strict=True))

    def distribution(self) -> Distribution:
        scores = np.flatnonzero(self._histogram)
        counts = self._histogram[scores]
        total = int((scores * counts).sum())
        bands = Counter[int]()
        for band, count in zip(bands_now(scores, self.rubric.bands).tolist(), counts.tolist(), strict=True):
            bands[band] += count
        return Distribution(
            rubric=self.rubric.name,
            version=self.rubric.version,
            members=self.members,
            total=total,
            mean=mean(total, self.members),
            deciles=_deciles(scores, counts),
            bands={band: bands[at] for at, band in enumerate(BANDS)},
            histogram=dict(zip(scores.tolist(), counts.tolist(), strict=True)),
        )


def bands_now(score: np.ndarray, bands: Bands) -> np.ndarray:
    """int8[n]: the indices in BANDS of scores int64[n] that have no history."""
    return next_bands(np.zeros(len(score), np.int8), score, bands)


def mean(total: int, members: int) -> int:
    """The mean in hundredths, rounded to the nearest, halves away from 0; 0 when there is nobody.

    >>> mean(5, 2), mean(-5, 2), mean(4, 3), mean(0, 0)
    (3, -3, 1, 0)
    """
    if not members:
        return 0
    rounded = (2 * abs(total) + members) // (2 * members)
    return rounded if total >= 0 else -rounded


def _deciles(scores: np.ndarray, counts: np.ndarray) -> tuple[int, ...]:
    """The scores at 0, 10, … 100 %, by nearest rank; of rising `scores`, `counts` members each."""
    if not len(scores):
        return ()
    below = np.cumsum(counts)
    members = int(below[-1])
    ranks = [max(1, -(-members * tenth // 10)) for tenth in range(11)]
    return tuple(int(scores[np.searchsorted(below, rank)]) for rank in ranks)


def _changes(sums: Sequence[Mapping[str, int]], members: int) -> tuple[Change, ...]:
    """The parts of both rubrics, those of the second first in its order, then those it does not have."""
    before, after = sums
    return tuple(
        Change(
            name=name,
            before=before.get(name),
            after=after.get(name),
            mean=mean(after.get(name, 0) - before.get(name, 0), members),
        )
        for name in [*after, *(name for name in before if name not in after)]
    )


def _movers(
    names: Sequence[str],
    points: Sequence[Points],
    *,
    bands: Sequence[np.ndarray],
    gain: np.ndarray,
    max_movers: int,
) -> list[Mover]:
    """The `max_movers` members with the largest `gain` (int64[n]), if it is above 0; level ones by name."""
    if not max_movers or not len(gain):
        return []
    threshold = int(np.partition(gain, -max_movers)[-max_movers]) if len(gain) > max_movers else 1
    leading = np.flatnonzero(gain >= max(threshold, 1)).tolist()
    rows = sorted(leading, key=lambda row: (-int(gain[row]), names[row]))[:max_movers]
    scores = [of.score[rows].tolist() for of in points]
    pillars = (points[1].pillars[rows] - points[0].pillars[rows]).tolist()
    return [
        Mover(
            member=names[row],
            before=before,
            after=after,
            change=after - before,
            bands=(BANDS[bands[0][row]], BANDS[bands[1][row]]),
            pillars={str(pillar): by for pillar, by in zip(PILLARS, changed, strict=True) if by},
        )
        for row, before, after, changed in zip(rows, *scores, pillars, strict=True)
    ]


def _leading(movers: list[Mover], max_movers: int) -> list[Mover]:
    return sorted(movers, key=lambda mover: (-abs(mover.change), mover.member))[:max_movers]
