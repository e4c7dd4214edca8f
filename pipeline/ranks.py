"""Ranks: a member's place in their cohorts, among the others as merged last and themselves as they are now.

n members are in the cohort, `above` of them have a higher score, `ties` the same, the member included. The
place is the mean of the places the tied share (mid-rank), above + (ties + 1) / 2; the top share is
(place - 1/2) / n, rounded up to a hundredth of a percent, so that nobody is shown better than they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import orjson

from pipeline.cohorts import EVERYONE
from pipeline.ladder import Ladder
from pipeline.merged import ALL, Merged, Source
from pipeline.standing import TEXTS, ZERO
from schemas.distributions import GONE

_HALF = (b"", b".5")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a cohort of `of` members; halves: twice the place; top: hundredths of a percent."""

    halves: int
    of: int
    top: int

    @property
    def place(self) -> Fraction:
        """The place, 1 the best; half places for ties of an even number."""
        return Fraction(self.halves, 2)


def rank(above: int, ties: int, of: int) -> Place:
    """The rank of one of `ties` members with the same score, with `above` before them, of `of`.

    >>> rank(above=0, ties=1, of=200), rank(above=2, ties=4, of=8)
    (Place(halves=2, of=200, top=25), Place(halves=9, of=8, top=5000))
    """
    halves = 2 * above + ties + 1
    return Place(halves, of, -(-10_000 * (halves - 1) // (2 * of)))


def rank_among(scores: Sequence[int] | np.ndarray, score: int) -> Place:
    """The rank of a score among all scores of a cohort, of which it is one."""
    all_scores = np.asarray(scores)
    return rank(int((all_scores > score).sum()), int((all_scores == score).sum()), len(all_scores))


class Ranks:
    """Ranks as they are put into records. kinds: in which cohorts; least: members a cohort must have."""

    def __init__(self, merged: Merged, kinds: Sequence[str], least: int) -> None:
        self.merged = merged
        self.kinds = tuple(kinds)
        self.least = least
        self._columns = [0 if kind == EVERYONE else 1 + merged.kinds.index(kind) for kind in kinds]
        self._begins: list[bytes] = []

    def fragments(
        self, partition: int, epoch: int, members: np.ndarray, score: np.ndarray, cohort: np.ndarray
    ) -> list[bytes] | None:
        """For each of `members` (places, int64[n]) the JSON of its ranks, with a comma at the end.

        score: int64[n], as it is now; cohort: uint32[n, K], the partition's own numbers. None before all
        partitions have been merged, this one as of this epoch.
        """
        source = self.merged.sources.get(partition)
        if source is None or source.head.epoch != epoch or not self.merged.complete or not self.kinds:
            return None
        were = _were(source, members)
        shown = []
        for column in self._columns:
            now = np.full(len(members), ALL) if not column else _known(source, cohort[:, column - 1])
            was = np.where(were, ALL if not column else _old(source, members, column - 1), 0)
            old = np.where(were, _score(source, members), 0)
            shown.append(self._shown(self.merged.ladders[column], now, score, was, old))
        head = b'"benchmark":%d,"ranks":{' % self.merged.offset
        if len(shown) == 1:
            return [b"%b%b}," % (head, one) for one in shown[0]]
        join = b",".join
        return [b"%b%b}," % (head, join(filter(None, row))) for row in zip(*shown, strict=True)]

    def _shown(
        self, ladder: Ladder, now: np.ndarray, score: np.ndarray, was: np.ndarray, old: np.ndarray
    ) -> list[bytes]:
        above, ties, size = places(ladder, now, score, was, old)
        halves = 2 * above + ties + 1
        top = -(-10_000 * (halves - 1) // (2 * size))
        columns = zip(
            now.tolist(),
            (halves >> 1).tolist(),
            (halves & 1).tolist(),
            size.tolist(),
            (top + ZERO).tolist(),
            ((size >= self.least) & (now > 0)).tolist(),
            strict=True,
        )
        begins = self._begins_to(len(ladder.edges) - 1)
        return [
            b'%b%d%b,"of":%d,"top":%b}' % (begins[number], whole, _HALF[half], of, TEXTS[at]) if told else b""
            for number, whole, half, of, at, told in columns
        ]

    def _begins_to(self, cohorts: int) -> list[bytes]:
        """How the ranks in cohorts 0 to `cohorts` begin."""
        for kind, value in self.merged.cohorts[len(self._begins) : cohorts]:
            named = b'"value":%b,' % orjson.dumps(value) if value else b""
            self._begins.append(b'"%b":{%b"place":' % (kind.encode(), named))
        return self._begins

    def forget(self) -> None:
        """The numbers of cohorts have been given anew."""
        self._begins.clear()


def places(
    ladder: Ladder, now: np.ndarray, score: np.ndarray, was: np.ndarray, old: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(above, ties, size) of members of cohorts `now` with `score`, int64[n] each.

    The ladder has them in the cohort `was` (0: not at all) with the score `old`; that is left out, and they
    are counted as they are now.
    """
    above, ties = ladder.above(now, score)
    size = ladder.size(now)
    same = (was == now) & (was > 0)
    above -= same & (old > score)
    ties += 1 - (same & (old == score))
    return above, ties, size + 1 - same


def _were(source: Source, members: np.ndarray) -> np.ndarray:
    """bool[n]: who is in the merged view."""
    return _score(source, members) != GONE


def _score(source: Source, members: np.ndarray) -> np.ndarray:
    there = members < len(source.numbers)
    return np.where(there, source.numbers[np.where(there, members, 0), 0] if there.any() else GONE, GONE)


def _old(source: Source, members: np.ndarray, column: int) -> np.ndarray:
    there = members < len(source.codes)
    if not there.any():
        return np.zeros(len(members), np.int64)
    return source.cohort[source.codes[np.where(there, members, 0), column]] * there


def _known(source: Source, own: np.ndarray) -> np.ndarray:
    """int64[n]: the merged numbers of the partition's own, 0 for those too new to be known."""
    return np.where(own < len(source.cohort), source.cohort[np.minimum(own, len(source.cohort) - 1)], 0)
