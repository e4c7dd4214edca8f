"""The records of `activity.events`, all that there are or since a moment: for who checks what upstream has sent."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from agents.config.settings import Settings
from agents.kafka.internals import as_it_is
from agents.kafka.multi_reader import partitions
from agents.topics.partitions import partitions_of

AT_ONCE = 4_000


async def event_records(settings: Settings, since: int | None = None) -> AsyncIterator[tuple[int, list[Any]]]:
    """(partition, records) in lists, as ingest gets them; those of aborted transactions are left out.

    since: ms since 1970 by the records' timestamps. Ends where the topic ended when it was asked. Raises UserError
    when there is no such topic.
    """
    tps = await partitions_of(settings, "events")
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
