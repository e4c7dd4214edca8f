"""Records of a backup into topics, in their order; where each of them is then."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.backup.partition_file import Row
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.connection.refusals import explained
from agents.kafka import clients

MAX_IN_FLIGHT = 5_000
REQUEST_BYTES = 64 << 20


@dataclass(slots=True)
class Append:
    """To one topic. placed: for each record (partition, offset, timestamp), unless None; records: so far."""

    producer: AIOKafkaProducer
    topic: str
    placed: list[tuple[int, int, int]] | None = None
    records: int = 0
    _flying: deque[Any] = field(default_factory=deque)

    async def add(self, partition: int, row: Row) -> None:
        """Append a record; its time becomes that of now where the topic has the broker's."""
        headers = list(row.headers)
        sent = await self.producer.send(
            self.topic,
            row.value,
            key=row.key,
            partition=partition,
            headers=headers,
            timestamp_ms=row.timestamp,
        )
        self._flying.append((partition, sent))
        if len(self._flying) > MAX_IN_FLIGHT:
            await self._land(MAX_IN_FLIGHT // 2)

    async def end(self) -> None:
        """Wait until all is acknowledged."""
        await self._land(0)

    async def _land(self, left: int) -> None:
        while len(self._flying) > left:
            partition, sent = self._flying.popleft()
            answer = await sent
            self.records += 1
            if self.placed is not None:
                self.placed.append((partition, answer.offset, answer.timestamp))


@asynccontextmanager
async def appender(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """A producer for `Append`; what Kafka refuses is a UserError."""
    producer = clients.producer(settings, max_request_size=REQUEST_BYTES)
    try:
        await producer.start()
        yield producer
    except KafkaError as error:
        raise UserError(
            explained(error) or f"Kafka at {settings.broker} rejected the records: {error}; run this again"
        ) from error
    finally:
        await producer.stop()
