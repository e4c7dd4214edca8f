"""Reading a range of one partition, outside any consumer group: for restore, gaps and verification."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

FETCH_BYTES = 8 << 20


class Reader:
    """A consumer of one partition at a time; use as `async with reader(broker) as r`."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first offset there is, offset after the last)."""
        tp = TopicPartition(topic, partition)
        first = await self._consumer.beginning_offsets([tp])
        last = await self._consumer.end_offsets([tp])
        return first[tp], last[tp]

    async def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[list[ConsumerRecord]]:
        """The records from `start` up to `stop`, in lists; compaction, markers and aborts leave holes."""
        tp = TopicPartition(topic, partition)
        self._consumer.assign([tp])
        self._consumer.seek(tp, start)
        while await self._consumer.position(tp) < stop:
            got = await self._consumer.getmany(tp, timeout_ms=200)
            records = [r for r in got.get(tp, []) if start <= r.offset < stop]
            if records:
                yield records


@asynccontextmanager
async def reader(broker: str, committed: bool = True) -> AsyncIterator[Reader]:
    """A Reader; committed: see only what belongs to committed transactions."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if committed else "read_uncommitted",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=4 * FETCH_BYTES,
    )
    await consumer.start()
    try:
        yield Reader(consumer)
    finally:
        await consumer.stop()
