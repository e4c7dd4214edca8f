"""What the metrics cost: the same fresh events with them and without, in turn, and what a scrape takes.

    python -m perf.metrics_cost [--events 1000000] [--members 100000] [--batch 10000]

Without Kafka, in this process: records to rows, frames, shards and records of scores, with the calls of
metrics where ingest and runner have them, side by side as `perf.inprocess` does it. A scrape is made
every 90,000 events, about one a second at full load. The real worker takes more CPU for an event, since it
has Kafka's clients to serve, so of its CPU the share is less; `perf.metrics_live` compares real ones.
At the end, a scrape with 1,000,000 members (`--scraped`, 0: none).
"""

import argparse
import statistics
import time

from prometheus_client import generate_latest

from agents.metrics import Metrics
from perf.inprocess import Pipeline, compare, fresh, runner, show
from perf.rollover import filled
from perf.unmetered import Nothing
from pipeline.shard import checkpoint

SCRAPE_EVENTS = 90_000


def scrape(pipeline: Pipeline, before: int, done: int) -> None:
    """As `agents.worker.http` answers, about once a second."""
    if isinstance(pipeline.metrics, Metrics) and before // SCRAPE_EVENTS != done // SCRAPE_EVENTS:
        generate_latest(pipeline.metrics.registry)


def scraping(members: int) -> None:
    """Print what a scrape takes of the event loop, and in all."""
    shard = filled(members, 8)
    shard.settle()
    metrics = Metrics()
    metrics.of(0)
    stamp = checkpoint.stamp_of(shard)
    metrics.state.runners = {0: runner(shard, stamp)}
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
    pipelines = {"without": Pipeline(Nothing()), "with": Pipeline(Metrics())}
    show(*compare(pipelines, fresh(given.events, given.members), given.batch, after=scrape), "metrics")
    if given.scraped:
        scraping(given.scraped)


if __name__ == "__main__":
    main()
