"""Publish two events, as an upstream system would: python docs/examples/publish.py HOST:PORT"""

import asyncio
import json
import sys
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer


def event(type_: str, id_: str, member: str, **data: object) -> bytes:
    """A CloudEvent. The id names what happened, so that a repeated send is seen to be the same."""
    return json.dumps(
        {
            "specversion": "1.0",
            "type": type_,
            "source": "/shop/community",
            "id": id_,
            "subject": member,
            "time": datetime.now(UTC).isoformat(),
            "data": data,
        }
    ).encode()


async def main(broker: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker, enable_idempotence=True) as producer:
        for value in (
            event("activity.post.published", "post-8812", "cleo", media=True),
            event("activity.comment.written", "comment-90311", "dan", author="cleo", words=14),
        ):
            await producer.send_and_wait("activity.events", value)


asyncio.run(main(sys.argv[1]))
