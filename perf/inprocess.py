"""Ingest and score in one process and without Kafka, to compare two of them batch by batch.

Each batch goes through both, one right after the other in changing order, so that a machine that gets slower
or faster does so for both; what is measured is the CPU of this thread, with garbage collection off.
"""

import gc
import itertools
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np

from agents.config.new_intake import new_intake
from agents.config.rubric_file import load
from agents.config.settings import Settings
from agents.metrics.lag import Lag
from perf.fake_records import FakeRecord
from perf.unmetered import Nothing
from perf.workload import events
from pipeline.cohorts.membership import CohortMembership
from pipeline.common import days
from pipeline.intake.framer import Framer, runs_of
from pipeline.shard import checkpoint
from pipeline.shard.shard import Shard, ShardConfig
from schemas.frames import decode
from schemas.ledger import Stamp

PARTITIONS = 4
COMMIT_EVENTS = 80_000
"""Between two commits: while far behind there is one a second."""


def fresh(count: int, members: int) -> Iterator[tuple[bytes, bytes]]:
    """The usual events, but of this moment, so that their latency is observed."""
    now = datetime.now(UTC)
    moment = b'"time":"%b"' % now.isoformat().encode()
    for key, value in events(count, members, now.date()):
        yield key, re.sub(rb'"time":"[^"]*"', moment, value, count=1)


def runner(shard: Shard, stamp: Stamp | None = None) -> Any:
    """What metrics read of a live runner with this shard."""
    return SimpleNamespace(
        live=True,
        progress=1.0,
        restore_s=1.0,
        shard=shard,
        stamp=stamp,
        lag=lambda: Lag(1, 0.1),
        networks=SimpleNamespace(unrefreshed=lambda: 0, age=lambda: 1.0),
        refill=SimpleNamespace(missing=0),
    )


class Pipeline:
    """Ingest and score without Kafka, on every frame partition; commit: events between two commits."""

    def __init__(
        self,
        metrics: Any,
        cohorts: Sequence[CohortMembership | None] = (None,) * PARTITIONS,
        commit: int = COMMIT_EVENTS,
    ) -> None:
        self.metrics = metrics
        # as a worker has it
        self.intake, self.framer = new_intake(Settings(), None), Framer(PARTITIONS)
        rubric, today = load(None), days.number(datetime.now(UTC).date())
        self.shards = [Shard(ShardConfig(rubric, 1 << 20, 1 << 40), today, of) for of in cohorts]
        if isinstance(metrics, Nothing):  # what is kept up for metrics alone goes with them
            for shard in self.shards:
                shard.source_counts = shard.emitter.distribution = metrics
        self.of = [metrics.of(partition) for partition in range(PARTITIONS)]
        for source in range(PARTITIONS):
            self.framer.begin(source, 0)
        metrics.state.runners = {p: runner(shard) for p, shard in enumerate(self.shards)}
        self.records = 0  # of scores
        self._commit = commit
        self._since = 0

    def count(self, records: list[FakeRecord]) -> None:
        """A batch from the records to the records of scores."""
        sources = np.array([record.partition for record in records])
        offsets = np.array([record.offset for record in records])
        read = {s: (runs_of(o := offsets[sources == s]), int(o[-1]) + 1) for s in np.unique(sources).tolist()}
        rows = self.intake.rows(records, sources, "activity.events")
        frames = self.framer.frames(rows, read)
        self.metrics.ingest.ingested(len(records), rows, self.framer.rows)
        now = records[0].timestamp
        for partition, data in frames.items():
            self.metrics.ingest.frame_bytes.observe(len(data))
            frame, shard = decode(data), self.shards[partition]
            shard.apply(frame, shard.frame + 1, now)
            self.of[partition].counted(frame, now)
        self._since += len(records)
        if self._since >= self._commit:
            self._since = 0
            for shard, metrics in zip(self.shards, self.of, strict=True):
                emission = shard.drain()
                self.records += len(emission.scores)
                metrics.flushed(emission, now)
                stamp = checkpoint.stamp_of(shard).dump()
                metrics.committed(0.05, len(stamp), shard.source_counts, now_ms=now)


def compare(
    pipelines: dict[str, Pipeline],
    made: Iterable[tuple[bytes, bytes]],
    size: int,
    *,
    after: Callable[[Pipeline, int, int], None] = lambda pipeline, before, done: None,
    skip: int = 0,
) -> tuple[int, dict[str, float]]:
    """(events measured, seconds of CPU of each pipeline) for events in batches of `size`.

    after: called behind each batch with the numbers of events before it and with it, and measured too; skip:
    so many events at first are not measured.
    """
    spent = dict.fromkeys(pipelines, 0.0)
    now = int(time.time() * 1000)
    records = (FakeRecord(value, n % PARTITIONS, n // PARTITIONS, now) for n, (_, value) in enumerate(made))
    done = number = 0
    gc.disable()
    while batch := list(itertools.islice(records, size)):
        for kind in sorted(pipelines, reverse=bool(number % 2)):
            began = time.thread_time()
            pipelines[kind].count(batch)
            after(pipelines[kind], done, done + len(batch))
            if done >= skip:
                spent[kind] += time.thread_time() - began
        done += len(batch)
        number += 1
    gc.enable()
    return done - skip, spent


def show(done: int, spent: dict[str, float], what: str) -> None:
    """Print what each pipeline took, and how much more the one `with` it took than the one `without`."""
    for kind, seconds in spent.items():
        print(
            f"{kind:<8} {done / seconds:>9,.0f} events per second of CPU, {seconds / done * 1e6:.3f} us each"
        )
    off, on = spent["without"], spent["with"]
    print(f"{what:<8} {(on - off) / done * 1e6:.3f} us of CPU an event, {on / off - 1:+.2%}; without Kafka")
