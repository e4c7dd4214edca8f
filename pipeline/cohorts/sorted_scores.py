"""The scores of one kind's cohorts in order, so that every rank and quantile is a position in a sorted array.

An entry is cohort << 14 | score. There are two forms of the same. With few cohorts `CumulativeCounts`: how
many entries are below each possible one, so that every position is one look-up. With many `SortedEntries`: the
entries themselves, which is exact and smaller than histograms, four bytes for a member and kind, where 10,001
bins for each of 5,000 cohorts are 200 MB; and merging changes is sorting two runs.
"""

from typing import Protocol

import numpy as np

BITS = 14
"""Of a score: 0..10,000 hundredths."""
_SCORE = (1 << BITS) - 1
_NARROW = 1 << 32
FEW = 8
"""Up to so many cohorts are in `CumulativeCounts`, of 512 kB at most."""


class SortedScores(Protocol):
    """All entries in ascending order; immutable. edges: int64[cohorts + 1], where each cohort begins."""

    edges: np.ndarray

    def moved(self, gone: np.ndarray, come: np.ndarray, cohorts: int) -> "SortedScores":
        """The scores without the entries `gone`, each of which must be there, and with `come` (int64).

        cohorts: how many there are from now on, not fewer than before.
        """

    def size(self, cohort: np.ndarray) -> np.ndarray:
        """int64[n]: how many members cohorts have."""

    def above(self, cohort: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(how many of each cohort have a higher score, how many just this one); int64[n] each."""

    def quantiles(self, cohort: np.ndarray, tenths: np.ndarray) -> np.ndarray:
        """int64[n, len(tenths)]: the lowest score that so many tenths of a cohort do not exceed; not empty."""

    def nbytes(self) -> int:
        """Bytes allocated."""


class _Ends:
    """What follows from where cohorts begin."""

    edges: np.ndarray

    def size(self, cohort: np.ndarray) -> np.ndarray:
        """See SortedScores."""
        return self.edges[cohort + 1] - self.edges[cohort]

    def _tenths(self, cohort: np.ndarray, tenths: np.ndarray) -> np.ndarray:
        """int64[n, len(tenths)]: the positions of quantiles."""
        return self.edges[cohort][:, None] + (self.size(cohort)[:, None] * tenths + 9) // 10 - 1


class CumulativeCounts(_Ends):
    """The scores of few cohorts. below: int32[cohorts * 2**14 + 1], how many entries are below each."""

    def __init__(self, below: np.ndarray) -> None:
        self._below = below
        self.edges = below[:: 1 << BITS].astype(np.int64)

    def moved(self, gone: np.ndarray, come: np.ndarray, cohorts: int) -> SortedScores:
        """See SortedScores."""
        below = self._below
        if cohorts > FEW:
            entries = np.repeat(np.arange(len(below) - 1), np.diff(below))
            return SortedEntries(_fitting(entries, cohorts), len(self.edges) - 1).moved(gone, come, cohorts)
        width = cohorts << BITS
        more = np.bincount(come, minlength=width) - np.bincount(gone, minlength=width)
        moved = np.full(width + 1, below[-1])
        moved[: len(below)] = below
        moved[1:] += np.cumsum(more, dtype=np.int32)
        return CumulativeCounts(moved)

    def above(self, cohort: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See SortedScores."""
        entry = (cohort << BITS) + score
        upto = self._below[entry + 1].astype(np.int64)
        return self.edges[cohort + 1] - upto, upto - self._below[entry]

    def quantiles(self, cohort: np.ndarray, tenths: np.ndarray) -> np.ndarray:
        """See SortedScores."""
        at = self._tenths(cohort, tenths).astype(self._below.dtype)
        return (np.searchsorted(self._below, at, side="right") - 1) & _SCORE

    def nbytes(self) -> int:
        """See SortedScores."""
        return self._below.nbytes + self.edges.nbytes


class SortedEntries(_Ends):
    """The scores of many cohorts. entries: uint32[m] in ascending order, or uint64 with very many cohorts."""

    def __init__(self, entries: np.ndarray, cohorts: int) -> None:
        self._entries = entries
        bounds = np.arange(cohorts + 1, dtype=np.int64) << BITS
        # numpy would widen all entries to look up bounds of another type; the last bound may be beyond the type
        self.edges = np.append(np.searchsorted(entries, bounds[:-1].astype(entries.dtype)), len(entries))

    def moved(self, gone: np.ndarray, come: np.ndarray, cohorts: int) -> SortedScores:
        """See SortedScores."""
        left = _fitting(self._entries, cohorts)
        if len(gone):
            gone = np.sort(gone.astype(left.dtype))
            at = np.searchsorted(left, gone)
            # the same entry several times: one after the other from where it begins
            position = np.arange(len(gone))
            again = np.concatenate([[False], gone[1:] == gone[:-1]])
            run = position - np.maximum.accumulate(np.where(again, 0, position))
            stays = np.ones(len(left), bool)
            stays[at + run] = False
            left = left[stays]
        if len(come):
            # two runs in order, which timsort merges in one pass
            left = np.sort(np.concatenate([left, np.sort(come.astype(left.dtype))]), kind="stable")
        return SortedEntries(left, cohorts)

    def above(self, cohort: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See SortedScores."""
        entry = ((cohort << BITS) + score).astype(self._entries.dtype)
        order = np.argsort(entry)  # looked for in order they find what is in the cache, three times as fast
        entry = entry[order]
        upto, ties = np.empty((2, len(entry)), np.int64)
        upto[order] = high = np.searchsorted(self._entries, entry, side="right")
        ties[order] = high - np.searchsorted(self._entries, entry)
        return self.edges[cohort + 1] - upto, ties

    def quantiles(self, cohort: np.ndarray, tenths: np.ndarray) -> np.ndarray:
        """See SortedScores."""
        return self._entries[self._tenths(cohort, tenths)].astype(np.int64) & _SCORE

    def nbytes(self) -> int:
        """See SortedScores."""
        return self._entries.nbytes + self.edges.nbytes


def empty(cohorts: int) -> SortedScores:
    """Scores of so many cohorts without members."""
    return CumulativeCounts(np.zeros(1, np.int32)).moved(
        np.zeros(0, np.int64), np.zeros(0, np.int64), cohorts
    )


def _fitting(entries: np.ndarray, cohorts: int) -> np.ndarray:
    """The entries in the type that all entries of so many cohorts fit into."""
    return entries.astype(np.uint32 if cohorts << BITS <= _NARROW else np.uint64, copy=False)


def entries_of(cohort: np.ndarray, score: np.ndarray) -> np.ndarray:
    """int64[m]: the entries of those members that are in a cohort (not 0)."""
    there = cohort > 0
    return (cohort[there] << BITS) + score[there]
