"""When a partition emits, commits and writes blocks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.worker import commit_schedule as schedule

COMMIT_S = 0.1


@pytest.mark.parametrize(
    ("rows", "lag_s", "interval"),
    [
        (0, 0.0, COMMIT_S),
        (schedule.BUSY_ROWS - 1, 0.0, COMMIT_S),
        (schedule.BUSY_ROWS, 0.0, schedule.BUSY_S),  # members come again by then
        (0, 1.0, 0.5),  # behind: half of what it is behind …
        (0, 60.0, schedule.BEHIND_S),  # … but at most this
        (schedule.BUSY_ROWS, 0.1, schedule.BUSY_S),
    ],
)
def test_commits_come_less_often_when_busy_or_behind(rows, lag_s, interval):
    assert schedule.commit_interval(COMMIT_S, rows, lag_s) == interval


@given(rows=st.integers(0, 10**6), lag_s=st.floats(0, 10**6), commit_s=st.floats(0.001, 10))
def test_the_interval_is_bounded(rows, lag_s, commit_s):
    interval = schedule.commit_interval(commit_s, rows, lag_s)
    assert commit_s <= interval <= max(commit_s, schedule.BEHIND_S)


def test_scores_are_made_at_rest_when_few_rows_wait_and_in_between_when_many_do():
    assert schedule.flush_at_rest(0, 0)
    assert not schedule.flush_at_rest(schedule.BUSY_ROWS, 0)
    assert not schedule.flush_at_rest(0, 1)
    assert schedule.flush_now(schedule.FLUSH_ROWS)
    assert not schedule.flush_now(schedule.FLUSH_ROWS - 1)


def test_a_commit_is_due_after_its_interval():
    assert schedule.commit_due(10.1, 10.0, 0.1 - 1e-9)
    assert not schedule.commit_due(10.05, 10.0, 0.1)
    assert schedule.next_commit(10.0, 0.1, rows=1, is_open=False) == 10.1
    assert schedule.next_commit(10.0, 0.1, rows=0, is_open=True) == 10.1
    assert schedule.next_commit(10.0, 0.1, rows=0, is_open=False) == math.inf


def test_a_pause_ends_when_there_is_something_to_do():
    assert schedule.pause(10.0, 10.05, math.inf) == pytest.approx(0.05)
    assert schedule.pause(10.0, 9.0, math.inf) == 0.001, "late already"
    assert schedule.pause(10.0, math.inf, math.inf) == schedule.IDLE_S
    assert schedule.pause(10.0, math.inf, 0.3) == 0.3


@given(dirty=st.integers(0, 5000), steps=st.integers(1, 50))
def test_each_dirty_block_is_written_once_in_a_cycle(dirty, steps):
    cycle, left, since = 60.0, dirty, 0.0
    for _ in range(steps * 2):
        since += cycle / steps
        if count := schedule.blocks_due(left, since, cycle):
            left, since = left - count, 0.0
    assert left <= max(1, dirty * 0.4), "what is left had come late in the cycle"
    assert schedule.blocks_due(dirty, cycle, cycle) == dirty
    assert schedule.blocks_due(dirty, 10 * cycle, cycle) == dirty
    assert schedule.blocks_overdue(dirty, cycle, cycle) == (dirty > 0)


def test_the_replay_start_moves_six_times_in_a_cycle_or_when_many_ids_wait():
    assert schedule.advance_due(10.0, 60.0, 0)
    assert not schedule.advance_due(9.9, 60.0, 0)
    assert schedule.advance_due(0.0, 60.0, schedule.MAX_LOOSE_IDS + 1)
