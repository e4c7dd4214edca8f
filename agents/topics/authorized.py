"""What Kafka allows the user that asks: it says so of topics and groups itself (KIP-430), so nothing is tried out."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
    for_code,
)

from agents.config.settings import Settings
from agents.kafka.brokers import any_node
from agents.kafka.clients import kafka_client
from agents.kafka.consumer_groups import NOT_YET, PATIENCE_S
from agents.topics.access import Access, access
from agents.topics.authorized_requests import GroupRequest, TopicsRequest

_BITS = {"Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
"""Kafka's numbers of the operations; one is allowed when that bit is set."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """asked: what was asked about; lacking: of these, with the operations that are not allowed; absent: topics."""

    asked: int
    lacking: tuple[Access, ...]
    absent: tuple[str, ...]


async def allowed(settings: Settings, user: str) -> Allowed:
    """What a user needs, as in `agents.topics.access`, against what Kafka allows us. Raises UserError, KafkaError.

    Of transactional ids Kafka says no more than whether they may be described.
    """
    needed = access(settings, user)
    lacking: list[Access] = []
    async with kafka_client(settings) as client:
        topics = {one.name: one for one in needed if one.resource == "topic"}
        bits, absent = await _topics(client, list(topics))
        lacking += _lacking(topics.values(), bits)
        for one in needed:
            if one.resource == "group":
                lacking += _lacking([one], {one.name: await _group(client, one)})
            elif one.resource == "transactionalId" and not await _transactions(client, one):
                lacking.append(one)
    return Allowed(len(needed), tuple(lacking), tuple(absent))


def _lacking(needed: Iterable[Access], bits: dict[str, int]) -> list[Access]:
    found = []
    for one in needed:
        if one.name in bits:
            missing = tuple(name for name in one.operations if not bits[one.name] >> _BITS[name] & 1)
            if missing:
                found.append(Access(one.resource, one.name, missing, one.prefixed))
    return found


async def _topics(client: AIOKafkaClient, names: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """By topic the bits of what is allowed, and the topics that are not there."""
    answer = await client.send(await any_node(client), TopicsRequest(names))
    bits, absent = {}, []
    for code, name, _, _, operations in answer.topics:
        if code == TopicAuthorizationFailedError.errno:
            bits[name] = 0
        elif code == UnknownTopicOrPartitionError.errno:
            absent.append(name)
        elif code == 0:
            bits[name] = operations
    return bits, absent


async def _group(client: AIOKafkaClient, one: Access) -> int:
    """The bits of what is allowed; where groups are not there yet, it is asked again for a while."""
    name = f"{one.name}-doctor" if one.prefixed else one.name
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            node = await client.coordinator_lookup(CoordinationType.GROUP, name)
            await client.ready(node)
            ((code, *_, operations),) = (await client.send(node, GroupRequest(name))).groups
            if code:
                raise for_code(code)(f"group {name}")
            return int(operations)
        except GroupAuthorizationFailedError:
            return 0
        except NOT_YET:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


async def _transactions(client: AIOKafkaClient, one: Access) -> bool:
    try:
        await client.coordinator_lookup(
            CoordinationType.TRANSACTION, f"{one.name}0" if one.prefixed else one.name
        )
    except TransactionalIdAuthorizationFailed:
        return False
    except KafkaError:
        return True  # there may be no coordinator yet: that is no question of access
    return True
