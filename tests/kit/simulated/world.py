"""Whole workers on a log in memory, and the faults that can happen to them."""

import asyncio
import itertools
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from agents import ports
from agents.config.clock_skew import Skew
from agents.config.settings import TOPICS, Settings
from agents.metrics import Metrics
from agents.worker.background_budget import BackgroundBudget
from agents.worker.context import Context
from agents.worker.coverage import Coverage
from agents.worker.end_offsets import EndOffsets
from agents.worker.health import Health
from agents.worker.ingest_role import IngestRole
from agents.worker.partition_runner import PartitionRunner
from agents.worker.rank_role import RankFollower
from agents.worker.round_length import RoundLength
from agents.worker.score_census import CensusCache, CensusReader
from agents.worker.score_role import ScoreRole, live_shard
from pipeline.rubric.model import Rubric
from tests.kit.simulated.clock import SimClock
from tests.kit.simulated.groups import SimGroup
from tests.kit.simulated.log import SimLog


class SimWorker:
    """A worker with both roles, on a world."""

    def __init__(self, world: "World", name: str) -> None:
        s, log, clock = world.settings, world.log, world.clock
        runners: dict[int, PartitionRunner] = {}
        budget, rounds = BackgroundBudget(clock), RoundLength(s.cycle_ms / 1000, clock)
        metrics, health = Metrics(), Health()
        self.group = SimGroup(log, world.owners, name)
        self.context = Context(
            settings=s,
            rubric=world.rubric,
            shadow=None,
            clock=clock,
            log=log,
            group=self.group,
            metrics=metrics,
            health=health,
            skew=Skew(clock.monotonic),
            ends=EndOffsets(log, clock, self._partitions),
            topics=SimpleNamespace(ids=world.ids),  # type: ignore[arg-type]
            coverage=Coverage(log, clock, s, owned=lambda: list(runners)),
            budget=budget,
            rounds=rounds,
            censuses=CensusCache(
                clock,
                lambda: CensusReader(log, clock, s, budget=budget, own=lambda p: live_shard(runners, p)),
            ),
            benchmarks=None
            if s.cohort_kinds is None
            else RankFollower(log, clock, s, metrics=metrics, health=health, budget=budget, rounds=rounds),
        )
        self.score = ScoreRole(self.context, runners)
        self.ingest = IngestRole(self.context)
        self.runners = runners
        self._tasks: list[asyncio.Task[Any]] = []

    def _partitions(self) -> list[ports.TopicPartition]:
        return [*self.ingest.partitions(), *self.score.partitions()]

    def start(self, roles: str) -> None:
        self._tasks = [asyncio.create_task(self.group.pump()), asyncio.create_task(self._begin(roles))]

    async def _begin(self, roles: str) -> None:
        self.context.ends.start()
        if roles in ("all", "score"):
            await self.group.assign(range(self.context.settings.frame_partitions))
            self.context.coverage.start()
        if roles in ("all", "ingest"):
            self.ingest.start()

    def live(self) -> bool:
        """Whether all partitions are restored and events are read."""
        count = self.context.settings.frame_partitions
        return len(self.runners) == count and self.score.ready and self.ingest.ready


class World:
    """Kafka and its workers. `run` lets time pass."""

    def __init__(self, settings: Settings, rubric: Rubric, start_ms: int) -> None:
        self.settings = settings
        self.rubric = rubric
        self.clock = SimClock(start_ms)
        self.log = SimLog(settings, self.clock)
        self.ids = {short: f"id-{short}" for short in TOPICS}
        self.owners: dict[int, str] = {}
        self._names = itertools.count()

    def publish(self, values: Iterable[bytes]) -> None:
        """Events, to the partitions in turn."""
        for number, value in enumerate(values):
            partition = number % self.settings.event_partitions
            self.log.append(self.settings.topic("events"), partition, value)

    def worker(self, roles: str = "all") -> SimWorker:
        """Start a worker, which takes over everything; roles: `all`, `ingest` or `score`."""
        made = SimWorker(self, f"worker-{next(self._names)}")
        made.start(roles)
        return made

    async def run(self, until: Callable[[], bool], seconds: float = 600) -> None:
        """Let time pass until something is so; AssertionError when it is not in so many (simulated) seconds."""
        end = self.clock.monotonic() + seconds
        while not until():
            assert self.clock.monotonic() < end, "not so in time"
            await self.clock.advance()

    async def run_for(self, seconds: float) -> None:
        """Let so much time pass."""
        waking = asyncio.ensure_future(self.clock.sleep(seconds))
        while not waking.done():
            await self.clock.advance()

    async def kill(self) -> None:
        """kill -9 of all workers: whatever runs ends where it is, and nothing of it reaches the log any more."""
        mine = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        self.log.sources.clear()
        for task in mine:
            task.cancel()
        self.log.owners.clear()
        for _ in range(200):
            if not any(not task.done() for task in mine):
                break
            await asyncio.sleep(0)
            for task in mine:
                if not task.done():
                    task.cancel()
        self.log.owners.clear()

    def counted(self, worker: SimWorker) -> bool:
        """Whether all that was published is scored and committed."""
        s, events = self.settings, self.settings.topic("events")
        ends = {n: self.log.parts[events, n].end for n in range(s.event_partitions)}
        for runner in worker.runners.values():
            stamp = runner.stamp
            if stamp is None or any(stamp.watermarks.get(n, 0) < end for n, end in ends.items() if end):
                return False
            if stamp.missing or stamp.rolled * 1000 < stamp.members or stamp.day < self.clock.today():
                return False
        return len(worker.runners) == s.frame_partitions
