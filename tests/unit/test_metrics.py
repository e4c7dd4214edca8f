"""Metrics: names by the conventions, gauges that are true, and arrays counted as one by one."""

import re
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from prometheus_client import generate_latest

from agents.docgen.metrics import Described, described
from agents.docgen.series import counts
from agents.metrics import Metrics
from agents.metrics.advice import ADVICE
from agents.metrics.event_sources import MAX_LENGTH, MAX_SOURCES, OTHER
from agents.metrics.lag import Lag
from agents.metrics.moved import KEPT_S
from agents.metrics.state import OF_STAMP
from perf.fake_records import NOW, records
from perf.inprocess import PARTITIONS, Pipeline, fresh
from perf.metrics_cost import SCRAPE_EVENTS, scrape
from perf.unmetered import Nothing
from pipeline.cohorts.kinds import KINDS
from pipeline.intake.credit_rules import credits
from pipeline.intake.framer import Framer, runs_of
from pipeline.intake.record_intake import Intake
from pipeline.shard import checkpoint
from pipeline.shard.shard import Shard
from schemas.frames import decode
from schemas.ledger import Checkpoint, Counters, ReplayStart
from tests.kit.events import DAY, dumps, event, random_events
from tests.kit.rubrics import SSI
from tests.kit.shards import new_shard

