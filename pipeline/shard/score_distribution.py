"""How the scores of all members spread: histograms and sums that are kept up as scores are put out.

So to look at them costs nothing, however many members there are. They are of what was said last of each
member, which after a restore `settle` says again.
"""

import numpy as np

from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import PILLAR_MAX
from pipeline.scoring.bands import BANDS, UNKNOWN
from pipeline.scoring.scorer import Points

COLUMNS = ("score", *map(str, PILLARS))
BUCKETS = (20, 10)
"""Of the score, and of each pillar: equally wide, with their upper ends; the first one has 0 too."""
WIDTHS = (len(PILLARS) * PILLAR_MAX // BUCKETS[0], PILLAR_MAX // BUCKETS[1])
"""Of the buckets, in hundredths of a point."""
_SLOTS = 1 + max(BUCKETS[0], len(BANDS))
"""Of a column in the counts: one for no points at all, then the buckets; of bands the first ones."""
_STARTS = np.arange(len(COLUMNS) + 1, dtype=np.int16)[:, None] * np.int16(_SLOTS)


class ScoreDistribution:
    """Members by points, in buckets, and by band."""

    def __init__(self) -> None:
        # int16[members, 6]: hundredths of score and pillars, place of the band
        self._said = np.zeros((0, len(COLUMNS) + 1), np.int16)
        self._counts = np.zeros((len(COLUMNS) + 1) * _SLOTS, np.int64)
        self._sums = np.zeros(len(COLUMNS), np.int64)

    def resize(self, members: int) -> None:
        """Make room for members 0..members-1."""
        have = len(self._said)
        if members > have:
            room = max(members, have * 3 // 2, 256) - have
            more = np.full((room, self._said.shape[1]), UNKNOWN, np.int16)
            self._said = np.concatenate([self._said, more])

    def say(self, members: np.ndarray, points: Points, band: np.ndarray) -> None:
        """These are the points and bands (int8[n], places in BANDS) of distinct `members` int64[n] now."""
        now = np.empty((len(COLUMNS) + 1, len(members)), np.int16)
        now[0], now[1:-1], now[-1] = points.score, points.pillars.T, band
        self._add(self._before(members), -1)
        self._add(now, 1)
        self._said[members] = now.T

    def forget(self, members: np.ndarray) -> None:
        """Distinct `members` have no score any more."""
        self._add(self._before(members), -1)
        self._said[members] = UNKNOWN

    def _before(self, members: np.ndarray) -> np.ndarray:
        # by column as what follows wants it, which is ten times as fast there
        return np.ascontiguousarray(self._said.take(members, axis=0).T)

    def _add(self, said: np.ndarray, sign: int) -> None:
        """Count columns int16[6, n], whose unknown ones count for nothing."""
        slots = np.empty(said.shape, np.int16)
        np.floor_divide(said[0] + np.int16(WIDTHS[0] - 1), np.int16(WIDTHS[0]), out=slots[0])
        np.floor_divide(said[1:-1] + np.int16(WIDTHS[1] - 1), np.int16(WIDTHS[1]), out=slots[1:-1])
        slots[-1] = said[-1]
        slots += _STARTS
        counts = np.bincount(slots.ravel(), minlength=len(self._counts))
        sums = said[:-1].sum(axis=1, dtype=np.int64)
        # whoever is unknown has -1 in each column, which the division took for 0; as a band it is in no slot
        # that is used
        unknown = int(np.count_nonzero(said[0] == UNKNOWN))
        counts[_STARTS[:-1, 0]] -= unknown
        self._counts += sign * counts
        self._sums += sign * (sums + unknown)

    def scores(self, members: int) -> np.ndarray:
        """int16[members]: what is said of members 0..members-1, hundredths; UNKNOWN without. A copy."""
        return self._said[:members, 0].copy()

    def histogram(self, column: str) -> tuple[np.ndarray, int]:
        """(int64[buckets] members in each bucket of a column of COLUMNS, sum of their hundredths)."""
        number = COLUMNS.index(column)
        start = number * _SLOTS
        counts = self._counts[start + 1 : start + 1 + BUCKETS[number > 0]].copy()
        counts[0] += self._counts[start]
        return counts, int(self._sums[number])

    def bands(self) -> dict[str, int]:
        """How many members are in each band."""
        return dict(zip(map(str, BANDS), self._counts[len(COLUMNS) * _SLOTS :].tolist(), strict=False))

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self._said.nbytes
