"""The ledger alone gives the state as of its stamp, and says so when it does not."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.intake.credit_rules import credits
from pipeline.intake.framer import Framer
from pipeline.intake.record_intake import Intake
from pipeline.shard.recovery import Image, Unreadable, recover
from pipeline.shard.shard import Shard
from schemas.frames import decode
from schemas.ledger import STAMP_KEY, VERSION, Counters, Stamp
from tests.kit.events import DAY
from tests.kit.memory_ledger import MemoryLedger
from tests.kit.recording import recorded
from tests.kit.rubrics import SSI
from tests.kit.shards import new_shard
from tests.property.test_restore import NOW, frames_of, ingest, make_shard, run, state, stream

VERSION_1 = Path(__file__).parents[1] / "fixtures" / "version-1.parquet"
VERSION_2 = VERSION_1.with_name("version-2.parquet")
STAMP_2 = [
    *(
        "checkpoints",
        "counters",
        "day",
        "digest",
        "frame",
        "from_zero",
        "lost",
        "members",
        "missing",
        "replay_from",
    ),
    *("rolled", "rubric", "sequence", "start", "topics", "transaction", "turned_from", "turns", "version"),
    *("watermarks", "zone"),
]
COUNTERS_2 = [
    *(
        "admitted",
        "credits",
        "dead_lettered",
        "duplicate",
        "erased",
        "lost",
        "outside_window",
        "read",
        "refused",
    ),
    *("repeated", "scored", "torn"),
]


def ledger() -> MemoryLedger:
    return MemoryLedger(lambda day: make_shard(10**6), DAY)


def lived(seed: int, commits: int = 6) -> tuple[MemoryLedger, Shard, list[bytes]]:
    """A ledger after some commits; the shard; the frames, of which the last are not counted yet."""
    log, *_ = ingest(stream(seed, 150), [7], [])
    store = ledger()
    shard, at = store.restore()
    for many in range(commits):
        for _ in range(2):
            store.apply(shard, log.frames[at], at, NOW + at)
            at += 1
        shard.drain()
        store.commit(shard, many % 3)
    return store, shard, log.frames


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    counted=st.integers(1, 9),
    gone=st.integers(1, 9),
    blocks=st.integers(0, 2),
    later=st.booleans(),
)
def test_whatever_part_of_the_log_is_gone_every_event_counts_once(seed, counted, gone, blocks, later):
    """Frames up to some behind the stamp are gone; what they had is read again, before or after the rest."""
    events = stream(seed, 150)
    logs = ingest(events, [11], [])
    for partition, log in enumerate(logs):
        expected = state(run(log, 10**6))
        store = ledger()
        shard, _ = store.restore()
        stop = min(counted, len(log.frames))
        for at in range(stop):
            store.apply(shard, log.frames[at], at, NOW + at)
        shard.drain()
        store.commit(shard, blocks)
        first = min(stop + gone, len(log.frames))
        # the worker dies; all frames before `first` are removed
        shard, at = store.restore()
        assert at == stop
        assert state(shard)["watermarks"] == store.stamp.watermarks
        rest, next_ = log.frames[first:], iter(range(first, 1000))
        if later:
            for data in rest:
                store.apply(shard, data, offset := next(next_), NOW + offset)
            assert shard.watermarks.missing or first == stop or not rest
            rest = []
        for data in [*refilled(events, shard, partition), *rest]:
            store.apply(shard, data, offset := next(next_), NOW + offset)
        store.commit(shard, 1)
        shard, _ = store.restore()
        assert shard.watermarks.missing == {}
        got = state(shard)
        for counters in (got["counters"], expected["counters"]):
            # whether what an erasure took away was counted before depends on which came first
            counters.scored, counters.erased = counters.scored + counters.erased, 0
            counters.credits = counters.repeated = 0
        assert got == expected


def refilled(events, shard: Shard, partition: int) -> list[bytes]:
    """Frames of exactly the source offsets that the shard has not counted."""
    out = []
    intake = Intake(7, 900_000, credits(5))
    marks = shard.watermarks
    for source in (0, 1):
        mine = [record for record in events if record.partition == source]
        for start, stop in [*marks.missing_ranges().get(source, ()), (marks.next.get(source, 0), len(mine))]:
            if start < stop:
                framer = Framer(2)
                framer.begin(source, start)
                made = frames_of(mine[start:stop], framer, intake)
                out += [made[partition]] if partition in made else []
                out += [d for p, d in framer.catch_up(source, stop).items() if p == partition]
    return out


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_a_foreign_record_is_left_out_wherever_it_stands(seed, data):
    store, shard, _ = lived(seed)
    wanted = state(shard)
    keys = [key for key, _ in store.committed if key != STAMP_KEY]
    key = data.draw(
        st.sampled_from([*keys, b"block/77", b"stamp", b"nonsense", None, b"ids/1/x", b"history/0"])
    )
    value = data.draw(st.sampled_from([None, b"", b"garbage", b'{"version":']))
    if key == STAMP_KEY and value == b'{"version":':
        value = b"{}"
    at = data.draw(st.integers(0, len(store.committed)))
    image, offset = Image(), 0
    for n, (own, what) in enumerate([*store.committed, (None, None)]):
        if n == at:
            image.add(offset, key, value)
            offset += 1
        if n < len(store.committed):
            image.add(offset, own, what)
            offset += 1
    stamp = image.close()
    assert stamp is not None
    restored = make_shard(10**6)
    recover(restored, image, stamp)
    got = state(restored)
    assert got == wanted
    overwritten = any(own == key for own, _ in store.committed[at:])
    assert overwritten or value is None or [one.offset for one in image.foreign] == [at]


def test_what_is_missing_is_noticed():
    store, *_ = lived(1)
    noticed = 0
    last = {key: n for n, (key, _) in enumerate(store.committed)}
    for number, (key, value) in enumerate(store.committed):
        if key == STAMP_KEY or last[key] != number or value is None:
            continue
        image = Image()
        for offset, (own, what) in enumerate(store.committed):
            if own != key:  # as if compaction had taken all of it away
                image.add(offset, own, what)
        with pytest.raises(Unreadable, match="do not match the digest"):
            image.close()
        noticed += 1
    assert noticed > 5


def test_a_stamp_that_does_not_follow_from_the_one_before_is_noticed():
    store, *_ = lived(2)
    stamps = [n for n, (key, _) in enumerate(store.committed) if key == STAMP_KEY]
    assert store.image().breaks() == []
    key, value = store.committed[stamps[2]]
    store.committed[stamps[2]] = key, orjson.dumps(orjson.loads(value) | {"sequence": 99})
    assert store.image().breaks() == [stamps[3]]


def test_a_newer_version_and_garbage_in_place_of_the_stamp_are_said_as_such():
    store, *_ = lived(3)
    for changed, says in (
        (orjson.dumps({"version": VERSION + 1}), "newer Pillarscore"),
        (b'{"version":2}', "can't be read"),
        (b'{"version":', "can't be read"),
    ):
        image = Image()
        for offset, (key, what) in enumerate([*store.committed, (STAMP_KEY, changed)]):
            image.add(offset, key, what)
        with pytest.raises(Unreadable, match=says):
            image.close()


@pytest.mark.parametrize("partition", [0, 1])
def test_the_ledger_of_version_1_restores_to_the_same_scores_and_goes_on(partition):
    """What an earlier version wrote, killed in the middle: its own last scores are the expected ones."""
    topics = _topics(VERSION_1, partition)
    image = Image()
    for record in topics["ledger"]:
        image.add(record.offset, record.key, record.value)
    stamp = image.close()
    assert stamp is not None
    assert stamp.version == 1
    assert image.foreign == []
    shard = new_shard(SSI, stamp.day, 1500, 24 * 3_600_000)
    found = recover(shard, image, stamp)
    assert found.old
    for record in topics["frames"]:
        if found.start <= record.offset <= stamp.frame:
            shard.apply(decode(record.value), record.offset, record.timestamp, replay=True)
    shard.replayed(stamp)
    assert shard.watermarks.next == stamp.watermarks
    got, wanted = _compared(shard, topics["scores"])
    assert got == wanted
    assert len(got) > 900


@pytest.mark.parametrize("partition", range(4))
def test_the_ledger_of_the_version_before_restores_to_the_same_scores(partition):
    """What commit 9cbf411 wrote: blocks, redo and seen ids are read as it meant them."""
    topics = _topics(VERSION_2, partition)
    image = Image()
    for record in topics["ledger"]:
        image.add(record.offset, record.key, record.value)
    stamp = image.close()
    assert stamp is not None
    assert stamp.version == 2
    assert image.foreign == []
    assert image.breaks() == []
    shard = new_shard(SSI, stamp.day, 10**6, 24 * 3_600_000)
    assert not recover(shard, image, stamp).old
    got, wanted = _compared(shard, topics["scores"])
    assert got == wanted
    assert len(got) > 100
    assert stamp.counters.unaccounted() == 0
    # its frames are still understood: all of them are counted already, and nothing of them counts again
    before = shard.counters.scored
    for record in topics["frames"]:
        shard.apply(decode(record.value), stamp.frame + 1 + record.offset, record.timestamp)
    assert shard.counters.scored == before
    assert shard.watermarks.next == stamp.watermarks


def test_a_field_more_in_a_stamp_is_a_new_version():
    """A version that is out refuses what it does not know, so with a new field it could not be gone back to."""
    assert (VERSION, sorted(Stamp.model_fields), sorted(Counters.model_fields)) == (
        3,
        STAMP_2,
        sorted([*COUNTERS_2, "too_late"]),
    ), "raise VERSION in schemas/ledger.py, and say in upgrades.md how to go back"


def test_the_new_version_is_written_only_once_an_event_was_too_late():
    """So who has no limit can go back to a program that reads version 2."""
    stamp = Stamp(
        **dict.fromkeys(("sequence", "frame", "replay_from", "day", "rolled", "turned_from"), 0),
        watermarks={},
        counters=Counters(read=3, scored=2, dead_lettered=1),
    )
    written = orjson.loads(stamp.dump())
    assert (written["version"], sorted(written), sorted(written["counters"])) == (2, STAMP_2, COUNTERS_2)
    assert Stamp.model_validate(written).counters == stamp.counters
    stamp.counters.too_late = 1
    written = orjson.loads(stamp.dump())
    assert (written["version"], written["counters"]["too_late"]) == (3, 1)
    assert Stamp.model_validate(written) == stamp


def _topics(file: Path, partition: int) -> dict[str, list]:
    """What a recording has of a partition."""
    topics: dict[str, list] = {"ledger": [], "frames": [], "scores": []}
    for record in recorded(file):
        if record.partition == partition:
            topics[record.topic].append(record)
    return topics


def _compared(shard: Shard, scores: list) -> tuple[dict, dict]:
    """(score and pillars by member of a shard, the same as they were emitted last)."""
    newest = {record.key.decode(): record.value for record in scores}
    emitted = {name: orjson.loads(value) for name, value in newest.items() if value is not None}
    members = shard.scored()
    points = shard.points(members)
    names = [shard.state.index.names[index] for index in members.tolist()]
    got = {
        name: (score / 100, *(pillar / 100 for pillar in pillars))
        for name, score, pillars in zip(names, points.score.tolist(), points.pillars.tolist(), strict=True)
    }
    return got, {name: (score["score"], *score["pillars"].values()) for name, score in emitted.items()}
