"""One score partition at work: restore the shard, feed it frames in order, commit what it puts out.

Faust delivers frames, but is not trusted to deliver all of them: the runner goes on from its own stamp,
fetches what is missing itself, and drops what it has had. Nothing it raises leaves it: it restores again.
"""

import asyncio
import contextlib
import math
import time

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from agents.config.errors import UserError
from agents.kafka import consumer_groups
from agents.kafka.client_id import client_id, worker_of
from agents.kafka.outage import away
from agents.kafka.outage import report as report_outage
from agents.kafka.range_reader import reader
from agents.kafka.topics import admin
from agents.kafka.transactions import ProduceFailed
from agents.metrics.lag import Lag, lag
from agents.tracing import Untraced
from agents.worker import takeover
from agents.worker.context import Context
from agents.worker.health import SHOWN_S
from agents.worker.inbox import Inbox
from agents.worker.ledger import Committed, Ledger
from agents.worker.network_refresh import NetworkRefresh
from agents.worker.refill import Refill
from agents.worker.restore import ANEW
from pipeline.shard import checkpoint, redo
from pipeline.shard.distribution_feed import is_due, published
from pipeline.shard.shard import Shard
from schemas.frames import decode
from schemas.ledger import Stamp
from schemas.letters import DeadLetter

log = structlog.get_logger()
FLUSH_ROWS = 100_000
FENCED_S = 30.0
ASKING_S = 5.0
BEHIND_S = 1.0
BUSY_ROWS = 800
"""Rows since the last flush from which on scores wait for the commit: members come again by then."""
BUSY_S = 0.25
REFUSED_S = 60.0
MOST_REST_S = 30.0
IDS = 200_000
"""Ids that may be in no chunk of the ledger yet, however short it is since the last one."""


