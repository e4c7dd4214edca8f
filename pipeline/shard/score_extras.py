"""What a score record says beside the points: band, trend, change, weakest pillar, components that changed.

It remembers what was said last of each member. That need not be durable: it follows from the state as of
the stamp, and `settle` works it out again after a restore.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.common.json_columns import NULL, Piece, Table, joined, listed
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Rubric
from pipeline.scoring.bands import BANDS, DIRECTIONS, UNKNOWN, next_bands, trends_of
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
    """Member `row` of a batch went from one band to another (places in BANDS)."""

    row: int
    before: int
    after: int


class LastEmitted:
    """Band, trend and changes of members by the rubric given, against what was said of them before."""

    def __init__(self, rubric: Rubric, history: DailyHistory) -> None:
        self.rubric = rubric
        self.history = history
        self.components = np.zeros((0, len(rubric.components)), np.int16)
        self.band = np.zeros(0, np.int8)
        self._names = Table([b'"%b":' % part.name.encode() for part in rubric.components])

    def resize(self, members: int) -> None:
        """Make room for members 0..members-1."""
        have = len(self.band)
        if members > have:
            room = max(members, have * 3 // 2, 256) - have
            none = np.zeros((room, self.components.shape[1]), np.int16)
            self.components = np.concatenate([self.components, none])
            self.band = np.concatenate([self.band, np.zeros(room, np.int8)])

    def settle(self, members: np.ndarray, points: Points) -> None:
        """Take these points of `members` int64[n] for what was said last."""
        self.components[members] = points.components
        self.band[members] = next_bands(self.history.band[members], points.score, self.rubric.bands)

    def forget(self, members: np.ndarray) -> None:
        """Nothing was said of `members` yet."""
        self.components[members] = 0
        self.band[members] = 0

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self.components.nbytes + self.band.nbytes

    def extras(
        self,
        members: np.ndarray,
        points: Points,
        day: int,
        silent: np.ndarray | None = None,
        due: np.ndarray | None = None,
    ) -> tuple[Piece, list[BandChange]]:
        """(a piece of JSON for each of `members` int64[n], the changes of band); these are said now.

        silent: bool[n], for whom components are not listed; due: int64[n], how many of the days before `day`
        are not recorded yet, where the history still has those of a round before.
        """
        history, before = self.history, self.band[members]
        delta = points.components - self.components[members]
        if silent is not None:
            delta[silent] = 0
        self.settle(members, points)
        after = self.band[members]
        rule = self.rubric.trend
        past = history.scores(members, day, max(rule.days - 1, 7))
        if due is not None and due.any():
            past[np.arange(past.shape[1], 0, -1) <= due[:, None]] = UNKNOWN
        line = np.column_stack([past[:, 1 - rule.days :], points.score])
        made = joined(
            _STATES.of(after * len(DIRECTIONS) + trends_of(line, rule)),
            _CHANGE.of(_difference(points.score, past[:, -1])),
            _WEEK.of(_difference(points.score, past[:, -7])),
            _WEAKEST.of(points.pillars.argmin(axis=1)),
            self._changed(delta),
            b"},",
        )
        moved = [
            BandChange(int(row), int(before[row]), int(after[row])) for row in np.flatnonzero(before != after)
        ]
        return made, moved

    def _changed(self, delta: np.ndarray) -> Piece:
        """For each row the components that changed and by how much, as the inside of a JSON object."""
        # looking for one column of all is faster than for rows and columns
        row, column = np.divmod(np.flatnonzero(delta != 0), delta.shape[1])
        parts = joined(self._names.of(column), _CHANGE.of(delta[row, column]))
        return listed(parts, np.bincount(row, minlength=len(delta)))


def _difference(now: np.ndarray, then: np.ndarray) -> np.ndarray:
    """int64[n]: the change of a score, NULL where one was not known."""
    return np.where(then != UNKNOWN, now - then, NULL)
