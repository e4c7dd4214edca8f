"""Bands with hysteresis and trends: what they mean, and that the fast form agrees with the plain one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rubric.model import Bands, Trend
from pipeline.scoring.bands import (
    BANDS,
    DIRECTIONS,
    UNKNOWN,
    Band,
    band,
    bands_of,
    next_bands,
    trend,
    trends_of,
)
from tests.kit.rubrics import SSI

RULE = SSI.bands
TREND = SSI.trend

near = st.sampled_from([t + d for t in (4_000, 7_001, 9_000) for d in (-201, -200, -199, -1, 0, 1)])
scores = st.just(UNKNOWN) | near | st.integers(0, 10_000)


def histories(least, most):
    days = st.integers(least, most)
    return days.flatmap(lambda n: st.lists(st.lists(scores, min_size=n, max_size=n), min_size=1, max_size=5))


@given(histories(0, 40))
def test_the_fast_bands_and_trends_are_the_plain_ones(crowd):
    array = np.array(crowd, np.int32).reshape(len(crowd), -1)
    assert [BANDS[at] for at in bands_of(array, RULE)] == [band(history, RULE) for history in crowd]
    assert [DIRECTIONS[at] for at in trends_of(array, TREND)] == [trend(history, TREND) for history in crowd]


@given(histories(1, 20))
def test_a_band_can_be_carried_from_day_to_day(crowd):
    """Yesterday's band and today's score are enough."""
    array = np.array(crowd, np.int64)
    carried = next_bands(bands_of(array[:, :-1], RULE), array[:, -1], RULE)
    assert (carried == bands_of(array, RULE)).all()


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], Band.LOW),
        ([UNKNOWN], Band.LOW),
        ([3_999], Band.LOW),
        ([4_000], Band.MIDDLE),
        ([7_000], Band.MIDDLE),
        ([7_001], Band.HIGH),
        ([8_999], Band.HIGH),
        ([9_000], Band.TOP),
        ([4_000, 3_800], Band.MIDDLE),  # not yet 2 points below
        ([4_000, 3_799], Band.LOW),
        ([4_000, 3_799, 3_999], Band.LOW),  # and back only at the threshold itself
        ([9_500, 8_800, 6_801], Band.HIGH),  # top left, high kept
        ([9_500, 6_800], Band.MIDDLE),  # two at once
        ([9_500, 0], Band.LOW),
        ([4_000, UNKNOWN, 3_900], Band.MIDDLE),  # a day without a score changes nothing
    ],
)
def test_band(history, expected):
    assert band(history, RULE) == expected


@given(st.lists(scores, max_size=30), st.integers(0, 10_000))
def test_a_band_is_at_most_the_margin_away_from_the_score(history, score):
    """Never below the band of the score itself, nor above that of the score plus the margin."""
    at = BANDS.index(band([*history, score], RULE))
    assert BANDS.index(band([score], RULE)) <= at <= BANDS.index(band([score + RULE.margin], RULE))


@given(st.integers(0, 10_000), st.lists(st.integers(-99, 99), min_size=1, max_size=60))
def test_a_band_does_not_flicker_within_the_margin(middle, wiggles):
    """Scores that stay within less than the margin of each other change the band at most once."""
    history = [min(max(middle + wiggle, 0), 10_000) for wiggle in wiggles]
    seen = [band(history[: days + 1], RULE) for days in range(len(history))]
    assert sum(a != b for a, b in pairwise(seen)) <= 1


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([5_000] * 14 + [5_200] * 14, "improving"),
        ([5_000] * 14 + [5_199] * 14, "steady"),
        ([5_000] * 14 + [4_801] * 14, "steady"),
        ([5_000] * 14 + [4_800] * 14, "declining"),
        ([5_000] * 6 + [9_000] * 14, "not_enough_information"),
        ([5_000] * 7 + [9_000] * 14, "improving"),
        ([5_000] * 14 + [UNKNOWN] * 8 + [9_000] * 6, "not_enough_information"),
        ([5_000] * 14 + [UNKNOWN] * 7 + [9_000] * 7, "improving"),
        ([0] * 60 + [5_000] * 28, "steady"),  # what is older is not looked at
        ([], "not_enough_information"),
    ],
)
def test_trend(history, expected):
    assert trend(history, TREND) == expected


@given(st.lists(st.integers(0, 10_000), min_size=28, max_size=28), st.integers(0, 500))
def test_a_trend_turns_round_with_its_history(history, shift):
    turned = {"improving": "declining", "declining": "improving"}
    said = trend(history, TREND)
    assert trend(history[::-1], TREND) == turned.get(said, said)
    assert trend([score + shift for score in history], TREND) == said


def test_other_thresholds():
    rule = Bands.model_validate({"middle": "10", "high": "20", "top": "30", "margin": "0"})
    assert [band([1_000, score], rule) for score in (999, 1_999, 2_000, 3_000)] == list(BANDS)
    assert trend([0, 1], Trend.model_validate({"days": 2, "known": 1, "change": "0.01"})) == "improving"
