"""What a partition emits: scores and dead letters into the open transaction, and the commit with its stamp."""

import math
from typing import TYPE_CHECKING

from agents.metrics.partition import PartitionMetrics
from agents.tracing import Untraced
from agents.worker import commit_schedule as schedule
from agents.worker.context import Context
from agents.worker.ledger import Ledger
from agents.worker.lifecycle import PartitionState, StateMachine
from agents.worker.network_refresh import NetworkRefresh
from pipeline.shard import checkpoint
from pipeline.shard.distribution_feed import is_due, published
from pipeline.shard.shard import Shard
from schemas.ledger import Stamp
from schemas.letters import DeadLetter

if TYPE_CHECKING:
    from agents.tracing.score import PartitionTraces


class PartitionOutput:
    """Of one life of a partition, from its takeover on. rows: counted since the last flush.

    topics: ids of the topics that the state is of, by short names; stamp: the last one committed. live: whether the
    partition serves; last: whether the next commit is the last.
    """

    def __init__(
        self,
        context: Context,
        life: StateMachine[PartitionState],
        ledger: Ledger,
        *,
        networks: NetworkRefresh,
        metrics: PartitionMetrics,
        traces: "PartitionTraces | Untraced",
    ) -> None:
        self._context = context
        self._life = life
        self._ledger = ledger
        self._networks = networks
        self._metrics = metrics
        self._traces = traces
        now = context.clock.monotonic()
        self.committed_at = self._blocks_at = self._advanced_at = now
        self.rows = 0
        self.lag_s = 0.0
        self.live = self.last = False
        self.topics: dict[str, str] = {}
        self.stamp: Stamp | None = None
        self._stamped = -1
        self._published_s = 0.0

    def begin(self, shard: Shard, topics: dict[str, str]) -> None:
        """The partition is taken over: emit what this shard makes from here on."""
        self._shard = shard
        self.topics = topics
        self._stamped = shard.frame

    def interval(self) -> float:
        """Seconds between commits, as things are."""
        return schedule.commit_interval(self._context.settings.commit_ms / 1000, self.rows, self.lag_s)

    def commit_due(self) -> bool:
        """Whether it is time to commit."""
        return schedule.commit_due(self._context.clock.monotonic(), self.committed_at, self.interval())

    def next_commit(self) -> float:
        """When the next commit is due, by the monotonic clock; inf when there is nothing to commit."""
        return schedule.next_commit(self.committed_at, self.interval(), self.rows, is_open=self._ledger.open)

    def publishing_in(self) -> float:
        """Seconds until scores are to be published for benchmarks; inf when there is nothing to publish."""
        if not self.live or not is_due(self._shard):
            return math.inf
        if self.last:
            return 0.0
        now = self._context.clock.now_ms() / 1000
        within = self._context.settings.benchmark_ms / 1000
        return self._context.rounds.publishing(within, self._published_s, now)

    async def flush(self) -> None:
        """Queue the scores of all changed members, and dead letters, in the open transaction."""
        s, shard, ledger, clock = self._context.settings, self._shard, self._ledger, self._context.clock
        self.rows = 0
        emission = shard.drain()
        headers = self._traces.headers()
        for topic in ("scores", "shadow", "bands", "history"):
            records = getattr(emission, topic)
            if records:
                of = headers if topic == "scores" else None
                await ledger.put(s.topic(topic), ledger.partition, records, headers=of)
        self._metrics.flushed(emission, clock.now_ms())
        self._traces.queued(shard.emitter.revision)
        topic = s.topic("dead-letters")
        for data in emission.letters:
            letter = DeadLetter.unpack(data)
            target = letter.partition % s.letter_partitions
            await ledger.put_record(
                topic, target, letter.key, value=letter.value, headers=letter.out_headers()
            )
            self._metrics.letter(letter.reason, letter.attribute("source"))
        elapsed = clock.monotonic() - self._blocks_at
        overdue = schedule.blocks_overdue(len(shard.dirty), elapsed, s.block_cycle_s)
        news = self.publishing_in() <= 0
        if shard.rollover.recorder.outdated or overdue or news or shard.frame > self._stamped:
            await ledger.begin()  # even a frame without rows has moved the watermarks

    async def commit(self) -> None:
        """Commit what is open, with a stamp; raises ProduceFailed or Fenced."""
        if not self._ledger.open:
            return
        with self._life.during(PartitionState.COMMITTING, self._after_commit()):
            await self._commit()

    def _after_commit(self) -> PartitionState | None:
        """The takeover's commit is followed by catching up, every other by what was before."""
        return PartitionState.CATCHING_UP if self._life.state == PartitionState.RESTORING else None

    async def _commit(self) -> None:
        shard, ledger, clock = self._shard, self._ledger, self._context.clock
        now = clock.monotonic()
        await self._networks.write_changes(ledger)
        written = await self._write_blocks(now)
        if self.publishing_in() <= 0:
            await ledger.put(self._context.settings.topic("distributions"), 0, published(shard))
            self._published_s = clock.now_ms() / 1000
        stamp = checkpoint.stamp_of(shard).model_copy(update={"topics": self.topics})
        self._stamped = stamp.frame
        self.stamp = await ledger.commit_with(stamp)
        # from the beginning, since what comes meanwhile waits for the next commit
        self.committed_at = now
        self._context.health.clear("refused", f"partition {ledger.partition}")
        self._metrics.settled(*ledger.take_settled())
        self._metrics.committed(clock.monotonic() - now, written, shard.source_counts, now_ms=clock.now_ms())
        self._traces.committed()

    async def _write_blocks(self, now: float) -> int:
        """Queue the blocks, histories and chunks of ids that are due; the bytes of the blocks."""
        shard, ledger, cycle = self._shard, self._ledger, self._context.settings.block_cycle_s
        count = schedule.blocks_due(len(shard.dirty), now - self._blocks_at, cycle)
        blocks = [checkpoint.dump(shard, number) for number in checkpoint.oldest_dirty(shard, count)]
        if blocks:
            self._blocks_at = now
        dumped = [(block.key, block.dump()) for block in blocks]
        await ledger.write(dumped)
        histories = [
            checkpoint.dump_history(shard, number) for number in sorted(shard.rollover.recorder.outdated)
        ]
        await ledger.write([(history.key, history.dump()) for history in histories])
        assert shard.redo is not None
        if schedule.advance_due(now - self._advanced_at, cycle, shard.redo.ids):
            self._advanced_at = now
            await ledger.write(shard.redo.advance(checkpoint.replay_from(shard)))
        return sum(len(data) for _, data in dumped)
