"""Publish a post of each member, as an upstream system would.

python docs/examples/publish.py HOST:PORT [structured|binary] [MEMBER...]
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

TOPIC = os.environ.get("TOPIC", "activity.events")


def post(member: str) -> dict[str, object]:
    """A CloudEvent. The id names what happened, so that a repeated send is seen to be the same."""
    return {
        "specversion": "1.0",
        "type": "activity.post.published",
        "source": "/shop/community",
        "id": f"post-1-of-{member}",
        "subject": member,
        "time": datetime.now(UTC).isoformat(),
        "data": {"media": True},
    }


def record(event: dict[str, object], mode: str) -> tuple[bytes, list[tuple[str, bytes]]]:
    """(value, headers). Structured: the value is the event. Binary: the value is the data, the rest is in headers."""
    if mode == "structured":
        return json.dumps(event).encode(), [("content-type", b"application/cloudevents+json")]
    headers = [(f"ce_{name}", str(value).encode()) for name, value in event.items() if name != "data"]
    return json.dumps(event["data"]).encode(), [("content-type", b"application/json"), *headers]


async def main(broker: str, mode: str = "structured", *members: str) -> None:
    # aiokafka's partitioner is that of the Java client: murmur2 of the key
    async with AIOKafkaProducer(bootstrap_servers=broker, enable_idempotence=True, acks="all") as producer:
        for member in members or ("cleo", "dan"):
            value, headers = record(post(member), mode)
            await producer.send_and_wait(TOPIC, value, key=member.encode(), headers=headers)


asyncio.run(main(*sys.argv[1:]))
