"""What was emitted last of each member: the one table that score records, cohorts and metrics compare with.

It need not be durable: after a restore it follows from the state as of the stamp, and the emitter fills it again.
"""

import numpy as np

from pipeline.common.growable import grown
from pipeline.rubric.components import PILLARS
from pipeline.scoring.bands import UNKNOWN
from pipeline.scoring.scorer import Points
from pipeline.shard.member_state import NO_DAY

WIDTH = len(PILLARS) + 2
"""Columns of numbers: score and pillars in hundredths, index of the band in BANDS."""
WITHDRAWN = (1 << 31) - 1
"""In place of the day of a member's last record: it was withdrawn."""


def columns_of(points: Points, band: np.ndarray) -> np.ndarray:
    """int16[WIDTH, n]: the columns of n members by their points and bands int8[n]."""
    columns = np.empty((WIDTH, len(band)), np.int16)
    columns[0], columns[1:-1], columns[-1] = points.score, points.pillars.T, band
    return columns


class LastEmitted:
    """By member: numbers int16[n, WIDTH], UNKNOWN without a score; components int16[n, components]; day int32[n].

    day: the as-of day of the newest record; NO_DAY, or WITHDRAWN.
    """

    def __init__(self, components: int) -> None:
        self.numbers = np.full((0, WIDTH), UNKNOWN, np.int16)
        self.components = np.zeros((0, components), np.int16)
        self.day = np.zeros(0, np.int32)

    def resize(self, members: int) -> None:
        """Make room for members 0..members-1."""
        self.numbers = grown(self.numbers, members, UNKNOWN)
        self.components = grown(self.components, members)
        self.day = grown(self.day, members, NO_DAY)

    def columns(self, members: np.ndarray) -> np.ndarray:
        """int16[WIDTH, n]: the numbers of `members` int64[n], a copy."""
        # by column as those who count them want it, which is ten times as fast there
        return np.ascontiguousarray(self.numbers.take(members, axis=0).T)

    def set(self, members: np.ndarray, columns: np.ndarray, components: np.ndarray) -> None:
        """These are the numbers, int16[WIDTH, n], and components of distinct `members` int64[n] now."""
        self.numbers[members] = columns.T
        self.components[members] = components

    def remove(self, members: np.ndarray) -> None:
        """The records of `members` were withdrawn."""
        self.numbers[members] = UNKNOWN
        self.components[members] = 0
        self.day[members] = WITHDRAWN

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self.numbers.nbytes + self.components.nbytes + self.day.nbytes
