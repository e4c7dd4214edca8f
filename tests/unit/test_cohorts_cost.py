"""The benchmark of what cohorts cost compares the same work, and really ranks, publishes and merges."""

import itertools
from datetime import UTC, datetime

from agents.config.settings import Settings
from agents.metrics import Metrics
from perf.cohorts_cost import Compared, rank
from perf.inprocess import Pipeline, compare, fresh
from perf.workload import registers
from pipeline.shard import checkpoint


def test_both_count_the_same_and_one_of_them_is_compared(monkeypatch):
    monkeypatch.setattr("perf.cohorts_cost.PUBLISH", 1_000)
    bare, full = Pipeline(Metrics(), commit=500), Compared(Settings(), commit=500)
    made = itertools.chain(registers(200, datetime.now(UTC).date()), fresh(3_800, 200))
    ready = []

    def due(pipeline, before, done):
        rank(pipeline, before, done, every=1_000, skip=500)
        if pipeline is full and done >= 500:
            ready.append(full.merged.complete)

    done, spent = compare({"without": bare, "with": full}, made, 500, after=due, skip=500)
    assert done == 3_500
    assert ready
    assert all(ready), "records have ranks from the first event that is measured"
    assert min(spent.values()) > 0
    for one, other in zip(bare.shards, full.shards, strict=True):
        assert checkpoint.stamp_of(one) == checkpoint.stamp_of(other)
    assert bare.records == full.records > 0
    assert full.merged.complete
    assert full.merged.totals.size[1] == sum(len(shard.scored()) for shard in full.shards)
    assert full.made > 200
    assert all(seconds > 0 for seconds in full.spent.values())
