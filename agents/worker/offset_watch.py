"""Looking up offsets every few seconds, for as long as a worker runs; an outage only interrupts it."""

import asyncio
from abc import ABC, abstractmethod

from agents.kafka.outage import report as report_outage
from agents.ports import Clock, Log, Offsets

ANSWER_S = 20.0


class OffsetWatch(ABC):
    """Asks again and again; what for, and what becomes of the answers, is up to `_look`."""

    def __init__(
        self, topics: Log, clock: Clock, *, name: str, every_s: float, committed: bool = False
    ) -> None:
        """name: in the log, when Kafka does not answer. committed: see `Log.offsets`."""
        self._log = topics
        self._clock = clock
        self._name = name
        self._every_s = every_s
        self._committed = committed
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def _look(self, offsets: Offsets) -> None:
        """Ask once."""

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                async with self._log.offsets(self._committed) as offsets:
                    while True:
                        await asyncio.wait_for(self._look(offsets), ANSWER_S)
                        await self._clock.sleep(self._every_s)
            except Exception as error:
                report_outage(self._name, error)
            await self._clock.sleep(self._every_s)
