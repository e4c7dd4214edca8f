"""The scores of one kind's cohorts in order, so that every rank and quantile is a place in a sorted array.

An entry is cohort << 14 | score. That is exact and smaller than histograms: four bytes for a member and kind,
where 10,001 bins for each of 5,000 cohorts are 200 MB; and merging changes is sorting two runs.
"""

import numpy as np

BITS = 14
"""Of a score: 0..10,000 hundredths."""
_SCORE = (1 << BITS) - 1
_NARROW = 1 << 32


class Ladder:
    """Entries in ascending order, uint32, or uint64 with many cohorts; immutable."""

    def __init__(self, entries: np.ndarray | None = None, cohorts: int = 0) -> None:
        self.entries = np.zeros(0, np.uint32) if entries is None else entries
        bounds = np.arange(cohorts + 1, dtype=np.int64) << BITS
        self.edges = self._search(bounds)

    @classmethod
    def of(cls, cohort: np.ndarray, score: np.ndarray, cohorts: int) -> "Ladder":
        """A ladder of members by their cohort, int64[n] with 0 for none, of numbers below `cohorts`."""
        return cls().moved(np.zeros(0, np.int64), entries_of(cohort, score), cohorts)

    def _search(self, entries: np.ndarray) -> np.ndarray:
        # numpy would widen the whole ladder for needles of another type; beyond the type is at the end
        if self.entries.dtype == np.uint32:
            found = np.searchsorted(self.entries, np.minimum(entries, _NARROW - 1).astype(np.uint32))
            return np.where(entries >= _NARROW, len(self.entries), found)
        return np.searchsorted(self.entries, entries.astype(np.uint64))

    def moved(self, gone: np.ndarray, come: np.ndarray, cohorts: int) -> "Ladder":
        """The ladder without the entries `gone`, each of which must be there, and with `come` (int64)."""
        left = self.entries
        wide = max(int(come.max(initial=0)), (cohorts << BITS) - 1) >= _NARROW
        if wide and left.dtype == np.uint32:
            left = left.astype(np.uint64)
        if len(gone):
            gone = np.sort(gone)
            at = self._search(gone)
            # the same entry several times: one after the other from where it begins
            first = np.concatenate([[True], gone[1:] != gone[:-1]])
            start = np.flatnonzero(first)
            run = np.arange(len(gone)) - np.repeat(start, np.diff([*start.tolist(), len(gone)]))
            stays = np.ones(len(left), bool)
            stays[at + run] = False
            left = left[stays]
        if len(come):
            # two runs in order, which timsort merges in one pass
            left = np.sort(np.concatenate([left, np.sort(come).astype(left.dtype)]), kind="stable")
        return Ladder(left, cohorts)

    def size(self, cohort: np.ndarray) -> np.ndarray:
        """int64[n]: how many members cohorts have."""
        return self.edges[cohort + 1] - self.edges[cohort]

    def above(self, cohort: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(how many of each cohort have a higher score, how many just this one); int64[n] each."""
        entry = (cohort << BITS) + score
        low, high = self._search(entry), self._search(entry + 1)
        return self.edges[cohort + 1] - high, high - low

    def quantiles(self, cohort: np.ndarray, tenths: np.ndarray) -> np.ndarray:
        """int64[n, len(tenths)]: the least score that so many tenths of a cohort do not exceed; not empty."""
        size = self.size(cohort)[:, None]
        at = self.edges[cohort][:, None] + (size * tenths + 9) // 10 - 1
        return self.entries[at].astype(np.int64) & _SCORE


def entries_of(cohort: np.ndarray, score: np.ndarray) -> np.ndarray:
    """int64[m]: the entries of those members that are in a cohort (not 0)."""
    there = cohort > 0
    return (cohort[there] << BITS) + score[there]
