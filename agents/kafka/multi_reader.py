"""Reading here and there in many partitions with one consumer: for who looks on from outside.

All partitions are assigned once, for the reason that agents.kafka.range_reader gives, and all but the one
that is read are paused; so nothing is fetched that nobody asked for.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.config.settings import Settings
from agents.kafka import clients

FETCH_BYTES = 1 << 20


class MultiReader:
    """Committed records of the partitions it was made for; one read at a time."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def bounds(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """(first offset there is, offset after the last committed) of each."""
        wanted = list(tps)
        if not wanted:
            return {}
        first = await self._consumer.beginning_offsets(wanted)
        last = await self._consumer.end_offsets(wanted)
        return {tp: (first[tp], last[tp]) for tp in wanted}

    async def since(self, tp: TopicPartition, timestamp_ms: int) -> int | None:
        """The offset of the first record of that time or later; None when all are older."""
        found = (await self._consumer.offsets_for_times({tp: timestamp_ms}))[tp]
        return None if found is None else int(found.offset)

    async def read(self, tp: TopicPartition, start: int, stop: int) -> AsyncIterator[Any]:
        """The records from `start` up to `stop`; use it in `aclosing` when it may be left early."""
        if start >= stop:
            return
        consumer = self._consumer
        consumer.seek(tp, start)
        consumer.resume(tp)
        try:
            while await consumer.position(tp) < stop:
                for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, []):
                    if start <= record.offset < stop:
                        yield record
        finally:
            consumer.pause(tp)


@asynccontextmanager
async def partitions(
    settings: Settings, tps: Iterable[TopicPartition], **options: Any
) -> AsyncIterator[MultiReader]:
    """Partitions of a Kafka, for the time of the context; options: of the consumer."""
    wanted = list(tps)
    consumer = clients.consumer(settings, **({"max_partition_fetch_bytes": FETCH_BYTES} | options))
    consumer.assign(wanted)
    consumer.pause(*wanted)
    try:
        await consumer.start()
        yield MultiReader(consumer)
    finally:
        await consumer.stop()
