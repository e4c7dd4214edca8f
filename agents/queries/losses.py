"""Source offsets that a partition misses, and those it has lost: which, and how to mark them as resolved.

The mark goes the same way as everything else that changes a partition's state: as a frame, so a replay knows it too.
"""

import asyncio
import time
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.connection.refusals import explained
from agents.kafka import clients
from agents.kafka.range_reader import reader
from agents.worker.newest_stamp import newest_stamp
from pipeline.intake.framer import Framer

WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Loss:
    """Offsets [start, stop) of a source partition. state: missing (read again by a worker), or lost."""

    partition: int
    source: int
    start: int
    stop: int
    state: str


async def losses(settings: Settings) -> list[Loss]:
    """All in the newest stamps."""
    found = []
    for partition in range(settings.frame_partitions):
        async with reader(settings, settings.topic("ledger"), partition) as r:
            stamp = await newest_stamp(r)
        if stamp is None:
            continue
        for state, offsets in (("missing", stamp.missing), ("lost", stamp.lost)):
            found += [
                Loss(partition, source, start, stop, state)
                for source, ranges in sorted(offsets.items())
                for start, stop in ranges
            ]
    return found


async def resolve(settings: Settings, lost: list[Loss]) -> None:
    """Mark these losses as resolved in the partitions, and wait until they have it. Raises UserError."""
    producer = clients.producer(settings)
    try:
        await producer.start()
        for partition in sorted({one.partition for one in lost}):
            ranges = [(one.source, one.start, one.stop) for one in lost if one.partition == partition]
            await producer.send_and_wait(
                settings.topic("frames"), Framer.resolved(ranges), partition=partition
            )
    except KafkaError as error:
        raise UserError(
            explained(error) or f"Kafka at {settings.broker} rejected the request: {error}"
        ) from error
    finally:
        await producer.stop()
    deadline = time.monotonic() + WAIT_S
    while set(await losses(settings)) & set(lost):
        if time.monotonic() > deadline:
            raise UserError(
                f"No worker has applied it within {WAIT_S:.0f} s: a running worker will; see 'pillarscore status'"
            )
        await asyncio.sleep(0.2)
