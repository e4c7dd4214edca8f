"""No record stops ingest: what a client can't read, and what is too large, are dead letters on a real Kafka."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer

from agents.config.settings import Settings
from agents.kafka.clients import admin
from agents.kafka.range_reader import reader
from perf.worker_process import Worker, total
from schemas.letters import DeadLetter
from tests.kit.batches import with_bad_header_name
from tests.kit.events import dumps, event, member

LARGE = 3 << 20


def _event(number: int, **data: str) -> bytes:
    made = event("activity.search.made", {"kind": "people", **data}, id=f"e-{number}", subject=member(number))
    return dumps(made | {"time": datetime.now(UTC).isoformat()})


async def _allow_large(settings: Settings) -> None:
    async with admin(settings) as client:
        from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

        config = {"max.message.bytes": str(2 * LARGE), "message.timestamp.type": "LogAppendTime"}
        topic = ConfigResource(ConfigResourceType.TOPIC, settings.topic("events"), configs=config)
        answers = await client.alter_configs([topic])
        assert all(error[0] == 0 for answer in answers for error in answer.resources), answers


async def _publish(settings: Settings) -> int:
    """Good events around bad ones, in one partition; how many records these are."""
    topic = settings.topic("events")
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, max_request_size=2 * LARGE)
    await producer.start()
    try:
        for number in range(10):
            await producer.send_and_wait(topic, _event(number), partition=0)
        batch = producer.create_batch()
        for number in (10, 11, 12):
            headers = [("XX", b"v")] if number == 11 else []
            batch.append(key=b"k", value=_event(number), timestamp=None, headers=headers)
        batch._buffer = with_bad_header_name(bytes(batch._build()))
        await (await producer.send_batch(batch, topic, partition=0))
        await producer.send_and_wait(topic, b"x" * LARGE, partition=0)
        for number in range(13, 20):
            await producer.send_and_wait(topic, _event(number), partition=0)
    finally:
        await producer.stop()
    return 21


async def test_what_cant_be_read_or_is_too_large_is_a_dead_letter_and_the_rest_counts(
    live: Settings, tmp_path: Path
) -> None:
    await _allow_large(live)
    count = await _publish(live)
    worker = Worker({"PILLARSCORE_BROKER": live.broker, "PILLARSCORE_PREFIX": live.prefix}, tmp_path / "log")
    try:
        await asyncio.to_thread(worker.wait_ready)
        found = await asyncio.to_thread(
            worker.wait_that, lambda m: total(m, "pillarscore_events", '"read"') >= count, "all are read"
        )
        assert total(found, "pillarscore_events", '"read"') == count
        assert total(found, "pillarscore_events", '"scored"') == count - 2
        assert total(found, "pillarscore_events", '"dead_lettered"') == 2
        assert worker.problems() == []
    finally:
        await asyncio.to_thread(worker.stop)
    letters = {}
    for partition in range(live.letter_partitions):
        async with reader(live, live.topic("dead-letters"), partition) as r:
            async for records in r.read(*await r.bounds()):
                for record in records:
                    letter = DeadLetter.from_record(record.key, record.value, record.headers)
                    letters[letter.reason] = letter
    assert set(letters) == {"bad_headers", "invalid_json"}
    assert letters["bad_headers"].offset == 11
    assert letters["bad_headers"].value is not None
    assert b'"e-11"' in letters["bad_headers"].value
    assert f"the value is cut, it has {LARGE:,} bytes" in letters["invalid_json"].message
