"""Publish a post of each member with confluent-kafka (librdkafka).

python publish.py HOST:PORT [structured|binary] [MEMBER...]
"""

import json
import os
import sys
from datetime import UTC, datetime

from confluent_kafka import KafkaError, Message, Producer

TOPIC = os.environ.get("TOPIC", "activity.events")
failures = []


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


def delivered(error: KafkaError | None, message: Message) -> None:
    """Called for each record: whether Kafka has it."""
    if error is not None:
        failures.append(f"{message.key()!r}: {error}")


def main(broker: str, mode: str = "structured", *members: str) -> int:
    producer = Producer(
        {
            "bootstrap.servers": broker,
            "enable.idempotence": True,  # with acks=all
            # without this, librdkafka takes CRC32 of the key: other partitions than all Java clients
            "partitioner": "murmur2_random",
        }
    )
    for member in members or ("cleo", "dan"):
        value, headers = record(post(member), mode)
        producer.produce(TOPIC, value, key=member, headers=headers, on_delivery=delivered)
        producer.poll(0)
    left = producer.flush(60)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures or left else 0


sys.exit(main(*sys.argv[1:]))
