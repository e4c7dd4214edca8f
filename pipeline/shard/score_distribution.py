"""How the scores of all members are distributed: histograms and sums, kept up to date as scores are emitted.

So reading them costs nothing, however many members there are.
"""

import numpy as np

from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import PILLAR_MAX
from pipeline.scoring.bands import BANDS, UNKNOWN

COLUMNS = ("score", *map(str, PILLARS))
BUCKETS = (100, 25)
"""Of the score, and of each pillar: a point wide, with their upper ends; the first one has 0 too."""
WIDTHS = (len(PILLARS) * PILLAR_MAX // BUCKETS[0], PILLAR_MAX // BUCKETS[1])
"""Of the buckets, in hundredths of a point."""
_SLOTS = 1 + max(BUCKETS[0], len(BANDS))
"""Of a column in the counts: one for no points at all, then the buckets; of bands the first ones."""
_STARTS = np.arange(len(COLUMNS) + 1, dtype=np.int16)[:, None] * np.int16(_SLOTS)


class ScoreDistribution:
    """Members by points, in buckets, and by band. Columns of members are those of `LastEmitted`."""

    def __init__(self) -> None:
        self._counts = np.zeros((len(COLUMNS) + 1) * _SLOTS, np.int64)
        self._sums = np.zeros(len(COLUMNS), np.int64)

    def replace(self, before: np.ndarray, after: np.ndarray) -> None:
        """These int16[WIDTH, n] were the columns of n members until now, and these are they from now on."""
        self._add(before, -1)
        self._add(after, 1)

    def remove(self, before: np.ndarray) -> None:
        """Members with these columns have no score any more."""
        self._add(before, -1)

    def _add(self, columns: np.ndarray, sign: int) -> None:
        """Count columns; members without a score count for nothing."""
        slots = np.empty(columns.shape, np.int16)
        np.floor_divide(columns[0] + np.int16(WIDTHS[0] - 1), np.int16(WIDTHS[0]), out=slots[0])
        np.floor_divide(columns[1:-1] + np.int16(WIDTHS[1] - 1), np.int16(WIDTHS[1]), out=slots[1:-1])
        slots[-1] = columns[-1]
        slots += _STARTS
        counts = np.bincount(slots.ravel(), minlength=len(self._counts))
        sums = columns[:-1].sum(axis=1, dtype=np.int64)
        # an unknown member has -1 in each column, which the division took for 0; as a band it is in no slot
        # that is used
        unknown = int(np.count_nonzero(columns[0] == UNKNOWN))
        counts[_STARTS[:-1, 0]] -= unknown
        self._counts += sign * counts
        self._sums += sign * (sums + unknown)

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
