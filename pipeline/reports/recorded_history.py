"""The daily history from the records of `member.history`, and what a score record must contain by it.

Bands, trends and changes are functions of the recorded days and the score, so a reader can work them out
without the workers' state: that is how `verify` finds a record that differs. Kept of a member
are the last 90 days, as in a worker's memory, and the band that all days before lead to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.common.growable import grown
from pipeline.common.rubric_id import RubricId
from pipeline.common.units import Day
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Rubric
from pipeline.scoring.bands import BANDS, UNKNOWN, Band, Direction, next_band, trend
from pipeline.shard.daily_history import COLUMNS, DAYS


@dataclass(frozen=True, slots=True)
class Expected:
    """What a score record must contain beside the points; changes in hundredths, None: no score on that day.

    band: None when it is unknown, since some of the days were recorded by another rubric.
    """

    band: Band | None
    trend: Direction
    day: int | None
    week: int | None
    weakest: str


class RecordedHistory:
    """Members' days, given in the order of the topic; 900 bytes for each member.

    rubric: that of the scores; bands are by its thresholds.
    """

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric
        self._rubric_id = rubric.id
        self.rows: dict[str, int] = {}
        self.first: int | None = None  # the first day there is a record of
        self._kept = np.zeros((0, DAYS, COLUMNS), np.int16)  # points plus 1; 0: unknown
        self._last: list[int] = []
        self._band: list[int] = []
        self._unfolded = set[int]()  # rows whose band is to be worked out from what is left
        self._by_others = set[int]()

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, member: str, day: Day, points: Sequence[int], *, rubric: RubricId) -> None:
        """A record of a day: score and pillars in hundredths, by the rubric."""
        row = self._row(member)
        last = self._last[row]
        if day <= last - DAYS:
            return
        if rubric != self._rubric_id:
            self._by_others.add(row)
        for gap in range(max(last + 1, day - DAYS + 1), day):
            self._kept[row, gap % DAYS] = 0
        self._kept[row, day % DAYS] = [value + 1 for value in points]
        self.first = day if self.first is None else min(self.first, day)
        if day > last:
            self._last[row] = day
            self._band[row] = next_band(self._folded(row), points[0], self.rubric.bands)
        else:
            self._unfolded.add(row)

    def take_back(self, member: str, day: Day) -> None:
        """A record without a value: the member's day is erased, and the band is that of what is left."""
        row = self._row(member)
        if self._last[row] - DAYS < day <= self._last[row]:
            self._kept[row, day % DAYS] = 0
        self._unfolded.add(row)

    def expected(self, member: str, day: Day, score: int, *, pillars: Sequence[int]) -> Expected:
        """What a record of this score (hundredths) as of `day` must contain, by the days before it."""
        row = self.rows.get(member)
        rule = self.rubric.trend
        line = self._line(row, day, max(rule.days - 1, 7))
        return Expected(
            band=self._band_of(row, day, score),
            trend=trend([*line, score][-rule.days :], rule),
            day=None if line[-1] == UNKNOWN else score - line[-1],
            week=None if line[-7] == UNKNOWN else score - line[-7],
            weakest=str(PILLARS[min(range(len(PILLARS)), key=lambda at: pillars[at])]),
        )

    def last_days(self, max_days: int) -> range:
        """The newest days there are records of, at most so many."""
        newest = max(self._last, default=-1)
        return range(max(newest - min(max_days, DAYS) + 1, self.first or 0), newest + 1)

    def on(self, day: int) -> Iterator[tuple[str, list[int]]]:
        """Each member who has a record of the day: score and pillars in hundredths."""
        for member, row in self.rows.items():
            points = self._points(row, day)
            if points[0] != UNKNOWN:
                yield member, points

    def _row(self, member: str) -> int:
        row = self.rows.get(member)
        if row is None:
            row = self.rows[member] = len(self.rows)
            self._last.append(-1)
            self._band.append(0)
            self._kept = grown(self._kept, row + 1, floor=256)
        return row

    def _points(self, row: int, day: int) -> list[int]:
        if not self._last[row] - DAYS < day <= self._last[row]:
            return [UNKNOWN] * COLUMNS
        return [value - 1 for value in self._kept[row, day % DAYS].tolist()]

    def _line(self, row: int | None, day: int, last: int) -> list[int]:
        """The scores of the `last` days before `day`, oldest first."""
        if row is None:
            return [UNKNOWN] * last
        on = np.arange(day - last, day)
        line = self._kept[row, on % DAYS, 0].astype(np.int64) - 1
        line[(on <= self._last[row] - DAYS) | (on > self._last[row])] = UNKNOWN
        return line.tolist()

    def _band_of(self, row: int | None, day: Day, score: int) -> Band | None:
        now = 0
        if row is not None:
            if row in self._by_others:
                return None
            # a record as of an earlier day than the newest one recorded is judged by the days before it
            now = self._folded(row) if self._last[row] < day else self._fold(self._line(row, day, DAYS))
        return BANDS[next_band(now, score, self.rubric.bands)]

    def _folded(self, row: int) -> int:
        if row in self._unfolded:
            self._unfolded.discard(row)
            self._band[row] = self._fold(self._line(row, self._last[row] + 1, DAYS))
        return self._band[row]

    def _fold(self, line: Sequence[int]) -> int:
        now = 0
        for score in line:
            if score != UNKNOWN:
                now = next_band(now, score, self.rubric.bands)
        return now
