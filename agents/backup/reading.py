"""Committed records of a range of a partition, one by one."""

from collections.abc import AsyncIterator
from typing import Any

from agents.config.settings import Settings
from agents.kafka.range_reader import reader


async def records(
    settings: Settings, short: str, partition: int, *, first: int, end: int
) -> AsyncIterator[Any]:
    """Those of a topic, by its short name, at the offsets [first, end)."""
    if first < end:  # aiokafka can't stop a consumer right after its start
        async with reader(settings, settings.topic(short), partition) as r:
            async for found in r.read(first, end):
                for record in found:
                    yield record
