"""Members move to the partitions of another number of them, and everything about them is as it was."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf.fake_records import FakeRecord
from pipeline.common.partitioner import partitions
from pipeline.intake.credit_rules import credits
from pipeline.intake.framer import Framer
from pipeline.intake.record_intake import Intake
from pipeline.shard import regroup
from pipeline.shard.recovery import Image, recover
from pipeline.shard.regroup import Old, Regrouped, Sources
from pipeline.shard.shard import Shard
from schemas.frames import decode
from schemas.ledger import STAMP_KEY, Counters, Stamp
from tests.kit.events import DAY
from tests.kit.memory_ledger import MemoryLedger
from tests.property.test_restore import NOW, frames_of, make_shard, state, stream

COUNTS = [(1, 4), (2, 4), (4, 6), (3, 2), (3, 3)]
TOPICS = {"events": "e", "frames": "f"}


def framed(events: list[FakeRecord], count: int, begin: dict[int, int]) -> list[list[bytes]]:
    """The frames of events by partition, each source from its offset in `begin`."""
    framer, logs = Framer(count), [[] for _ in range(count)]
    intake = Intake(7, 900_000, credits(5))
    for source, offset in begin.items():
        framer.begin(source, offset)
    left = [r for r in events if r.offset >= begin[r.partition]]
    for at in range(0, len(left), 23):
        for partition, data in frames_of(left[at : at + 23], framer, intake).items():
            logs[partition].append(data)
    for source in begin:
        stop = 1 + max((r.offset for r in events if r.partition == source), default=-1)
        for partition, data in framer.catch_up(source, max(stop, begin[source])).items():
            logs[partition].append(data)
    return logs


def kept(log: list[bytes], turns: bool = True) -> Old:
    """A partition that has counted a log, partly in blocks, with a day that is over."""
    store = MemoryLedger(lambda day: make_shard(), DAY)
    shard, _ = store.restore()
    for offset, data in enumerate(log):
        store.apply(shard, data, offset, NOW + offset)
        shard.drain()
        store.commit(shard, offset % 3)
    if turns:
        shard.start_day(DAY + 1)
        while shard.roll_block():
            shard.drain()
        store.commit(shard, 1)
    shard, _ = store.restore()
    assert store.journal is not None
    assert store.stamp is not None
    return Old(0, shard, store.journal, store.stamp)


def moved(old: list[Old], count: int) -> list[Shard]:
    """The shards that the new ledgers give."""
    pairs = [(one, Sources.of(one.stamp)) for one in old]
    return [restored(Regrouped(pairs, number, count)) for number in range(count)]


def restored(made: Regrouped) -> Shard:
    image = Image()
    for offset, (key, value) in enumerate(made.records()):
        image.add(offset, key, value)
    image.add(1 << 30, STAMP_KEY, made.stamp(TOPICS).dump())
    stamp = image.close()
    assert image.foreign == []
    shard = make_shard()
    shard.rollover.day = stamp.day
    shard.emitter.start_day(stamp.day)
    recover(shard, image, stamp)
    return shard


def people(shards: list[Shard]) -> dict:
    """What is known of each member, whatever partition has it."""
    found: dict = defaultdict(dict)
    for number, shard in enumerate(shards):
        shard.resize()
        kept_ = state(shard)
        for kind in ("tiles", "registers", "networks", "scores"):
            for name, value in kept_[kind].items():
                assert kind not in found[name], f"{name} is in two partitions"
                found[name][kind] = value
        for name, index in shard.state.index.items():
            line = shard.state.history.line(index, shard.day)
            erased, since = int(shard.state.erased[index]), int(shard.state.history.since[index])
            found[name]["past"] = (line.tolist(), int(shard.state.history.band[index]), erased, since)
            if len(shards) > 1:
                import pyarrow as pa

                assert partitions(pa.array([name], pa.string()), len(shards)).tolist() == [number]
    return dict(found)


def total(shards: list[Shard]) -> Counters:
    made = Counters()
    for shard in shards:
        for name, value in shard.counters:
            setattr(made, name, getattr(made, name) + value)
    return made


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), counts=st.sampled_from(COUNTS), turns=st.booleans())
def test_nothing_about_a_member_changes_and_counting_goes_on(seed, counts, turns):
    before, after = counts
    events = stream(seed, 240)
    first, rest = events[:170], events
    old = [kept(log, turns) for log in framed(first, before, {0: 0, 1: 0})]
    old = [Old(number, one.shard, one.journal, one.stamp) for number, one in enumerate(old)]
    assert regroup.problem({one.partition: one.stamp for one in old}, after) is None
    shards = moved(old, after)
    assert people(shards) == people([one.shard for one in old])
    assert total(shards) == total([one.shard for one in old])
    assert all(not shard.counters.unaccounted() for shard in shards)

    # what comes after it, duplicates of what came before too, ends as where it was so from the beginning
    begin = {s: old[0].stamp.watermarks.get(s, 0) for s in (0, 1)}
    for number, log in enumerate(framed(rest, after, begin)):
        for offset, data in enumerate(log):
            shards[number].apply(decode(data), offset, NOW + 1000 + offset)
    whole = [kept(log, turns=False).shard for log in framed(events, after, {0: 0, 1: 0})]
    if not turns:
        assert {name: one.get("tiles") for name, one in people(shards).items()} == {
            name: one.get("tiles") for name, one in people(whole).items()
        }
    got, want = total(shards), total(whole)
    if not turns:
        assert (got.read, got.scored, got.duplicate) == (want.read, want.scored, want.duplicate)
    assert got.difference() == 0


def test_a_partition_that_is_behind_is_named():
    logs = framed(stream(1, 100), 2, {0: 0, 1: 0})
    stamps = {n: kept(log).stamp for n, log in enumerate(logs)}
    behind = stamps[1].model_copy(update={"watermarks": {0: 1, 1: 1}})
    assert "partition 1 has not counted the same" in (regroup.problem({**stamps, 1: behind}, 4) or "")
    assert regroup.problem({**stamps, 1: behind}, 2) is None


@pytest.mark.parametrize(
    "change", [{"missing": {0: [(1, 2)]}}, {"day": 1}, {"zone": "Asia/Tokyo"}, {"rolled": 0}]
)
def test_what_keeps_members_from_moving(change):
    stamp: Stamp = kept(framed(stream(2, 60), 1, {0: 0, 1: 0})[0]).stamp
    other = stamp.model_copy(update=change)
    assert regroup.problem({0: stamp, 1: stamp}, 3) is None
    assert regroup.problem({0: stamp, 1: other}, 3)


def test_an_owner_without_a_name_goes_where_it_may_belong():
    """Of whom nothing but an old connection is known, only the hash is there."""
    old = kept(framed(stream(3, 60), 1, {0: 0, 1: 0})[0])
    graph = old.journal.network
    slot = graph.owner_slots(graph.codes.add(np.array([123456789], np.uint64)))
    key = slot.astype(np.uint64) << np.uint64(32) | graph.codes.add(np.array([55], np.uint64))
    graph.overlay.take(key, np.array([9], np.uint32), np.array([0], np.uint16), fresh=True)
    for shard in moved([old], 3):
        codes = shard.state.network.codes
        [code] = codes.find(np.array([123456789], np.uint64))
        assert code < len(codes)
