"""What must hold for any input: the rules that `tests.kit.fuzz` checks, for each kind of input.

No exception but those that are documented. Of each record exactly one thing becomes, an event or a dead letter. Live
and files decide alike, and come to the same scores. A rule that is broken raises AssertionError.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.structs import TopicPartition

from agents.config import rubric_file
from agents.config.errors import UserError
from agents.config.seniority_file import credit_table
from agents.config.settings import Settings
from agents.files.inputs import Inputs
from agents.files.ndjson import Batch
from agents.files.rejected import FileCounts
from agents.kafka import internals
from agents.kafka.record_batch import batches, last_offset
from agents.kafka.refused_batches import tried
from agents.offline.engine import AsLive, Offline
from perf.fake_records import FakeRecord
from pipeline.common import days
from pipeline.intake.framer import Framer
from pipeline.intake.record_intake import Intake
from pipeline.intake.repeats import Repeats
from pipeline.intake.rows import Line, Rows, SourceRecord
from schemas.cloudevents import NotAnEvent, structured
from schemas.frames import Side, decode
from schemas.letters import DeadLetter
from tests.kit.events import DAY, dumps, random_events
from tests.kit.rubrics import SSI
from tests.kit.shards import new_shard

NOW = days.end_ms(DAY) - 1
COUNTS = ("scored", "duplicate", "outside_window", "erased")
MANY = 1_000
"""Records after which their scores are compared."""
LONG = 60
"""Offsets of a damaged batch from which on it only takes longer."""
PASSES = 20
"""How often such a batch is fetched at most."""
_SETTINGS = Settings()
_HOW = (_SETTINGS.hash_seed, int(_SETTINGS.ahead_s * 1000), credit_table(_SETTINGS))
_FILES = Intake(*_HOW, NOW, False, 0)


_SEEN = ("timestamp", "key", "value", "headers", "problem", "message", "raw")
"""What ingest reads of a record, and of what is in the place of one."""


class _Exact(Repeats):
    """A memory of ids that forgets none."""

    def __init__(self) -> None:
        self._first: dict[int, int] = {}

    def conflicting(self, ids: np.ndarray, contents: np.ndarray) -> np.ndarray:
        pairs = zip(ids.tolist(), contents.tolist(), strict=True)
        return np.array([self._first.setdefault(one, content) != content for one, content in pairs], bool)


def _ingested(made: Sequence[SourceRecord]) -> Rows:
    """The rows that ingest makes of records; each has become one thing."""
    intake = Intake(*_HOW, remember=2)
    intake._repeats = _Exact()
    rows = intake.rows(made, np.zeros(len(made), np.int64), "t", read_ms=NOW)
    things = rows.offset[rows.side != Side.COUNTERPART]
    assert sorted(things.tolist()) == [record.offset for record in made], "each record becomes one thing"
    return rows


def _lines(made: Sequence[FakeRecord], dead: dict[int, str]) -> Batch:
    """The events of records as the lines of a file; records that have none are dead letters for this reason."""
    batch = Batch([], [])
    for record in made:
        try:
            batch.lines.append(structured(record.headers, record.value))
        except NotAnEvent as error:
            why = error.reason
        else:
            batch.numbers.append(record.offset)
            continue
        assert dead.pop(record.offset) == why
    return batch


def decisions(made: Sequence[FakeRecord]) -> None:
    """Ingest and files have the same dead letters, and the same rows of the others."""
    rows = _ingested(made)
    dead = _reasons(rows)
    batch = _lines(made, dead)
    lines = [Line(*one) for one in zip(batch.lines, batch.numbers, strict=True)]
    found = _FILES.rows(lines, np.zeros(len(lines), np.int64), "")
    # the reasons may differ: headers explain some
    assert _reasons(found).keys() == dead.keys(), "files and live decide alike"
    live, file = rows.side == Side.ACTOR, found.side == Side.ACTOR
    for mine, other in ((rows.time, found.time), (rows.signals, found.signals), (rows.id, found.id)):
        assert (mine[live] == other[file]).all(), "and credit the same"


def _reasons(rows: Rows) -> dict[int, str]:
    return {letter.offset: letter.reason for letter in map(DeadLetter.unpack, rows.letters.values())}


def scores(made: Sequence[FakeRecord]) -> None:
    """Ingest and a shard come to the scores of a file, and every record has one disposition in both."""
    rows = _ingested(made)
    shard, framer = new_shard(SSI, DAY), Framer(1)
    framer.begin(0, made[0].offset)
    stop = made[-1].offset + 1
    for data in framer.frames(rows, {0: ([(made[0].offset, stop)], stop)}).values():
        shard.apply(decode(data), 0, NOW)
    dead = _reasons(rows)
    run = Offline(_SETTINGS, SSI, DAY, as_live=AsLive(NOW))
    run._take(_lines(made, dead), 0, str)
    live, file = shard.counters, run.counters
    assert live.difference() == file.difference() == 0, "every record has one disposition"
    assert file.dead_lettered == len(dead), "files and live decide alike"
    for name in COUNTS:
        assert getattr(live, name) == getattr(file, name), f"as many are {name}"
    table, members = run.standings(), shard.scored()
    names = [shard.state.index.names[one] for one in members]
    found = dict(zip(names, shard.points(members).score.tolist(), strict=True))
    assert found == dict(zip(table.members, table.score.tolist(), strict=True)), "offline = live"


class Records:
    """Ingests each lot of records; compares with files when there are enough, every eighth time the scores too."""

    def __init__(self) -> None:
        self._kept: list[FakeRecord] = []
        self._compared = 0

    def __call__(self, made: Sequence[FakeRecord]) -> None:
        """Offsets don't matter."""
        if len(made) < MANY:
            _ingested(_numbered(made))
        self._kept += made
        if len(self._kept) >= MANY:
            kept, self._kept = _numbered(self._kept), []
            (decisions if self._compared % 8 else scores)(kept)
            self._compared += 1


