"""Scores are gathered from what workers wrote, whatever else is in the topic."""

import pytest

from pipeline.network.latest_scores import LatestScores
from pipeline.network.member_hash import key_hashes

GOOD = b'{"score":12.34,"as_of":"2025-11-20"}'


@pytest.mark.parametrize(
    "foreign",
    [
        (b"m-1", b"garbage"),
        (b"m-1", b"[]"),
        (b"m-1", b"1"),
        (b"m-1", b'{"score":"x","as_of":"2025-11-20"}'),
        (b"m-1", b'{"score":1e300,"as_of":"2025-11-20"}'),
        (b"m-1", b'{"score":-4,"as_of":"2025-11-20"}'),
        (b"m-1", b'{"score":50,"as_of":7}'),
        (b"m-1", b'{"score":50,"as_of":"yesterday"}'),
        (b"m-1", b'{"score":50,"as_of":"9999999-01-01"}'),
        (b"m-1", b'{"score":50,"as_of":["2025-11-20"]}'),
        (None, GOOD),
        (None, None),
    ],
)
def test_what_is_no_score_changes_nothing(foreign):
    gathering = LatestScores()
    gathering.add([(b"m-1", GOOD), foreign, (b"m-2", GOOD), foreign])
    hashes, score, day = gathering.columns()
    assert sorted(hashes.tolist()) == sorted(key_hashes([b"m-1", b"m-2"]).tolist())
    assert score.tolist() == [1234, 1234]
    assert day.tolist() == [20_412, 20_412]


def test_a_member_who_is_gone_has_no_score():
    gathering = LatestScores()
    gathering.add([(b"m-1", GOOD), (b"m-1", None)])
    assert len(gathering.columns()[0]) == 0
