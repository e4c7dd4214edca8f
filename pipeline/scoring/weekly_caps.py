"""Signals of which at most so many count in a calendar week, besides the cap of a day: from Monday, the newest first.

The newest first, so that a further count never makes the sum smaller: it can only take the place of an older one,
which weighs less. What counts follows from the tiles alone, and so does not depend on the order of the events.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.common.tile_keys import RING, WINDOW, Pairs
from pipeline.common.units import Day
from pipeline.rubric.components import Use
from pipeline.scoring.component_shares import MONDAY
from schemas.signals import Signal


@dataclass(frozen=True, slots=True)
class WeeklyUse:
    """A use with a cap of the week. slot: what it adds to; decay: float64[WINDOW], the weight of a count by age.

    youngest: the age from which on counts are looked at.
    """

    slot: int
    signal: Signal
    use: Use
    decay: np.ndarray
    youngest: int

    def add_to(self, sums: np.ndarray, pairs: Pairs, day: Day) -> None:
        """Add what counts to `sums`, int64[slots, n]."""
        at = np.flatnonzero(pairs.key >> _BITS == self.signal)
        if not len(at):
            return
        age = (day - pairs.key[at].astype(np.int64)) & (RING - 1)
        inside = (age >= self.youngest) & (age < WINDOW)
        at, age = at[inside], age[inside]
        row, count = pairs.row[at], np.minimum(pairs.count[at].astype(np.int64), self.use.cap)
        week = (day - age + MONDAY) // 7
        order = np.lexsort((age, week, row))
        row, week, age, count = row[order], week[order], age[order], count[order]
        before = np.cumsum(count) - count
        first = np.ones(len(row), bool)
        first[1:] = (row[1:] != row[:-1]) | (week[1:] != week[:-1])
        before -= before[first][np.cumsum(first) - 1]
        kept = np.clip(self._most() - before, 0, count)
        np.add.at(sums[self.slot], row, (kept * self.decay[age]).astype(np.int64))

    def _most(self) -> int:
        assert self.use.week is not None
        return self.use.week


_BITS = np.uint16(RING.bit_length() - 1)


def kept(counts: Mapping[int, int], use: Use, day: Day) -> tuple[dict[int, int], int]:
    """(what counts by age, in how many weeks the cap of the week was reached) of counts by age, for one member."""
    capped = {age: min(count, use.cap) for age, count in counts.items()}
    if use.week is None:
        return capped, 0
    left: dict[int, int] = {}
    over = set()
    for age in sorted(capped):
        week = (day - age + MONDAY) // 7
        room = left.setdefault(week, use.week)
        if capped[age] > room:
            over.add(week)
        capped[age] = min(capped[age], room)
        left[week] = room - capped[age]
    return capped, len(over)
