"""What a score record has beside the points: band, trend, changes, weakest pillar, and components that changed."""

from dataclasses import dataclass

import numpy as np

from pipeline.common.json_columns import NULL, Piece, Table, joined, listed
from pipeline.common.units import Day
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Rubric
from pipeline.scoring.bands import BANDS, DIRECTIONS, UNKNOWN, trends_of
from pipeline.scoring.scorer import Points
from pipeline.shard.daily_history import DailyHistory

_STATES = Table(
    [
        b'"band":"%b","trend":"%b","change":{"day":' % (band.encode(), trend.encode())
        for band in BANDS
        for trend in DIRECTIONS
    ]
)
_CHANGE, _WEEK = Table.changes(), Table.changes(b',"week":')
_WEAKEST = Table([b'},"weakest":"%b","changed":{' % pillar.encode() for pillar in PILLARS])


@dataclass(slots=True)
class BandChange:
    """Member `row` of a batch went from one band to another; both are indices of BANDS."""

    row: int
    before: int
    after: int


def band_changes(before: np.ndarray, after: np.ndarray) -> list[BandChange]:
    """The changes between the bands of n members, int[n] each, in their order."""
    return [
        BandChange(int(row), int(before[row]), int(after[row])) for row in np.flatnonzero(before != after)
    ]


class ScoreExtras:
    """Makes the pieces of JSON for members whose days that are over are in `history`."""

    def __init__(self, rubric: Rubric, history: DailyHistory) -> None:
        self._rubric = rubric
        self._history = history
        self._names = Table([b'"%b":' % part.name.encode() for part in rubric.components])

    def pieces(
        self,
        members: np.ndarray,
        points: Points,
        *,
        day: Day,
        band: np.ndarray,
        changes: np.ndarray,
        unrecorded: np.ndarray | None = None,
    ) -> Piece:
        """A piece of JSON for each of `members` int64[n].

        Args:
            members: their indices.
            points: theirs as of `day`.
            day: the as-of day, days since 1970.
            band: int8[n], indices of BANDS.
            changes: int16[n, components], by how much each component has changed.
            unrecorded: int64[n], how many of the days before `day` are not recorded yet, where the history
                still has those of a round before.
        """
        rule = self._rubric.trend
        past = self._history.scores(members, day, max(rule.days - 1, 7))
        if unrecorded is not None and unrecorded.any():
            past[np.arange(past.shape[1], 0, -1) <= unrecorded[:, None]] = UNKNOWN
        line = np.column_stack([past[:, 1 - rule.days :], points.score])
        return joined(
            _STATES.of(band * len(DIRECTIONS) + trends_of(line, rule)),
            _CHANGE.of(_difference(points.score, past[:, -1])),
            _WEEK.of(_difference(points.score, past[:, -7])),
            _WEAKEST.of(points.pillars.argmin(axis=1)),
            self._changed(changes),
            b"},",
        )

    def _changed(self, delta: np.ndarray) -> Piece:
        """For each row the components that changed and by how much, as the inside of a JSON object."""
        # looking for one column of all is faster than for rows and columns
        row, column = np.divmod(np.flatnonzero(delta != 0), delta.shape[1])
        parts = joined(self._names.of(column), _CHANGE.of(delta[row, column]))
        return listed(parts, np.bincount(row, minlength=len(delta)))


def _difference(now: np.ndarray, then: np.ndarray) -> np.ndarray:
    """int64[n]: the change of a score, NULL where one was not known."""
    return np.where(then != UNKNOWN, now - then, NULL)
