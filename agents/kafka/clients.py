"""The one place that makes a Kafka client: where it connects, how it identifies itself, and how long it waits.

Everything else asks for a client by what it is for, so a setting of the connection has one place to enter.
"""

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient

from agents.config import client_options
from agents.config.settings import Settings
from agents.connection.connections import attempt
from agents.connection.security import security
from agents.kafka.internals import check_version

BATCH_BYTES = 1 << 20
"""Of one produce batch."""


CHECK_S = 5.0
"""How long `check` waits for each address."""


def connection(settings: Settings, kind: str = "") -> dict[str, Any]:
    """What every client needs to reach Kafka; kind: `consumer` or `producer`, for what only these know.

    Raises UserError when a file that the settings name can't be used.
    """
    options = client_options.read(settings.client_options_file)
    return {
        "bootstrap_servers": settings.broker,
        "request_timeout_ms": round(settings.request_timeout_s * 1000),
        **options[""],
        **(options[kind] if kind else {}),
        **security(settings),
    }


async def check(settings: Settings) -> str | None:
    """Connect as a client does: None when Kafka answers, else why it does not; empty: nobody answers.

    Raises UserError when a file that the settings name can't be used.
    """
    timeout_s = min(CHECK_S, settings.request_timeout_s)
    return await attempt(settings.broker.split(","), timeout_s, security(settings))


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
    return AIOKafkaConsumer(**(given | options | connection(settings, "consumer")))


def producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """An idempotent producer: what it sends again after an error is written once.

    Args:
        settings: where Kafka is.
        options: of AIOKafkaProducer, as a transactional id, sizes or compression.
    """
    check_version()
    given = {"enable_idempotence": True, "max_batch_size": BATCH_BYTES}
    return AIOKafkaProducer(**(given | options | connection(settings, "producer")))


def admin_client(settings: Settings) -> AIOKafkaAdminClient:
    """A client that creates and describes topics and groups."""
    return AIOKafkaAdminClient(**connection(settings))


def request_client(settings: Settings) -> AIOKafkaClient:
    """A client for single requests that the others do not offer."""
    return AIOKafkaClient(**connection(settings))
