"""What a shard publishes for benchmarks is what it has emitted, whatever dies; and the ends of days."""

from collections import Counter

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cohorts.benchmark_records import Benchmarks
from pipeline.cohorts.kinds import registers_of
from pipeline.cohorts.membership import CohortMembership
from pipeline.cohorts.merged_scores import MergedScores
from pipeline.scoring.bands import BANDS
from pipeline.shard import distribution_feed
from pipeline.shard.shard import Shard
from schemas.benchmarks import Benchmark
from schemas.distributions import GONE
from schemas.scores import Score
from tests.kit.benchmarks import Scored
from tests.kit.shards import SMALL_BLOCKS, new_shard
from tests.property.test_cohorts import DAY, KINDS, Partition, Topic
from tests.property.test_history import Keeper
from tests.property.test_restore import NOW, RUBRIC, ingest, make_shard, stream

Row = tuple[int, ...]


class Teller(Keeper):
    """A ledger in memory with the topics of scores and distributions; each `keep` is a transaction."""

    def __init__(self) -> None:
        super().__init__()
        self._make, self._fresh_day = self.begin, DAY
        self.topic = Topic()
        self.merged = MergedScores(1, KINDS)
        self.scores: dict[bytes, bytes] = {}
        self.values: dict[bytes, tuple[str, ...]] = {}
        self.epoch = self.published = 0

    def begin(self, day: int) -> Shard:
        self.epoch += 1
        cohorts = CohortMembership(0, self.epoch, KINDS)
        return new_shard(RUBRIC, day, 40, cohorts=cohorts, block_size=SMALL_BLOCKS)

    def keep(self, shard: Shard) -> None:
        emission = shard.drain()
        for key, value in emission.scores:
            if value is None:
                self.scores.pop(key, None)
            else:
                self.scores[key] = value
                self.values[key] = _values(shard, key)
        self.days += emission.history
        if distribution_feed.is_due(shard):
            self.published += 1
            self.topic.put(distribution_feed.published(shard))
            self.topic.compact()
            self.topic.read(self.merged)
            assert self.rows() == self.said()
        self.commit(shard, 1)

    def said(self) -> Counter[Row]:
        """How many records there are of each content."""
        found: Counter = Counter()
        for key, value in self.scores.items():
            score = Score.model_validate_json(value)
            pillars = score.pillars
            points = (score.score, pillars.brand, pillars.find, pillars.engage, pillars.relate)
            found[*points, [str(band) for band in BANDS].index(str(score.band)), *self.values[key]] += 1
        return found

    def rows(self) -> Counter[Row]:
        """The same, as merged."""
        source = self.merged.sources[0]
        found: Counter = Counter()
        for numbers, codes in zip(source.numbers.tolist(), source.cohort[source.codes].tolist(), strict=True):
            if numbers[0] != GONE:
                found[*numbers, *(self.merged.cohorts[code][1] for code in codes)] += 1
        return found


def _values(shard: Shard, key: bytes) -> tuple[str, ...]:
    [numbers] = shard.state.registers.numbers(np.array([shard.state.index[key.decode()]]))
    return tuple(shard.state.registers.texts.names[numbers[register]] for register in registers_of(KINDS))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    members=st.sampled_from([15, 60]),
    turns=st.dictionaries(st.integers(1, 20), st.integers(1, 9), min_size=1, max_size=4),
    fates=st.lists(st.sampled_from(["keep", "keep", "wait", "die"]), min_size=30, max_size=80),
)
def test_published_is_what_was_emitted_whatever_dies(seed, members, turns, fates):
    for log in ingest(stream(seed, 150, members), [9], []):
        teller, fate = Teller(), iter(fates)
        shard, at = teller.revive()
        while at < len(log.frames):
            shard.start_day(make_shard().day + sum(by for n, by in turns.items() if n <= at))
            if not shard.roll_block():
                teller.apply(shard, log.frames[at], at, NOW + at)
                at += 1
            match next(fate, "keep"):
                case "keep":
                    teller.keep(shard)
                case "die":
                    shard, at = teller.revive()
        while shard.roll_block():
            pass
        teller.keep(shard)
        assert teller.published
        assert teller.rows() == teller.said()
        head = teller.merged.sources[0].head
        assert (head.day, head.as_of) == (shard.day, shard.day)


