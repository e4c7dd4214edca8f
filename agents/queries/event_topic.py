"""The records of `activity.events`, all that there are or since a moment: for who checks what upstream has sent."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from aiokafka import TopicPartition

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka.clients import admin
from agents.kafka.internals import as_it_is
from agents.kafka.multi_reader import partitions
from agents.topics.creation import existing
from agents.topics.watch import require_allowed

AT_ONCE = 4_000


async def event_records(settings: Settings, since: int | None = None) -> AsyncIterator[tuple[int, list[Any]]]:
    """(partition, records) in lists, as ingest gets them; those of aborted transactions are left out.

    since: ms since 1970 by the records' timestamps. Ends where the topic ended when it was asked. Raises UserError
    when there is no such topic.
    """
    topic = settings.topic("events")
    async with admin(settings) as client:
        count = (await existing(client, settings)).get("events")
    if count is None:
        await require_allowed(settings, [topic])
        raise UserError(
            f"Kafka at {settings.broker} has no topic {topic}: create it with 'pillarscore topics', "
            "or correct PILLARSCORE_BROKER and PILLARSCORE_PREFIX"
        )
    tps = [TopicPartition(topic, partition) for partition in range(count)]
    # records that Kafka's client can't read come with their problem, as for ingest
    async with partitions(settings, tps, value_deserializer=as_it_is) as reading:
        for tp, (first, end) in (await reading.bounds(tps)).items():
            start = first if since is None else await reading.since(tp, since)
            if start is None:
                continue
            batch: list[Any] = []
            async with aclosing(reading.read(tp, max(first, start), end)) as records:  # type: ignore[type-var]
                async for record in records:
                    batch.append(record)
                    if len(batch) == AT_ONCE:
                        yield tp.partition, batch
                        batch = []
            if batch:
                yield tp.partition, batch
