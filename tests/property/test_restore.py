"""Whatever is lost and delivered again, the shards end as if nothing had happened."""

from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from perf.fake_records import FakeRecord, records
from pipeline.common import days
from pipeline.common.tile_keys import WINDOW
from pipeline.intake.credit_rules import credits
from pipeline.intake.framer import Framer, runs_of
from pipeline.intake.record_intake import Intake
from pipeline.rubric.model import Rubric
from pipeline.shard.shard import Shard
from schemas.frames import decode
from schemas.letters import DeadLetter
from tests.kit.events import BAD, DAY, dumps, event, random_events
from tests.kit.memory_ledger import MemoryLedger
from tests.kit.shards import SMALL_BLOCKS, new_shard

RUBRIC = Rubric.parse(files("rubrics").joinpath("ssi.toml").read_text())
PARTITIONS = 2
NOW = days.end_ms(DAY) - 1


def make_shard(keep: int = 40) -> Shard:
    return new_shard(RUBRIC, DAY, keep, block_size=SMALL_BLOCKS)


def stream(seed: int, count: int, members: int = 40) -> list[FakeRecord]:
    """Good events, some twice, some bad."""
    rng = np.random.default_rng(seed)
    good = [dumps(event) for event in random_events(seed, count, members=members)]
    values: list[bytes | None] = []
    for value in good:
        values.append(value)
        if rng.random() < 0.1:
            values.append(values[int(rng.integers(max(0, len(values) - 30), len(values)))])
        if rng.random() < 0.03:
            values.append(b"{broken")
    return records(values, timestamp=NOW)


def frames_of(batch: list[FakeRecord], framer: Framer, intake: Intake) -> dict[int, bytes]:
    read = {}
    for source in {r.partition for r in batch}:
        offsets = np.array([r.offset for r in batch if r.partition == source])
        read[source] = (runs_of(offsets), int(offsets[-1]) + 1)
    sources = np.array([r.partition for r in batch])
    return framer.frames(intake.rows(batch, sources, "activity.events"), read)


@dataclass
class Log:
    """The frames of one partition, as delivered: some twice, after ingest fell back."""

    frames: list[bytes] = field(default_factory=list)


def ingest(stream: list[FakeRecord], sizes: list[int], falls: list[int]) -> list[Log]:
    """Frames of the stream in batches of the given sizes (in turn), committed behind every third; after the
    batches in `falls` ingest dies, and another begins at what is committed."""
    logs = [Log() for _ in range(PARTITIONS)]
    intake, framer = Intake(7, 900_000, credits(5)), Framer(PARTITIONS)

    def reached(at: int) -> dict[int, int]:
        return {s: sum(r.partition == s for r in stream[:at]) for s in (0, 1)}

    def send(frames: dict[int, bytes]) -> None:
        for partition, data in frames.items():
            logs[partition].frames.append(data)

    for source in (0, 1):
        framer.begin(source, 0)
    committed = at = number = 0
    while committed < len(stream):
        size = sizes[number % len(sizes)]
        batch = stream[at : at + size]
        if batch:
            send(frames_of(batch, framer, intake))
        at += len(batch)
        if number % 3 == 2 or at == len(stream):
            for source, offset in reached(at).items():
                send(framer.catch_up(source, offset))
            committed = at
        if number in falls:
            at, framer = committed, Framer(PARTITIONS)
            for source, offset in reached(at).items():
                framer.begin(source, offset)
        number += 1
    return logs


