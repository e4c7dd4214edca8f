"""Kafka is away: what workers keep, what they show meanwhile, and how they end."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from agents.config.settings import Settings
from agents.connection.silence import Silence
from agents.ports import TopicPartition
from agents.worker.end_offsets import EndOffsets
from agents.worker.health import Health
from agents.worker.lifecycle import IngestState, PartitionState
from agents.worker.watches import Watches
from tests.kit.simulated.world import SimWorker, World
from tests.worker.test_worker import new_world, some_events, stamps_of


def metric(worker: SimWorker, name: str) -> list[float]:
    """The values of all its samples."""
    return [
        sample.value
        for family in worker.context.metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    ]


async def counted(world: World, seed: int, count: int = 100) -> SimWorker:
    world.publish(some_events(seed, count))
    worker = world.worker()
    await world.run(lambda: world.counted(worker))
    await world.run_for(5)
    return worker


@pytest.mark.parametrize("busy", [False, True])
async def test_a_partition_keeps_its_state_while_kafka_is_away(busy: bool) -> None:
    world = new_world()
    worker = await counted(world, 1)
    shards = [runner.shard for runner in worker.runners.values()]
    if busy:
        world.publish(some_events(2, 100))
        frames = {
            (world.settings.topic("frames"), p): runner.stamp.frame + 1
            for p, runner in worker.runners.items()
        }
        await world.run(lambda: all(world.log.parts[tp].end > end for tp, end in frames.items()))
    world.log.away = True
    await world.run_for(75)
    assert all(runner.live for runner in worker.runners.values())
    world.log.away = False
    world.publish(some_events(3, 100))
    await world.run(lambda: world.counted(worker))
    assert [runner.shard for runner in worker.runners.values()] == shards, "nothing was restored"
    assert set(metric(worker, "pillarscore_failures_total")) == {0}
    assert sum(stamp.counters.read for stamp in stamps_of(world)) == (300 if busy else 200)
    await world.kill()


async def test_lags_and_the_age_of_benchmarks_rise_while_kafka_is_away() -> None:
    world = new_world()
    worker = await counted(world, 1)
    lags = "pillarscore_ingest_lag_seconds", "pillarscore_score_lag_seconds"
    assert [metric(worker, name) for name in lags] == [[0, 0], [0, 0]]
    assert max(metric(worker, "pillarscore_benchmark_age_seconds")) < 10
    world.log.away = True
    await world.run_for(60)
    for name in (*lags, "pillarscore_benchmark_age_seconds"):
        assert metric(worker, name), name
        assert all(55 < value < 75 for value in metric(worker, name)), (name, metric(worker, name))
    world.log.away = False
    await world.run(lambda: [metric(worker, name) for name in lags] == [[0, 0], [0, 0]], 60)
    await world.run(lambda: max(metric(worker, "pillarscore_benchmark_age_seconds")) < 10, 60)
    await world.kill()


async def test_the_lag_of_a_restore_is_the_age_of_what_waits() -> None:
    world = new_world()
    await counted(world, 1)
    await world.kill()
    world.worker("ingest")
    world.publish(some_events(2, 50))
    await world.run(lambda: sum(world.log.committed.values()) >= 150)
    await world.run_for(500)
    await world.kill()
    world.log.latency_s = 2.0
    worker = world.worker("score")
    await world.run(lambda: len(worker.runners) == 2)
    runner = worker.runners[0]
    await world.run(lambda: runner._session.scored > 0)
    await world.run_for(2.5)
    assert runner.state == PartitionState.RESTORING
    assert all(500 < value < 520 for value in metric(worker, "pillarscore_score_lag_seconds"))
    assert all(value > 0 for value in metric(worker, "pillarscore_score_lag_frames"))
    await world.kill()


class _Clock:
    now = 10_000_000

    def now_ms(self) -> int:
        return self.now


def test_a_lag_is_the_age_of_the_oldest_unread_event() -> None:
    clock: Any = _Clock()
    tp = TopicPartition("events", 0)
    ends = EndOffsets(SimpleNamespace(), clock, lambda: [tp])  # type: ignore[arg-type]
    read_ms = clock.now - 3_600_000  # an hour ago, and nothing came since
    ends._seen(tp, 100, clock.now)
    assert ends.lag(tp, 100, read_ms) == (0, 0.0)
    clock.now += 3_000
    ends._seen(tp, 100, clock.now)
    clock.now += 3_000
    ends._seen(tp, 104, clock.now)
    assert ends.lag(tp, 100, read_ms) == (4, 3.0), "not an hour: it was not there three seconds ago"
    clock.now += 60_000
    ends._seen(tp, 110, clock.now)
    assert ends.lag(tp, 100, read_ms) == (10, 63.0)
    assert ends.lag(tp, 104, clock.now - 61_000) == (6, 60.0)
    assert ends.lag(tp, 107, clock.now - 2_000) == (3, 2.0), "what is read is newer than that"
    assert ends.lag(tp, 110, read_ms) == (0, 0.0)
    assert ends.lag(tp, 110, read_ms, end=112) == (2, 0.0)
    clock.now += 30_000
    assert ends.lag(tp, 110, read_ms) == (0, 30.0), "nobody knows what came since"


@pytest.mark.parametrize("state", ["restoring", "live", "away", "away and open", "away while restoring"])
async def test_a_worker_stops_within_ten_seconds_in_every_state(state: str) -> None:
    world = new_world()
    worker = await counted(world, 1)
    if "restoring" in state:
        await world.kill()
        world.log.latency_s = 30.0
        world.log.away = "away" in state
        worker = world.worker()
        await world.run(lambda: len(worker.runners) == 2)
        await world.run_for(5)
        assert not any(runner.live for runner in worker.runners.values())
    if state == "away and open":
        world.publish(some_events(2, 100))
        await world.run(lambda: sum(world.log.committed.values()) > 100)
    world.log.away = "away" in state
    await world.run_for(1)
    runners = list(worker.runners.values())
    stopping = asyncio.ensure_future(asyncio.gather(worker.ingest.stop(), worker.score.stop()))
    began = world.clock.monotonic()
    await world.run(stopping.done)
    assert world.clock.monotonic() - began <= 9
    assert {runner.state for runner in runners} == {PartitionState.STOPPED}
    assert worker.ingest.state == IngestState.STOPPED
    await world.kill()
    world.log.away, world.log.latency_s = False, 0.0
    again = world.worker()
    await world.run(lambda: world.counted(again))
    assert sum(stamp.counters.read for stamp in stamps_of(world)) == (
        200 if state == "away and open" else 100
    )
    await world.kill()


async def test_ingest_stays_ready_for_a_while_in_a_rebalance() -> None:
    world = new_world()
    worker = await counted(world, 1)
    assert worker.ingest.ready
    (source,) = world.log.sources
    await source.leave()
    assert worker.ingest.state == IngestState.JOINING
    await world.run_for(20)
    assert worker.ingest.ready, "within the grace"
    await world.run_for(15)
    assert not worker.ingest.ready
    await world.kill()


async def test_who_is_fenced_goes_on_as_soon_as_the_group_names_them() -> None:
    world = new_world()
    worker = await counted(world, 1)
    runner = worker.runners[0]
    owners, world.owners[0] = dict(world.owners), "somebody"
    world.log.owners.clear()  # another producer has the transactional id
    world.publish(some_events(2, 50))
    await world.run(lambda: runner.state == PartitionState.FENCED, 60)
    await world.run_for(45)
    assert runner.state == PartitionState.FENCED, "as long as the group names somebody else"
    world.owners.update(owners)
    began = world.clock.monotonic()
    await world.run(lambda: runner.live)
    assert world.clock.monotonic() - began < 3
    await world.kill()


def test_kafka_is_a_problem_after_the_grace_period() -> None:
    now, health = [1000.0], Health()
    silence = Silence(lambda: now[0])

    class One:
        who, address, opened_at, asked_at = "reader", "a:1", 0.0, 1000.0

    one: Any = One()
    silence.opened(one)
    context: Any = SimpleNamespace(
        health=health,
        settings=Settings(broker="a:1", outage_grace_s=20),
        skew=SimpleNamespace(wrong=False),
    )
    watches = Watches(context, lambda: None, silence)
    now[0] += 19
    watches.look()
    assert health.count("kafka") == 0
    now[0] += 2
    watches.look()
    (problem,) = health.problems()
    assert "Kafka at a:1 has not answered the reader client for 21 s" in problem.text
    one.asked_at = None
    watches.look()
    assert health.problems() == []


async def test_a_frame_that_is_gone_is_reported_once() -> None:
    world = new_world(block_cycle_s=600.0)
    await counted(world, 1)
    await world.kill()
    world.worker("ingest")
    world.publish(some_events(2, 50))
    await world.run(lambda: sum(world.log.committed.values()) >= 150)
    await world.kill()
    topic = world.settings.topic("frames")
    ends = {p: world.log.parts[topic, p].end for p in range(2)}
    gone = sum(end - stamp.frame - 1 for end, stamp in zip(ends.values(), stamps_of(world), strict=True))
    for partition, end in ends.items():
        world.log.retain(topic, partition, end)
    worker = world.worker("score")
    await world.run(lambda: len(worker.runners) == 2 and worker.score.ready)
    await world.run_for(2)
    assert sum(metric(worker, "pillarscore_missing_frames_total")) == gone > 0
    await world.kill()
    again = world.worker("score")
    await world.run(lambda: len(again.runners) == 2 and again.score.ready)
    await world.run_for(2)
    assert sum(metric(again, "pillarscore_missing_frames_total")) == 0, "the stamp says that they are gone"
    await world.kill()
