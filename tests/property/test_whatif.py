"""A comparison of two rubrics says what scoring by each of them says, whatever the rubrics and members."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reports.population import People
from pipeline.reports.rubric_comparison import compare, mean
from pipeline.scoring.bands import BANDS, band
from pipeline.scoring.member import batch
from pipeline.scoring.reference import score
from tests.kit.rubrics import DAY, SSI, SSI_TEXT, members, rubrics

many = st.lists(members, min_size=1, max_size=8)


def people(them, pieces=1):
    """The members in about so many batches, named m0, m1, …"""
    names = [f"m{at}" for at in range(len(them))]
    size = -(-len(them) // pieces)
    for start in range(0, len(them), size):
        n, pairs, numbers = batch(DAY, them[start : start + size])
        yield People(names[start : start + n], pairs, numbers)


def by_reference(rubric, them):
    return [score(rubric, DAY, member.tiles, numbers=member.numbers) for member in them]


@given(rubrics(), many)
def test_the_same_rubric_changes_nothing(rubric, them):
    said = compare(rubric, rubric, day=DAY, people=people(them))
    assert said.before == said.after
    assert said.changes == {0: len(them)}
    assert (said.up, said.down, said.moved()) == ((), (), 0)
    assert {part.mean for part in said.pillars + said.components} == {0}
    assert (said.with_change(1), said.with_change(0), said.with_change(-1)) == (0, len(them), 0)


@settings(deadline=None)
@given(rubrics(), rubrics(), many)
def test_both_sides_are_what_the_reference_says(before, after, them):
    said = compare(before, after, day=DAY, people=people(them))
    sides = (before, said.before), (after, said.after)
    for rubric, distribution in sides:
        scores = [of.score for of in by_reference(rubric, them)]
        assert distribution.members == len(them) == sum(distribution.histogram.values())
        assert distribution.histogram == Counter(scores)
        assert distribution.total == sum(scores)
        assert abs(Fraction(sum(scores), len(them)) - distribution.mean) <= Fraction(1, 2)
        assert distribution.bands == dict.fromkeys(BANDS, 0) | Counter(
            band([of], rubric.bands) for of in scores
        )
        for tenth, decile in enumerate(distribution.deciles):
            assert sum(of <= decile for of in scores) * 10 >= tenth * len(them)
            assert sum(of < decile for of in scores) * 10 < max(tenth, 1) * len(them)
            assert decile in scores


@settings(deadline=None)
@given(rubrics(), rubrics(), many)
def test_who_moves_and_what_changes(before, after, them):
    said = compare(before, after, day=DAY, people=people(them), max_movers=3)
    pairs = list(zip(by_reference(before, them), by_reference(after, them), strict=True))
    gains = {f"m{at}": b.score - a.score for at, (a, b) in enumerate(pairs)}
    assert said.changes == Counter(gains.values())
    risen = sorted((-gain, name) for name, gain in gains.items() if gain > 0)[:3]
    fallen = sorted((gain, name) for name, gain in gains.items() if gain < 0)[:3]
    assert [(-mover.change, mover.member) for mover in said.up] == risen
    assert [(mover.change, mover.member) for mover in said.down] == fallen
    for mover in said.up + said.down:
        a, b = pairs[int(mover.member[1:])]
        assert (mover.before, mover.after, mover.change) == (a.score, b.score, b.score - a.score)
        assert mover.pillars == {
            str(pillar): by for pillar in a.pillars if (by := b.pillars[pillar] - a.pillars[pillar])
        }
        assert mover.bands == (band([a.score], before.bands), band([b.score], after.bands))
    moves = Counter((band([a.score], before.bands), band([b.score], after.bands)) for a, b in pairs)
    assert said.moves == tuple(tuple(moves[a, b] for b in BANDS) for a in BANDS)
    for part in said.pillars:
        assert part.before == sum(a.pillars[part.name] for a, _ in pairs)
        assert part.after == sum(b.pillars[part.name] for _, b in pairs)
    for part in said.components:
        sums = [
            sum(of.components[part.name] for of in side) if part.name in side[0].components else None
            for side in zip(*pairs, strict=True)
        ]
        assert [part.before, part.after] == sums
        assert part.mean == mean((part.after or 0) - (part.before or 0), len(them))
    names = {part.name for rubric in (before, after) for part in rubric.components}
    assert sorted(part.name for part in said.components) == sorted(names)


@given(rubrics(), many, st.integers(2, 4))
def test_neither_batches_nor_order_matter(after, them, pieces):
    whole = compare(SSI, after, day=DAY, people=people(them))
    assert compare(SSI, after, day=DAY, people=people(them, pieces)) == whole
    assert compare(SSI, after, day=DAY, people=reversed(list(people(them, pieces)))) == whole


@given(many)
def test_what_is_only_in_one_rubric_is_told_as_such(them):
    renamed = SSI_TEXT.replace('name = "followers"', 'name = "audience"')
    said = compare(SSI, SSI.parse(renamed), day=DAY, people=people(them))
    parts = {part.name: part for part in said.components}
    assert parts["followers"].after is None
    assert parts["audience"].before is None
    assert parts["followers"].before == parts["audience"].after
    assert parts["audience"].mean == -parts["followers"].mean
    assert said.changes == {0: len(them)}


def test_nobody_makes_an_empty_comparison():
    said = compare(SSI, SSI, day=DAY, people=[])
    assert (said.members, said.before.mean, said.before.deciles, said.changes) == (0, 0, (), {})
    assert all(part.mean == 0 for part in said.pillars)


@pytest.mark.parametrize("most", [0, 1])
@given(them=many)
def test_no_more_movers_than_asked_for(most, them):
    other = SSI.parse(SSI_TEXT.replace("half = 16", "half = 17", 1))
    said = compare(SSI, other, day=DAY, people=people(them), max_movers=most)
    assert len(said.up) <= most
    assert len(said.down) <= most


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_the_mean_is_the_nearest_hundredth(total, count):
    exact = Fraction(total, count)
    assert abs(exact - mean(total, count)) <= Fraction(1, 2)
    assert mean(-total, count) == -mean(total, count)
