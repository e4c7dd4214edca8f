"""Which broker does what in a cluster: leaders, replicas in sync and coordinators, as Kafka gives them."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from aiokafka.protocol.coordination import FindCoordinatorRequest

from agents.config.settings import Settings
from agents.kafka.brokers import any_node
from agents.kafka.clients import admin, kafka_client

GROUP, TRANSACTION = 0, 1
WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Replicas:
    """Of a partition: the numbers of brokers; leader: -1 when there is none."""

    leader: int
    all: tuple[int, ...]
    in_sync: tuple[int, ...]


async def replicas(settings: Settings) -> dict[tuple[str, int], Replicas]:
    """Of each partition of the settings' topics and of Kafka's own."""
    async with admin(settings) as client:
        return {
            (topic["topic"], one["partition"]): Replicas(
                one["leader"], tuple(one["replicas"]), tuple(one["isr"])
            )
            for topic in await client.describe_topics()
            for one in topic["partitions"]
            if topic["topic"].startswith((settings.prefix, "__"))
        }


async def leader(settings: Settings, short: str, partition: int = 0) -> int:
    """The broker that leads a partition."""
    return (await replicas(settings))[settings.topic(short), partition].leader


async def busiest(settings: Settings) -> int:
    """The broker that leads most of the settings' partitions."""
    leaders = Counter(
        one.leader for (topic, _), one in (await replicas(settings)).items() if topic[:2] != "__"
    )
    return leaders.most_common(1)[0][0]


async def all_in_sync(settings: Settings) -> None:
    """Wait until every partition has a leader and all its replicas."""
    async with asyncio.timeout(WAIT_S):
        while True:
            found = await replicas(settings)
            if found and all(one.leader >= 0 and len(one.in_sync) == len(one.all) for one in found.values()):
                return
            await asyncio.sleep(0.2)  # between looks


async def coordinator(settings: Settings, kind: int, name: str) -> int:
    """The broker that coordinates a group or the transactions of an id."""
    async with asyncio.timeout(WAIT_S), kafka_client(settings) as client:
        while True:
            answer = await client.send(await any_node(client), FindCoordinatorRequest(name, kind))
            if answer.error_code == 0:
                found: int = answer.coordinator_id
                return found
            await asyncio.sleep(0.1)  # the coordinator's partition is moving