def _some(count: int, score: int) -> dict[int, Scored]:
    return {
        n: Scored(score, (score // 4,) * 4, "low", (("industry", "a"), ("team", ""))) for n in range(count)
    }


def test_the_change_of_a_week_is_against_the_end_of_that_day():
    topic = Topic()
    merged = MergedScores(1, KINDS, totals=True)
    partition = Partition(0, topic, merged)
    records: dict[bytes, bytes | None] = {}
    by_day: dict[int, Benchmark] = {}
    for day in range(DAY, DAY + 10):
        publisher = Benchmarks(3)  # another each day, which knows what the records say
        for key, value in records.items():
            publisher.load(key, value)
        for score in (4000, 4000 + 100 * (day - DAY)):  # the last of a day is its end
            partition.emit(_some(4 + day - DAY, score))
            partition.publish(day)
            topic.read(merged)
            merged.changed[:] = True
            for lot in publisher.records(merged):
                records |= dict(lot)
        by_day[day] = Benchmark.model_validate_json(records[b"industry:a"] or b"")
    assert [by_day[day].week for day in range(DAY, DAY + 7)] == [None] * 7
    for day in (DAY + 7, DAY + 9):
        week = by_day[day].week
        assert week is not None
        assert (week.size, week.mean, week.median) == (7, 7.0, 7.0)
    assert len(by_day[DAY + 9].days) == 8


def test_while_a_day_turns_the_end_of_the_day_before_stays():
    topic = Topic()
    merged = MergedScores(2, KINDS, totals=True)
    first, second = (Partition(number, topic, merged) for number in range(2))
    publisher = Benchmarks(3)

    def published() -> Benchmark:
        topic.read(merged)
        [found] = [dict(lot)[b"everyone"] for lot in publisher.records(merged) if b"everyone" in dict(lot)]
        return Benchmark.model_validate_json(found or b"")

    for one in (first, second):
        one.emit(_some(4, 5000))
        one.publish(DAY)
    assert published().as_of.toordinal() == DAY + 719_163
    first.emit(_some(4, 4000))
    first.publish(DAY + 1)
    turning = published()
    assert (turning.mean, turning.as_of.toordinal()) == (45.0, DAY + 719_163)
    assert [(day.mean, day.day.toordinal() - 719_163) for day in turning.days] == [(50.0, DAY)]
    second.emit(_some(4, 4000))
    second.publish(DAY + 1)
    assert [day.mean for day in published().days] == [50.0, 40.0]


def test_a_cohort_that_gets_too_small_shows_nothing_of_before():
    topic = Topic()
    merged = MergedScores(1, KINDS, totals=True)
    partition = Partition(0, topic, merged)
    publisher = Benchmarks(3)
    partition.emit(_some(3, 5000))
    partition.publish()
    topic.read(merged)
    before = {k: v for lot in publisher.records(merged) for k, v in lot}
    assert orjson.loads(before[b"industry:a"] or b"")["mean"] == 50.0
    partition.emit({0: Scored(5000, (1250,) * 4, "low", (("industry", "b"), ("team", "")))})
    partition.publish()
    topic.read(merged)
    after = {k: orjson.loads(v) for lot in publisher.records(merged) for k, v in lot if v}
    for cohort in (b"industry:a", b"industry:b"):
        present = {name for name, value in after[cohort].items() if value not in (None, [])}
        assert present == {"cohort", "kind", "value", "as_of", "benchmark", "rubric", "fewer_than"}
    assert after[b"everyone"]["size"] == 3
    # the last one leaves
    partition.emit({0: Scored(5000, (1250,) * 4, "low", (("industry", "a"), ("team", "")))})
    partition.publish()
    topic.read(merged)
    gone = {k: v for lot in publisher.records(merged) for k, v in lot}
    assert gone[b"industry:b"] is None
    assert orjson.loads(gone[b"industry:a"] or b"")["days"][0]["size"] == 3


@pytest.mark.parametrize("bad", [b"0/other/1", b"x/head", b""])
def test_unknown_keys_are_refused(bad):
    with pytest.raises(ValueError):
        MergedScores(1, KINDS).take(bad, b"{}", 0)
