"""Days as numbers: days since 1970-01-01, in UTC or a zone of choice."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from pipeline.common.units import Day

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


def number(day: date) -> Day:
    """The number of a date."""
    return Day(day.toordinal() - _EPOCH)


def calendar(day: Day) -> date:
    """The date of a number."""
    return date.fromordinal(day + _EPOCH)


class Zone:
    """Where days begin and end: UTC, or a time zone as its offsets through time.

    since: int64[k], ascending ms since 1970 from which an offset holds; offset: int64[k], ms east of UTC.
    """

    def __init__(self, name: str = "UTC", since: Sequence[int] = (), offset: Sequence[int] = ()) -> None:
        self.name = name
        self._since = np.array(since, np.int64)
        self._offset = np.array(offset, np.int64)

    def of(self, milliseconds: np.ndarray) -> np.ndarray:
        """int64[n]: the day each time (ms since 1970 UTC, int64[n]) falls on."""
        if not len(self._since):
            return milliseconds // DAY_MS
        at = np.searchsorted(self._since, milliseconds, "right") - 1
        return (milliseconds + self._offset[np.maximum(at, 0)]) // DAY_MS

    def end_ms(self, day: int) -> int:
        """The first millisecond after the day."""
        end = (day + 1) * DAY_MS
        if not len(self._since):
            return end
        # midnight by either of the offsets about that time: the earliest that is not in the day any more
        near = np.unique(self._offset)
        times = np.concatenate([end - near, self._since[np.abs(self._since - end) < 2 * DAY_MS]])
        return int(times[self.of(times) > day].min())


UTC = Zone()


def of(milliseconds: np.ndarray) -> np.ndarray:
    """int64[n]: the day in UTC each time (ms since 1970 UTC, int64[n]) falls on."""
    return UTC.of(milliseconds)


def end_ms(day: int) -> int:
    """The first millisecond after the day, in UTC."""
    return UTC.end_ms(day)
