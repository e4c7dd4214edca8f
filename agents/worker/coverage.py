"""How far frames should reach by what ingest has committed, and how far they do: the two must meet everywhere.

Ingest commits an offset only when every partition of frames has acknowledged a frame that covers it. So a
partition all of whose frames are counted has counted up to there; if it has not, frames are gone.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agents.config.settings import Settings
from agents.kafka.outage import report as report_outage
from agents.ports import Clock, Log, Offsets

EVERY_S = 5.0
ANSWER_S = 20.0


@dataclass(frozen=True, slots=True)
class Promise:
    """committed: by source partition what ingest had committed; end: of the frames, looked up after that."""

    committed: dict[int, int]
    end: int


class Coverage:
    """Promises of the frame partitions that `owned` names."""

    def __init__(
        self, topics: Log, clock: Clock, settings: Settings, *, owned: Callable[[], Iterable[int]]
    ) -> None:
        self._log = topics
        self._clock = clock
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
            try:
                async with self._log.offsets() as offsets:
                    while True:
                        await asyncio.wait_for(self._look(offsets), ANSWER_S)
                        await self._clock.sleep(EVERY_S)
            except Exception as error:
                report_outage("coverage", error)
            await self._clock.sleep(EVERY_S)

    async def _look(self, offsets: Offsets) -> None:
        s = self._settings
        owned = list(self._owned())
        if not owned:
            self._known = {}
            return
        committed = await offsets.committed(f"{s.prefix}ingest", s.topic("events"))
        ends = await offsets.ends(s.topic("frames"), owned)
        self._known = {partition: Promise(committed, end) for partition, end in ends.items()}
