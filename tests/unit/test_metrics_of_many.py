"""Metrics of many values at once, as arrays: the same as one by one."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from agents.metrics import Metrics
from agents.metrics.latency import Latencies
from agents.metrics.partition import FRESH_MS
from perf.fake_records import NOW
from pipeline.shard.last_emitted import LastEmitted, columns_of
from pipeline.shard.score_distribution import ScoreDistribution
from schemas.frames import Frame, Side
from tests.kit.events import DAY
from tests.kit.rubrics import SSI
from tests.kit.shards import new_shard


def _samples(metrics: Metrics) -> dict[str, float]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    return {k: float(v) for k, _, v in (x.rpartition(" ") for x in lines if x.startswith("pillarscore"))}


def _frame(times: list[int], sides: list[Side]) -> Frame:
    n = len(times)
    none = np.zeros(n, np.int64)
    text = pa.array([""] * n)
    side = np.array(sides, np.uint8)
    return Frame(text, np.array(times), none, none, none, none, side, pa.nulls(n), pa.nulls(n), [])


def test_latency_is_of_fresh_events_each_once() -> None:
    metrics = Metrics()
    mine = metrics.of(0)
    times = [NOW - 100, NOW - 100, NOW - FRESH_MS, NOW + 50]
    mine.counted(_frame(times, [Side.ACTOR, Side.COUNTERPART, Side.ACTOR, Side.ACTOR]), NOW)
    mine.flushed(new_shard(SSI, DAY, 10, 10).drain(), NOW + 20)
    mine.committed(0.1, 0, new_shard(SSI, DAY, 10, 10).source_counts, now_ms=NOW + 1000)
    found = _samples(metrics)
    of = "pillarscore_event_latency_seconds"
    assert found[f'{of}_count{{stage="emitted"}}'] == found[f'{of}_count{{stage="committed"}}'] == 2
    assert found[f'{of}_sum{{stage="emitted"}}'] == 0.12
    assert found[f'{of}_sum{{stage="committed"}}'] == 1.1 + 0.95


@given(st.lists(st.integers(-10, 3_000), max_size=50))
def test_arrays_are_counted_as_one_by_one(durations: list[int]) -> None:
    bounds = (0.001, 0.01, 0.5, 2)
    registry = CollectorRegistry()
    one = Histogram("d", "D.", ["stage"], buckets=bounds, registry=registry)
    for duration in durations:
        one.labels("s").observe(max(0, duration) / 1000)
    one.labels("s")
    many = Latencies("d", "D.", ["s"], bounds=bounds)
    half = len(durations) // 2
    many.observe("s", np.array(durations[:half], np.int64))
    many.observe("s", np.array(durations[half:], np.int64))
    expected = {(s.name, tuple(s.labels.items())): s.value for s in next(iter(one.collect())).samples}
    found = {(s.name, tuple(s.labels.items())): s.value for s in next(iter(many.collect())).samples}
    assert found == pytest.approx(expected)


@given(st.data())
def test_spread_is_what_was_said_last(data: st.DataObject) -> None:
    spread, last = ScoreDistribution(), LastEmitted(1)
    last.resize(8)
    said: dict[int, tuple[list[int], int]] = {}
    for _ in range(data.draw(st.integers(1, 6))):
        who = data.draw(st.lists(st.integers(0, 7), unique=True, max_size=8))
        members = np.array(who, np.int64)
        if data.draw(st.booleans()):
            spread.remove(last.columns(members))
            last.remove(members)
            said = {k: v for k, v in said.items() if k not in who}
            continue
        pillars = [data.draw(st.lists(st.integers(0, 2500), min_size=4, max_size=4)) for _ in who]
        bands = [data.draw(st.integers(0, 3)) for _ in who]
        columns = np.array(pillars, np.int64).reshape(-1, 4)
        points: Any = SimpleNamespace(score=columns.sum(axis=1), pillars=columns)
        after = columns_of(points, np.array(bands, np.int8))
        spread.replace(last.columns(members), after)
        last.set(members, after, np.zeros((len(who), 1), np.int16))
        said |= dict(zip(who, zip(pillars, bands, strict=True), strict=True))
    scores = np.array([sum(pillars) for pillars, _ in said.values()])
    counts, total = spread.histogram("score")
    assert total == scores.sum()
    for at, below in enumerate(np.cumsum(counts).tolist()):
        assert below == (scores <= (at + 1) * 100).sum()
    finds = np.array([pillars[1] for pillars, _ in said.values()])
    counts, total = spread.histogram("find")
    assert (total, counts.sum()) == (finds.sum(), len(finds))
    assert list(spread.bands().values()) == [[band for _, band in said.values()].count(n) for n in range(4)]
