"""The merged view of a worker, followed from `score.distributions`; and the benchmarks, where they are made.

Every worker with the score role follows, for the ranks in its scores. The one that has member partition 0
also writes `score.benchmarks`, in transactions of an id of their own: a worker that only thinks it has the
partition is fenced by the next one, and can leave nothing behind.
"""

import asyncio
import contextlib
import math

import structlog

from agents.config.settings import Settings
from agents.kafka.errors import EndUnanswered, Fenced, ProduceFailed
from agents.kafka.outage import away, of_kafka
from agents.kafka.outage import report as report_outage
from agents.metrics import Metrics
from agents.ports import Clock, Log, Record
from agents.worker.background_budget import BackgroundBudget
from agents.worker.distribution_check import DistributionCheck
from agents.worker.health import Health
from agents.worker.rank_publisher import RankPublisher
from agents.worker.round_length import RoundLength
from pipeline.cohorts.membership import CohortMembership
from pipeline.cohorts.merged_scores import MergedScores
from pipeline.cohorts.rank_records import RankWriter

log = structlog.get_logger()
AGAIN_S = 1.0
GATHER = 0.4
"""Of an interval: for how long a merge waits for partitions that have not published since the last one."""


class RankFollower:
    """Keeps `merged` at the end of the topic. `own` sets whether benchmarks are published here."""

    def __init__(
        self,
        topics: Log,
        clock: Clock,
        settings: Settings,
        *,
        metrics: Metrics,
        health: Health,
        budget: BackgroundBudget,
        rounds: RoundLength,
    ) -> None:
        kinds = settings.cohort_kinds
        assert kinds is not None
        self.settings = settings
        self.metrics = metrics
        self._topics = topics
        self._clock = clock
        self._budget = budget
        self._rounds = rounds
        self._check = DistributionCheck(settings, clock, metrics=metrics.ranks, health=health)
        self.merged = MergedScores(
            settings.frame_partitions, kinds, limit=settings.cohort_limit, minimum=settings.cohort_minimum
        )
        self.ranks = RankWriter(self.merged, settings.rank_kinds, settings.cohort_minimum)
        self._current_at = self._clock.monotonic()
        self._owns = False
        self._publisher: RankPublisher | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        metrics.ranks.age = lambda: self._clock.monotonic() - self._current_at
        metrics.ranks.cohorts = self.merged.size
        metrics.ranks.outside = lambda: dict(zip(self.merged.kinds, self.merged.table.outside, strict=True))
        metrics.ranks.publishes = lambda: self._publisher is not None

    def cohorts(self, partition: int) -> CohortMembership:
        """The cohorts of a partition whose life begins now."""
        made = CohortMembership(partition, self._clock.now_ns(), self.merged.kinds, ranker=self.ranks)
        self._check.owned[partition] = made
        return made

    def release(self, partition: int) -> None:
        """The life of a partition has ended here."""
        self._check.release(partition)

    def start(self) -> None:
        """Begin to follow."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="benchmarks")

    def own(self, owns: bool) -> None:
        """Whether this worker publishes the benchmarks from now on."""
        self._owns = owns

    async def stop(self) -> None:
        """End, in the middle of a merge if need be; what is not committed the next owner publishes."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._disown()

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._follow()
            except Fenced:
                self._owns = False
                log.warning("fenced: another worker publishes the benchmarks now")
            except Exception as error:
                self._after(error)
            await self._disown()
            await self._clock.sleep(AGAIN_S)

    def _after(self, error: Exception) -> None:
        """Log what ended the following."""
        if isinstance(error, ProduceFailed | EndUnanswered) and not away(error):
            # what was in the transaction is worked out again by the next publisher, and be it this one
            self.metrics.ranks.failures.inc()
            log.error("benchmarks could not be published; retrying", error=str(error))
        elif of_kafka(error):
            report_outage("benchmarks", error)
        else:
            log.error("reading the distributions failed; restarting", exc_info=error)

    async def _follow(self) -> None:
        s = self.settings
        self.merged.clear()
        self.ranks.clear()
        async with self._topics.tail(s.topic("distributions"), 0) as tail:
            interval = s.benchmark_ms / 1000 / 2
            due, since = 0.0, math.inf
            while not self._stopping:
                wait = max(due, since + GATHER * interval) - self._clock.monotonic()
                records = await tail.poll(min(max(wait, 0.005), interval / 2, 0.5))
                for record in records:
                    self._take(record)
                if await tail.position() < tail.end:
                    continue  # what was there at the start comes first
                now = self._clock.monotonic()
                if self.merged.waiting:
                    since = min(since, now)
                    ready = self.merged.gathered or now >= since + GATHER * interval
                else:
                    ready = True  # for what else there is to do
                if ready and now >= due:
                    spent = await self._bring_up()
                    due = now + self._budget.rest_after_merge(spent, interval, self._rounds.behind)
                    since = math.inf
                if self._check.give_up(self.merged):
                    return  # reads all of it again
                if not records and not self.merged.waiting and not self.merged.incomplete:
                    # a poll that Kafka has not answered says nothing
                    self._current_at = max(self._current_at, self._clock.monotonic() - tail.silent_s())

    def _take(self, record: Record) -> None:
        """A record of the topic; one that can't be read is left out."""
        if record.value is not None:
            try:
                self.merged.take(record.key, record.value, record.offset)
            except ValueError as error:
                self._check.refused(self.settings.topic("distributions"), record.offset, error)

    async def _bring_up(self) -> float:
        """Merge what has come, and publish it where that is done; seconds of CPU."""
        began = self._clock.monotonic()
        if self._owns and self._publisher is None:
            await self._take_over()
        elif not self._owns:
            await self._disown()
        if not self.merged.waiting and not self.merged.changed.any():
            return 0.0
        had = self.merged.waiting
        work = self._budget.steps(self.merged.merge())
        for _ in work:
            await work.breathe()
        worked = work.seconds
        self._check.merged(self.merged)
        if self.merged.incomplete:
            return worked
        if had:
            self.metrics.ranks.merge_seconds.observe(worked)
            self._current_at = began
        if self._publisher is not None and self.merged.complete:
            worked += await self._publisher.publish(self.merged)
        elif self._publisher is None:
            self.merged.changed[:] = False
        return worked

    async def _take_over(self) -> None:
        s = self.settings
        self._publisher = publisher = RankPublisher(
            self._topics, s, self._budget, refused=self._check.refused
        )
        await publisher.start()
        work = self._budget.steps(self.merged.count())
        for _ in work:
            await work.breathe()
        log.info("this worker publishes the benchmarks")

    async def _disown(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            self.merged.totals = None
            await publisher.stop()
