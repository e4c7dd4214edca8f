"""What benchmarks and ranks cost: the same events with cohorts and without, in turn.

    python -m perf.cohorts_cost [--events 2000000] [--members 100000] [--batch 10000]

Without Kafka, in this process: records to rows, frames, shards and records of scores with their ranks, side
by side as `perf.inprocess` does it, once every member has registers and is in one of 5,000 cohorts of
six kinds. Publishing, merging and the records of benchmarks come as often as in a worker at full load, which
takes some 80,000 events/s: while it is behind, scores are published every two seconds and merged every six
or so (`--every` changes it). Compressing and sending them is not in it; `perf.cohorts` has that
too, and the noise of a real worker with it.
"""

import argparse
import itertools
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

from agents.config.settings import Settings
from agents.metrics import Metrics
from perf.inprocess import COMMIT_EVENTS, PARTITIONS, Pipeline, compare, fresh, show
from perf.workload import COHORTS, registers
from pipeline.cohorts.benchmark_records import Benchmarks
from pipeline.cohorts.membership import CohortMembership
from pipeline.cohorts.merged_scores import MergedScores
from pipeline.cohorts.rank_records import RankWriter
from pipeline.shard.distribution_feed import is_due, published

PUBLISH = 160_000
MERGE = 520_000
"""Events between two publications, and between two merges."""


class Compared(Pipeline):
    """A pipeline whose members are in cohorts; it publishes, merges and makes the records of benchmarks."""

    def __init__(self, settings: Settings, commit: int = COMMIT_EVENTS) -> None:
        kinds = settings.cohort_kinds or ()
        self.merged = MergedScores(
            PARTITIONS, kinds, limit=settings.cohort_limit, minimum=settings.cohort_minimum
        )
        self.benchmarks = Benchmarks(settings.cohort_minimum)
        ranks = RankWriter(self.merged, settings.rank_kinds, settings.cohort_minimum)
        epoch = time.time_ns()
        super().__init__(
            Metrics(), [CohortMembership(p, epoch, kinds, ranker=ranks) for p in range(PARTITIONS)], commit
        )
        self.offset = 0
        self.spent = dict.fromkeys(("publishing", "merging", "records"), 0.0)
        self.made = self.before = 0

    def publish(self) -> None:
        """Each partition's changes, read back as another worker does."""
        for shard in self.shards:
            if is_due(shard):
                for key, value in published(shard):
                    self.merged.take(key, value, self.offset)
                    self.offset += 1

    def merge(self) -> None:
        """Everything published becomes one view."""
        for _ in self.merged.merge():
            pass
        if self.merged.totals is None:
            for _ in self.merged.count():
                pass

    def make_records(self) -> None:
        """The records of the cohorts that changed."""
        self.made += sum(map(len, self.benchmarks.records(self.merged)))

    def timed(self, what: str, step: Any) -> None:
        """Take a step, and add up what it took."""
        began = time.thread_time()
        step()
        self.spent[what] += time.thread_time() - began

    def begin(self) -> None:
        """Nothing was spent yet, and from the first event measured on there are ranks."""
        self.publish()
        self.merge()
        self.make_records()
        self.spent = dict.fromkeys(self.spent, 0.0)
        self.made, self.before = 0, self.records


def rank(pipeline: Pipeline, before: int, done: int, *, every: int, skip: int) -> None:
    """What is due behind a batch; before `skip` events nothing is, and then everything."""
    if not isinstance(pipeline, Compared) or done < skip:
        return
    if before < skip:
        pipeline.begin()
        return
    if before // PUBLISH != done // PUBLISH:
        pipeline.timed("publishing", pipeline.publish)
    if before // every != done // every:
        pipeline.timed("merging", pipeline.merge)
        pipeline.timed("records", pipeline.make_records)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=MERGE, help="events between two merges")
    given = parser.parse_args()
    compared = Compared(Settings.load())
    pipelines = {"without": Pipeline(Metrics()), "with": compared}
    made = itertools.chain(
        registers(given.members, datetime.now(UTC).date()), fresh(given.events, given.members)
    )
    due = partial(rank, every=given.every, skip=given.members)
    done, spent = compare(pipelines, made, given.batch, after=due, skip=given.members)
    print(f"{sum(COHORTS.values()) + 1:,} cohorts, {given.members:,} members")
    show(done, spent, "cohorts")
    parts = ", ".join(f"{what} {seconds / done * 1e6:.3f}" for what, seconds in compared.spent.items())
    print(f"{(compared.records - compared.before) / done:.2f} records of scores an event")
    print(f"of it: {parts}; {compared.made:,} benchmarks")


if __name__ == "__main__":
    main()
