"""What the metrics cost: the same fresh events with them and without, in turn, and what a scrape takes.

    python -m benchmarks.metrics_cost [--events 1000000] [--members 100000] [--batch 10000]

Without Kafka, in this process: records to rows, frames, shards and records of scores, with the calls of
metrics where ingest and runner have them. Each batch goes through both, one right after the other in changing
order, so that a machine that gets slower or faster does so for both; CPU of this thread, garbage collection
off. A scrape is made every 90,000 events, about one a second at full load. The real worker takes more CPU for
an event, since it has Kafka's clients to serve, so of its CPU the share is less; `benchmarks.metrics_live`
compares real ones. At the end, a scrape with 1,000,000 members (`--scraped`, 0: none).
"""

import argparse
import gc
import re
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
from prometheus_client import generate_latest

from agents.metrics import Metrics
from agents.metrics.lag import Lag
from agents.rubrics import load
from benchmarks.rollover import filled
from benchmarks.unmetered import Nothing
from benchmarks.workload import events
from pipeline import blocks, days
from pipeline.framing import Framer, runs_of
from pipeline.intake import Intake
from pipeline.shard import Shard
from schemas.frames import decode
from tests.kit.records import FakeRecord

PARTITIONS = 4
COMMIT_BATCHES = 3
"""Batches of 10,000 events between two commits: at full load there is one every 250 ms."""
SCRAPE_EVENTS = 90_000


def fresh(count: int, members: int) -> Iterator[tuple[bytes, bytes]]:
    """The usual events, but of this moment, so that their latency is observed."""
    now = datetime.now(UTC)
    moment = b'"time":"%b"' % now.isoformat().encode()
    for key, value in events(count, members, now.date()):
        yield key, re.sub(rb'"time":"[^"]*"', moment, value, count=1)


class Pipeline:
    """Ingest and score without Kafka, on every frame partition."""

    def __init__(self, metrics: Any) -> None:
        self.metrics = metrics
        self.intake, self.framer = Intake(0, 900_000, 5), Framer(PARTITIONS)
        rubric, today = load(None), days.number(datetime.now(UTC).date())
        self.shards = [Shard(rubric, today, 1 << 20, 1 << 40) for _ in range(PARTITIONS)]
        if isinstance(metrics, Nothing):
            for shard in self.shards:
                vars(shard).update(spread=metrics, arrivals=metrics)
        self.of = [metrics.of(partition) for partition in range(PARTITIONS)]
        for source in range(PARTITIONS):
            self.framer.begin(source, 0)
        metrics.state.runners = {
            p: SimpleNamespace(
                live=True, progress=1.0, restore_s=1.0, shard=s, stamp=None, lag=lambda: Lag(1, 0.1)
            )
            for p, s in enumerate(self.shards)
        }
        self.batches = 0

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
        self.batches += 1
        if self.batches % COMMIT_BATCHES == 0:
            for shard, told in zip(self.shards, self.of, strict=True):
                told.flushed(shard.drain(), now)
                stamp = blocks.stamp_of(shard).dump()
                told.committed(0.05, len(stamp), shard.arrivals, now)

    def scrape(self) -> None:
        """As `agents.web` answers."""
        if isinstance(self.metrics, Metrics):
            generate_latest(self.metrics.registry)


def compare(count: int, members: int, size: int) -> None:
    """Feed both, print."""
    pipelines = {"without": Pipeline(Nothing()), "with": Pipeline(Metrics())}
    spent = dict.fromkeys(pipelines, 0.0)
    now = int(time.time() * 1000)
    made = enumerate(fresh(count, members))
    done = 0
    gc.disable()
    while done < count:
        batch = [
            FakeRecord(value, n % PARTITIONS, n // PARTITIONS, now)
            for n, (_, value) in (next(made) for _ in range(min(size, count - done)))
        ]
        scraped = done // SCRAPE_EVENTS != (done + len(batch)) // SCRAPE_EVENTS
        for kind in sorted(pipelines, reverse=bool((done // size) % 2)):
            began = time.thread_time()
            pipelines[kind].count(batch)
            if scraped:
                pipelines[kind].scrape()
            spent[kind] += time.thread_time() - began
        done += len(batch)
    gc.enable()
    for kind, seconds in spent.items():
        print(
            f"{kind:<8} {done / seconds:>9,.0f} events per second of CPU, {seconds / done * 1e6:.3f} us each"
        )
    off, on = spent["without"], spent["with"]
    print(f"metrics  {(on - off) / done * 1e6:.3f} us of CPU an event, {on / off - 1:+.2%}; without Kafka")


def scraping(members: int) -> None:
    """Print what a scrape takes of the event loop, and in all."""
    shard = filled(members, 8)
    shard.settle()
    metrics = Metrics()
    metrics.of(0)
    stamp = blocks.stamp_of(shard)
    runner: Any = SimpleNamespace(
        live=True, progress=1.0, restore_s=1.0, shard=shard, stamp=stamp, lag=lambda: Lag(1, 0.1)
    )
    metrics.state.runners = {0: runner}
    spans = []
    for _ in range(50):
        began = time.thread_time()
        list(metrics.registry.collect())
        read = time.thread_time()
        size = len(generate_latest(metrics.registry))
        spans.append((read - began, time.thread_time() - read))
    loop, text = (statistics.median(column) * 1e3 for column in zip(*spans, strict=True))
    print(f"a scrape of {members:,} members in a partition: {size / 1e3:.0f} kB, CPU {loop:.2f} ms on the")
    print(f"event loop to read the values, and {text - loop:.2f} ms in a thread to write them")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--scraped", type=int, default=1_000_000)
    given = parser.parse_args()
    compare(given.events, given.members, given.batch)
    if given.scraped:
        scraping(given.scraped)


if __name__ == "__main__":
    main()
