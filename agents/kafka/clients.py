"""The one place that makes a Kafka client: where it connects, how it identifies itself, and how long it waits.

Everything else asks for a client by what it is for, so a setting of the connection has one place to enter.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from agents.config import client_options
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.connection import refusals
from agents.connection.security import security
from agents.connection.silence import ClientId
from agents.kafka.connections import attempt
from agents.kafka.internals import AdminClient, check_version

BATCH_BYTES = 1 << 20
"""Of one produce batch."""
CHECK_S = 5.0
"""How long `check` waits for each address."""
CLOSE_S = 5.0
_PROGRAM = "pillarscore@"
LOOK_MS = 10_000
"""How often a producer asks where partitions are, so that one with nothing to send notices too that Kafka is away."""


def connection(settings: Settings, kind: str = "") -> dict[str, Any]:
    """What every client needs to reach Kafka; kind: `consumer` or `producer`, for what only these know.

    Raises UserError when a file that the settings name can't be used, or for another aiokafka than the pinned one.
    """
    check_version()
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
    check_version()
    timeout_s = min(CHECK_S, settings.request_timeout_s)
    return await attempt(settings.broker.split(","), timeout_s, security(settings))


def consumer(
    settings: Settings, who: str = "reader", *, committed: bool = True, **options: Any
) -> AIOKafkaConsumer:
    """A consumer that commits nothing by itself and begins at the start of what there is.

    Args:
        settings: where Kafka is.
        who: what it is for: the label `client` of `pillarscore_kafka_silence_seconds`.
        committed: see only records of committed transactions.
        options: of AIOKafkaConsumer, as a group or fetch sizes.
    """
    given = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed" if committed else "read_uncommitted",
        "client_id": ClientId(client_id(settings), who),
    }
    return AIOKafkaConsumer(**(given | options | connection(settings, "consumer")))


def producer(settings: Settings, who: str = "producer", **options: Any) -> AIOKafkaProducer:
    """An idempotent producer: what it sends again after an error is written once.

    Args:
        settings: where Kafka is.
        who: what it is for, as in `consumer`.
        options: of AIOKafkaProducer, as a transactional id, sizes or compression.
    """
    given = {
        "enable_idempotence": True,
        "max_batch_size": BATCH_BYTES,
        "metadata_max_age_ms": LOOK_MS,
        "client_id": ClientId(client_id(settings), who),
    }
    return AIOKafkaProducer(**(given | options | connection(settings, "producer")))


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[AdminClient]:
    """An admin client of the settings' broker, closed at the end; UserError when there is no broker."""
    client = AdminClient(client_id=ClientId(client_id(settings), "topics"), **connection(settings))
    try:
        await client.start()
        yield client
    except KafkaError as error:
        refused = refusals.explained(error)
        raise UserError(refused or f"Kafka at {settings.broker}: {error}") from error
    finally:
        await client.close()


@asynccontextmanager
async def kafka_client(settings: Settings) -> AsyncIterator[AIOKafkaClient]:
    """A bootstrapped client for single requests that the others do not offer, closed at the end."""
    client = AIOKafkaClient(client_id=ClientId(client_id(settings), "topics"), **connection(settings))
    try:
        await client.bootstrap()
        yield client
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), CLOSE_S)


def client_id(settings: Settings) -> str:
    """The client id of a worker's consumers, as in `pillarscore@host:6066`: who looks at a group finds its pages."""
    return f"{_PROGRAM}{socket.gethostname()}:{settings.web_port}"


def worker_of(client: str) -> str:
    """The worker, `host:port`, that a client id names; the id itself when it is not one of ours."""
    return client.removeprefix(_PROGRAM)
