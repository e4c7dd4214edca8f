"""The fast score is the reference's score, to the last integer, whatever the rubric, member and day."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.common.tile_keys import Pairs
from pipeline.rubric.components import PILLARS
from pipeline.scoring import reference
from pipeline.scoring.member import Member, batch
from pipeline.scoring.scorer import Scorer
from schemas.signals import Signal
from tests.kit.rubrics import DAY, NUMBERS, SSI, members, numbers, rubrics, tiles

days = st.integers(0, 100_000) | st.integers(DAY - 8, DAY + 8)


def assert_same(rubric, day, crowd):
    points = Scorer(rubric, day).points(*batch(day, crowd))
    for at, member in enumerate(crowd):
        slow = reference.score(rubric, day, member.tiles, numbers=member.numbers)
        assert points.components[at].tolist() == list(slow.components.values())
        assert points.pillars[at].tolist() == [slow.pillars[pillar] for pillar in PILLARS]
        assert points.score[at] == slow.score


@given(rubrics(), st.lists(members, max_size=4), st.integers(DAY - 8, DAY + 8))
def test_any_rubric(rubric, crowd, day):
    assert_same(rubric, day, crowd)


@given(st.lists(members, min_size=1, max_size=4), st.integers(DAY - 8, DAY + 8))
def test_the_default_rubric(crowd, day):
    assert_same(SSI, day, crowd)


@given(days, st.data())
def test_any_day(day, data):
    member = data.draw(st.builds(Member, tiles(day), numbers))
    assert_same(SSI, day, [member])


def test_a_full_member_overflows_nothing():
    """Every tile and register at its most: all the sums are at their bounds."""
    full = {(signal, DAY - age): 65_535 for signal in Signal for age in range(90)}
    most = Member(full, dict.fromkeys(NUMBERS, 2**31 - 1))
    quiet = Member({**full, **{(Signal.SPAM_REPORTED, DAY - age): 0 for age in range(90)}}, most.numbers)
    assert_same(SSI, DAY, [most, quiet])


@pytest.mark.parametrize("value", [-1, -100, -101, -(2**31)])
def test_a_register_below_zero_counts_as_zero(value):
    engaged = {(Signal.REACTION_RECEIVED, DAY): 9}
    assert_same(SSI, DAY, [Member(engaged, dict.fromkeys(NUMBERS, value)), Member(engaged)])
    below, none = (
        Scorer(SSI, DAY)
        .points(*batch(DAY, [Member(engaged, dict.fromkeys(NUMBERS, value)), Member(engaged)]))
        .score
    )
    assert below == none > 0


@settings(max_examples=20)
@given(rubrics())
def test_a_full_member_overflows_nothing_in_any_rubric(rubric):
    full = {(signal, DAY - age): 65_535 for signal in Signal for age in range(90)}
    assert_same(rubric, DAY, [Member(full, dict.fromkeys(NUMBERS, 2**31 - 1)), Member(full)])


@given(rubrics(), st.lists(members, min_size=1, max_size=5))
def test_the_parts_add_up(rubric, crowd):
    points = Scorer(rubric, DAY).points(*batch(DAY, crowd))
    assert (points.components.sum(axis=1) == points.score).all()
    assert points.score.min() >= 0
    assert points.score.max() <= 10_000
    maxima = np.array([component.max for component in rubric.components])
    assert (np.abs(points.components) <= maxima).all()
    for at, pillar in enumerate(PILLARS):
        mine = points.components[:, list(rubric.of_pillar(pillar))]
        assert (mine.sum(axis=1) == points.pillars[:, at]).all()
        assert (mine >= 0).all()


@given(rubrics(), st.lists(members, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_neither_the_order_of_tiles_nor_the_batch_changes_a_bit(rubric, crowd, random):
    """Members alone, together or in another order, and their tiles shuffled, earn the same."""
    scorer = Scorer(rubric, DAY)
    n, pairs, known = batch(DAY, crowd)
    together = scorer.points(n, pairs, known)
    order = list(range(len(pairs)))
    random.shuffle(order)
    mixed = scorer.points(n, Pairs(pairs.row[order], pairs.key[order], pairs.count[order]), known)
    assert (together.components == mixed.components).all()
    for at, member in enumerate(crowd):
        alone = scorer.points(*batch(DAY, [member]))
        assert (alone.components[0] == together.components[at]).all()
        assert alone.score[0] == together.score[at]


def test_batches_longer_than_a_piece():
    """More tiles than are taken at a time: nothing is lost or doubled at the seams."""
    rng = np.random.default_rng(7)
    n, each = 700, 60
    keys = np.concatenate([rng.choice(len(Signal) * 128, each, replace=False) for _ in range(n)])
    pairs = Pairs(
        np.repeat(np.arange(n), each), keys.astype(np.uint16), rng.integers(1, 9, n * each).astype(np.uint16)
    )
    known = np.zeros((n, 19), np.int32)
    known[:, :13] = rng.integers(0, 4, (n, 13))
    points = Scorer(SSI, DAY).points(n, pairs, known)
    for row in range(0, n, 23):
        member = Member.of(DAY, pairs, known, row=row)
        slow = reference.score(SSI, DAY, member.tiles, numbers=member.numbers)
        assert points.components[row].tolist() == list(slow.components.values())


@given(tiles(youngest=-2, oldest=-1), tiles(youngest=90, oldest=125))
def test_other_days_weigh_nothing(ahead, before):
    """Keys of days ahead or before the window are in the ring, but count for nothing."""
    keys = [(signal << 7 | day & 127, count) for (signal, day), count in {**ahead, **before}.items()]
    flat = np.array(keys, np.int64).reshape(-1, 2)
    pairs = Pairs(np.zeros(len(keys), np.int64), flat[:, 0].astype(np.uint16), flat[:, 1].astype(np.uint16))
    points = Scorer(SSI, DAY).points(1, pairs, np.zeros((1, 19), np.int32))
    assert points.score[0] == 0
    assert not points.components.any()


@given(members)
def test_a_member_comes_back_from_its_arrays(member):
    n, pairs, known = batch(DAY, [Member(), member])
    back = Member.of(DAY, pairs, known, row=1)
    assert back.tiles == {tile: count for tile, count in member.tiles.items() if DAY - 90 < tile[1] <= DAY}
    assert back.numbers == {register: value for register, value in member.numbers.items() if value}
    assert n == 2


def test_no_members():
    points = Scorer(SSI, DAY).points(*batch(DAY, []))
    assert len(points) == 0
    assert points.components.shape == (0, len(SSI.components))


@pytest.mark.parametrize("signal", Signal)
def test_a_signal_counts_only_where_it_is_named(signal):
    """A tile of any signal alone changes only components that name it."""
    one = Member({(signal, DAY): 3})
    points = Scorer(SSI, DAY).points(*batch(DAY, [one]))
    for at, component in enumerate(SSI.components):
        named = signal.name.lower() in component.model_dump_json(exclude={"name", "factor"})
        assert named or points.components[0, at] == 0
