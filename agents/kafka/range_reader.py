"""Reading a range of one partition, outside any consumer group: for restore, gaps and verification."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.config.settings import Settings
from agents.kafka import clients

FETCH_BYTES = 8 << 20


class RangeReader:
    """A consumer of one partition for its whole life; use as `async with reader(...) as r`.

    aiokafka 0.14 can swallow the cancellation of its fetch task after a change of assignment, and then
    never stops; so a Reader is assigned once.
    """

    def __init__(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
        self._consumer = consumer
        self._tp = tp

    async def bounds(self) -> tuple[int, int]:
        """(first offset there is, offset after the last)."""
        first = await self._consumer.beginning_offsets([self._tp])
        last = await self._consumer.end_offsets([self._tp])
        return first[self._tp], last[self._tp]

    async def read(
        self, start: int, stop: int, max_records: int | None = None
    ) -> AsyncIterator[list[ConsumerRecord]]:
        """The records from `start` up to `stop`, in lists; compaction, markers and aborts leave holes.

        most: of a list, for a loop that has other things to do.
        """
        if start >= stop:
            return
        self._consumer.seek(self._tp, start)
        while await self._consumer.position(self._tp) < stop:
            got = await self._consumer.getmany(self._tp, timeout_ms=200, max_records=max_records)
            records = [r for r in got.get(self._tp, []) if start <= r.offset < stop]
            if records:
                yield records


@asynccontextmanager
async def reader(
    settings: Settings, topic: str, partition: int, *, committed: bool = True
) -> AsyncIterator[RangeReader]:
    """A Reader; committed: see only what belongs to committed transactions."""
    consumer = clients.consumer(
        settings,
        committed=committed,
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=4 * FETCH_BYTES,
    )
    tp = TopicPartition(topic, partition)
    consumer.assign([tp])
    try:
        await consumer.start()
        yield RangeReader(consumer, tp)
    finally:
        await consumer.stop()
