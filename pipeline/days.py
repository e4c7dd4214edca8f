"""Days as numbers: days since 1970-01-01 in UTC."""

from datetime import date

import numpy as np

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


def number(day: date) -> int:
    """The number of a date."""
    return day.toordinal() - _EPOCH


def calendar(day: int) -> date:
    """The date of a number."""
    return date.fromordinal(day + _EPOCH)


def of(milliseconds: np.ndarray) -> np.ndarray:
    """int64[n]: the day each time (ms since 1970 UTC, int64[n]) falls on."""
    return milliseconds // DAY_MS


def end_ms(day: int) -> int:
    """The first millisecond after the day."""
    return (day + 1) * DAY_MS
