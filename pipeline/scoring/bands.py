"""Band and trend of a member: pure functions of the daily history of the score.

A band with one threshold flickers for a member whose score is near it, and every flicker would be an alert. So a band
is entered at its threshold and left only `margin` below it. Which band holds in between depends on the
history, not on a stored state: the same history gives the same band on every worker, after any restart.

A history is the score at the end of each day, oldest first, and last the score of today as it stands;
hundredths of a point, with -1 for a day without a score.
"""

from enum import StrEnum

import numpy as np

from pipeline.rubric.model import Bands, Trend

UNKNOWN = -1
"""In a history: no score on that day."""


class Band(StrEnum):
    """The class of a score; the numbers used in arrays are the indices in BANDS."""

    LOW = "low"
    MIDDLE = "middle"
    HIGH = "high"
    TOP = "top"


class Direction(StrEnum):
    """Where a score is going; the numbers used in arrays are the indices in DIRECTIONS."""

    NOT_ENOUGH_INFORMATION = "not_enough_information"
    DECLINING = "declining"
    STEADY = "steady"
    IMPROVING = "improving"


BANDS = tuple(Band)
DIRECTIONS = tuple(Direction)


def _thresholds(bands: Bands) -> tuple[int, int, int]:
    return bands.middle, bands.high, bands.top


def band(history: list[int], bands: Bands) -> Band:
    """The band of one member; low when there is no score at all.

    >>> bands = Bands(middle="40", high="70.01", top="90", margin="2")
    >>> [str(band(days, bands)) for days in ([3900], [4000, 3900], [4000, 3799, 3900])]
    ['low', 'middle', 'low']
    """
    now = 0
    for score in history:
        if score != UNKNOWN:
            now = next_band(now, score, bands)
    return BANDS[now]


def next_band(now: int, score: int, bands: Bands) -> int:
    """The index in BANDS after one more score of a member who was at the index `now` (0 at first).

    It is how many thresholds are reached, or were entered before and are not left yet.
    """
    return sum(
        score >= threshold or (at < now and score >= threshold - bands.margin)
        for at, threshold in enumerate(_thresholds(bands))
    )


def next_bands(now: np.ndarray, score: np.ndarray, bands: Bands) -> np.ndarray:
    """int8[n], the bands after one more score: `now` int8[n] (0 when there is none yet), `score` int64[n].

    A score of UNKNOWN leaves the band as it is. Folding this over a history gives `bands_of` of it.
    """
    after = np.zeros(len(score), np.int8)
    for at, threshold in enumerate(_thresholds(bands)):
        after += (score >= threshold) | ((now > at) & (score >= threshold - bands.margin))
    return np.where(score == UNKNOWN, now, after)


def bands_of(history: np.ndarray, bands: Bands) -> np.ndarray:
    """int8[n], the bands of n members from int[n, days]."""
    now = np.zeros(len(history), np.int8)
    for day in history.T:
        now = next_bands(now, day, bands)
    return now


def trend(history: list[int], rule: Trend) -> Direction:
    """The trend of one member: the mean of the last half of the rule's days against the half before.

    >>> rule = Trend(days=4, known=2, change="1")
    >>> [str(trend(days, rule)) for days in ([0, 0, 100, 100], [0, 0, 100, 99], [0, -1, 900, 900])]
    ['improving', 'steady', 'not_enough_information']
    """
    half = rule.days // 2
    late = [score for score in history[-half:] if score != UNKNOWN]
    early = [score for score in history[-2 * half : -half] if score != UNKNOWN]
    if len(late) < rule.known or len(early) < rule.known:
        return Direction.NOT_ENOUGH_INFORMATION
    # Means compared without dividing: both sides times the two lengths.
    gain = sum(late) * len(early) - sum(early) * len(late)
    change = rule.change * len(late) * len(early)
    if gain >= change:
        return Direction.IMPROVING
    return Direction.DECLINING if gain <= -change else Direction.STEADY


def trends_of(history: np.ndarray, rule: Trend) -> np.ndarray:
    """int8[n], the trends of n members from int[n, days]."""
    half = rule.days // 2
    late, early = history[:, -half:], history[:, -2 * half : -half]
    late_known, early_known = late != UNKNOWN, early != UNKNOWN
    late_days, early_days = late_known.sum(axis=1), early_known.sum(axis=1)
    late_sum = (late * late_known).sum(axis=1, dtype=np.int64)
    early_sum = (early * early_known).sum(axis=1, dtype=np.int64)
    gain = late_sum * early_days - early_sum * late_days
    change = rule.change * late_days * early_days
    direction = 2 + (gain >= change).astype(np.int8) - (gain <= -change)
    enough = (late_days >= rule.known) & (early_days >= rule.known)
    return np.where(enough, direction, 0).astype(np.int8)
