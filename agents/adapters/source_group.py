"""`activity.events` as a member of the ingest group: see `agents.ports.Source`."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from agents.config.settings import Settings
from agents.kafka import clients
from agents.kafka.internals import as_it_is
from agents.ports import SourceListener

log = structlog.get_logger()
CLOSE_S = 1.5
METADATA_S = 15
"""How long until new partitions of the topic are seen."""


class SourceGroup:
    """One membership; it can't be started again after `stop`."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic("events")
        self._consumer = clients.consumer(
            settings,
            "ingest-consumer",
            group_id=f"{settings.prefix}ingest",
            fetch_max_bytes=16 << 20,
            max_partition_fetch_bytes=4 << 20,
            value_deserializer=as_it_is,
            session_timeout_ms=settings.session_timeout_s * 1000,
            heartbeat_interval_ms=settings.session_timeout_s * 1000 // 4,
            metadata_max_age_ms=METADATA_S * 1000,
        )

    async def start(self, listener: SourceListener) -> None:
        """Join the group."""
        await self._consumer.start()
        self._consumer.subscribe([self._topic], listener=_Listener(listener))

    async def stop(self) -> None:
        """Leave it; raises nothing."""
        try:
            # aiokafka 0.14 can hang here after a rebalance (agents.kafka.range_reader explains why)
            await asyncio.wait_for(self._consumer.stop(), CLOSE_S)
        except Exception as error:
            log.info("error while closing a client", error=str(error))

    async def fetch(self, seconds: float, max_records: int) -> dict[int, list[Any]]:
        """Records by partition, as aiokafka's parser makes them; waits so long for one."""
        got = await self._consumer.getmany(timeout_ms=int(1000 * seconds), max_records=max_records)
        return {tp.partition: records for tp, records in got.items()}

    async def committed(self, partition: int) -> int | None:
        """The offset that the group has committed."""
        found: int | None = await self._consumer.committed(self._tp(partition))
        return found

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Commit offsets by partition; False when a rebalance came in between."""
        try:
            await self._consumer.commit({self._tp(number): offset for number, offset in offsets.items()})
        except (CommitFailedError, IllegalStateError) as error:
            log.info("offsets not committed", error=str(error))
            return False
        return True

    async def bounds(self, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        """(first offset there is, offset after the last) of each."""
        wanted = [self._tp(number) for number in partitions]
        first = await self._consumer.beginning_offsets(wanted)
        last = await self._consumer.end_offsets(wanted)
        return {tp.partition: (first[tp], last[tp]) for tp in wanted}

    def seek(self, partition: int, offset: int) -> None:
        """Fetch from here next."""
        self._consumer.seek(self._tp(partition), offset)

    async def position(self, partition: int) -> int | None:
        """The offset that is fetched next; None when the partition is not ours any more."""
        try:
            return int(await self._consumer.position(self._tp(partition)))
        except IllegalStateError:
            return None

    def end(self, partition: int) -> int:
        """Where the partition ends, as of the last answer; 0 when nothing is known."""
        tp = self._tp(partition)
        return (self._consumer.last_stable_offset(tp) or 0) if tp in self._consumer.assignment() else 0

    def pause(self) -> None:
        """Fetch nothing until `resume`."""
        with contextlib.suppress(IllegalStateError):  # no longer assigned
            self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """Fetch again."""
        with contextlib.suppress(IllegalStateError):
            self._consumer.resume(*self._consumer.paused())

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


class _Listener(ConsumerRebalanceListener):
    def __init__(self, listener: SourceListener) -> None:
        self._listener = listener

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._listener.revoked()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await self._listener.assigned({tp.partition for tp in assigned})
