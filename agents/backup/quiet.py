"""That nothing writes to the topics: no worker is in a group, and none that was left behind can commit any more."""

from aiokafka import TopicPartition

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka import consumer_groups
from agents.kafka.clients import admin
from agents.kafka.multi_reader import partitions
from agents.kafka.transactions import Transactions


async def require_no_workers(settings: Settings) -> None:
    """Raise UserError while a worker is running."""
    async with admin(settings) as client:
        for short, topic in (("ingest", "events"), ("score", "frames")):
            group = await consumer_groups.describe(client, settings.prefix + short, settings.topic(topic))
            if group.workers:
                raise UserError(
                    f"Workers are running ({', '.join(dict.fromkeys(group.workers))}): stop all of them first; one "
                    f"that was killed counts as running for {settings.session_timeout_s} s"
                )


async def fence(settings: Settings, count: int) -> None:
    """Abort what workers have left open in `count` partitions; one that still runs can't commit any more."""
    for partition in range(count):
        out = Transactions(settings, f"{settings.prefix}score-{partition}")
        try:
            await out.start()
        finally:
            await out.stop()


async def bounds(settings: Settings, short: str, count: int) -> dict[int, tuple[int, int]]:
    """By partition of a topic, (first offset there is, offset after the last committed)."""
    tps = [TopicPartition(settings.topic(short), partition) for partition in range(count)]
    async with partitions(settings, tps) as reading:
        return {tp.partition: found for tp, found in (await reading.bounds(tps)).items()}
