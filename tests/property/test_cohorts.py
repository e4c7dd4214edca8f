"""Merged benchmarks are those of a plain sort of all scores, whatever moves, dies or is compacted."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipeline.cohorts import membership as counting
from pipeline.cohorts import sorted_scores
from pipeline.cohorts.benchmark_records import Benchmarks
from pipeline.cohorts.membership import CohortMembership
from pipeline.cohorts.merged_scores import MergedScores
from pipeline.cohorts.rank_records import RankWriter
from pipeline.common.growable import grown
from pipeline.common.rubric_id import RubricId
from schemas import distributions
from schemas.benchmarks import Benchmark
from schemas.registers import Register
from schemas.scores import Rank
from tests.kit.benchmarks import Scored, cohorts_of, expected, fields_of, placed

KINDS = ("industry", "team")
LEAST = 3
DAY = 20_412
TELLING = ("size", "mean", "median", "deciles", "bands", "histogram", "pillars", "week", "days")
BANDS = ("low", "middle", "high", "top")
VALUES = ("", "a", "b", 'c"\u2028', "d")


@dataclass
class Topic:
    """`score.distributions` in memory; compacted when asked."""

    records: list[tuple[bytes, bytes, int]] = field(default_factory=list)
    end: int = 0

    def put(self, records: list[tuple[bytes, bytes]]) -> None:
        for key, value in records:
            self.records.append((key, value, self.end))
            self.end += 1

    def compact(self) -> None:
        last = {key: offset for key, _, offset in self.records}
        self.records = [record for record in self.records if last[record[0]] == record[2]]

    def read(self, merged: MergedScores) -> None:
        for key, value, offset in self.records:
            if offset > merged.taken:
                merged.take(key, value, offset)
        for _ in merged.merge():
            pass


class Partition:
    """A partition whose members get random scores; `die` loses everything but what a restore brings."""

    def __init__(self, number: int, topic: Topic, merged: MergedScores) -> None:
        self.number, self.topic, self.merged = number, topic, merged
        self.epoch = 0
        self.members: dict[int, Scored] = {}
        self.published: dict[int, Scored] = {}
        self.texts = ["", *VALUES[1:]]
        self._live()

    def _live(self) -> None:
        self.epoch += 1
        self.ranks = RankWriter(self.merged, ("everyone", *KINDS), LEAST)
        self.cohorts = CohortMembership(self.number, self.epoch, KINDS, ranker=self.ranks)
        self.places = 0
        self.numbers = np.full((0, 6), -1, np.int16)

    def emit(self, members: dict[int, Scored]) -> list[dict | None]:
        """The members now have these scores; what their records say of ranks."""
        at = np.array(list(members), np.int64)
        self.places = max(self.places, int(at.max(initial=-1)) + 1)
        self.cohorts.resize(self.places)
        registers = np.zeros((len(at), len(Register)), np.int32)
        for row, member in enumerate(members.values()):
            for kind, value in member.values:
                registers[row, Register[kind.upper()]] = self.texts.index(value)
        points = _Points(members)
        self.numbers = grown(self.numbers, self.places, -1)
        self.numbers[at, 0], self.numbers[at, 1:5] = points.score, points.pillars
        self.numbers[at, 5] = [BANDS.index(member.band) for member in members.values()]
        found = self.cohorts.update(at, points.score, registers, texts=self.texts)
        self.members |= members
        if found is None:
            return [None] * len(members)
        return [json.loads(b"{" + one.rstrip(b",") + b"}") for one in found.to_pylist()]

    def remove(self, member: int) -> None:
        if self.members.pop(member, None) is not None:
            self.numbers[member] = -1
            self.cohorts.remove(np.array([member]))

    def publish(self, day: int = DAY) -> None:
        self.topic.put(
            self.cohorts.publish(
                self.numbers[: self.places], day=day, as_of=day, revision=1, rubric=RubricId("ssi", "1")
            )
        )
        self.published = dict(self.members)

    def die(self, places: list[int]) -> None:
        """Another owner; what was said stays said, but members may get other places."""
        known, self.members = list(self.members.values()), {}
        self._live()
        if known:
            at = sorted({*places, *range(len(known))})[-len(known) :]
            self.emit(dict(zip(at, known, strict=True)))


class _Points:
    def __init__(self, members: dict[int, Scored]) -> None:
        self.score = np.array([m.score for m in members.values()], np.int64)
        self.pillars = np.array([m.pillars for m in members.values()], np.int64).reshape(-1, 4)


@contextmanager
def small() -> Iterator[None]:
    """Few places a chunk and few laps, so that what takes thousands of members happens with some."""
    with (
        patch.multiple(counting, CHUNK=4, LAPS=4, NAMES=2, _PIECE=3),
        patch.object(distributions, "LAPS", 4),
        patch.object(sorted_scores, "FEW", 4),  # so that ladders go from one form to the other
    ):
        yield


def published(records: dict[bytes, bytes | None]) -> dict[str, Benchmark]:
    return {key.decode(): Benchmark.model_validate_json(value) for key, value in records.items() if value}


def check(merged: MergedScores, records: dict[bytes, bytes | None], partitions: list[Partition]) -> None:
    """The benchmarks are exactly those of the scores as published."""
    wanted = cohorts_of([member for p in partitions for member in p.published.values()])
    got = published(records)
    assert set(got) == set(wanted)
    for cohort, members in wanted.items():
        if len(members) < LEAST:
            assert got[cohort].fewer_than == LEAST
            assert not any(getattr(got[cohort], name) for name in TELLING)
        else:
            assert fields_of(got[cohort]) == expected(members)
    assert got == {} or max(b.benchmark for b in got.values()) <= merged.offset


scores = st.builds(
    lambda pillars, penalty, band, values: Scored(
        max(0, sum(pillars) - penalty), pillars, band, tuple(zip(KINDS, values, strict=True))
    ),
    st.tuples(*[st.sampled_from([0, 99, 100, 1234, 2499, 2500])] * 4),
    st.sampled_from([0, 0, 1, 300]),
    st.sampled_from(BANDS),
    st.tuples(*[st.sampled_from(VALUES)] * len(KINDS)),
)
says = st.dictionaries(st.integers(0, 14), scores, min_size=1, max_size=5)
steps = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 1), says),
    st.tuples(st.just("say"), st.integers(0, 1), says),
    st.tuples(st.just("withdraw"), st.integers(0, 1), st.integers(0, 14)),
    st.tuples(st.just("publish"), st.integers(0, 1), st.none()),
    st.tuples(st.just("publish"), st.integers(0, 1), st.none()),
    st.tuples(st.just("read"), st.just(0), st.none()),
    st.tuples(st.just("compact"), st.just(0), st.none()),
    st.tuples(st.just("die"), st.integers(0, 1), st.lists(st.integers(0, 20), max_size=4)),
    st.tuples(st.just("new reader"), st.just(0), st.none()),
)


@settings(max_examples=150, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(st.lists(steps, min_size=20, max_size=60))  # shorter ones hardly ever get to ranks
def test_merged_is_a_sort_of_all_scores(plan):
    topic = Topic()
    merged = MergedScores(2, KINDS, totals=True)
    partitions = [Partition(number, topic, merged) for number in range(2)]
    publisher, records = Benchmarks(LEAST), {}
    by_places: list[dict[int, Scored]] = [{}, {}]  # as merged
    with small():
        for what, number, given_ in [*plan, ("publish", 0, None), ("publish", 1, None), ("read", 0, None)]:
            partition = partitions[number]
            match what:
                case "say":
                    _check_ranks(partition, partition.emit(given_), given_, by_places, merged)
                case "withdraw":
                    partition.remove(given_)
                case "publish":
                    partition.publish()
                case "compact":
                    topic.compact()
                case "die":
                    partition.die(given_)
                case "read" | "new reader":
                    if what == "new reader":
                        merged.clear()
                        for _ in merged.count():
                            pass
                        publisher = Benchmarks(LEAST)
                        for key, value in records.items():
                            publisher.load(key, value)
                        for one in partitions:
                            one.ranks.clear()
                    topic.read(merged)
                    by_places = [dict(one.published) for one in partitions]
                    if merged.complete:
                        for lot in publisher.records(merged, at_once=2):
                            records |= dict(lot)
                        check(merged, records, partitions)
    # whoever reads only the end of a compacted topic sees the same
    topic.compact()
    other = MergedScores(2, KINDS, totals=True)
    topic.read(other)
    fresh: dict[bytes, bytes | None] = {}
    for lot in Benchmarks(LEAST).records(other):
        fresh |= dict(lot)
    check(other, fresh, partitions)


def _check_ranks(
    partition: Partition,
    said: list[dict | None],
    members: dict[int, Scored],
    merged_as: list[dict[int, Scored]],
    merged: MergedScores,
) -> None:
    """Each rank is that among the others as merged last."""
    source = merged.sources.get(partition.number)
    ready = merged.complete and source is not None and source.head.epoch == partition.epoch
    # a cohort that the partition itself has not published yet has no number there
    known = {"everyone", *(merged.name(n) for n in source.cohort if n)} if source else set()
    for (place, member), record in zip(members.items(), said, strict=True):
        assert (record is not None) == ready
        if record is None:
            continue
        assert record["benchmark"] == merged.offset
        others = {}
        for number, found in enumerate(merged_as):
            for at, other in found.items():
                if (number, at) != (partition.number, place):
                    for cohort in other.cohorts:
                        others.setdefault(cohort, []).append(other.score)
        shown = dict(record["ranks"])
        for cohort in member.cohorts:
            kind, _, value = cohort.partition(":")
            size = len(others.get(cohort, [])) + 1
            if size < LEAST or cohort not in known:
                assert kind not in shown
                continue
            rank = Rank.model_validate(shown.pop(kind))
            assert (rank.value or "") == value
            placed(rank, others.get(cohort, []), member.score)
            merged_in = [one for found in merged_as for one in found.values() if cohort in one.cohorts]
            assert rank.active == min(sum(any(one.pillars[1:]) for one in merged_in), size)
        assert not shown, "ranks in cohorts that the member is not in"
