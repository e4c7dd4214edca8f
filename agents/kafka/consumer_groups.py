"""Who has which partitions: the members of the consumer groups, as Kafka's coordinator knows them."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
    for_code,
)

from agents.kafka.clients import worker_of
from agents.kafka.internals import assigned_partitions

PATIENCE_S = 10.0
NOT_YET = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)


@dataclass(frozen=True, slots=True)
class Group:
    """A group: its name and Kafka's word for its state; the workers in it, and by partition who has it."""

    name: str
    state: str
    workers: tuple[str, ...] = ()
    owners: dict[int, str] = field(default_factory=dict)


async def describe(client: Any, name: str, topic: str) -> Group:
    """The group as it is now, with the owners of the topic's partitions; empty when nobody is in it.

    client: an admin client. Raises KafkaError.
    """
    _, state, _, _, members, *_ = await _described(client, name)
    workers, owners = [], {}
    for _, client_id, _, _, assignment, *_ in members:
        worker = worker_of(client_id)
        workers.append(worker)
        if assignment:
            for name_, partition in assigned_partitions(assignment):
                if name_ == topic:
                    owners[partition] = worker
    return Group(name, state, tuple(sorted(workers)), owners)


async def _described(client: Any, name: str) -> tuple[Any, ...]:
    """Kafka's answer behind its error code; where groups are not there yet, it is asked again for a while."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            (answer,) = await client.describe_consumer_groups([name])
            (group,) = answer.groups
            if group[0]:
                raise for_code(group[0])(f"group {name}")
            return tuple(group[1:])
        except NOT_YET:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
