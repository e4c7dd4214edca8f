"""The daily history: what each member's score and pillars were at the end of each of the last 90 days.

It is recorded at the day's turn and never rewritten: a late event or a new rubric changes today's score, not
what was said of yesterday. Bands and trends are functions of it (`pipeline.bands`).
"""

import numpy as np

from pipeline.bands import UNKNOWN, bands_of, next_bands
from pipeline.rubric import Bands
from pipeline.scoring import Points

DAYS = 90
NEVER = 2**31 - 1
COLUMNS = 5
"""Score and the four pillars."""


class History:
    """Hundredths of points by member, day and column; UNKNOWN where there was no score."""

    def __init__(self) -> None:
        # made at the first day's turn, since it is large and there is nothing to keep before
        # points plus 1, so that fresh memory says unknown: writing it takes seconds at a million members
        self.kept = np.zeros((0, DAYS, COLUMNS), np.int16)
        self.band = np.zeros(0, np.int8)
        self.since = np.zeros(0, np.int32)

    def resize(self, members: int) -> None:
        """Make room for members 0..members-1."""
        have = len(self.band)
        if members > have:
            room = max(members, have * 3 // 2, 256)
            self.band = np.concatenate([self.band, np.zeros(room - have, np.int8)])
            self.since = np.concatenate([self.since, np.full(room - have, NEVER, np.int32)])
            if len(self.kept):
                self.begin()

    def begin(self) -> None:
        """Make room for the points of all members."""
        have = len(self.kept)
        if have < len(self.band):
            grown = np.zeros((len(self.band), DAYS, COLUMNS), np.int16)
            grown[:have] = self.kept
            self.kept = grown

    def record(self, members: np.ndarray, day: int, points: Points, there: np.ndarray, bands: Bands) -> None:
        """Keep the points of `members` int64[n] at the end of `day`, of those that are `there` (bool[n]).

        Days must be recorded one after the other, each for all members of a block.
        """
        self.begin()
        columns = np.column_stack([points.score, points.pillars]).astype(np.int16)
        columns[~there] = UNKNOWN
        self.since[members[there]] = np.minimum(self.since[members[there]], day)
        self.kept[members, day % DAYS] = columns + np.int16(1)
        self.band[members] = next_bands(self.band[members], columns[:, 0].astype(np.int64), bands)

    def score(self, members: np.ndarray, day: int) -> np.ndarray:
        """int64[n]: the scores of `members` at the end of a day of the last 90."""
        if not len(self.kept):
            return np.full(len(members), UNKNOWN)
        return self.kept[members, day % DAYS, 0].astype(np.int64) - 1

    def scores(self, members: np.ndarray, today: int, last: int) -> np.ndarray:
        """int64[n, last]: the scores of `members` on the `last` days before today, oldest first."""
        if not len(self.kept):
            return np.full((len(members), last), UNKNOWN)
        at = np.arange(today - last, today) % DAYS
        return self.kept[members[:, None], at, 0].astype(np.int64) - 1

    def line(self, member: int, today: int) -> np.ndarray:
        """int16[90, 5]: a member's history, oldest day first, up to yesterday."""
        if not len(self.kept):
            return np.full((DAYS, COLUMNS), UNKNOWN, np.int16)
        return self.kept[member, np.arange(today - DAYS, today) % DAYS] - np.int16(1)

    def erase(self, member: int, last: int, today: int, bands: Bands) -> int:
        """Forget a member's history up to the day `last`; the band is that of what is left.

        Returns the first day there ever was a record of, NEVER when there was none.
        """
        first = int(self.since[member])
        if first > last:
            return first
        self.since[member] = NEVER if last >= today - 1 else last + 1
        on = np.arange(today - DAYS, min(last + 1, today)) % DAYS
        self.kept[member, on] = 0
        self.band[member] = bands_of(self.line(member, today)[None, :, 0].astype(np.int64), bands)[0]
        return first

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self.kept.nbytes + self.band.nbytes + self.since.nbytes
