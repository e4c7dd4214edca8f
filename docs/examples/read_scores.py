"""Follow scores, each exactly once: python docs/examples/read_scores.py HOST:PORT [MEMBER...]"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer


async def main(broker: str, *members: str) -> None:
    revision: dict[bytes, int] = {}
    async with AIOKafkaConsumer(
        "member.scores",
        bootstrap_servers=broker,
        auto_offset_reset="earliest",  # compacted: the beginning is one record or a few for each member
        isolation_level="read_committed",
    ) as consumer:
        async for record in consumer:
            if members and record.key.decode() not in members:
                continue
            if record.value is None:
                revision.pop(record.key, None)
                print(f"{record.key.decode()} has no score any more")
                continue
            score = json.loads(record.value)
            if score["revision"] > revision.get(record.key, 0):
                revision[record.key] = score["revision"]
                print(score["member"], score["score"], score["band"], score["changed"])


asyncio.run(main(*sys.argv[1:]))
