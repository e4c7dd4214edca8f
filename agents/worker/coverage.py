"""How far ingest says that frames reach, beside how far they do: the two must meet in every partition.

Ingest commits an offset only when every partition of frames has acknowledged a frame that covers it. So a
partition all of whose frames are counted has counted up to there; if it has not, frames are gone.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.config.settings import Settings
from agents.kafka.outage import report as report_outage
from agents.kafka.topics import admin

EVERY_S = 5.0
ANSWER_S = 20.0
CLOSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Promise:
    """committed: by source partition what ingest had committed; end: of the frames, looked up after that."""

    committed: dict[int, int]
    end: int


class Coverage:
    """Promises of the frame partitions that `owned` names."""

    def __init__(self, settings: Settings, owned: Callable[[], Iterable[int]]) -> None:
        self._settings = settings
        self._owned = owned
        self._known: dict[int, Promise] = {}
        self._task: asyncio.Task[None] | None = None

    def of(self, partition: int) -> Promise | None:
        """The newest promise of a frame partition."""
        return self._known.get(partition)

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="coverage")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            # in a group by itself and without an assignment: it only asks
            consumer = AIOKafkaConsumer(bootstrap_servers=self._settings.broker)
            try:
                await consumer.start()
                async with admin(self._settings) as client:
                    while True:
                        await asyncio.wait_for(self._look(client, consumer), ANSWER_S)
                        await asyncio.sleep(EVERY_S)
            except Exception as error:
                report_outage("coverage", error)
            finally:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(consumer.stop(), CLOSE_S)
            await asyncio.sleep(EVERY_S)

    async def _look(self, client: object, consumer: AIOKafkaConsumer) -> None:
        s = self._settings
        owned = list(self._owned())
        if not owned:
            self._known = {}
            return
        told = await client.list_consumer_group_offsets(f"{s.prefix}ingest")  # type: ignore[attr-defined]
        committed = {
            tp.partition: at.offset
            for tp, at in told.items()
            if tp.topic == s.topic("events") and at.offset >= 0
        }
        tps = {TopicPartition(s.topic("frames"), partition): partition for partition in owned}
        ends = await consumer.end_offsets(list(tps))
        self._known = {tps[tp]: Promise(committed, end) for tp, end in ends.items()}
