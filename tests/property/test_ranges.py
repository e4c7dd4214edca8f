"""Ranges against a plain set, and watermarks against a plain account of which offsets were counted."""

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.common.ranges import Ranges
from pipeline.shard.watermarks import Watermarks
from schemas.frames import SCHEMA, Cover, Lost, decode, encode

BOUNDS = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda two: (min(two), max(two)))
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove"]), BOUNDS), max_size=20)


def numbers(ranges: Ranges) -> set[int]:
    return {n for start, stop in ranges.pairs() for n in range(start, stop)}


@given(STEPS, BOUNDS)
def test_ranges_are_a_set(steps, asked):
    ranges, plain = Ranges(), set()
    for step, (start, stop) in steps:
        getattr(ranges, step)(start, stop)
        plain = plain | set(range(start, stop)) if step == "add" else plain - set(range(start, stop))
        pairs = ranges.pairs()
        assert numbers(ranges) == plain
        assert len(ranges) == len(plain)
        assert bool(ranges) == bool(plain)
        assert all(a < b for a, b in pairs)
        assert all(before[1] < after[0] for before, after in pairwise(pairs))
    start, stop = asked
    assert numbers(Ranges(ranges.within(start, stop))) == plain & set(range(start, stop))
    assert numbers(Ranges(ranges.outside(start, stop))) == plain - set(range(start, stop))
    assert Ranges(ranges.pairs()) == ranges


@given(STEPS, st.integers(1, 5))
def test_coarse_ranges_lose_nothing(steps, most):
    ranges = Ranges(bounds for _, bounds in steps)
    before = numbers(ranges)
    ranges.coarsen(most)
    assert len(ranges.pairs()) <= most
    assert numbers(ranges) >= before


def frame(start: int, stop: int, lost: tuple[int, int] | None = None, here: bool = True):
    """A frame with a row at each offset of [start, stop) of source 0, all of which were read."""
    row = {"member": "m", "time": 0, "signals": 0, "source": 0, "id": 0, "side": 0, "peer": 0}
    rows = [row | {"offset": offset, "registers": None, "letter": None} for offset in range(start, stop)]
    covers = [Cover(0, start, stop, ((start, stop),))] if start < stop else []
    gone = [] if lost is None else [Lost(0, *lost, here)]
    return decode(encode(pa.RecordBatch.from_pylist(rows, SCHEMA), covers, (), lost=gone))


@given(
    st.lists(st.tuples(st.sampled_from(["frame", "frame", "frame", "lost", "restore"]), BOUNDS), max_size=30)
)
def test_whatever_arrives_each_offset_counts_once(steps):
    """Frames in any order, any number of times, with gaps; offsets given up; and restores in between."""
    marks, counted, lost = Watermarks({0: 0}), set(), set()
    read = told_lost = 0
    for step, (start, stop) in steps:
        if step == "restore":
            marks = Watermarks(marks.next, marks.missing_ranges(), marks.lost_ranges())
            continue
        made = frame(start, stop) if step == "frame" else frame(0, 0, (start, stop))
        admission = marks.admit(made)
        fresh = {int(offset) for offset in made.offset[admission.rows]}
        if step == "frame":
            assert fresh == set(range(start, stop)) - counted - lost
            assert admission.repeated == (stop - start) - len(fresh)
            counted |= fresh
        else:
            gone = set(range(start, stop)) - counted - lost
            assert admission.lost == len(gone)
            lost |= gone
        read += admission.read
        told_lost += admission.lost
    assert read == len(counted)
    assert told_lost == len(lost) == marks.lost_offsets()
    missing = numbers(Ranges(marks.missing_ranges().get(0, ())))
    assert missing == set(range(marks.next[0])) - counted - lost


def test_what_retention_removed_is_lost_once_and_missed_where_frames_were_gone_before():
    home, other = Watermarks({0: 100}), Watermarks({0: 80})
    for marks, here in ((home, True), (other, False)):
        admission = marks.admit(frame(150, 160, (100, 150), here))
        assert admission.lost == (50 if here else 0)
        assert marks.next == {0: 160}
    assert home.missing_ranges() == {}
    assert home.lost_ranges() == {0: [(100, 150)]}
    assert other.missing_ranges() == {0: [(80, 100)]}, (
        "frames that the other never had, not the source's doing"
    )


def test_frames_of_before_say_with_a_jump_what_is_lost():
    marks = Watermarks({0: 10})
    made = frame(30, 40)
    made.lost, made.covers = None, [Cover(0, 30, 40, jump=True)]
    assert marks.admit(made).lost == 20
    assert marks.next == {0: 40}
    assert marks.missing_ranges() == {}
