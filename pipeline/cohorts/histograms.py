"""Sums and histograms of every cohort, in whole numbers: who comes is added, who goes is taken off."""

import numpy as np

from pipeline.common.growable import grown

BIN = 500
"""Hundredths in a bin of the score."""
PILLAR_BIN = 250
"""Hundredths in a bin of a pillar."""
BINS = 10_000 // BIN
"""Of the score; the last takes 100 points too."""
PILLAR_BINS = 2_500 // PILLAR_BIN
"""Of each pillar; the last takes 25 points too."""
BANDS = 4
_POINTS = 5
"""Columns of points: the score and the pillars."""
_LAST = np.array([BINS - 1, *[PILLAR_BINS - 1] * 4, BANDS - 1], np.uint16)[:, None]
_STARTS = np.array([0, *(BINS + at * PILLAR_BINS for at in range(5))], np.uint16)[:, None]
_ALL = BINS + 4 * PILLAR_BINS + BANDS


class CohortHistograms:
    """By cohort: size int64[G], sums int64[G, 5] (score and pillars, hundredths), and counts by bin."""

    def __init__(self, cohorts: int) -> None:
        self.size = np.zeros(0, np.int64)
        self.sums = np.zeros((0, _POINTS), np.int64)
        self._counts = np.zeros((0, _ALL), np.int32)
        self.resize(cohorts)

    @property
    def histogram(self) -> np.ndarray:
        """int32[G, 20]: members by score."""
        return self._counts[:, :BINS]

    @property
    def pillars(self) -> np.ndarray:
        """int32[G, 4, 10]: members by the points of each pillar."""
        return self._counts[:, BINS:-BANDS].reshape(-1, 4, PILLAR_BINS)

    @property
    def bands(self) -> np.ndarray:
        """int32[G, 4]: members by band."""
        return self._counts[:, -BANDS:]

    def resize(self, cohorts: int) -> None:
        """Make room for cohorts 0..cohorts-1."""
        self.size = grown(self.size, cohorts)
        self.sums = grown(self.sums, cohorts)
        self._counts = grown(self._counts, cohorts)

    def move(self, was: np.ndarray, before: np.ndarray, now: np.ndarray, *, after: np.ndarray) -> None:
        """Members of the cohorts `was`, int64[n, C], with numbers uint16[n, 6] `before` (score, pillars,
        band) are now in the cohorts `now` with `after`.

        Cohort 0 takes what is in none; what stands there means nothing.
        """
        left, entered = _bins(before), _bins(after)
        left_points, points = _points(before), _points(after)
        by = points - left_points
        row, column = np.nonzero(left != entered)
        bins = left[row, column], entered[row, column]
        for old, new in zip(was.T, now.T, strict=True):
            moved = np.flatnonzero(old != new)
            if not len(moved):
                self._sum(new, by)
                self._count(old[row] * _ALL + bins[0], new[row] * _ALL + bins[1])
                continue
            stays = old == new
            self._sum(new[stays], by[:, stays])
            here = stays[row]
            at = row[here]
            self._count(old[at] * _ALL + bins[0][here], new[at] * _ALL + bins[1][here])
            gone, come = old[moved], new[moved]
            np.add.at(self.size, come, np.int64(1))
            np.subtract.at(self.size, gone, np.int64(1))
            self._sum(come, points[:, moved])
            self._sum(gone, -left_points[:, moved])
            less, more = gone[:, None] * _ALL + left[moved], come[:, None] * _ALL + entered[moved]
            self._count(less.ravel(), more.ravel())

    def _sum(self, cohort: np.ndarray, by: np.ndarray) -> None:
        for at in range(_POINTS):
            np.add.at(self.sums[:, at], cohort, by[at])

    def _count(self, less: np.ndarray, more: np.ndarray) -> None:
        """Subtract one at each position `less` of the flat counts, and add one at each of `more`."""
        flat = self._counts.reshape(-1)
        # with a number of another type than the array's it takes twenty times as long
        np.subtract.at(flat, less, np.int32(1))
        np.add.at(flat, more, np.int32(1))

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self.size.nbytes + self.sums.nbytes + self._counts.nbytes


def _points(numbers: np.ndarray) -> np.ndarray:
    """int64[5, n]: score and pillars, by column, as what sums them wants them."""
    return numbers[:, :_POINTS].T.astype(np.int64, order="C")


def _bins(numbers: np.ndarray) -> np.ndarray:
    """uint16[n, 6]: the bins of the score, the pillars and the band."""
    found = numbers.T.astype(np.uint16, order="C")
    found[0] //= np.uint16(BIN)
    found[1:_POINTS] //= np.uint16(PILLAR_BIN)
    return (np.minimum(found, _LAST) + _STARTS).T
