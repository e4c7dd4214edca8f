"""The daily history: what each member's score and pillars were at the end of each of the last 90 days.

It is recorded at the rollover and never rewritten: a late event or a new rubric changes today's score, not
that of yesterday. Bands and trends are functions of it (`pipeline.scoring.bands`).
"""

import numpy as np

from pipeline.common.growable import grown
from pipeline.common.units import Day, MemberSlot
from pipeline.rubric.model import Bands
from pipeline.scoring.bands import UNKNOWN, bands_of, next_bands
from pipeline.scoring.scorer import Points

DAYS = 90
NOT_RECORDED = 2**31 - 1
"""In place of the first day on record: there is none."""
COLUMNS = 5
"""Score and the four pillars."""


class DailyHistory:
    """Hundredths of points by day, member and column; UNKNOWN where there was no score."""

    def __init__(self) -> None:
        # An array for each day, int16[members, 5], made when the day is recorded: what a rollover writes
        # lies together. Points plus 1, so that fresh memory means unknown: writing it takes seconds at a million.
        self._days = [np.zeros((0, COLUMNS), np.int16)] * DAYS
        self.band = np.zeros(0, np.int8)
        self.since = np.zeros(0, np.int32)

    def resize(self, members: int) -> None:
        """Make room for members 0..members-1."""
        if members > len(self.band):
            self.band = grown(self.band, members)
            self.since = grown(self.since, members, NOT_RECORDED)
            for at, kept in enumerate(self._days):
                if len(kept):
                    self._make(at)

    def _make(self, at: int) -> np.ndarray:
        """int16[room, 5]: the points of all members on the day at index `at`, to be written to."""
        kept = self._days[at]
        if len(kept) < len(self.band):
            self._days[at] = kept = grown(kept, len(self.band), floor=len(self.band))
        return kept

    def record(
        self, members: np.ndarray, day: Day, points: Points, *, there: np.ndarray, bands: Bands
    ) -> None:
        """Keep the points of `members` int64[n] at the end of `day`, of those that are `there` (bool[n]).

        Days must be recorded one after the other, each for all members of a block.
        """
        columns = np.column_stack([points.score, points.pillars]).astype(np.int16)
        columns[~there] = UNKNOWN
        self.put(members, day, columns + np.int16(1))
        self.band[members] = next_bands(self.band[members], columns[:, 0].astype(np.int64), bands)

    def put(self, members: np.ndarray, day: Day, kept: np.ndarray) -> None:
        """Take int16[n, 5], points plus 1 or 0, for what `members` had at the end of `day`."""
        self._make(day % DAYS)[members] = kept
        known = members[kept[:, 0] > 0]
        self.since[known] = np.minimum(self.since[known], day)

    def kept(self, members: slice, day: Day) -> np.ndarray:
        """int16[n, 5], points plus 1 or 0, of the members in the slice at the end of `day`."""
        return self._make(day % DAYS)[members]

    def whole(self, members: slice | np.ndarray) -> np.ndarray:
        """int16[n, 90, 5], points plus 1 or 0, of the members in the slice or int64[n], by day mod 90."""
        count = members.stop - members.start if isinstance(members, slice) else len(members)
        out = np.zeros((count, DAYS, COLUMNS), np.int16)
        for at, kept in enumerate(self._days):
            if len(kept):
                out[:, at] = kept[members]
        return out

    def restore(self, members: slice, whole: np.ndarray) -> None:
        """Take int16[n, 90, 5] as `whole` gave it."""
        for at in np.flatnonzero((whole > 0).any(axis=(0, 2))).tolist():
            self._make(at)[members] = whole[:, at]

    def score(self, members: np.ndarray, day: Day) -> np.ndarray:
        """int64[n]: the scores of `members` at the end of a day of the last 90."""
        kept = self._days[day % DAYS]
        if not len(kept):
            return np.full(len(members), UNKNOWN)
        return kept[members, 0].astype(np.int64) - 1

    def scores(self, members: np.ndarray, today: Day, last: int) -> np.ndarray:
        """int64[n, last]: the scores of `members` on the `last` days before today, oldest first."""
        found = np.zeros((last, len(members)), np.int64)
        for row, day in enumerate(range(today - last, today)):
            kept = self._days[day % DAYS]
            if len(kept):
                found[row] = kept[members, 0]
        return (found - 1).T

    def line(self, member: MemberSlot, today: Day) -> np.ndarray:
        """int16[90, 5]: a member's history, oldest day first, up to yesterday."""
        days = [self._days[day % DAYS] for day in range(today - DAYS, today)]
        nothing = np.zeros(COLUMNS, np.int16)
        return np.array([kept[member] if len(kept) else nothing for kept in days]) - np.int16(1)

    def erase(self, member: MemberSlot, last: int, today: Day, *, bands: Bands) -> int:
        """Clear a member's history up to the day `last`; the band is that of what is left.

        Returns the first day there ever was a record of, NOT_RECORDED when there was none.
        """
        first = int(self.since[member])
        if first > last:
            return first
        self.since[member] = NOT_RECORDED if last >= today - 1 else last + 1
        for day in range(today - DAYS, min(last + 1, today)):
            kept = self._days[day % DAYS]
            if len(kept):
                kept[member] = 0
        self.band[member] = bands_of(self.line(member, today)[None, :, 0].astype(np.int64), bands)[0]
        return first

    def nbytes(self) -> int:
        """Bytes allocated."""
        return sum(kept.nbytes for kept in self._days) + self.band.nbytes + self.since.nbytes