ALL = list(described(Metrics().registry))
LABELS = {
    *("partition", "source", "disposition", "reason", "band", "pillar", "stage", "kind", "path"),
    "event_source",
    *("version", "python", "rubric", "role", "topic", "outcome", "client", "certificate"),
}


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_names_are_by_the_conventions(metric: Described) -> None:
    """What `promtool check metrics` says, and bounded labels."""
    assert re.fullmatch(r"pillarscore_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.type == "counter")
    assert not re.search(r"_(count|sum|bucket)$", metric.name)
    assert metric.type not in metric.name.split("_")
    scaled = {"ms", "milliseconds", "us", "minutes", "hours", "kb", "mb", "megabytes", "percent"}
    assert not scaled & set(metric.name.split("_"))
    assert metric.meaning
    assert set(metric.labels) <= LABELS


def test_reused_ids_are_counted_by_upstream_system_and_the_labels_stay_few() -> None:
    mine = Metrics()
    for n in range(2 * MAX_SOURCES):
        rows = Intake(0, 0, credits(5)).rows([], np.zeros(0, np.int64), "t")
        rows.conflicting = {f"/crm/{n:03d}": 2, "/" + "x" * 300: 1}
        mine.ingest.ingested(0, rows, {})
    found = {
        sample.labels["event_source"]: sample.value
        for metric in mine.registry.collect()
        if metric.name == "pillarscore_conflicting_events"
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
    assert len(found) == MAX_SOURCES + 1
    assert found["/crm/000"] == 2
    assert found["/" + "x" * (MAX_LENGTH - 1) + "…"] == 2 * MAX_SOURCES
    assert found[OTHER] == 2 * (MAX_SOURCES + 1)


def test_what_to_do_is_said_of_metrics_that_exist() -> None:
    assert set(ADVICE) <= {metric.name for metric in ALL}


def _samples(metrics: Metrics) -> dict[str, float]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    return {k: float(v) for k, _, v in (x.rpartition(" ") for x in lines if x.startswith("pillarscore"))}


def _shard(values: list[bytes]) -> tuple[Shard, Metrics]:
    """A shard that has counted the values, flushed and committed to metrics; one partition, two sources."""
    metrics = Metrics()
    shard = new_shard(SSI, DAY)
    intake, framer = Intake(0, 900_000, credits(5)), Framer(1)
    mine = metrics.of(0)
    for source in (0, 1):
        framer.begin(source, 0)
    for start in range(0, len(values), 64):
        batch = records(values)[start : start + 64]
        sources = np.array([record.partition for record in batch])
        read = {
            source: (runs_of(offsets), int(offsets[-1]) + 1)
            for source in (0, 1)
            if len(offsets := np.array([r.offset for r in batch if r.partition == source]))
        }
        rows = intake.rows(batch, sources, "activity.events")
        for data in framer.frames(rows, read).values():
            frame = decode(data)
            shard.apply(frame, shard.frame + 1, NOW)
            mine.counted(frame, NOW)
        metrics.ingest.ingested(len(batch), rows, framer.rows)
        assert shard.counters.unaccounted() == 0
    metrics.ranks.outside = lambda: dict.fromkeys(KINDS, 0)
    mine.flushed(shard.drain(), NOW + 500)
    mine.committed(0.01, 0, shard.source_counts, now_ms=NOW + 700)
    runner = SimpleNamespace(
        live=True,
        progress=1.0,
        restore_s=2.0,
        shard=shard,
        stamp=checkpoint.stamp_of(shard),
        lag=lambda: Lag(3, 0.25),
        networks=SimpleNamespace(unrefreshed=lambda: 7, age=lambda: 60.0),
        refill=SimpleNamespace(missing=0),
    )
    runners: Any = {0: runner}
    metrics.state.runners = runners
    return shard, metrics


def test_dead_letters_are_counted_by_upstream_system_and_the_labels_stay_few() -> None:
    mine = Metrics()
    for n in range(2 * MAX_SOURCES):
        mine.of(n % 2).letter("bad_time", f"/crm/{n:03d}")
    mine.of(0).letter("invalid_json", "")
    found = {name: value for name, value in _samples(mine).items() if "event_source_dead" in name}
    name = "pillarscore_event_source_dead_letters_total"
    assert len(found) == MAX_SOURCES + 2
    assert found[f'{name}{{event_source="/crm/000"}}'] == 1
    assert found[f'{name}{{event_source="{OTHER}"}}'] == MAX_SOURCES
    assert found[f'{name}{{event_source="(none)"}}'] == 1


def test_gauges_are_those_of_the_shard() -> None:
    values = [dumps(made) for made in random_events(5, 600, duplicates=0.1)] + [b"{"] * 6
    shard, metrics = _shard(values)
    found = _samples(metrics)
    counters = shard.counters
    assert counters.duplicate > 0
    assert counters.outside_window > 0
    for name, value in counters:
        assert found[f'pillarscore_events{{disposition="{name}",partition="0"}}'] == value
    assert counters.read == counters.admitted == len(values)
    assert found['pillarscore_conservation_difference{partition="0"}'] == 0
    assert found["pillarscore_ingest_conservation_difference"] == 0
    points = shard.points(shard.scored())
    for number, pillar in enumerate(("score", "brand", "find", "engage", "relate")):
        column = points.score if pillar == "score" else points.pillars[:, number - 1]
        labels = f'partition="0",pillar="{pillar}"'
        total = found[f"pillarscore_member_score_sum{{{labels}}}"]
        assert round(total * 100) == column.sum()
        for bound in ("1.0", "7.0", "25.0", "+Inf"):
            below = found[f'pillarscore_member_score_bucket{{le="{bound}",{labels}}}']
            assert below == (column <= float(bound) * 100).sum()
    assert sum(v for k, v in found.items() if "band_members" in k) == len(points)
    assert found['pillarscore_tiles{partition="0"}'] == len(shard.state.tiles.read(np.arange(shard.members)))
    duplicates = sum(v for k, v in found.items() if "source_duplicates_total" in k)
    assert duplicates == counters.duplicate
    assert found['pillarscore_source_dead_letters_total{partition="0",source="0"}'] == 3
    assert found['pillarscore_score_lag_frames{partition="0"}'] == 3


def test_series_are_as_many_as_the_reference_says() -> None:
    """Of one partition with events from two source partitions; what has not happened has no series yet."""
    values = [dumps(made) for made in random_events(5, 600, duplicates=0.1)] + [b"{"] * 6
    _, metrics = _shard(values)
    most = counts(metrics.registry, [(metric.name, metric.labels) for metric in ALL])
    found = _samples(metrics)
    pairs = [k for k in found if "partition=" in k and "source=" in k]
    mine = [k for k in found if "partition=" in k and "source=" not in k]
    others = [k for k in found if "partition=" not in k and "source=" not in k]
    assert 0.6 * 2 * most["pair"] <= len(pairs) <= 2 * most["pair"]
    assert 0.8 * most["partition"] <= len(mine) <= most["partition"]
    assert 0.8 * most["worker"] <= len(others) <= most["worker"]


def test_an_event_that_is_not_accounted_for_shows() -> None:
    shard, metrics = _shard([dumps(event("activity.session.started"))])
    shard.counters.scored = 0
    metrics.state.runners[0].stamp = checkpoint.stamp_of(shard)
    assert _samples(metrics)['pillarscore_conservation_difference{partition="0"}'] == 1


def test_a_partition_that_has_gone_is_not_shown() -> None:
    _, metrics = _shard([dumps(event("activity.session.started"))])
    metrics.state.runners = {}
    gauges = {metric.name for metric in ALL if metric.type == "gauge"} | {"pillarscore_member_score_count"}
    left = [k for k in _samples(metrics) if "partition=" in k and k.partition("{")[0] in gauges]
    assert left == []
    assert _samples(metrics)['pillarscore_scores_total{partition="0"}'] == 1


def test_counters_of_a_partition_that_has_moved_are_kept_for_a_few_scrapes_and_then_disappear() -> None:
    clock = SimpleNamespace(s=1000.0)
    metrics = Metrics(lambda: clock.s)
    owned: Any = {0: _idle(), 1: _idle()}
    metrics.state.runners = owned
    for partition in owned:
        metrics.of(partition).scores.inc(7)
        metrics.of(partition).letter("bad_time", "/test")
        metrics.of(partition).commit_seconds.observe(0.1)
    moved = 'pillarscore_scores_total{partition="1"}'
    assert _samples(metrics)[moved] == 7
    del owned[1]
    assert _samples(metrics)[moved] == 7  # the last increments have to be scraped once more
    clock.s += KEPT_S - 1
    assert _samples(metrics)[moved] == 7
    clock.s += 1
    _samples(metrics)  # this scrape is the last one that has them
    left = _samples(metrics)
    assert not [name for name in left if 'partition="1"' in name]
    assert left['pillarscore_scores_total{partition="0"}'] == 7
    owned[1] = _idle()  # and it comes back
    metrics.of(1).scores.inc(2)
    clock.s += 2 * KEPT_S
    assert _samples(metrics)[moved] == 2


def test_a_partition_that_comes_back_in_time_keeps_its_counters() -> None:
    clock = SimpleNamespace(s=0.0)
    metrics = Metrics(lambda: clock.s)
    owned: Any = {}
    metrics.state.runners = owned
    metrics.of(3).scores.inc(5)
    for _ in range(5):  # away for less than the time, again and again
        _samples(metrics)
        clock.s += KEPT_S - 1
        owned[3] = _idle()
        _samples(metrics)
        owned.clear()
    assert _samples(metrics)['pillarscore_scores_total{partition="3"}'] == 5


def _idle() -> Any:
    return SimpleNamespace(
        live=False,
        progress=0.0,
        restore_s=0.0,
        shard=None,
        stamp=None,
        lag=lambda: None,
        refill=SimpleNamespace(missing=0),
    )


def test_late_is_before_the_as_of_day() -> None:
    today = event("activity.session.started", id="1", time="2025-11-20T00:00:00Z")
    late = event("activity.session.started", id="2", time="2025-11-19T23:59:59Z")
    _, metrics = _shard([dumps(today), dumps(late)])
    found = _samples(metrics)
    assert found['pillarscore_late_events_total{partition="0"}'] == 1
    assert found['pillarscore_source_late_events_total{partition="0",source="1"}'] == 1


def test_an_older_stamp_has_admitted_what_has_ended() -> None:
    old = Counters(read=9, scored=5, duplicate=2, dead_lettered=1).model_dump(exclude={"admitted"})
    assert Counters.model_validate(old).unaccounted() == 0
    assert Counters.model_validate(old).admitted == 8


def test_the_benchmark_of_their_cost_compares_the_same_work() -> None:
    bare, full = Pipeline(Nothing(), commit=3_000), Pipeline(Metrics(), commit=3_000)
    values = [value for _, value in fresh(3_000, 50)]
    for start in range(0, 3_000, 1_000):
        batch = records(values, PARTITIONS, int(time.time() * 1000))[start : start + 1_000]
        for pipeline in (bare, full):
            pipeline.count(batch)
            scrape(pipeline, start, start + SCRAPE_EVENTS)
    for one, other in zip(bare.shards, full.shards, strict=True):
        assert checkpoint.stamp_of(one) == checkpoint.stamp_of(other)
        assert one.counters.admitted > 0
    found = _samples(full.metrics)
    assert found['pillarscore_event_latency_seconds_count{stage="committed"}'] == 3_000


def test_what_can_be_counted_is_0_from_the_start() -> None:
    metrics = Metrics()
    metrics.score.topics = ["p.member.scores"]
    metrics.of(3)
    found = _samples(metrics)
    for sample in (
        *(
            'band_changes_total{band="top",partition="3"}',
            'dead_letters_total{partition="3",reason="bad_time"}',
        ),
        *(
            'unanswered_commits_total{outcome="committed",partition="3"}',
            'audited_scores_total{partition="3"}',
        ),
        *(
            'produce_failures_total{partition="3",topic="p.member.scores"}',
            'missing_frames_total{partition="3"}',
        ),
    ):
        assert found[f"pillarscore_{sample}"] == 0, sample


def test_a_missing_frame_counts_once() -> None:
    metrics = Metrics()
    for start, first in ((0, 5), (0, 5), (3, 7), (2, 4)):  # a partition that restores looks again
        metrics.of(0).missing_frames(start, first)
    assert _samples(metrics)['pillarscore_missing_frames_total{partition="0"}'] == 7


def test_frames_to_replay_are_counted_from_where_a_replay_begins() -> None:
    [read] = [gauge.read for gauge in OF_STAMP if gauge.name == "pillarscore_replay_frames"]
    stamp = checkpoint.stamp_of(new_shard(SSI, DAY))
    old = stamp.model_copy(
        update={
            "version": 1,
            "frame": 170,
            "replay_from": 161,
            "start": None,
            "checkpoints": [Checkpoint(frame=n, watermarks={}) for n in (1, 90, 165)],
        }
    )
    assert [value for _, value in read(old)] == [170]
    new = old.model_copy(update={"version": 2, "start": ReplayStart(frame=120, watermarks={})})
    assert [value for _, value in read(new)] == [50]
