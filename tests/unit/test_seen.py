"""Ids seen before, against a set: within a batch, over batches, and while a generation is remembered."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shard.dedupe import HashSet, RecentIds

IDS = st.integers(1, 40) | st.integers(1, 2**64 - 1) | st.integers(1, 9).map(lambda n: n << 60)
BATCHES = st.lists(st.lists(IDS, max_size=50), max_size=12)


@given(BATCHES)
def test_the_first_of_each_id_is_fresh(batches):
    seen, known = RecentIds(1_000_000, 1 << 62), set()
    for batch in batches:
        seen.start_frame(1)
        expected = []
        for one in batch:
            expected.append(one not in known)
            known.add(one)
        assert seen.first(np.array(batch, np.uint64)).tolist() == expected


@given(BATCHES)
def test_a_set_that_grows_keeps_what_is_in_it(batches):
    table, known = HashSet(8), set()
    for batch in batches:
        new = sorted(set(batch) - known)
        known |= set(new)
        table.insert(np.array(new, np.uint64))
        asked = np.array([*batch, *known, 77, 1 << 63], np.uint64)
        assert table.contains(asked).tolist() == [one in known for one in asked.tolist()]
    assert table.size == len(known)


def test_two_generations_are_remembered_and_no_more():
    seen = RecentIds(100, 1 << 62)
    ids = np.arange(1, 401, dtype=np.uint64)
    for at in range(0, 400, 100):
        seen.start_frame(1)
        assert seen.first(ids[at : at + 100]).all()
    again = seen.first(ids)
    assert again[:200].all()
    assert not again[200:].any()
