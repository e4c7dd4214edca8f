"""Requests that any broker can answer, sent to one that is there.

aiokafka takes any broker that it has heard of, also one that has just gone.
"""

import random

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import NodeNotReadyError


async def any_node(client: AIOKafkaClient) -> int:
    """A broker that can be connected to. client: bootstrapped. Raises NodeNotReadyError when there is none."""
    nodes = [broker.nodeId for broker in client.cluster.brokers()]
    for node in random.sample(nodes, len(nodes)):
        if await client.ready(node):
            return int(node)
    raise NodeNotReadyError(f"none of {len(nodes)} brokers can be connected to")