def state(shard: Shard) -> dict:
    """All that is durable about a shard, by member."""
    names = shard.state.index.names
    members = np.array([i for i, n in enumerate(names) if n is not None], np.int64)
    pairs = shard.state.tiles.read(members)
    tiles: dict = {}
    for row, key, count in zip(pairs.row.tolist(), pairs.key.tolist(), pairs.count.tolist(), strict=True):
        tiles.setdefault(names[members[row]], {})[key] = count
    return {
        "tiles": tiles,
        "registers": {
            names[i]: orjson.loads(dumped)
            for i, dumped in zip(members.tolist(), shard.state.registers.dump(members), strict=True)
            if dumped
        },
        "counters": shard.counters,
        "watermarks": shard.watermarks.next,
        "networks": {name: mine for name in names if name and (mine := network(shard, name))},
        "scores": {
            names[i]: int(s)
            for i, s in zip(members.tolist(), shard.points(members).score.tolist(), strict=True)
        },
    }


def network(shard: Shard, name: str) -> dict[int, tuple[int, int]]:
    """What is known of a member's links, by the hash of the peer; what is out of the window says nothing."""
    place = shard.state.network.find(name)
    if place is None:
        return {}
    links = shard.state.network.links(place)
    links.prune(DAY - WINDOW)
    peers = shard.state.network.codes.hashes[links.peer].tolist()
    days_ = np.where(links.engaged(DAY - WINDOW), links.days(), 0).tolist()
    return dict(zip(peers, zip(links.state.tolist(), days_, strict=True), strict=True))


def run(log: Log, keep: int = 40) -> Shard:
    shard = make_shard(keep)
    for offset, data in enumerate(log.frames):
        shard.apply(decode(data), offset, NOW + offset)
    return shard


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    falls=st.lists(st.integers(0, 30), max_size=4),
    plan=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2), st.booleans()), min_size=4, max_size=20),
)
def test_a_shard_killed_at_any_moment_ends_as_one_that_never_was(seed, sizes, falls, plan):
    """plan: after so many frames, write so many blocks and commit, and then perhaps die without warning."""
    events = stream(seed, 120)
    for log, whole in zip(ingest(events, sizes, falls), ingest(events, sizes, []), strict=True):
        expected = run(whole)
        store, step = MemoryLedger(lambda day: make_shard(), DAY), 0
        shard, at = store.restore()
        revisions: list[int] = []
        while at < len(log.frames):
            many, dirty, dies = plan[step % len(plan)]
            for offset in range(at, min(at + many, len(log.frames))):
                store.apply(shard, log.frames[offset], offset, NOW + offset)
            at += many
            if dies and step < 3 * len(plan):
                shard, at = store.restore(compacted=bool(step % 2))
                assert not shard.drain().scores, "what is replayed must not be emitted again"
            else:
                if shard.drain().scores:
                    revisions.append(shard.emitter.revision)
                store.commit(shard, dirty)
            step += 1
        got, want = state(shard), state(expected)
        for counters in (got["counters"], want["counters"]):
            # counterparts stand behind the actors of their frame, so which came before an erasure may differ
            counters.credits = counters.repeated = 0
        assert got == want
        assert revisions == sorted(set(revisions)), "revisions rise"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), falls=st.lists(st.integers(0, 30), max_size=3))
def test_everything_read_is_accounted_for(seed, falls):
    events = stream(seed, 200)
    shards = [run(log, keep=10**6) for log in ingest(events, [17, 40, 3], falls)]
    counted = [s.counters for s in shards]
    bad = sum(r.value == b"{broken" for r in events)
    assert sum(c.read for c in counted) == len(events)
    assert sum(c.difference() for c in counted) == 0
    assert sum(c.dead_lettered for c in counted) == bad
    assert sum(c.duplicate for c in counted) == len(events) - len({r.value for r in events}) - max(0, bad - 1)


def test_bad_events_of_every_kind_become_letters():
    bad = [spoil(event("activity.session.started")) for ways in BAD.values() for spoil in ways]
    shards = [run(log) for log in ingest(records(bad, timestamp=NOW), [7], [])]
    letters = [DeadLetter.unpack(data) for shard in shards for data in shard.drain().letters]
    assert sorted(letter.value or b"" for letter in letters) == sorted(bad), "as they came, each once"
    assert len(bad) == sum(s.counters.dead_lettered for s in shards) == sum(s.counters.read for s in shards)
