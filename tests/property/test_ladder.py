"""A ladder against a plain sort of the members it holds, in both its forms and from one to the other."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cohorts.sorted_scores import (
    FEW,
    CumulativeCounts,
    SortedEntries,
    SortedScores,
    empty,
    entries_of,
)

SCORES = st.one_of(st.integers(0, 10_000), st.sampled_from([0, 1, 5_000, 10_000]))
TENTHS = np.arange(1, 10)


@st.composite
def moves(draw: st.DrawFn, most: int) -> list[tuple[int, list[tuple[int, int]], list[int]]]:
    """(cohorts from then on, members that come as (cohort, score), places of those that go) in turn."""
    found, cohorts = [], 1
    for _ in range(draw(st.integers(1, 5))):
        cohorts = draw(st.integers(cohorts, most))
        come = draw(st.lists(st.tuples(st.integers(0, cohorts - 1), SCORES), max_size=30))
        found.append((cohorts, come, draw(st.lists(st.integers(0, 1_000), max_size=20))))
    return found


def _entries(members: list[tuple[int, int]]) -> np.ndarray:
    both = np.array(members, np.int64).reshape(-1, 2)
    return entries_of(both[:, 0], both[:, 1])


def _check(ladder: SortedScores, held: list[tuple[int, int]], cohorts: int, score: int) -> None:
    here = np.arange(1, cohorts)
    lists = [sorted(s for c, s in held if c == cohort) for cohort in here.tolist()]
    assert ladder.size(here).tolist() == [len(scores) for scores in lists]
    for one in {score, *(s for _, s in held)}:
        above, ties = ladder.above(here, np.full(len(here), one))
        assert above.tolist() == [sum(s > one for s in scores) for scores in lists]
        assert ties.tolist() == [scores.count(one) for scores in lists]
    some = [cohort for cohort, scores in zip(here.tolist(), lists, strict=True) if scores]
    expected = [[s[-(-len(s) * tenth // 10) - 1] for tenth in TENTHS.tolist()] for s in lists if s]
    assert ladder.quantiles(np.array(some, np.int64), TENTHS).tolist() == expected


@given(moves(most=3 * FEW), SCORES)
def test_every_rank_and_quantile_is_that_of_a_sort(
    turns: list[tuple[int, list[tuple[int, int]], list[int]]], score: int
) -> None:
    ladder, held = empty(1), []
    for cohorts, come, go in turns:
        gone = [held.pop(at % len(held)) for at in go if held]
        ladder = ladder.moved(_entries(gone), _entries(come), cohorts)
        held += [member for member in come if member[0]]  # cohort 0 stands for none
        assert isinstance(ladder, CumulativeCounts if cohorts <= FEW else SortedEntries)
        _check(ladder, held, cohorts, score)


@pytest.mark.parametrize("cohorts", [1 << 18, (1 << 18) + 1], ids=["the last that fit", "one more"])
def test_with_so_many_cohorts_that_entries_no_longer_fit_32_bits(cohorts: int) -> None:
    few = empty(20).moved(_entries([]), _entries([(3, 500), (19, 10_000)]), 20)
    last = cohorts - 1
    many = few.moved(_entries([(3, 500)]), _entries([(last, 10_000), (last, 9_999), (last, 10_000)]), cohorts)
    here = np.array([3, 19, last])
    assert many.size(here).tolist() == [0, 1, 3]
    above, ties = many.above(here, np.array([500, 10_000, 9_999]))
    assert above.tolist() == [0, 0, 2]
    assert ties.tolist() == [0, 1, 1]
    assert many.quantiles(here[2:], np.array([3, 4]))[0].tolist() == [9_999, 10_000]


def test_members_with_the_same_score_go_one_by_one() -> None:
    held = [(2, 700)] * 5 + [(9, 700)] * 3
    for cohorts in (2 * FEW, FEW + 2):
        ladder = empty(cohorts).moved(_entries([]), _entries(held), cohorts)
        ladder = ladder.moved(_entries([(2, 700)] * 3 + [(9, 700)]), _entries([]), cohorts)
        assert Counter({2: 2, 9: 2}) == Counter({c: int(ladder.size(np.array([c]))[0]) for c in (2, 9)})
