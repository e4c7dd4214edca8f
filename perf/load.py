"""Events into Kafka, as fast as Python gets them there."""

import asyncio
import time
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from agents.config.settings import Settings

BATCH_BYTES = 900_000


async def load(settings: Settings, events: Iterable[tuple[bytes, bytes]]) -> tuple[int, float]:
    """Publish (key, value) in turn to the partitions of activity.events; (count, seconds)."""
    topic, partitions = settings.topic("events"), settings.event_partitions
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.broker,
        max_batch_size=BATCH_BYTES,
        compression_type="zstd",
        enable_idempotence=True,
    )
    await producer.start()
    began, count = time.monotonic(), 0
    try:
        batches = [producer.create_batch() for _ in range(partitions)]
        waiting = []
        for key, value in events:
            p = count % partitions
            if batches[p].append(key=key, value=value, timestamp=None) is None:
                waiting.append(await producer.send_batch(batches[p], topic, partition=p))
                batches[p] = producer.create_batch()
                batches[p].append(key=key, value=value, timestamp=None)
            count += 1
        waiting += [
            await producer.send_batch(b, topic, partition=p)
            for p, b in enumerate(batches)
            if b.record_count()
        ]
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return count, time.monotonic() - began
