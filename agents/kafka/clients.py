"""The one place that makes a Kafka client: where it connects, how it identifies itself, and how long it waits.

Everything else asks for a client by what it is for, so a setting of the connection has one place to enter.
"""

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient

from agents.config.settings import Settings
from agents.kafka.internals import check_version

BATCH_BYTES = 1 << 20
"""Of one produce batch."""


def connection(settings: Settings) -> dict[str, Any]:
    """What every client needs to reach Kafka."""
    return {"bootstrap_servers": settings.broker}


def consumer(settings: Settings, *, committed: bool = True, **options: Any) -> AIOKafkaConsumer:
    """A consumer that commits nothing by itself and begins at the start of what there is.

    Args:
        settings: where Kafka is.
        committed: see only records of committed transactions.
        options: of AIOKafkaConsumer, as a group or fetch sizes.
    """
    check_version()
    given = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed" if committed else "read_uncommitted",
    }
    return AIOKafkaConsumer(**connection(settings), **(given | options))


def producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """An idempotent producer: what it sends again after an error is written once.

    Args:
        settings: where Kafka is.
        options: of AIOKafkaProducer, as a transactional id, sizes or compression.
    """
    check_version()
    given = {"enable_idempotence": True, "max_batch_size": BATCH_BYTES}
    return AIOKafkaProducer(**connection(settings), **(given | options))


def admin_client(settings: Settings) -> AIOKafkaAdminClient:
    """A client that creates and describes topics and groups."""
    return AIOKafkaAdminClient(**connection(settings))


def request_client(settings: Settings) -> AIOKafkaClient:
    """A client for single requests that the others do not offer."""
    return AIOKafkaClient(**connection(settings))
