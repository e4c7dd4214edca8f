"""Ranks of members in their cohorts, among the others as merged last and themselves as they are now.

n members are in the cohort, `above` of them have a higher score, `ties` the same, the member included. The
rank is the mean of the ranks that the tied share (mid-rank), above + (ties + 1) / 2; the top share is
(rank - 1/2) / n, always rounded up to a hundredth of a percent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa

from pipeline.cohorts.cohort_table import ALL, NONE
from pipeline.cohorts.kinds import EVERYONE
from pipeline.cohorts.merged_scores import MergedScores
from pipeline.cohorts.rank import top_of
from pipeline.cohorts.sorted_scores import SortedScores
from pipeline.cohorts.sources import Source
from pipeline.common.json_columns import Piece, Table, joined, whole
from schemas.distributions import GONE

_HALF = Table([b'.0,"top":', b'.5,"top":'])
_TOP = Table.hundredths(b"", b"}")
_MAX_BEGINNINGS = 1 << 16
"""Beginnings of ranks that are kept."""
_SIZE = 32
"""Bits of a cohort's size."""


@dataclass(frozen=True, slots=True)
class _Ranked:
    """The ranks of n members in their cohorts `now` of one kind; int64[n] each, size of the cohort."""

    now: np.ndarray
    halves: np.ndarray
    size: np.ndarray


class RankWriter:
    """Ranks as they are put into records. kinds: in which cohorts; minimum: members a cohort must have."""

    def __init__(self, merged: MergedScores, kinds: Sequence[str], minimum: int) -> None:
        self.merged = merged
        self.kinds = tuple(kinds)
        self.minimum = minimum
        self._columns = [0 if kind == EVERYONE else 1 + merged.kinds.index(kind) for kind in kinds]
        self._begins: dict[int, bytes] = {}  # by cohort and size, as of
        self._merged = -1  # this offset

    def pieces(
        self, partition: int, epoch: int, *, members: np.ndarray, score: np.ndarray, cohort: np.ndarray
    ) -> Piece | None:
        """For each of `members` (slots, int64[n]) the JSON of its ranks, with a comma at the end.

        score: int64[n], as it is now; cohort: uint32[n, K], the partition's own numbers. None before all
        partitions have been merged, this one as of this epoch.
        """
        source = self.merged.sources.get(partition)
        if source is None or source.head.epoch != epoch or not self.merged.complete or not self.kinds:
            return None
        old = _score(source, members)
        kinds = [
            self._ranked(source, column, members=members, score=score, cohort=cohort, old=old)
            for column in self._columns
        ]
        hidden = np.zeros(len(members), np.int64)
        for at, kind in enumerate(kinds):
            nowhere = (kind.now == NONE) | (kind.now == self._other(at))
            hidden |= ((kind.size < self.minimum) | nowhere).astype(np.int64) << at
        patterns = np.unique(hidden).tolist()
        # who is shown in the same kinds has a record of the same form
        rows = [np.flatnonzero(hidden == pattern) for pattern in patterns]
        made = [
            self._texts([kind for at, kind in enumerate(kinds) if not pattern >> at & 1], some)
            for pattern, some in zip(patterns, rows, strict=True)
        ]
        if len(made) <= 1:
            return made[0] if made else None
        position = np.empty(len(members), np.int64)
        position[np.concatenate(rows)] = np.arange(len(members))
        return pa.concat_arrays(made).take(pa.array(position))

    def _other(self, at: int) -> int:
        """The place of the cohort in which there are no ranks, since it has in common only that it is none."""
        column = self._columns[at]
        return self.merged.table.others[column - 1] if column else NONE

    def _ranked(
        self,
        source: Source,
        column: int,
        *,
        members: np.ndarray,
        score: np.ndarray,
        cohort: np.ndarray,
        old: np.ndarray,
    ) -> "_Ranked":
        """The ranks in one kind; old: the scores as merged."""
        were = old != GONE
        if column:
            now, was = _known(source, cohort[:, column - 1]), _old(source, members, column - 1) * were
        else:
            now, was = np.full(len(members), ALL), were * ALL
        above, ties, size = counts_around(self.merged.sorted_scores[column], now, score, was=was, old=old)
        return _Ranked(now, 2 * above + ties + 1, size)

    def _texts(self, shown: Sequence["_Ranked"], rows: np.ndarray) -> pa.BinaryArray:
        """The pieces of some rows that have ranks in all these kinds."""
        begin = b'"benchmark":%d,"ranks":{' % self.merged.offset
        if not shown:
            return pa.repeat(pa.scalar(begin + b"},", pa.binary()), len(rows))
        pieces: list[Piece] = []
        for kind in shown:
            halves, size = kind.halves[rows], kind.size[rows]
            rank = whole(halves >> 1), _HALF.of(halves & 1)
            pieces += [self._begun(begin, kind.now[rows], size), *rank, _TOP.of(top_of(halves, size))]
            begin = b","
        return joined(*pieces, b"},")

    def _begun(self, before: bytes, cohort: np.ndarray, size: np.ndarray) -> Piece:
        """How ranks in cohorts of these sizes begin, up to the rank; many members share a beginning."""
        key = cohort << _SIZE | size
        if (key == key[0]).all():  # `everyone`, mostly
            return before + self._text(int(key[0]))
        keys, which = np.unique(key, return_inverse=True)
        return Table([before + self._text(one) for one in keys.tolist()]).of(which)

    def _text(self, key: int) -> bytes:
        """How ranks in a cohort of some size begin; key: both of them."""
        begins = self._begins
        if self._merged != self.merged.offset:
            begins.clear()  # how many are active has changed
            self._merged = self.merged.offset
        text = begins.get(key)
        if text is None:
            if len(begins) > _MAX_BEGINNINGS:
                begins.clear()  # sizes have changed many times
            kind, value = self.merged.cohorts[key >> _SIZE]
            named = b'"value":%b,' % orjson.dumps(value) if value else b""
            of = key & (1 << _SIZE) - 1
            active = min(int(self.merged.active[key >> _SIZE]), of)
            form = b'"%b":{%b"of":%d,"active":%d,"place":'
            text = begins[key] = form % (kind.encode(), named, of, active)
        return text

    def clear(self) -> None:
        """Drop what was kept of cohorts: their numbers have been given again."""
        self._begins.clear()


def counts_around(
    scores: SortedScores, now: np.ndarray, score: np.ndarray, *, was: np.ndarray, old: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(above, ties, size) of members of cohorts `now` with `score`, int64[n] each.

    The sorted scores have them in the cohort `was` (0: not at all) with the score `old`; that is left out, and they
    are counted as they are now.
    """
    above, ties = scores.above(now, score)
    size = scores.size(now)
    same = (was == now) & (was > 0)
    above -= same & (old > score)
    ties += 1 - (same & (old == score))
    return above, ties, size + 1 - same


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
