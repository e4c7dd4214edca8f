"""Ids that are used again for something else: one event counts, for both of its sides, and it is noticed."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.config.settings import Settings
from agents.files.inputs import Inputs
from agents.files.ndjson import Lines
from agents.files.parquet import Writer
from agents.offline.engine import Offline
from perf.fake_records import FakeRecord
from pipeline.intake.credit_rules import credits
from pipeline.intake.framer import Framer
from pipeline.intake.record_intake import Intake
from pipeline.intake.repeats import Repeats
from schemas.frames import decode
from tests.kit.events import DAY, at, dumps, event, events
from tests.kit.files import ndjson
from tests.kit.rubrics import SSI
from tests.kit.shards import new_shard

PARTITIONS = 4
NOW = (DAY + 1) * 86_400_000 - 1
# ids are drawn from a few, so most logs use some of them again, with another type, counterpart or time
logs = st.lists(
    events(first=DAY - 3).map(lambda one: one | {"id": str(int(one["id"]) % 6), "source": "/crm"}),
    min_size=1,
    max_size=30,
).map(
    # no two register updates at one moment, whose order no rule can tell, and no erasures
    lambda made: [
        one | {"time": at(DAY - 3, n * 1000)}
        for n, one in enumerate(made)
        if not one["type"].endswith("erased")
    ]
)


def firsts(log):
    """The first event of each (source, id, subject)."""
    seen = {}
    for one in log:
        seen.setdefault((one["source"], one["id"], one["subject"]), one)
    return list(seen.values())


def offline(folder, log, kind="ndjson"):
    """({member: score}, duplicates) of the lines of a file."""
    path = folder / "log.ndjson"
    path.write_bytes(ndjson(log))
    if kind == "parquet":
        for _ in Writer(folder / "log.parquet").write(Lines([path])):
            pass
        path = folder / "log.parquet"
    run = Offline(Settings(), SSI, DAY)
    run.read(Inputs([path]))
    assert run.counters.difference() == 0
    table = run.standings()
    return dict(zip(table.members, table.score.tolist(), strict=True)), run.counters.duplicate


class Live:
    """Ingest and the shards of all partitions, without Kafka."""

    def __init__(self):
        self.intake = Intake(Settings().hash_seed, 900_000, credits(5))
        self.framer = Framer(PARTITIONS)
        self.framer.begin(0, 0)
        self.shards = [new_shard(SSI, DAY) for _ in range(PARTITIONS)]
        self.frames = self.conflicting = self.offset = 0

    def read(self, log):
        """One batch of records."""
        records = [FakeRecord(dumps(one), 0, self.offset + n, NOW) for n, one in enumerate(log)]
        rows = self.intake.rows(records, np.zeros(len(records), np.int64), "activity.events")
        self.conflicting += sum(rows.conflicting.values())
        assert set(rows.conflicting) <= {one["source"] for one in log}
        stop = self.offset + len(records)
        for partition, data in self.framer.frames(rows, {0: ([(self.offset, stop)], stop)}).items():
            self.shards[partition].apply(decode(data), self.frames, NOW)
            self.frames += 1
        self.offset = stop

    def scores(self):
        found = {}
        for shard in self.shards:
            members = shard.scored()
            names = shard.state.index.names
            points = shard.points(members).score.tolist()
            found |= {names[index]: score for index, score in zip(members.tolist(), points, strict=True)}
        return found

    def duplicates(self):
        return sum(shard.counters.duplicate for shard in self.shards)


@settings(max_examples=100)
@given(logs, st.integers(1, 8), st.sampled_from(["ndjson", "parquet"]))
def test_the_first_of_an_id_counts_live_and_in_files(tmp_path_factory, log, batch, kind):
    folder = tmp_path_factory.getbasetemp()
    expected, _ = offline(folder, firsts(log))
    again = len(log) - len(firsts(log))
    assert offline(folder, log, kind) == (expected, again)
    live = Live()
    for start in range(0, len(log), batch):
        live.read(log[start : start + batch])
    assert (live.scores(), live.duplicates()) == (expected, again)


@settings(max_examples=60)
@given(logs, st.randoms(use_true_random=False))
def test_in_any_order_one_of_an_id_counts(tmp_path_factory, log, rng: random.Random):
    mixed = rng.sample(log, len(log))
    found, again = offline(tmp_path_factory.getbasetemp(), mixed)
    assert again == len(log) - len(firsts(log))
    live = Live()
    live.read(mixed)
    assert live.scores() == found


ANN = event("activity.comment.written", {"author": "ben", "words": 2}, id="7", subject="ann")


@pytest.mark.parametrize(
    ("second", "conflicting"),
    [
        (ANN, 0),
        (ANN | {"extra": "is ignored"}, 0),
        (ANN | {"time": "2025-11-20T13:00:00+01:00"}, 0),  # the same moment
        (ANN | {"data": {"author": "ben", "words": 3}}, 0),  # counts for the same
        (ANN | {"data": {"author": "cat", "words": 2}}, 1),
        (ANN | {"data": {"author": "ben", "words": 12}}, 1),
        (ANN | {"time": "2025-11-20T12:00:01Z"}, 1),
        (ANN | {"type": "activity.reaction.given", "data": {"author": "ben"}}, 1),
        (ANN | {"type": "activity.session.started", "data": None}, 1),
        (ANN | {"type": "activity.member.updated", "data": {"team": "blue"}}, 1),
        (ANN | {"source": "/other", "data": {"author": "cat", "words": 2}}, 0),
        (ANN | {"subject": "dan", "data": {"author": "cat", "words": 2}}, 0),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_another_content_is_counted_as_conflicting(tmp_path, second, conflicting, together):
    live = Live()
    for batch in [[ANN, second]] if together else [[ANN], [second], [second]]:
        live.read(batch)
    assert live.conflicting == conflicting * (1 if together else 2)
    assert live.scores() == offline(tmp_path, [ANN, second])[0]


def test_what_was_a_dead_letter_is_not_remembered():
    live = Live()
    live.read([ANN | {"time": "2099-01-01T00:00:00Z"}, ANN])
    assert live.conflicting == 0
    assert set(live.scores()) == {"ann", "ben"}


def test_reading_a_batch_again_gives_the_same_rows():
    other = ANN | {"data": {"author": "cat", "words": 12}}
    records = [FakeRecord(dumps(one), 0, n, NOW) for n, one in enumerate([ANN, other, ANN])]
    intake = Intake(0, 900_000, credits(5))
    first, again = (intake.rows(records, np.zeros(3, np.int64), "t") for _ in range(2))
    assert first.member.to_pylist() == again.member.to_pylist() == ["ann", "ann", "ann", "ben", "ben"]
    assert first.conflicting == again.conflicting == {"/test": 1}


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=8), max_size=6))
def test_the_memory_knows_the_first_of_each_id(batches):
    """As many places as ids, so that none takes that of another."""
    memory, first = Repeats(8), {}
    for batch in batches:
        ids = np.array([one << 61 | 8 | one for one, _ in batch], np.uint64)
        contents = np.array([content for _, content in batch], np.uint64)
        expected = [first.setdefault(one, content) != content for one, content in batch]
        assert memory.conflicting(ids, contents).tolist() == expected


def test_a_small_memory_forgets_and_says_nothing_wrong():
    memory = Repeats(2)
    ids = np.arange(1, 40, dtype=np.uint64) << np.uint64(57)
    for one in range(len(ids)):
        assert not memory.conflicting(ids[one : one + 1], ids[one : one + 1]).any()
    assert memory.conflicting(ids[-1:], ids[:1]).tolist() == [True]
    assert memory.conflicting(ids[:1], ids[1:2]).tolist() == [False]
