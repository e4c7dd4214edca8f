"""Sends lines to `activity.events` as they are: bad ones too, since judging them is the pipeline's task."""

import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from pydantic_core import from_json

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.connection.refusals import explained
from agents.kafka import clients
from pipeline.common.partitioner import partitions
from schemas.cloudevents import BOM

BATCH_BYTES = 900_000
"""Of one produce batch, below Kafka's usual limit of 1 MiB."""
IN_FLIGHT = 32
LOG_APPEND_TIME = 1


class Publisher:
    """Sends lines. By partition, of what is acknowledged: `next`, the offset after it; `last`, its time (ms).

    An event's key is its subject, so that a member's events stay in order; a line without one goes to
    the partitions in turn. Raises UserError when Kafka refuses.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str, count: int) -> None:
        self.next: dict[int, int] = {}
        self.last: dict[int, int] = {}
        self.acknowledged = 0
        self._producer = producer
        self._topic = topic
        self._count = count
        self._flying: deque[tuple[int, int, int, Any]] = deque()
        self._turn = 0

    async def send(self, lines: Sequence[bytes]) -> None:
        """Send the lines, in order within a partition; waits while much is under way."""
        keys = [_subject(line) for line in lines]
        target = partitions(pa.array([key or "" for key in keys], pa.string()), self._count)
        now = int(time.time() * 1000)
        for row, key in enumerate(keys):
            if key is None:
                target[row] = self._turn = (self._turn + 1) % self._count
        for partition in np.unique(target).tolist():
            batch = self._producer.create_batch()
            for row in np.flatnonzero(target == partition).tolist():
                subject = keys[row]
                name = None if subject is None else subject.encode()
                if batch.append(key=name, value=lines[row], timestamp=now) is None:
                    await self._queue(batch, partition, now)
                    batch = self._producer.create_batch()
                    batch.append(key=name, value=lines[row], timestamp=now)
            await self._queue(batch, partition, now)
        await self.flush(IN_FLIGHT)

    async def _queue(self, batch: Any, partition: int, now: int) -> None:
        sent = await self._producer.send_batch(batch, self._topic, partition=partition)
        self._flying.append((partition, batch.record_count(), now, sent))

    async def flush(self, most: int = 0) -> None:
        """Wait until at most so many batches are not acknowledged."""
        while len(self._flying) > most:
            partition, count, now, sent = self._flying.popleft()
            answer = await sent
            self.next[partition] = answer.offset + count
            self.last[partition] = answer.timestamp if answer.timestamp_type == LOG_APPEND_TIME else now
            self.acknowledged += count


@asynccontextmanager
async def publisher(settings: Settings, transaction: bool = False) -> AsyncIterator[Publisher]:
    """A Publisher to the events topic, flushed at the end; transaction: all is seen then, or nothing ever."""
    producer = clients.producer(
        settings,
        transactional_id=f"{settings.prefix}publish" if transaction else None,
        compression_type="zstd",
        max_batch_size=BATCH_BYTES,
        max_request_size=16 << 20,
    )
    topic = settings.topic("events")
    try:
        await producer.start()
        count = len(await producer.partitions_for(topic))
        sender = Publisher(producer, topic, count)
        if transaction:
            async with producer.transaction():
                yield sender
                await sender.flush()
        else:
            try:
                yield sender
            finally:
                await sender.flush()
    except KafkaError as error:
        raise UserError(
            explained(error) or f"Kafka at {settings.broker} rejected the events: {error}"
        ) from error
    finally:
        await producer.stop()


def _subject(line: bytes) -> str | None:
    """The subject of an event that can be read so far; None for any other line."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        try:  # what ingest reads and orjson does not, such as NaN
            event = from_json(line.removeprefix(BOM))
        except ValueError:
            return None
    subject = event.get("subject") if isinstance(event, dict) else None
    return subject if isinstance(subject, str) and subject else None
