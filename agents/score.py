"""The score role: a Faust agent on frames, and a runner for every partition the group assigns."""

import asyncio
from typing import TYPE_CHECKING, Any

import faust
import structlog
from aiokafka import TopicPartition

from agents import rubrics
from agents.benchmarks import Follower
from agents.census import Censuses
from agents.clock import Clock
from agents.ends import Ends
from agents.load import Load
from agents.metrics import Metrics
from agents.pace import Pace
from agents.runner import Runner
from agents.settings import Settings
from pipeline.rubric import Rubric
from pipeline.shard import Shard

if TYPE_CHECKING:
    from agents.tracing.spans import Tracing

log = structlog.get_logger()


class Score:
    """Hands frames from Faust to the runners, and starts and stops these as the assignment changes."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        rubric: Rubric,
        clock: Clock,
        metrics: Metrics,
        ends: Ends,
        load: Load,
        tracing: "Tracing | None" = None,
    ) -> None:
        self.settings = settings
        self.rubric = rubric
        self.shadow = rubrics.load(settings.shadow_rubric) if settings.shadow_rubric else None
        self.clock = clock
        self.metrics = metrics
        self.ends = ends
        self.load = load
        self.pace = Pace()
        self.benchmarks = Follower(settings, metrics, load) if settings.cohort_kinds is not None else None
        self.censuses = Censuses(settings, self.pace, self._shard)
        self.tracing = tracing
        self.runners: dict[int, Runner] = {}
        self.metrics.state.runners = self.runners
        self.assigned = False
        self._lock = asyncio.Lock()
        self._topic = settings.topic("frames")
        frames = app.topic(
            self._topic,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            internal=False,
        )
        app.agent(frames, name="score", concurrency=1)(self.consume)
        app.on_partitions_assigned.connect(self.on_assigned)

    async def consume(self, stream: Any) -> None:
        """The agent: passes each frame on to the runner of its partition."""
        async for event in stream.events():
            message = event.message
            runner = self.runners.get(message.partition)
            if runner is not None:
                await runner.offer(message.offset, round(message.timestamp * 1000), message.value)

    async def on_assigned(self, sender: Any, assigned: set[Any], **_: Any) -> None:
        """Own exactly the partitions assigned; those kept go on as they are, warm."""
        mine = {tp.partition for tp in assigned if tp.topic == self._topic}
        async with self._lock:
            log.info("partitions assigned", partitions=sorted(mine))
            if self.benchmarks is not None:
                self.benchmarks.start()
                self.benchmarks.own(0 in mine)
            await self._stop([p for p in self.runners if p not in mine])
            for partition in sorted(mine):
                if partition in self.runners:
                    self.runners[partition].renew()
                else:
                    runner = Runner(
                        self.settings,
                        self.rubric,
                        self.shadow,
                        self.clock,
                        self.metrics,
                        self.ends,
                        self.pace,
                        self.load,
                        self.censuses,
                        partition,
                        self.benchmarks,
                        None if self.tracing is None else self.tracing.of(partition),
                    )
                    self.runners[partition] = runner
                    runner.start()
            self.assigned = True

    def _shard(self, partition: int) -> Shard | None:
        """The shard of a partition that is ours and live."""
        runner = self.runners.get(partition)
        return runner.shard if runner is not None and runner.live else None

    def partitions(self) -> list[TopicPartition]:
        """The frame partitions that are ours now."""
        return [TopicPartition(self._topic, partition) for partition in self.runners]

    @property
    def ready(self) -> bool:
        """Assigned, and every partition restored."""
        return self.assigned and all(runner.live for runner in self.runners.values())

    async def stop(self) -> None:
        """Commit and let go of every partition."""
        async with self._lock:
            await self._stop(list(self.runners))
            if self.benchmarks is not None:
                await self.benchmarks.stop()

    async def _stop(self, partitions: list[int]) -> None:
        await asyncio.gather(*(self.runners.pop(p).stop() for p in partitions))
