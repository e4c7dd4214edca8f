"""The metrics of workers on a real Kafka: true while work goes on, and after a partition has moved."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiokafka import AIOKafkaProducer

from agents.config.settings import Settings
from perf.worker_process import Worker, total
from tests.kit.events import dumps, event, member

NOW = datetime.now(UTC)
EVENTS = 3_000
WAIT_S = 60


def _event(number: int, time: datetime) -> bytes:
    made = event("activity.search.made", {"kind": "people"}, id=f"e-{number}", subject=member(number % 200))
    return dumps(made | {"time": time.isoformat()})


def _values() -> list[bytes]:
    """Fresh events; 20 of them late, 30 twice, 10 that are none."""
    values = [_event(number, NOW) for number in range(EVENTS - 60)]
    values += [_event(EVENTS + number, NOW - timedelta(days=2)) for number in range(20)]
    return values + values[:30] + [b"no event"] * 10


async def _publish(settings: Settings, values: list[bytes]) -> None:
    """In a transaction, so that its marker is the last offset of each partition and never read."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, transactional_id=settings.prefix)
    await producer.start()
    try:
        async with producer.transaction():
            topic = settings.topic("events")
            sent = [await producer.send(topic, value, partition=n % 2) for n, value in enumerate(values)]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def test_metrics_are_true(live: Settings, tmp_path: Path) -> None:
    environment = {
        "PILLARSCORE_BROKER": live.broker,
        "PILLARSCORE_PREFIX": live.prefix,
        "PILLARSCORE_SESSION_TIMEOUT_S": "6",
        "PILLARSCORE_BATCH_EVENTS": "100",  # many frames, so that there is a state in between
    }
    first = Worker(environment, tmp_path / "first.log")
    second = None
    try:
        await asyncio.to_thread(first.wait_ready)
        await _publish(live, _values())
        found = await _until([first], lambda m: total(m, "pillarscore_events", '"scored"') >= EVENTS - 40)
        found = await _until([first], lambda m: total(m, "pillarscore_ingest_lag_events") == 0)
        of = {
            name: total(found, "pillarscore_events", f'"{name}"')
            for name in ("read", "duplicate", "admitted")
        }
        assert of == {"read": EVENTS, "duplicate": 30, "admitted": EVENTS}
        assert total(found, "pillarscore_late_events_total") == 20
        assert total(found, "pillarscore_source_late_events_total", 'source="1"') == 10
        assert total(found, "pillarscore_source_duplicates_total") == 30
        assert total(found, "pillarscore_source_dead_letters_total") == 10
        assert total(found, "pillarscore_dead_letters_total", 'reason="invalid_json"') == 10
        assert total(found, "pillarscore_event_latency_seconds_count", 'stage="committed"') == EVENTS - 30
        assert total(found, "pillarscore_member_score_count", 'pillar="score"') == 200
        assert total(found, "pillarscore_band_members") == 200
        assert total(found, "pillarscore_score_lag_frames") == 0
        assert total(found, "pillarscore_ingest_lag_seconds") == 0
        assert total(found, "pillarscore_restore_progress_ratio") == live.frame_partitions
        assert total(found, "pillarscore_transactions_total") > 0
        assert total(found, "pillarscore_ready") == 1

        second = Worker(environment, tmp_path / "second.log")
        await asyncio.to_thread(second.wait_ready)
        both = await _until(
            [first, second],
            lambda m: (
                total(m, "pillarscore_partition_live") == live.frame_partitions
                and total(m, "pillarscore_ready") == 2
            ),
        )
        assert 0 < total(await asyncio.to_thread(second.metrics), "pillarscore_partition_live") < 4
        assert total(both, "pillarscore_members") == total(both, "pillarscore_band_members") == 200
        assert total(both, "pillarscore_events", '"admitted"') == EVENTS
    finally:
        first.stop()
        if second is not None:
            second.stop()


async def _until(workers: list[Worker], reached: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """The metrics, summed over workers, once they are so; conservation holds in all seen on the way."""
    end = asyncio.get_running_loop().time() + WAIT_S
    while True:
        found: dict[str, float] = {}
        for worker in workers:
            for name, value in (await asyncio.to_thread(worker.metrics)).items():
                found[name] = found.get(name, 0) + value
        assert {k: v for k, v in found.items() if "conservation_difference" in k and v != 0} == {}
        if reached(found):
            return found
        assert asyncio.get_running_loop().time() < end, found
        await asyncio.sleep(0.05)  # between looks, the condition is the wait
