"""The score role: a runner for every partition of frames that the group assigns."""

import asyncio

import structlog

from agents.ports import TopicPartition
from agents.worker.audit import Audit
from agents.worker.context import Context
from agents.worker.partition_runner import PartitionRunner
from pipeline.shard.shard import Shard

log = structlog.get_logger()
WRITTEN = ("scores", "bands", "history", "networks", "distributions", "dead-letters", "ledger")
"""The topics of a partition's transactions."""


class ScoreRole:
    """Hands frames from the group to the runners, and starts and stops these as the assignment changes.

    runners: by partition; the context's censuses ask `shard` for those that are live.
    """

    def __init__(self, context: Context, runners: dict[int, PartitionRunner]) -> None:
        self.context = context
        self.runners = runners
        self.assigned = False
        self.audit = Audit(context, runners)
        context.metrics.state.runners = runners
        context.metrics.score.topics = [context.settings.topic(short) for short in WRITTEN]
        self._lock = asyncio.Lock()
        self._topic = context.settings.topic("frames")
        context.group.subscribe(self.deliver, self.on_assigned)

    async def deliver(self, partition: int, offset: int, timestamp: int, data: bytes | None) -> None:  # noqa: PLR0917
        """Pass a frame on to the runner of its partition."""
        runner = self.runners.get(partition)
        if runner is not None:
            await runner.offer(offset, timestamp, data)

    async def on_assigned(self, mine: set[int]) -> None:
        """Own exactly these partitions; those kept go on as they are, warm."""
        benchmarks = self.context.benchmarks
        async with self._lock:
            log.info("partitions assigned", partitions=sorted(mine))
            self.audit.start()
            if benchmarks is not None:
                benchmarks.start()
                benchmarks.own(0 in mine)
            await self._stop([p for p in self.runners if p not in mine])
            for partition in sorted(mine):
                if partition in self.runners:
                    self.runners[partition].renew()
                else:
                    self.runners[partition] = PartitionRunner(self.context, partition)
                    self.runners[partition].start()
            self.assigned = True

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
            await self.audit.stop()
            await self._stop(list(self.runners))
            if self.context.benchmarks is not None:
                await self.context.benchmarks.stop()

    async def _stop(self, partitions: list[int]) -> None:
        await asyncio.gather(*(self.runners.pop(p).stop() for p in partitions))


def live_shard(runners: dict[int, PartitionRunner], partition: int) -> Shard | None:
    """The shard of a partition that is ours and live."""
    runner = runners.get(partition)
    return runner.shard if runner is not None and runner.live else None
