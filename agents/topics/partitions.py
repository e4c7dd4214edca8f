"""The partitions of one of our topics that has to be there."""

from aiokafka import TopicPartition

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka.clients import admin
from agents.topics.creation import existing
from agents.topics.watch import require_allowed


async def partitions_of(settings: Settings, short: str) -> list[TopicPartition]:
    """All partitions of a topic, by its short name. Raises UserError when it is not there, or not shown to us."""
    topic = settings.topic(short)
    async with admin(settings) as client:
        count = (await existing(client, settings)).get(short)
    if count is None:
        await require_allowed(settings, [topic])
        raise UserError(
            f"Kafka at {settings.broker} has no topic {topic}: create it with 'pillarscore topics', "
            "or correct PILLARSCORE_BROKER and PILLARSCORE_PREFIX"
        )
    return [TopicPartition(topic, partition) for partition in range(count)]
