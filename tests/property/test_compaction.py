"""Whatever compaction leaves of `score.distributions`, and wherever a reader is: right figures, or none."""

from collections import Counter

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pipeline.cohorts.merged_scores import MergedScores
from schemas.distributions import GONE, Head, parse_key
from tests.kit.benchmarks import Scored
from tests.property.test_cohorts import BANDS, KINDS, Partition, Topic, says, small

_ONE = np.array([1])
Figures = Counter[tuple]
Record = tuple[bytes, bytes, int]
steps = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 1), says),
    st.tuples(st.just("withdraw"), st.integers(0, 1), st.integers(0, 14)),
    st.tuples(st.just("publish"), st.integers(0, 1), st.none()),
    st.tuples(st.just("publish"), st.integers(0, 1), st.none()),
    st.tuples(st.just("die"), st.integers(0, 1), st.lists(st.integers(0, 20), max_size=4)),
)


def _figures(members: list[Scored]) -> Figures:
    return Counter(
        (m.score, *m.pillars, BANDS.index(m.band), *(value for _, value in m.values)) for m in members
    )


def _merged_figures(merged: MergedScores, partition: int) -> Figures:
    source = merged.sources[partition]
    found: Figures = Counter()
    for numbers, codes in zip(source.numbers.tolist(), source.cohort[source.codes].tolist(), strict=True):
        if numbers[0] != GONE:
            found[*numbers, *(merged.cohorts[code][1] for code in codes)] += 1
    return found


def _written(plan: list) -> tuple[list[Record], dict[tuple[int, int, int], Figures]]:
    """All records that were ever written, and what each head stands for."""
    topic, said = Topic(), {}
    partitions = [Partition(number, topic, MergedScores(2, KINDS)) for number in range(2)]
    for what, number, given_ in [*plan, ("publish", 0, None), ("publish", 1, None)]:
        one = partitions[number]
        match what:
            case "say":
                one.emit(given_)
            case "withdraw":
                one.remove(given_)
            case "die":
                one.die(given_)
            case "publish":
                one.publish()
                said[number, one.epoch, one.cohorts.number] = _figures([*one.published.values()])
    return topic.records, said


def _compacted(records: list[Record], draw) -> list[Record]:
    """What is left: of each key the newest, and of the older ones any."""
    last = {key: offset for key, _, offset in records}
    stays = draw(st.lists(st.booleans(), min_size=len(records), max_size=len(records)))
    return [
        record for record, stay in zip(records, stays, strict=True) if stay or last[record[0]] == record[2]
    ]


def _check(merged: MergedScores, said: dict[tuple[int, int, int], Figures]) -> None:
    for partition, source in merged.sources.items():
        head = source.head
        assert _merged_figures(merged, partition) == said[partition, head.epoch, head.number]
    members = sum(sum(_merged_figures(merged, partition).values()) for partition in merged.sources)
    assert merged.sorted_scores[0].size(_ONE).tolist() == [members]


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=5, max_size=50), st.data())
def test_a_reader_has_right_figures_or_none(plan, data):
    with small():
        written, said = _written(plan)
        left = _compacted(written, data.draw)
        merged = MergedScores(2, KINDS, totals=True)
        cuts = data.draw(st.lists(st.integers(0, len(left)), max_size=6).map(sorted))
        for start, stop in zip([0, *cuts], [*cuts, len(left)], strict=True):
            before = merged.offset, {p: s.head for p, s in merged.sources.items()}
            for key, value, offset in left[start:stop]:
                merged.take(key, value, offset)
            for _ in merged.merge():
                pass
            if merged.incomplete:
                event("incomplete")
                assert (merged.offset, {p: s.head for p, s in merged.sources.items()}) == before
            _check(merged, said)
        # the newest of each key is there, and so whoever has read to the end has all
        assert not merged.incomplete
        assert merged.complete


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=5, max_size=50), st.data())
def test_heads_of_older_workers_have_no_digest_and_break_nothing(plan, data):
    with small():
        written, said = _written(plan)
        old = [(key, _without_digest(key, value), offset) for key, value, offset in written]
        merged = MergedScores(2, KINDS, totals=True)
        for key, value, offset in _compacted(old, data.draw):
            merged.take(key, value, offset)
            if data.draw(st.booleans()):
                for _ in merged.merge():
                    pass
        for _ in merged.merge():
            pass
        assert not merged.incomplete
        _check(merged, said)


def _without_digest(key: bytes, value: bytes) -> bytes:
    if parse_key(key)[1] != "head":
        return value
    return Head.load(value).model_dump_json(exclude={"names", "digest"}).encode()
