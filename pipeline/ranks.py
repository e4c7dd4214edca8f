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
from pipeline.merged import ALL, NONE, Merged, Source
from schemas.distributions import GONE


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
        if not len(members):
            return []
        old = _score(source, members)
        were = old != GONE
        pieces = [[b'"benchmark":%d,"ranks":{' % self.merged.offset] * len(members)]
        for column in self._columns:
            if column:
                now, was = _known(source, cohort[:, column - 1]), _old(source, members, column - 1)
                was *= were
            else:
                now, was = np.full(len(members), ALL), were * ALL
            pieces.append(self._shown(self.merged.ladders[column], now, score, was, old))
        # each rank ends with a comma, and the last one's goes
        return [b"%b}," % b"".join(row).rstrip(b",") for row in zip(*pieces, strict=True)]

    def _shown(
        self, ladder: Ladder, now: np.ndarray, score: np.ndarray, was: np.ndarray, old: np.ndarray
    ) -> list[bytes]:
        above, ties, size = places(ladder, now, score, was, old)
        halves = 2 * above + ties + 1
        top = -(-10_000 * (halves - 1) // (2 * size))
        begins = self._begins_to(len(ladder.edges) - 1)
        columns = zip(
            map(begins.__getitem__, now.tolist()),
            _numbers(halves / 2),
            _numbers(size),
            _numbers(top / 100),
            strict=True,
        )
        shown = [b'%b%b,"of":%b,"top":%b},' % texts for texts in columns]
        for row in np.flatnonzero((size < self.least) | (now == NONE)).tolist():
            shown[row] = b""
        return shown

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


def _numbers(values: np.ndarray) -> list[bytes]:
    """The numbers as JSON."""
    return orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def _score(source: Source, members: np.ndarray) -> np.ndarray:
    """int64[n]: the scores of members as merged, GONE where there is none."""
    if not len(source.numbers):
        return np.full(len(members), GONE)
    known = source.numbers[np.minimum(members, len(source.numbers) - 1), 0].astype(np.int64)
    known[members >= len(source.numbers)] = GONE
    return known


def _old(source: Source, members: np.ndarray, column: int) -> np.ndarray:
    """int64[n]: the cohorts of members as merged; of those who are not in it, any."""
    if not len(source.codes):
        return np.zeros(len(members), np.int64)
    return source.cohort[source.codes[np.minimum(members, len(source.codes) - 1), column]]


def _known(source: Source, own: np.ndarray) -> np.ndarray:
    """int64[n]: the merged numbers of the partition's own, 0 for those too new to be known."""
    return np.where(own < len(source.cohort), source.cohort[np.minimum(own, len(source.cohort) - 1)], 0)
