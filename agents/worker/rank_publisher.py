"""The one worker of a Pillarscore that writes score.benchmarks."""

from collections.abc import Callable

from agents.config.settings import Settings
from agents.ports import Log
from agents.worker.background_budget import BackgroundBudget
from pipeline.cohorts.benchmark_records import Benchmarks
from pipeline.cohorts.merged_scores import MergedScores


class RankPublisher:
    """The one who writes `score.benchmarks`. refused: gets topic and offset of a record that is none, and why."""

    def __init__(
        self,
        topics: Log,
        settings: Settings,
        budget: BackgroundBudget,
        *,
        refused: Callable[[str, int, Exception], None],
    ) -> None:
        self._refused = refused
        self._topics = topics
        self._budget = budget
        self._topic = settings.topic("benchmarks")
        self._benchmarks = Benchmarks(settings.cohort_minimum)
        # a sixth of the time of aiokafka's lz4, which is of level 9, and smaller
        self._out = topics.transactions(f"{settings.prefix}rank", "zstd")

    async def start(self) -> None:
        """Fence the publisher before, and read what it published."""
        await self._out.start()
        async with self._topics.reader(self._topic, 0) as r:
            async for records in r.read(*await r.bounds()):
                for record in records:
                    try:
                        self._benchmarks.load(record.key, record.value)
                    except ValueError as error:
                        self._refused(self._topic, record.offset, error)

    async def publish(self, merged: MergedScores) -> float:
        """All benchmarks that changed, in one transaction; seconds of CPU."""
        work = self._budget.steps(self._benchmarks.records(merged))
        made = []
        for records in work:
            made += records
            await work.breathe()
        if made:
            await self._out.put(self._topic, 0, made)  # at once, since a batch waits for the one before
        await self._out.commit()
        return work.seconds

    async def stop(self) -> None:
        """Abort what is open and close."""
        await self._out.stop()
