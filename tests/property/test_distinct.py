"""Members counted once a day: however events come, whatever is lost and restored, as the oracle counts them."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.offline.engine import Offline
from perf.fake_records import FakeRecord, records
from pipeline.common.tile_keys import key_days, key_signals
from pipeline.network.member_hash import COUNTED
from pipeline.shard.shard import Shard
from schemas.frames import decode
from schemas.signals import DISTINCT, Signal
from tests.kit import oracle
from tests.kit.events import DAY, dumps, event, events, members
from tests.kit.memory_ledger import MemoryLedger
from tests.property.test_restore import NOW, ingest, make_shard, run

COUNTING = (
    "activity.reaction.given",
    "activity.comment.written",
    "activity.content.shared",
    "activity.endorsement.given",
    "activity.spam.reported",
    "activity.invitation.declined",
    "activity.message.sent",
)
DISTINCT_NAMES = {signal.name.lower() for signal in DISTINCT}
KEEP = 10**6


@st.composite
def streams(draw: st.DrawFn) -> list[dict]:
    """Events of a few members with one another and themselves on three days; some come twice."""
    who = members(3)
    made = draw(st.lists(events(COUNTING, DAY - 2, DAY, who), min_size=1, max_size=80))
    for number, one in enumerate(made):
        one["id"] = f"{number}"
    again = draw(st.lists(st.integers(0, len(made) - 1), max_size=6))
    return [*made, *(made[at] for at in again)]


def expected(stream: list[dict]) -> dict[tuple[str, str, int], int]:
    facts = oracle.Facts(DAY)
    for one in stream:
        facts.add(one)
    return {key: count for key, count in facts.counts.items() if count}


def tiles(shard: Shard) -> dict[tuple[str, str, int], int]:
    found: dict[tuple[str, str, int], int] = defaultdict(int)
    names = shard.state.index.names
    scored = shard.scored()
    pairs = shard.state.tiles.read(scored)
    days = key_days(DAY)[pairs.key]
    for row, signal, day, count in zip(
        pairs.row.tolist(), key_signals(pairs.key).tolist(), days.tolist(), pairs.count.tolist(), strict=True
    ):
        found[str(names[scored[row]]), Signal(signal).name.lower(), day] += count
    return dict(found)


def of_all(shards: list[Shard]) -> dict[tuple[str, str, int], int]:
    return {key: count for shard in shards for key, count in tiles(shard).items()}


def logged(stream: list[dict]) -> list[FakeRecord]:
    return records([dumps(one) for one in stream], timestamp=NOW)


@settings(max_examples=60, deadline=None)
@given(streams(), st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_live_counts_as_the_oracle_whatever_the_batches(stream, sizes):
    logs = ingest(logged(stream), sizes, [])
    assert of_all([run(log, KEEP) for log in logs]) == expected(stream)


@settings(max_examples=40, deadline=None)
@given(
    streams(),
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.lists(st.integers(0, 30), max_size=3),
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), st.booleans()), min_size=1, max_size=12),
)
def test_a_restored_shard_remembers_whom_it_has_counted(stream, sizes, falls, plan):
    """plan: after so many frames, write so many blocks and commit, and then perhaps die without warning."""
    shards = []
    for log in ingest(logged(stream), sizes, falls):
        store, step = MemoryLedger(lambda day: make_shard(KEEP), DAY), 0
        shard, at = store.restore()
        while at < len(log.frames):
            many, dirty, dies = plan[step % len(plan)]
            for offset in range(at, min(at + many, len(log.frames))):
                store.apply(shard, log.frames[offset], offset, NOW + offset)
            at += many
            if dies and step < 3 * len(plan):
                shard, at = store.restore(compacted=bool(step % 2))
            else:
                shard.drain()
                store.commit(shard, dirty)
            step += 1
        shards.append(store.restore()[0])
    assert of_all(shards) == expected(stream)


@settings(max_examples=30, deadline=None)
@given(streams())
def test_files_count_as_live_does(tmp_path_factory, stream):
    path = Path(tmp_path_factory.mktemp("events")) / "events.ndjson"
    path.write_bytes(b"\n".join(map(dumps, stream)))
    offline = Offline(Settings(), make_shard().rubric, DAY)
    offline.read(Lines([path]))
    found = {
        (name, signal.name.lower(), day): count
        for name in offline.standings().members
        for (signal, day), count in offline.member(name).tiles.items()
    }
    assert found == expected(stream)


@pytest.mark.parametrize("kind", COUNTING)
def test_a_hundred_of_one_member_are_those_of_one(kind):
    named = dict.fromkeys(("author", "endorsed", "reported", "inviter", "recipient"), "x")
    data = {"words": 3, "reply": True} | named
    for crowd in (1, 100):
        made = [event(kind, data, id=f"{n}", subject=f"m-{n % crowd}") for n in range(100)]
        shards = [run(log, KEEP) for log in ingest(logged(made), [30], [])]
        once = [
            count
            for (member, signal, _), count in of_all(shards).items()
            if member == "x" and signal in DISTINCT_NAMES
        ]
        assert once == [crowd]


def test_frames_of_before_count_as_they_did():
    """They have none of these signals: nothing is counted once a day, and all else as ever."""
    made = [event("activity.reaction.given", {"author": "x"}, id=f"{n}") for n in range(5)]
    shards = []
    for log in ingest(logged(made), [2], []):
        shard = make_shard(KEEP)
        for offset, data in enumerate(log.frames):
            frame = decode(data)
            shard.apply(replace(frame, signals=frame.signals & ~COUNTED), offset, NOW)
        shards.append(shard)
    assert of_all(shards) == {("m-00001", "reaction_given", DAY): 5, ("x", "reaction_received", DAY): 5}
    assert sum(len(shard.recent_ids.young.values()) for shard in shards) == 10, "no second ids"
