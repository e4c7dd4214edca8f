"""Record timestamps that can't be right are not trusted: what is ahead is judged by the time of reading then."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.worker.refill import Reading
from perf.fake_records import FakeRecord
from pipeline.intake.credit_rules import credits
from pipeline.intake.record_intake import SKEW_MS, TRUSTED_MS, Intake
from schemas.frames import Side
from schemas.letters import DeadLetter
from tests.kit.events import at, dumps, event

AHEAD = 900_000
NOW = 20_412 * 86_400_000 + 3_600_000
HOUR, DAY = 3_600_000, 86_400_000


def record(time_ms, timestamp, offset=0, value=None):
    made = dumps(event("activity.live.hosted", id=str(offset), time=at(0, time_ms)))
    return FakeRecord(made if value is None else value, 0, offset, timestamp)


def judged(records, read_ms=NOW, horizon_ms=None):
    """(offsets of the dead, how many timestamps were not trusted)."""
    rows = Intake(0, AHEAD, credits(5), horizon_ms).rows(
        records, np.zeros(len(records), np.int64), "t", read_ms
    )
    return rows.offset[rows.side == Side.DEAD].tolist(), rows.untrusted


@pytest.mark.parametrize(
    "timestamp",
    [-1, 0, 1, NOW // 1000, -62_135_596_800_000, NOW * 1000, NOW + HOUR, NOW + 3 * DAY, 2**62],
    ids=[
        "none",
        "zero",
        "one",
        "seconds",
        "year 1",
        "microseconds",
        "an hour ahead",
        "three days ahead",
        "far",
    ],
)
def test_a_timestamp_that_is_none_is_not_trusted(timestamp):
    records = [record(NOW - HOUR, timestamp, 0), record(NOW + HOUR, timestamp, 1)]
    assert judged(records) == ([1], 2)


def test_a_clock_that_is_days_behind_is_not_trusted():
    stamp = NOW - 3 * DAY
    assert judged([record(NOW - HOUR, stamp, 0), record(NOW + HOUR, stamp, 1)]) == ([1], 2)


def test_a_backlog_is_trusted_however_old_it_is():
    old = NOW - 300 * DAY
    assert judged([record(old - HOUR, old, 0), record(old + AHEAD, old, 1)]) == ([], 0)


@pytest.mark.parametrize("off", [0, -HOUR, SKEW_MS, -TRUSTED_MS])
def test_a_timestamp_that_can_be_right_is_what_counts(off):
    stamp = NOW + off
    records = [record(stamp + AHEAD, stamp, 0), record(stamp + AHEAD + 1, stamp, 1)]
    assert judged(records) == ([1], 0)


def test_events_that_are_read_again_are_judged_alike_and_a_fault_costs_one_of_them():
    """For missing frames: a timestamp that is none, a fault in our code and a large letter."""

    class Faulty(Intake):
        def rows(self, records, sources, topic, read_ms=None):
            if any(one.offset == 2 for one in records):
                raise RuntimeError("no")
            return super().rows(records, sources, topic, read_ms)

    records = [record(NOW, -1, 0), record(NOW + HOUR, -1, 1), record(NOW, NOW, 2), record(NOW, 0, 3)]
    found = list(Reading(Faulty(0, AHEAD, credits(5)), 7, "t", NOW).rows(records))
    assert [offset for _, offsets in found for offset in offsets.tolist()] == [0, 1, 2, 3]
    letters = [DeadLetter.unpack(one) for rows, _ in found for one in rows.letters.values()]
    assert [(one.offset, one.reason) for one in letters] == [(1, "future_time"), (2, "internal_error")]


def test_without_a_time_of_reading_every_timestamp_is_trusted():
    assert judged([record(NOW, -1)], read_ms=None) == ([0], 0)


def test_a_given_horizon_comes_before_all():
    assert judged([record(NOW, -1)], horizon_ms=NOW) == ([], 0)


def test_what_is_no_event_is_not_counted():
    assert judged([record(0, -1, value=b"{"), record(0, -1, 1, value=b"")]) == ([0, 1], 0)


@given(st.integers(-(2**62), 2**62), st.integers(-200, 200), st.integers(-AHEAD * 3, AHEAD * 3))
def test_nothing_counts_that_is_ahead_of_both_clocks(stamp, days, off):
    time = NOW + days * DAY + off
    dead, untrusted = judged([record(time, stamp)])
    if time > max(NOW, min(stamp, NOW + SKEW_MS)) + AHEAD:
        assert dead == [0]
    if time <= min(NOW, stamp) + AHEAD:
        assert dead == []
    if stamp > 0 and -TRUSTED_MS <= stamp - NOW <= SKEW_MS:
        assert untrusted == 0
