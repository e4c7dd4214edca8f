"""Invented members and teams: cohorts stay bounded, and the benchmarks of real ones stay."""

import itertools
from datetime import UTC, datetime

import numpy as np

from agents.config.settings import Settings
from perf.fake_records import FakeRecord
from perf.inprocess import PARTITIONS
from perf.invented import Attacked, invented
from perf.workload import registers

LIMIT = 500


def _members(worker: Attacked) -> int:
    return sum(len(shard.state.index) for shard in worker.shards)


def test_real_teams_keep_their_benchmarks_when_others_are_invented(monkeypatch):
    monkeypatch.setattr("perf.invented.EVERY", 1_000)
    worker, today = Attacked(Settings(cohort_limit=LIMIT)), datetime.now(UTC).date()
    moment = int(datetime.now(UTC).timestamp() * 1000)
    made = itertools.chain(registers(2_000, today), invented(3_000, 4_000, today, length=20))
    records = (
        FakeRecord(value, n % PARTITIONS, n // PARTITIONS, moment) for n, (_, value) in enumerate(made)
    )
    known: set[bytes] = set()
    while batch := list(itertools.islice(records, 1_000)):
        worker.count(batch)
        worker.bring_up()
        if _members(worker) <= 2_000:
            known = set(worker.shown)
    assert known
    assert known <= worker.shown
    assert b"everyone" in known
    assert worker.merged.totals is not None
    assert worker.merged.totals.size[1] == _members(worker) == 5_000
    kinds = len(worker.merged.kinds)
    assert len(worker.merged.cohorts) <= 2 + kinds * (LIMIT + 1) + LIMIT
    assert worker.merged.table.outside[worker.merged.kinds.index("team")] >= 3_000
    other = worker.merged.number("team", "other")
    assert worker.merged.sorted_scores[worker.merged.table.columns[other]].size(np.array([other]))[0] >= 3_000
