"""The worker's log on Kafka: see `agents.ports.Log`."""

import math
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents import ports
from agents.adapters.source_group import SourceGroup
from agents.config.settings import Settings
from agents.kafka import clients
from agents.kafka.clients import admin
from agents.kafka.range_reader import FETCH_BYTES, reader
from agents.kafka.transactions import Transactions

REQUEST_BYTES = 32 << 20
"""The largest record that an appender takes."""


class KafkaLog:
    """Of the settings' Kafka."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def reader(self, topic: str, partition: int) -> AbstractAsyncContextManager[ports.PartitionReader]:
        """Reads committed records of one partition."""
        return reader(self._settings, topic, partition)

    @asynccontextmanager
    async def tail(self, topic: str, partition: int) -> AsyncIterator[ports.Tail]:
        """Follows committed records of one partition from its beginning."""
        consumer = clients.consumer(self._settings, "rank-consumer", max_partition_fetch_bytes=FETCH_BYTES)
        tp = TopicPartition(topic, partition)
        consumer.assign([tp])
        try:
            await consumer.start()
            await consumer.seek_to_beginning(tp)
            yield _Tail(consumer, tp, (await consumer.end_offsets([tp]))[tp])
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def appender(self) -> AsyncIterator[ports.Appender]:
        """Appends records one by one; stopped at the end, when all are sent."""
        producer = clients.producer(self._settings, "frame-producer", max_request_size=REQUEST_BYTES)
        try:
            await producer.start()
            yield _Appender(producer)
        finally:
            await producer.stop()

    @asynccontextmanager
    async def offsets(self, committed: bool = False) -> AsyncIterator[ports.Offsets]:
        """Asks for offsets, in a group by itself and without an assignment."""
        consumer = clients.consumer(self._settings, "offsets", committed=committed)
        try:
            await consumer.start()
            async with admin(self._settings) as client:
                yield _Offsets(consumer, client)
        finally:
            await consumer.stop()

    def transactions(
        self, transactional_id: str, compression: str | None = None, skew: ports.ObserveSkew | None = None
    ) -> ports.Transactions:
        """Transactions of this id; not started yet."""
        return Transactions(self._settings, transactional_id, compression, skew=skew)

    def source(self) -> ports.Source:
        """A member of the ingest group; not started yet."""
        return SourceGroup(self._settings)


class _Tail:
    def __init__(self, consumer: AIOKafkaConsumer, tp: TopicPartition, end: int) -> None:
        self._consumer = consumer
        self._tp = tp
        self.end = end

    async def poll(self, seconds: float) -> Sequence[ports.Record]:
        got = await self._consumer.getmany(self._tp, timeout_ms=int(1000 * seconds))
        found: Sequence[ports.Record] = got.get(self._tp, [])
        return found

    async def position(self) -> int:
        return int(await self._consumer.position(self._tp))

    def silent_s(self) -> float:
        answered_ms = self._consumer.last_poll_timestamp(self._tp)
        return math.inf if not answered_ms else max(0.0, time.time() - answered_ms / 1000)


class _Appender:
    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def append(self, topic: str, partition: int, value: bytes) -> Awaitable[ports.Appended]:
        sent: Awaitable[ports.Appended] = await self._producer.send(topic, value, partition=partition)
        return sent


class _Offsets:
    def __init__(self, consumer: AIOKafkaConsumer, client: Any) -> None:
        self._consumer = consumer
        self._client = client

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        answer = await self._client.list_consumer_group_offsets(group)
        return {tp.partition: at.offset for tp, at in answer.items() if tp.topic == topic and at.offset >= 0}

    async def ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        ends = await self._consumer.end_offsets([TopicPartition(topic, number) for number in partitions])
        return {tp.partition: end for tp, end in ends.items()}
