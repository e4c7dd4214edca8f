"""The ids of topics, asked of Kafka every few seconds: a topic that was made again has another id.

Its name and partitions do not show that, but its offsets mean other records then.
"""

import asyncio
from collections.abc import Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.connection.refusals import explained
from agents.kafka.clients import kafka_client
from agents.kafka.outage import report as report_outage
from agents.topics.ids import topic_ids, topic_sizes

EVERY_S = 5.0
WATCHED = ("events", "frames", "ledger", "scores", "shadow")


class TopicWatch:
    """ids, partitions: by the topics' short names, as of the last look; a topic that is not there has no id."""

    def __init__(self, settings: Settings, watched: Sequence[str] = WATCHED) -> None:
        self.ids: dict[str, str] = {}
        self.partitions: dict[str, int] = {}
        self._settings = settings
        self._names = {settings.topic(short): short for short in watched}
        self._gone: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look once, and then go on looking. Raises KafkaError."""
        async with kafka_client(self._settings) as client:
            await self._look(client)
        self._task = asyncio.create_task(self._run(), name="topic-watch")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                async with kafka_client(self._settings) as client:
                    while True:
                        await asyncio.sleep(EVERY_S)
                        await self._look(client)
            except (KafkaError, OSError, TimeoutError) as error:
                report_outage("topic watch", error)
            await asyncio.sleep(EVERY_S)

    async def _look(self, client: AIOKafkaClient) -> None:
        found = await topic_sizes(client, list(self._names))
        ids = {self._names[name]: id_ for name, (id_, _) in found.items()}
        self.partitions |= {self._names[name]: count for name, (_, count) in found.items()}
        # a broker that has just started may not know all topics yet: gone is what is gone twice
        gone = {short: id_ for short, id_ in self.ids.items() if short not in ids}
        self.ids = ids | {short: id_ for short, id_ in gone.items() if short not in self._gone}
        self._gone = set(gone)


async def require_allowed(settings: Settings, topics: Sequence[str]) -> None:
    """Raise UserError when Kafka does not show the topics to this user: listed, they are just not there."""
    async with kafka_client(settings) as client:
        for topic in topics:
            try:
                await topic_ids(client, [topic])
            except KafkaError as error:
                if line := explained(error):
                    raise UserError(f"Kafka at {settings.broker}: {line}") from error
