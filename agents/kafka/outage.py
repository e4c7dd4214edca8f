"""That Kafka does not answer, logged once: every client notices it, and only the first line a minute is shown."""

import asyncio

import structlog
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
)

from agents.connection import refusals

log = structlog.get_logger()
AWAY = (
    KafkaConnectionError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
    OSError,
    TimeoutError,
)


def root(error: BaseException) -> BaseException:
    """What lies behind an error: aiokafka wraps some, and reports others only as unexpected."""
    while error.__cause__ is not None and not isinstance(error.__cause__, asyncio.CancelledError):
        error = error.__cause__
    return error


def away(error: BaseException) -> bool:
    """Whether an error means that Kafka can't be reached, rather than that it refuses something."""
    return isinstance(root(error), AWAY)


def of_kafka(error: BaseException) -> bool:
    """Whether an error is Kafka's, or of the way to it, rather than a fault of this program."""
    return isinstance(error, KafkaError | OSError | TimeoutError) or away(error)


def report(who: str, error: BaseException) -> None:
    """Log that `who` gets no answer, and waits."""
    if (refused := refusals.explained(error)) is not None:
        if refusals.is_denied(error):
            refusals.note(who, f"{who}: {refused}")
        log.warning("Kafka refuses", who=who, error=refused, outage=True)
    elif of_kafka(error):
        log.warning("Kafka does not answer; retrying", who=who, error=repr(root(error)), outage=True)
    else:
        log.error("request to Kafka failed", who=who, exc_info=error)
