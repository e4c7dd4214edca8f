"""One life of a partition: taken over from the ledger, brought up to the log, and served until something ends it."""

import asyncio
import math

import structlog

from agents.ports import wait
from agents.tracing import Untraced
from agents.worker import commit_schedule as schedule
from agents.worker import takeover
from agents.worker.context import Context
from agents.worker.frame_feed import FrameFeed
from agents.worker.health import SHOWN_S
from agents.worker.inbox import Inbox
from agents.worker.ledger import Ledger
from agents.worker.lifecycle import PartitionState, StateMachine
from agents.worker.network_refresh import NetworkRefresh
from agents.worker.newest_stamp import newest_stamp
from agents.worker.partition_output import PartitionOutput
from agents.worker.refill import Refill
from pipeline.common.units import Offset
from pipeline.shard import checkpoint, redo
from pipeline.shard.shard import Shard
from schemas.frames import decode


class _Stopped(Exception):
    """The partition is to stop while it restores."""


class PartitionSession:
    """shard: None until the ledger is read; progress: of the restore, 0 to 1.

    inbox: of what the group delivers; wake: is set when there is something to look at.
    """

    def __init__(
        self,
        context: Context,
        partition: int,
        life: StateMachine[PartitionState],
        *,
        inbox: Inbox,
        wake: asyncio.Event,
    ) -> None:
        self._context = context
        self._life = life
        self._inbox = inbox
        self._wake = wake
        self._log = structlog.get_logger().bind(partition=partition)
        self._metrics = context.metrics.of(partition)
        self._traces = Untraced() if context.tracing is None else context.tracing.of(partition)
        self.partition = partition
        self.where = f"partition {partition}"
        self.shard: Shard | None = None
        self.progress = 0.0
        self.began = context.clock.monotonic()
        self.restore_s: float | None = None
        self.scored = 0  # the first frame that is not, while there is no shard
        self.newest = context.clock.now_ms()  # time-stamp of the last frame counted
        self.ledger = Ledger(
            context.settings, context.log, context.clock, partition=partition, skew=context.skew.observe
        )
        self.networks = NetworkRefresh(context, partition)
        self.refill = Refill(context, partition)
        self.output = PartitionOutput(
            context, life, self.ledger, networks=self.networks, metrics=self._metrics, traces=self._traces
        )
        self._feed = FrameFeed(
            context,
            partition,
            inbox,
            apply=self._apply,
            on_progress=self._caught_up,
            on_skip=self.ledger.begin,
        )

    @property
    def live(self) -> bool:
        """Whether all frames that there were at the start are counted."""
        return self.output.live

    def elapsed(self) -> float:
        """How long the restore took, or has taken so far."""
        return self._context.clock.monotonic() - self.began if self.restore_s is None else self.restore_s

    async def run(self) -> None:
        """Until the life ends; raises what ended it, nothing when the partition is to stop."""
        try:
            shard = await self._take_over()
            await self._catch_up(shard)
        except _Stopped:
            return  # nothing is lost: the next owner restores again
        await self._serve(shard)

    async def close(self) -> None:
        """Let go of everything; a transaction that is open is aborted."""
        self.output.live = False
        if self.output.stamp is not None:
            self.scored = self.output.stamp.frame + 1
        self.shard = self.output.stamp = None
        self.progress = 0.0
        self.networks.close()
        self.refill.close()
        if self._context.benchmarks is not None:
            self._context.benchmarks.release(self.partition)
        self._metrics.dropped()
        self._traces.dropped()
        self._inbox.take()
        self._metrics.aborts.inc(self.ledger.open)
        await self.ledger.stop()

    async def _take_over(self) -> Shard:
        context = self._context
        await self.ledger.start()
        await self._look_ahead()
        taken = await takeover.take_over(context, self.partition, self.ledger, on_progress=self._restored)
        shard = self.shard = taken.shard
        self.networks.begin(shard, taken.journal)
        self.output.begin(shard, taken.topics)
        if shard.redo is None:
            await self.ledger.write(checkpoint.upgrade(shard, self.networks.journal))
        # committed at once: it shows whose the partition is now, and Kafka's answer gives the time
        await self.ledger.begin()
        await self.output.commit()
        takeover.report_torn(context, self.partition, taken.end)
        for kind in ("state", "topic"):
            context.health.clear(kind, self.where)
        seconds = round(self.elapsed(), 2)
        self._log.info("restored", seconds=seconds, members=shard.members, frames=taken.replayed)
        return shard

    @property
    def position(self) -> int:
        """The first frame that is not scored."""
        return self.scored if self.shard is None else self.shard.frame + 1

    async def _look_ahead(self) -> None:
        """See since when a frame waits: a restore takes a while, and what it replays has been scored."""
        context, s = self._context, self._context.settings
        async with context.log.reader(s.topic("ledger"), self.partition) as r:
            stamp = await newest_stamp(r)
        self.scored = 0 if stamp is None else stamp.frame + 1
        async with context.log.reader(s.topic("frames"), self.partition) as r:
            first, end = await r.bounds()
            async for records in r.read(max(first, self.scored), end, 1):
                self.newest = records[0].timestamp
                return
        self.newest = context.clock.now_ms()

    async def _catch_up(self, shard: Shard) -> None:
        shard.start_day(max(self._context.clock.today(), shard.day))
        await self._feed.fetch(shard)
        self._check_stop()
        self._life.move(PartitionState.LIVE)
        self.output.live = True
        self.progress, self.restore_s = 1.0, self.elapsed()
        # what came between the end just seen and now was neither fetched nor taken from the group
        await self._feed.fetch(shard)

    async def _serve(self, shard: Shard) -> None:
        clock, output = self._context.clock, self.output
        while self._life.state != PartitionState.STOPPING:
            began = clock.monotonic()
            takeover.check_topics(self._context.settings, output.topics, self._context.topics.ids)
            await self._feed.take(shard)
            await self._day(shard)
            await self.networks.run_slice(self.ledger)
            self._look_for_missing(shard)
            if schedule.flush_at_rest(output.rows, len(self._inbox)):
                await output.flush()
            if output.commit_due():
                await output.flush()
                await output.commit()
            commit_at = output.next_commit()
            await clock.sleep(
                max(0.0, min(began + self._context.rounds.round(), commit_at) - clock.monotonic())
            )
            if not self._inbox:
                publish_in = output.publishing_in() if commit_at == math.inf else math.inf
                await self._pause(schedule.pause(clock.monotonic(), commit_at, publish_in))
                await self._feed.watch(shard)
        output.last = True
        await output.flush()
        await output.commit()

    async def _pause(self, seconds: float) -> None:
        """Wait for something to look at, but not when stopping."""
        self._wake.clear()
        if self._life.state != PartitionState.STOPPING:
            await wait(self._wake, self._context.clock, seconds)

    async def _apply(self, offset: Offset, timestamp: int, data: bytes | None) -> None:
        """Count a frame, and keep it in the ledger; commit when it is time."""
        context, output, shard = self._context, self.output, self.shard
        assert shard is not None
        self.newest = timestamp
        output.lag_s = max(0.0, context.clock.now_ms() - timestamp) / 1000
        context.rounds.read(output.lag_s)
        try:
            frame = decode(data)
        except ValueError as error:
            self._unreadable(shard, offset, error)
            return
        output.topics = takeover.same_events(context.settings, output.topics, frame.events)
        began = context.clock.now_ns()
        output.rows += shard.apply(frame, offset, timestamp)
        assert data is not None
        await self.ledger.write([redo.record(offset, timestamp, data, frame=frame)])
        self._metrics.counted(frame, timestamp)
        context.budget.counted()
        if frame.traces:
            self._traces.counted(frame, shard.traced, offset, began=began)
        due = output.commit_due()
        if due or schedule.flush_now(output.rows):
            await output.flush()
        if due:
            await output.commit()
        await context.clock.sleep(0)

    def _unreadable(self, shard: Shard, offset: Offset, error: ValueError) -> None:
        topic = self._context.settings.topic("frames")
        self._metrics.bad_frames.inc()
        self._context.health.report(
            "foreign",
            self.where,
            f"the record at offset {offset} of {topic} partition {self.partition} "
            f"is skipped: {error} (see the runbook, FramesUnreadable)",
            for_s=SHOWN_S,
        )
        shard.skip_to(offset)

    async def _day(self, shard: Shard) -> None:
        """Begin a new day when it has come, and bring the next block of members to it."""
        context, output = self._context, self.output
        today = max(context.clock.today(), shard.day)
        if today != shard.day and context.skew.age > takeover.SKEW_S:
            # a day can't be taken back, so Kafka is asked for the time: its answer to a commit has it
            await output.flush()
            await self.ledger.begin()
            await output.commit()
            today = max(context.clock.today(), shard.day)
        if today != shard.day:
            await output.flush()
            shard.start_day(today)
            self._log.info("new day started", day=today, members=shard.members)
        if shard.rollover.under_way and context.budget.due():
            began = context.clock.cpu()
            shard.roll_block()
            # the scores, at the next flush, take as long
            context.budget.spent(2 * (context.clock.cpu() - began))

    def _look_for_missing(self, shard: Shard) -> None:
        health, topics = self._context.health, self.output.topics
        self.refill.look(shard, self._context.coverage.of(self.partition), topics.get("events", ""))
        if self.refill.missing:
            health.report(
                "missing",
                self.where,
                f"frames for {self.refill.missing:,} source offsets are missing in partition "
                f"{self.partition}; their events are read again (see the runbook, EventsMissing)",
            )
        else:
            health.clear("missing", self.where)
        if lost := shard.watermarks.lost_offsets():
            health.report(
                "lost",
                self.where,
                f"{lost:,} source offsets are lost in partition {self.partition}: neither their frames nor "
                "their events exist any more (see the runbook, EventsLost)",
            )
        else:
            health.clear("lost", self.where)

    def _restored(self, done: float) -> None:
        self._check_stop()
        self.progress = done / 2

    def _check_stop(self) -> None:
        """Raise _Stopped when the partition is to stop before it is live."""
        if self._life.state == PartitionState.STOPPING:
            raise _Stopped

    def _caught_up(self, done: float) -> None:
        if not self.live:
            self._check_stop()
            self.progress = 0.5 + done / 2
