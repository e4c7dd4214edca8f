"""Where a score stands among those of a cohort."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np

N = TypeVar("N", int, np.ndarray)


@dataclass(frozen=True, slots=True)
class CohortRank:
    """A rank in a cohort of `of` members; halves: twice the rank; top: hundredths of a percent."""

    halves: int
    of: int
    top: int

    @property
    def rank(self) -> Fraction:
        """The rank, 1 the best; a half for ties of an even number."""
        return Fraction(self.halves, 2)


def rank(above: int, ties: int, of: int) -> CohortRank:
    """The rank of one of `ties` members with the same score, with `above` before them, of `of`.

    >>> rank(above=0, ties=1, of=200), rank(above=2, ties=4, of=8)
    (CohortRank(halves=2, of=200, top=25), CohortRank(halves=9, of=8, top=5000))
    """
    halves = 2 * above + ties + 1
    return CohortRank(halves, of, top_of(halves, of))


def top_of(halves: N, of: N) -> N:
    """The top share in hundredths of a percent, of numbers or arrays of them; see the module."""
    return -(-10_000 * (halves - 1) // (2 * of))


def rank_among(scores: Sequence[int] | np.ndarray, score: int) -> CohortRank:
    """The rank of a score among all scores of a cohort, of which it is one."""
    all_scores = np.asarray(scores)
    return rank(int((all_scores > score).sum()), int((all_scores == score).sum()), len(all_scores))