class PartitionRunner:
    """The owner of a partition, from assignment to revocation."""

    def __init__(self, context: Context, partition: int) -> None:
        self.context = context
        self.settings = context.settings
        self.metrics = context.metrics.of(partition)
        self.partition = partition
        self.where = f"partition {partition}"
        self.log = log.bind(partition=partition)
        self.traces = Untraced() if context.tracing is None else context.tracing.of(partition)
        self.shard: Shard | None = None
        self.stamp: Stamp | None = None  # the last one committed
        self.live = False
        self.progress = 0.0  # of the restore
        self.networks = NetworkRefresh(context, partition)
        self.refill = Refill(context.settings, context.clock, partition)
        self._restored_s: float | None = None
        self._began = time.monotonic()
        self._newest = context.clock.now_ms()  # timestamp of the last frame
        self._ledger: Ledger | None = None
        self._inbox = Inbox()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._topics: dict[str, str] = {}
        self._rows = 0
        self._lag_s = 0.0
        self._stamped = -1
        self._committed_at = 0.0
        self._blocks_at = 0.0
        self._advanced_at = 0.0
        self._progress_at = 0.0
        self._published_s = 0.0
        self._failures = 0

    @property
    def restore_s(self) -> float:
        """How long the last restore took, or the one under way has taken so far."""
        return time.monotonic() - self._began if self._restored_s is None else self._restored_s

    @property
    def last_committed(self) -> Committed | None:
        """The last transaction; None when there was none, or while it restores."""
        return self._ledger.last if self._ledger is not None and self.live else None

    def emit_again(self) -> None:
        """Put out all scores again, a block at a time, as when the day turns."""
        if self.shard is not None and self.live:
            self.shard.rollover.restart()

    def lag(self) -> Lag | None:
        """How far the shard is behind the frames."""
        if self.shard is None:
            return None
        end = self.context.ends.get(TopicPartition(self.settings.topic("frames"), self.partition))
        now = self.context.clock.now_ms()
        return lag(max(end, self._inbox.end), self.shard.frame + 1, self._newest, now)

    def start(self) -> None:
        """Begin restoring, then serving."""
        self._task = asyncio.create_task(self._run(), name=f"runner-{self.partition}")

    def renew(self) -> None:
        """The group has assigned the partition again."""
        if not self.live:
            self._wake.set()

    async def stop(self) -> None:
        """Commit what is done and let go of the partition."""
        self._stopping = True
        self._wake.set()
        self._inbox.release()
        if self._task is not None:
            await asyncio.wait([self._task])
        self.context.health.clear_all(self.where)

    async def offer(self, offset: int, timestamp: int, data: bytes | None) -> None:
        """A frame from Faust; waits while the inbox is full. While restoring, it is left to be fetched."""
        if not self.live:
            return
        self._inbox.put((offset, timestamp, data))
        self._wake.set()
        await self._inbox.room(lambda: self.live and not self._stopping)

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._restore()
                await self._serve()
                rest = 0.0
            except Exception as error:
                rest = await self._after(error)
            finally:
                await self._close()
            if not self._stopping:
                await self._pause(rest)

    async def _after(self, error: Exception) -> float:
        """Say what ended the partition's work; the seconds to rest before it restores."""
        health = self.context.health
        if isinstance(error, ProducerFenced):
            self.metrics.fenced.inc()
            if await self._ours():
                self.log.warning("fenced, but the group still assigns the partition here: taking it back")
                return 0.0
            # ours again only when the group says so; asking sooner would fence the new owner in turn
            self.log.warning("fenced: another worker owns the partition now")
            return FENCED_S
        if isinstance(error, UserError):
            kind = "topic" if isinstance(error, takeover.TopicRecreated) else "state"
            health.report(kind, self.where, str(error))
            return REFUSED_S
        self._failures += 1
        self.metrics.failures.inc()
        if away(error):
            report_outage(self.where, error)
        elif isinstance(error, ProduceFailed):
            self.metrics.refused(error.topic, error.records)
            health.report(
                "refused",
                self.where,
                f"{error}; the transaction is aborted, the partition restores and retries (see the runbook, "
                "RecordsRefused)",
            )
        elif isinstance(error, KafkaError):
            report_outage(self.where, error)
        else:
            self.log.error("partition failed; restoring from its ledger", exc_info=error)
        return min(MOST_REST_S, float(2 ** min(self._failures - 1, 5)))

    async def _ours(self) -> bool:
        """Whether Kafka's group has the partition assigned to this worker now."""
        s = self.settings

        async def owner() -> str | None:
            async with admin(s) as client:
                group = await consumer_groups.describe(client, f"{s.prefix}score", s.topic("frames"))
                return group.owners.get(self.partition)

        try:
            return await asyncio.wait_for(owner(), ASKING_S) == worker_of(client_id(s))
        except (KafkaError, UserError, OSError, TimeoutError) as error:
            self.log.info("could not look up the owner of the partition", error=repr(error))
            return False

    async def _close(self) -> None:
        self.live = False
        self.networks.close()
        self.refill.close()
        self.stamp = None
        self.progress = 0.0
        self.metrics.dropped()
        self.traces.dropped()
        self._inbox.take()
        ledger, self._ledger, self.shard = self._ledger, None, None
        if ledger is not None:
            self.metrics.aborts.inc(ledger.open)
            await ledger.stop()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when stopping."""
        self._wake.clear()
        if not self._stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)

    async def _restore(self) -> None:
        self._began = time.monotonic()
        self._restored_s = None
        context = self.context
        ledger = self._ledger = Ledger(self.settings, self.partition, context.skew.observe)
        await ledger.start()
        taken = await takeover.take_over(context, self.partition, ledger, lambda done: self._at(done / 2))
        shard = self.shard = taken.shard
        self._topics = taken.topics
        self.networks.begin(shard, taken.journal)
        self._stamped = shard.frame
        now = time.monotonic()
        self._committed_at = self._blocks_at = self._advanced_at = self._progress_at = now
        if shard.redo is None:
            await ledger.write(checkpoint.upgrade(shard, self.networks.journal))
        # told to the ledger at once: it says whose the partition is now, and Kafka's answer what time it is
        await ledger.begin()
        await self._commit()
        for kind in ("state", "topic"):
            context.health.clear(kind, self.where)
        seconds = round(time.monotonic() - self._began, 2)
        self.log.info("restored", seconds=seconds, members=shard.members, frames=taken.replayed)
        shard.start_day(max(context.clock.today(), shard.day))
        await self._fetch(shard.frame + 1, None)
        self.live = True
        self.progress, self._restored_s = 1.0, time.monotonic() - self._began
        # what came between the end just seen and now was neither fetched nor taken from Faust
        await self._fetch(shard.frame + 1, None)

    async def _fetch(self, start: int, stop: int | None) -> int:
        """Read and count frames [start, stop); stop None: all there are."""
        if stop is not None and stop <= start:
            return 0
        count = 0
        async with reader(self.settings.broker, self.settings.topic("frames"), self.partition) as r:
            first, end = await r.bounds()
            if first > start:
                self.metrics.holes.inc(first - start)
                self.log.error("frames were removed before they were counted", start=start, first=first)
                self._hole(start, first)
            if end < start:
                raise UserError(
                    f"{self.settings.topic('frames')} partition {self.partition} ends at {end}, but frames up "
                    f"to {start - 1} were counted: Kafka has lost acknowledged records; {ANEW}"
                )
            async for records in r.read(max(start, first), end if stop is None else stop):
                for record in records:
                    await self._apply(record.offset, record.timestamp, record.value)
                    count += 1
                if not self.live:
                    self._at(0.5 + (records[-1].offset + 1 - start) / (end - start) / 2)
        return count

    def _hole(self, start: int, first: int) -> None:
        """Go on behind frames that are gone: what they covered is missing, and will be noticed as such."""
        shard = self.shard
        assert shard is not None
        if start == 0:  # nothing was ever counted, so what comes first of a source need not be its first
            shard.watermarks.from_zero = True
        shard.frame = first - 1

    def _at(self, progress: float) -> None:
        self.progress = progress

    async def _apply(self, offset: int, timestamp: int, data: bytes | None) -> None:
        shard, ledger = self.shard, self._ledger
        assert shard is not None
        assert ledger is not None
        self._newest = timestamp
        self._lag_s = max(0.0, self.context.clock.now_ms() - timestamp) / 1000
        self.context.load.read(self._lag_s)
        try:
            frame = decode(data)
        except ValueError as error:
            self.metrics.bad_frames.inc()
            self.context.health.report(
                "foreign",
                self.where,
                f"the record at offset {offset} of {self.settings.topic('frames')} partition {self.partition} "
                f"is skipped: {error} (see the runbook, FramesUnreadable)",
                SHOWN_S,
            )
            shard.frame = offset
            return
        self._topics = takeover.same_events(self.settings, self._topics, frame.events)
        began = time.time_ns()
        self._rows += shard.apply(frame, offset, timestamp)
        assert data is not None
        await ledger.write([redo.record(offset, timestamp, data, frame)])
        self.metrics.counted(frame, timestamp)
        self.context.pace.counted()
        if frame.traces:
            self.traces.counted(frame, shard.traced, offset, began)
        due = time.monotonic() - self._committed_at >= self._interval()
        if due or self._rows >= FLUSH_ROWS:
            await self._flush()
        if due:
            await self._commit()
        await asyncio.sleep(0)

    async def _serve(self) -> None:
        while not self._stopping:
            assert self.shard is not None
            assert self._ledger is not None
            began = time.monotonic()
            takeover.check_topics(self.settings, self._topics, self.context.topics.ids)
            await self._take()
            await self._day()
            await self.networks.step(self._ledger)
            self._look_for_missing()
            if not self._inbox and self._rows < BUSY_ROWS:
                await self._flush()
            interval = self._interval()
            if time.monotonic() - self._committed_at >= interval:
                await self._flush()
                await self._commit()
            waiting = self._rows > 0 or self._ledger.open
            due = self._committed_at + interval if waiting else math.inf
            now = time.monotonic()
            await asyncio.sleep(max(0.0, min(began + self.context.load.round(), due) - now))
            if not self._inbox:
                seconds = due - time.monotonic() if waiting else min(1.0, self._publishing_in())
                await self._pause(max(0.001, seconds))
                await self._watch()
        await self._flush()
        await self._commit()

    def _look_for_missing(self) -> None:
        shard, health = self.shard, self.context.health
        assert shard is not None
        self.refill.look(shard, self.context.coverage.of(self.partition), self._topics.get("events", ""))
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

    def _interval(self) -> float:
        """Seconds between commits; more when behind, since then more of a member's events make one score."""
        busy = BUSY_S if self._rows >= BUSY_ROWS else 0.0
        return max(self.settings.commit_ms / 1000, busy, min(BEHIND_S, self._lag_s / 2))

    def _publishing_in(self) -> float:
        """Seconds until scores are to be published for benchmarks; inf when there is nothing to publish."""
        s, shard = self.settings, self.shard
        if shard is None or not self.live or not is_due(shard):
            return math.inf
        if self._stopping:
            return 0.0
        now = self.context.clock.now_ms() / 1000
        return self.context.load.publishing(s.benchmark_ms / 1000, self._published_s, now)

    async def _take(self) -> None:
        """Count what is in the inbox, in order, fetching what Faust has left out."""
        shard = self.shard
        assert shard is not None
        for offset, timestamp, data in self._inbox.take():
            if offset > shard.frame + 1:
                self.log.info("fetching frames that were not delivered", start=shard.frame + 1, stop=offset)
                self.metrics.gaps.inc(offset - shard.frame - 1)
                await self._fetch(shard.frame + 1, offset)
            if offset > shard.frame:
                await self._apply(offset, timestamp, data)
                self._progress_at = time.monotonic()

    async def _watch(self) -> None:
        """Faust may have stalled or skipped: when nothing came for a while, look at the topic itself."""
        shard = self.shard
        assert shard is not None
        if self._inbox or time.monotonic() - self._progress_at < self.settings.watch_s:
            return
        self._progress_at = time.monotonic()
        self.metrics.gaps.inc(await self._fetch(shard.frame + 1, None))

    async def _day(self) -> None:
        shard, ledger, pace = self.shard, self._ledger, self.context.pace
        assert shard is not None
        assert ledger is not None
        today = max(self.context.clock.today(), shard.day)
        if today != shard.day and self.context.skew.age > takeover.SKEW_S:
            # what time it is decides for good, so Kafka is asked: its answer to a commit says it
            await self._flush()
            await ledger.begin()
            await self._commit()
            today = max(self.context.clock.today(), shard.day)
        if today != shard.day:
            await self._flush()
            shard.start_day(today)
            self.log.info("new day started", day=today, members=shard.members)
        if shard.rollover.under_way and pace.due():
            began = time.thread_time()
            shard.roll_block()
            pace.took(2 * (time.thread_time() - began))  # the scores, at the next flush, take as long

    async def _flush(self) -> None:
        """Queue the scores of all changed members, and dead letters, in the open transaction."""
        shard, ledger = self.shard, self._ledger
        assert shard is not None
        assert ledger is not None
        s = self.settings
        self._rows = 0
        emission = shard.drain()
        headers = self.traces.headers()
        for topic in ("scores", "shadow", "bands", "history"):
            records = getattr(emission, topic)
            if records:
                of = headers if topic == "scores" else None
                await ledger.put(s.topic(topic), self.partition, records, of)
        self.metrics.flushed(emission, self.context.clock.now_ms())
        self.traces.queued(shard.emitter.revision)
        topic = s.topic("dead-letters")
        for data in emission.letters:
            letter = DeadLetter.unpack(data)
            target = letter.partition % s.letter_partitions
            await ledger.put_record(topic, target, letter.key, letter.value, letter.out_headers())
            self.metrics.letter(letter.reason)
        overdue = shard.dirty and time.monotonic() - self._blocks_at >= s.block_cycle_s
        news = self._publishing_in() <= 0
        if shard.rollover.recorder.outdated or overdue or news or shard.frame > self._stamped:
            await ledger.begin()  # even a frame without rows has moved the watermarks

    async def _commit(self) -> None:
        shard, ledger = self.shard, self._ledger
        assert shard is not None
        assert ledger is not None
        now = time.monotonic()
        if not ledger.open:
            return
        await self.networks.save(ledger)
        written = await self._write_blocks(shard, ledger, now)
        if self._publishing_in() <= 0:
            await ledger.put(self.settings.topic("distributions"), 0, published(shard))
            self._published_s = self.context.clock.now_ms() / 1000
        stamp = checkpoint.stamp_of(shard).model_copy(update={"topics": self._topics})
        self._stamped = stamp.frame
        self.stamp = await ledger.commit_with(stamp)
        # from the beginning, since what comes meanwhile waits for the next commit
        self._committed_at = now
        self._failures = 0
        self.context.health.clear("refused", self.where)
        self.metrics.settled(*ledger.take_settled())
        self.metrics.committed(
            time.monotonic() - now, written, shard.source_counts, self.context.clock.now_ms()
        )
        self.traces.committed()

    async def _write_blocks(self, shard: Shard, ledger: Ledger, now: float) -> int:
        """Queue the blocks, histories and chunks of ids that are due; the bytes of the blocks."""
        cycle = self.settings.block_cycle_s
        due = [
            checkpoint.dump(shard, number) for number in checkpoint.due(shard, now - self._blocks_at, cycle)
        ]
        if due:
            self._blocks_at = now
        dumped = [(block.key, block.dump()) for block in due]
        await ledger.write(dumped)
        histories = [
            checkpoint.dump_history(shard, number) for number in sorted(shard.rollover.recorder.outdated)
        ]
        await ledger.write([(history.key, history.dump()) for history in histories])
        assert shard.redo is not None
        if now - self._advanced_at >= cycle / 6 or shard.redo.ids > IDS:
            self._advanced_at = now
            await ledger.write(shard.redo.advance(checkpoint.replay_from(shard)))
        return sum(len(data) for _, data in dumped)