def _moved(record: Any, offset: int) -> Any:
    """A record, or what is in its place, at another offset: as ingest sees it."""
    given = {name: getattr(record, name) for name in _SEEN if hasattr(record, name)}
    return SimpleNamespace(**given | {"offset": offset})


def _numbered(made: Sequence[FakeRecord]) -> list[FakeRecord]:
    return [replace(record, offset=n) for n, record in enumerate(made)]


class Batches:
    """The bytes of a fetch answer: what is read of them has ascending offsets, and becomes one thing each."""

    def __init__(self) -> None:
        self._kept: list[FakeRecord] = []

    def __call__(self, data: bytes) -> None:
        found = _fetched(data)
        offsets = [record.offset for record in found]
        assert offsets == sorted(set(offsets)), "each offset once, in order"
        self._kept += found
        if len(self._kept) >= MANY:
            kept, self._kept = self._kept, []
            _ingested([_moved(record, n) for n, record in enumerate(kept)])


def _fetched(data: bytes) -> list[Any]:
    """The records of a fetch answer, as a consumer goes on behind what it can't read."""
    found: list[Any] = []
    tried.clear()
    after, tries = 0, 0
    for _ in range(PASSES):
        partition = fetcher.PartitionRecords(
            *(TopicPartition("t", 0), internals._KeptRecords(data), [], after),
            *(None, internals.as_it_is, True, fetcher.READ_COMMITTED),
        )
        try:
            found += islice(partition, LONG)
            break
        except CorruptRecordException:  # what is wrong once is believed the second time
            tries = 0 if partition.next_fetch_offset > after else tries + 1
            assert tries < 2, "a batch is given up at the second try"
            after = max(after, partition.next_fetch_offset)
        # a broker begins with the batch that the offset lies in
        for batch in batches(data):
            if last_offset(batch) >= after:
                break
            data = data[len(batch) :]
    return found


def _in_memory() -> "tempfile.TemporaryDirectory[str]":
    """A folder for one file that is written again and again: in memory where there is a folder for that."""
    return tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


class Files:
    """The bytes of a file of any kind: read, or refused in one line."""

    def __init__(self) -> None:
        self._folder = _in_memory()
        self.path = Path(self._folder.name) / "file"
        self._count = 0

    def __call__(self, data: bytes) -> None:
        if self._count % 500 == 0:  # an engine is costly to make, and grows
            self._run = Offline(_SETTINGS, SSI, DAY, as_live=AsLive(NOW))
        self._count += 1
        self.path.write_bytes(data)
        run, before = self._run, self._run.counters.read
        run.files = FileCounts()
        kept: list[bytes] = []
        count, refused = 0, ""
        try:
            inputs = Inputs([self.path])
            for batch in inputs.batches(run._next):
                run._take(batch, 0, inputs.place)
                count += len(batch)
                kept += batch.lines if isinstance(batch, Batch) else []
            run.files.require_events()
        except UserError as error:
            refused = str(error)
        assert "\n" not in refused, "one line"
        assert run.counters.read - before == count, "every line is read once"
        assert run.counters.difference() == 0, "every line has one disposition"
        if kept:
            decisions([FakeRecord(line, 0, n, NOW) for n, line in enumerate(kept[:MANY])])


class Rubrics:
    """The bytes of a rubric: read, and then it scores; or refused in one line."""

    def __init__(self) -> None:
        self._folder = _in_memory()
        self.path = Path(self._folder.name) / "rubric.toml"
        self._lines = [dumps(event) for event in random_events(1, 30, members=5)]

    def __call__(self, data: bytes) -> None:
        self.path.write_bytes(data)
        refused = ""
        try:
            rubric = rubric_file.load(self.path)
        except UserError as error:
            refused = str(error)
        if refused:
            assert "\n" not in refused, "one line"
            assert str(self.path) in refused, "names the file"
            return
        run = Offline(_SETTINGS, rubric, DAY)
        run._take(Batch([*range(len(self._lines))], self._lines), 0, str)
        table = run.standings(components=True)
        assert ((table.score >= 0) & (table.score <= 10_000)).all(), "0 to 100 points"
