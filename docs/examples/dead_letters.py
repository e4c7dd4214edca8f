"""Show the dead letters so far: python docs/examples/dead_letters.py HOST:PORT"""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, TopicPartition

TOPIC = "activity.dead-letters"


async def main(broker: str) -> None:
    async with AIOKafkaConsumer(
        TOPIC, bootstrap_servers=broker, auto_offset_reset="earliest", isolation_level="read_committed"
    ) as consumer:
        ends = await consumer.end_offsets(
            [TopicPartition(TOPIC, p) for p in consumer.partitions_for_topic(TOPIC)]
        )
        for tp, end in ends.items():
            while await consumer.position(tp) < end:
                for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, []):
                    about = {name: text.decode() for name, text in record.headers}
                    print(about["pillarscore-reason"], "|", about["pillarscore-message"])
                    print("   from", about["pillarscore-partition"], "at", about["pillarscore-offset"])
                    print("  ", record.value)


asyncio.run(main(sys.argv[1]))
