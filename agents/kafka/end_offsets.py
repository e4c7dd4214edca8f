"""Where the partitions that this worker reads end now, asked of the broker every few seconds.

A client's own high watermark stands still when it does not fetch, which is when lag matters most.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.config.settings import Settings
from agents.kafka import clients
from agents.kafka.outage import report as report_outage

EVERY_S = 3.0
ANSWER_S = 20.0
CLOSE_S = 5.0


class EndOffsets:
    """The offset after the last message, by partition; of those that `wanted` named recently."""

    def __init__(self, settings: Settings, wanted: Callable[[], Iterable[TopicPartition]]) -> None:
        self._settings = settings
        self._wanted = wanted
        self._known: dict[TopicPartition, int] = {}
        self._task: asyncio.Task[None] | None = None

    def get(self, partition: TopicPartition) -> int:
        """The end of a partition as of the last look; 0 before the first."""
        return self._known.get(partition, 0)

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="ends")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            # in a group by itself and without an assignment: it only asks
            consumer = clients.consumer(self._settings)
            try:
                await consumer.start()
                while True:
                    await self._look(consumer)
                    await asyncio.sleep(EVERY_S)
            except Exception as error:
                report_outage("lag", error)
            finally:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(consumer.stop(), CLOSE_S)
            await asyncio.sleep(EVERY_S)

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        wanted = list(self._wanted())
        if wanted:
            self._known = await asyncio.wait_for(consumer.end_offsets(wanted), ANSWER_S)
