"""Sums and histograms of every cohort, in whole numbers: who comes is added, who goes is taken off."""

import numpy as np

BIN = 500
"""Hundredths in a bin of the score."""
PILLAR_BIN = 250
"""Hundredths in a bin of a pillar."""
BINS = 10_000 // BIN
"""Of the score; the last takes 100 points too."""
PILLAR_BINS = 2_500 // PILLAR_BIN
"""Of each pillar; the last takes 25 points too."""
BANDS = 4
_FEW = 16
"""Of so many bins at most one changes: then they are counted one by one."""


class Totals:
    """By cohort: size int64[G], sums int64[G, 5] (score and pillars, hundredths), bands int64[G, 4].

    histogram: int32[G, 20] of the score, pillars: int32[G, 4, 10].
    """

    def __init__(self, cohorts: int) -> None:
        self.size = np.zeros(0, np.int64)
        self.sums = np.zeros((0, 5), np.int64)
        self.bands = np.zeros((0, BANDS), np.int64)
        self.histogram = np.zeros((0, BINS), np.int32)
        self.pillars = np.zeros((0, 4, PILLAR_BINS), np.int32)
        self.resize(cohorts)

    def resize(self, cohorts: int) -> None:
        """Make room for cohorts 0..cohorts-1."""
        have = len(self.size)
        if cohorts > have:
            room = max(cohorts, have * 5 // 4)
            for name in ("size", "sums", "bands", "histogram", "pillars"):
                old = getattr(self, name)
                grown = np.zeros((room, *old.shape[1:]), old.dtype)
                grown[:have] = old
                setattr(self, name, grown)

    def move(self, was: np.ndarray, before: np.ndarray, now: np.ndarray, after: np.ndarray) -> None:
        """Members of cohorts `was` with numbers uint16[n, 6] `before` are now those of `now` with `after`.

        Cohort 0 takes what is in none; what stands there means nothing.
        """
        moved = was != now
        cohorts = len(self.size)
        both = np.concatenate([was, now])
        self.size += np.bincount(now[moved], minlength=cohorts) - np.bincount(was[moved], minlength=cohorts)
        for at in range(5):
            by = np.concatenate([-before[:, at].astype(np.int64), after[:, at]])
            # sums of whole numbers below 2**53, exact in float64
            self.sums[:, at] += np.bincount(both, by, cohorts).astype(np.int64)
        self._count(self.bands.reshape(-1), BANDS, moved, was, before[:, 5], now, after[:, 5])
        bins = [np.minimum(part[:, 0] // BIN, BINS - 1) for part in (before, after)]
        self._count(self.histogram.reshape(-1), BINS, moved, was, bins[0], now, bins[1])
        for at in range(4):
            bins = [at * PILLAR_BINS + _pillar_bin(part[:, 1 + at]) for part in (before, after)]
            flat = self.pillars.reshape(-1)
            self._count(flat, 4 * PILLAR_BINS, moved, was, bins[0], now, bins[1])

    @staticmethod
    def _count(
        flat: np.ndarray,
        width: int,
        moved: np.ndarray,
        was: np.ndarray,
        left: np.ndarray,
        now: np.ndarray,
        entered: np.ndarray,
    ) -> None:
        """Take members off the bins they left and add them to those they entered, if these differ."""
        some = np.flatnonzero(moved | (left != entered))
        less, more = was[some] * width + left[some], now[some] * width + entered[some]
        if len(some) * _FEW < len(flat):
            np.subtract.at(flat, less, 1)
            np.add.at(flat, more, 1)
        else:
            by = np.bincount(more, minlength=len(flat)) - np.bincount(less, minlength=len(flat))
            flat += by.astype(flat.dtype)

    def nbytes(self) -> int:
        """Bytes allocated."""
        parts = (self.size, self.sums, self.bands, self.histogram, self.pillars)
        return sum(part.nbytes for part in parts)


def _pillar_bin(points: np.ndarray) -> np.ndarray:
    return np.minimum(points // PILLAR_BIN, PILLAR_BINS - 1).astype(np.int64)
