"""However many cohorts there are, no more than the limit have figures of their own, and all agree on which."""

from collections import Counter

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipeline.cohorts import cohort_table
from pipeline.cohorts.benchmark_records import Benchmarks
from pipeline.cohorts.cohort_table import OTHER
from pipeline.cohorts.merged_scores import MergedScores
from schemas.distribution_digest import name_hash
from tests.kit.benchmarks import Scored, cohorts_of, expected, fields_of
from tests.property.test_cohorts import BANDS, KINDS, LEAST, Partition, Topic, published, small

LIMIT = 2
VALUES = ("", *"abcdefgh", OTHER)
scores = st.builds(
    lambda pillars, band, values: Scored(sum(pillars), pillars, band, tuple(zip(KINDS, values, strict=True))),
    st.tuples(*[st.sampled_from([0, 99, 1234, 2500])] * 4),
    st.sampled_from(BANDS),
    st.tuples(*[st.sampled_from(VALUES)] * len(KINDS)),
)
steps = st.one_of(
    *[st.tuples(st.just("say"), st.integers(0, 1), st.dictionaries(st.integers(0, 14), scores, max_size=9))]
    * 2,
    st.tuples(st.just("withdraw"), st.integers(0, 1), st.integers(0, 14)),
    st.tuples(st.just("read"), st.just(0), st.none()),
    st.tuples(st.just("die"), st.integers(0, 1), st.lists(st.integers(0, 20), max_size=4)),
)


def _own(members: list[Scored]) -> dict[str, set[str]]:
    """By kind, the cohorts that should have figures of their own."""
    found = {}
    for at, kind in enumerate(KINDS):
        sizes = Counter(member.values[at][1] for member in members)
        sizes.pop("", None)
        names = sorted(
            sizes, key=lambda value, kind=kind, sizes=sizes: (-sizes[value], name_hash(kind, value))
        )
        if len(names) > LIMIT:
            names = [name for name in names if sizes[name] >= LEAST]
        found[kind] = set(names[:LIMIT])
    return found


def _as_shown(members: list[Scored]) -> list[Scored]:
    """The members in the cohorts in which they should be counted."""
    own = _own(members)
    return [
        Scored(
            one.score,
            one.pillars,
            one.band,
            tuple((kind, value if value in own[kind] or not value else OTHER) for kind, value in one.values),
        )
        for one in members
    ]


def _check(merged: MergedScores, records: dict[bytes, bytes | None], members: list[Scored]) -> None:
    wanted = cohorts_of(_as_shown(members))
    got = published(records)
    assert set(got) == set(wanted)
    for name, of in wanted.items():
        if len(of) < LEAST:
            assert got[name].fewer_than == LEAST
        else:
            assert fields_of(got[name]) == expected(of)
    for column, kind in enumerate(KINDS):
        named = {value for one in members for of, value in one.values if of == kind and value}
        own = _own(members)[kind]
        assert merged.table.outside[column] == len(named - own)


def _view(limit: int = LIMIT) -> MergedScores:
    return MergedScores(2, KINDS, totals=True, limit=limit, minimum=LEAST)


@settings(max_examples=150, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(st.lists(steps, min_size=10, max_size=50), st.sampled_from([3, 1 << 16]))
def test_the_largest_cohorts_keep_their_figures_whatever_came_before(plan, few):
    topic, merged = Topic(), _view()
    partitions = [Partition(number, topic, merged) for number in range(2)]
    for one in partitions:
        one.texts = list(VALUES)
    publisher, records = Benchmarks(LEAST), {}
    before, cohort_table.FEW = cohort_table.FEW, few
    try:
        with small():
            for what, number, given_ in [*plan, ("read", 0, None)]:
                one = partitions[number]
                match what:
                    case "say" if given_:
                        one.emit(given_)
                    case "withdraw":
                        one.remove(given_)
                    case "die":
                        one.die(given_)
                    case "read":
                        for other in partitions:
                            other.publish()
                        topic.compact()
                        topic.read(merged)
                        for lot in publisher.records(merged, at_once=2):
                            records |= dict(lot)
                        members = [m for p in partitions for m in p.published.values()]
                        _check(merged, records, members)
                        # what has lost its place leaves it free, once its benchmark is gone
                        assert len(merged.cohorts) <= 2 + 2 * len(KINDS) * (LIMIT + 1)
                        fresh, found = _view(), {}
                        topic.read(fresh)
                        for lot in Benchmarks(LEAST).records(fresh):
                            found |= dict(lot)
                        _check(fresh, found, members)
    finally:
        cohort_table.FEW = before
