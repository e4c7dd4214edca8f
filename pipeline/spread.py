"""How the scores of all members spread: histograms and sums that are kept up as scores are put out.

So to look at them costs nothing, however many members there are. They are of what was said last of each
member, which after a restore `settle` says again.
"""

import numpy as np

from pipeline.bands import BANDS, UNKNOWN
from pipeline.components import PILLARS
from pipeline.rubric import PILLAR_MAX
from pipeline.scoring import Points

COLUMNS = ("score", *map(str, PILLARS))
BUCKETS = (20, 10)
"""Of the score, and of each pillar: equally wide, each with its upper end and without its lower."""
WIDTHS = (len(PILLARS) * PILLAR_MAX // BUCKETS[0], PILLAR_MAX // BUCKETS[1])
"""Of the buckets, in hundredths of a point."""
_WIDTH = np.array([WIDTHS[0], *[WIDTHS[1]] * len(PILLARS)], np.int64)
_ROOM = max(BUCKETS[0], len(BANDS))
_SHIFT = np.arange(len(COLUMNS) + 1) * _ROOM


class Spread:
    """Members by points, in buckets, and by band."""

    def __init__(self) -> None:
        self._said = np.zeros((0, len(COLUMNS) + 1), np.int16)
        self._counts = np.zeros((len(COLUMNS) + 1) * _ROOM, np.int64)
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
        said = np.column_stack([points.score, points.pillars, band])
        self._add(self._known(members), -1)
        self._add(said, 1)
        self._said[members] = said

    def forget(self, members: np.ndarray) -> None:
        """Distinct `members` have no score any more."""
        self._add(self._known(members), -1)
        self._said[members] = UNKNOWN

    def _known(self, members: np.ndarray) -> np.ndarray:
        before = self._said[members].astype(np.int64)
        return before[before[:, 0] != UNKNOWN]

    def _add(self, said: np.ndarray, sign: int) -> None:
        if not len(said):
            return
        at = said.copy()
        np.maximum((said[:, :-1] - 1) // _WIDTH, 0, out=at[:, :-1])
        at += _SHIFT
        self._counts += sign * np.bincount(at.ravel(), minlength=len(self._counts))
        self._sums += sign * said[:, :-1].sum(axis=0)

    def histogram(self, column: str) -> tuple[np.ndarray, int]:
        """(int64[buckets] members in each bucket of a column of COLUMNS, sum of their hundredths)."""
        number = COLUMNS.index(column)
        start = number * _ROOM
        return self._counts[start : start + BUCKETS[number > 0]], int(self._sums[number])

    def bands(self) -> dict[str, int]:
        """How many members are in each band."""
        return dict(zip(map(str, BANDS), self._counts[_SHIFT[-1] :].tolist(), strict=False))

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self._said.nbytes
