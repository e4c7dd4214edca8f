"""Rounds get longer while the process is busy and shorter when it is not; a backlog is noticed."""

import pytest

from agents.worker.round_length import BEHIND_S, FULL, HIGH, MAX_TIMES, RoundLength

LEAST = 0.04


class Times:
    """Both clocks of a process, which stand still until they are moved."""

    def __init__(self) -> None:
        self.wall = 1000.0
        self.cpu = 5.0

    def monotonic(self) -> float:
        return self.wall

    def process_cpu(self) -> float:
        return self.cpu

    def run(self, load: RoundLength, share: float, looks: int = 20) -> float:
        """Use this share of a core for a while; how long a round takes then."""
        for _ in range(looks):
            self.wall += 0.3
            self.cpu += 0.3 * share
            load.round()
        return load.round()


@pytest.fixture
def times() -> Times:
    return Times()


def test_a_round_is_as_short_as_it_may_be_while_there_is_little_to_do(times):
    assert times.run(RoundLength(LEAST, times), 0.1) == LEAST


def test_a_busy_process_takes_longer_rounds_within_bounds(times):
    load = RoundLength(LEAST, times)
    lengths = [times.run(load, (HIGH + FULL) / 2, looks=1) for _ in range(20)]
    assert lengths == sorted(lengths)
    assert LEAST < lengths[0] < lengths[-1] == pytest.approx(MAX_TIMES[HIGH] * LEAST)
    assert times.run(load, 0.9) == pytest.approx(MAX_TIMES[FULL] * LEAST), "the process is nearly full"
    assert times.run(load, (HIGH + FULL) / 2) == pytest.approx(MAX_TIMES[FULL] * LEAST), (
        "that helps: it stays"
    )


def test_it_goes_back_when_it_is_idle_again_and_stays_in_between(times):
    load = RoundLength(LEAST, times)
    times.run(load, 0.9)
    assert times.run(load, 0.55) == pytest.approx(MAX_TIMES[FULL] * LEAST), "neither busy nor idle"
    assert times.run(load, 0.2) == LEAST


def test_what_was_read_late_means_a_backlog_until_nothing_more_comes_late(times):
    load = RoundLength(LEAST, times)
    assert not load.behind
    load.read(BEHIND_S / 2)
    assert not load.behind
    often = load.publishing(1.0, 100.0, 100.0)
    load.read(BEHIND_S * 2)
    assert load.behind
    assert load.publishing(1.0, 100.0, 100.0) > often, "benchmarks wait for the scores"
    times.wall += BEHIND_S + 0.1
    assert not load.behind
    assert load.publishing(1.0, 100.0, 100.0) == often


def test_partitions_publish_at_the_same_beats_whenever_they_began(times):
    load = RoundLength(LEAST, times)
    times_ = [(100.0, 100.0), (100.3, 100.4), (100.1, 100.2)]
    nexts = [now + load.publishing(1.0, last, now) for last, now in times_]
    assert nexts == pytest.approx([100.5] * 3)
    assert load.publishing(1.0, 100.4, 100.9) == 0, "the beat has passed"
    assert load.publishing(1.0, 0.0, 100.9) == 0, "never yet"
    assert load.publishing(1.0, 700.0, 100.9) == 0, "the clock was put back"
