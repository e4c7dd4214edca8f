"""One score partition at work: restore the shard, feed it frames in order, commit what it puts out.

Faust delivers frames, but is not trusted to deliver all of them: the runner goes on from its own stamp,
fetches what is missing itself, and drops what it has had. Nothing it raises leaves it: it restores anew.
"""

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced

from agents.benchmarks import Follower
from agents.census import Censuses
from agents.clock import Clock
from agents.ends import Ends
from agents.errors import UserError
from agents.inbox import Inbox
from agents.ledger import Ledger
from agents.load import Load
from agents.metrics import Metrics
from agents.metrics.lag import Lag, lag
from agents.network import Networks
from agents.opening import opened
from agents.pace import Pace
from agents.reader import reader
from agents.settings import Settings
from agents.tracing import Untraced
from pipeline import blocks
from pipeline.publication import has_news, published
from pipeline.rubric import Rubric
from pipeline.shard import Shard
from schemas.frames import decode
from schemas.ledger import Stamp
from schemas.letters import DeadLetter

if TYPE_CHECKING:
    from agents.tracing.score import PartitionTraces

log = structlog.get_logger()
FLUSH_ROWS = 100_000
FENCED_S = 30.0
BEHIND_S = 1.0
BUSY_ROWS = 800
"""Rows since the last flush from which on scores wait for the commit: members come again by then."""
BUSY_S = 0.25
REFUSED_S = 60.0


class Runner:
    """The owner of a partition, from assignment to revocation."""

    def __init__(
        self,
        settings: Settings,
        rubric: Rubric,
        shadow: Rubric | None,
        clock: Clock,
        metrics: Metrics,
        ends: Ends,
        pace: Pace,
        load: Load,
        censuses: Censuses,
        partition: int,
        benchmarks: Follower | None = None,
        traces: "PartitionTraces | None" = None,
    ) -> None:
        self.settings = settings
        self.rubric = rubric
        self.shadow = shadow
        self.clock = clock
        self.metrics = metrics.of(partition)
        self.partition = partition
        self.log = log.bind(partition=partition)
        self.ends = ends
        self.pace = pace
        self.load = load
        self.traces = traces or Untraced()
        self.shard: Shard | None = None
        self.stamp: Stamp | None = None  # the last one committed
        self.live = False
        self.progress = 0.0  # of the restore
        self._restored_s: float | None = None
        self._began = time.monotonic()
        self._newest = clock.now_ms()  # timestamp of the last frame
        self.benchmarks = benchmarks
        self._ledger: Ledger | None = None
        self.networks = Networks(settings, clock, censuses, pace, partition)
        self._inbox = Inbox()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._rows = 0
        self._lag_s = 0.0
        self._stamped = -1
        self._committed_at = 0.0
        self._blocks_at = 0.0
        self._progress_at = 0.0
        self._published_s = 0.0

    @property
    def restore_s(self) -> float:
        """How long the last restore took, or the one under way has taken so far."""
        return time.monotonic() - self._began if self._restored_s is None else self._restored_s

    def lag(self) -> Lag | None:
        """How far the shard is behind the frames."""
        if self.shard is None:
            return None
        end = self.ends.get(TopicPartition(self.settings.topic("frames"), self.partition))
        return lag(max(end, self._inbox.end), self.shard.frame + 1, self._newest, self.clock.now_ms())

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

    async def offer(self, offset: int, timestamp: int, data: bytes) -> None:
        """A frame from Faust; waits while the inbox is full. While restoring, it is left to be fetched."""
        if not self.live:
            return
        self._inbox.put((offset, timestamp, data))
        self._wake.set()
        await self._inbox.room(lambda: self.live and not self._stopping)

    async def _run(self) -> None:
        while not self._stopping:
            rest = 1.0
            try:
                await self._restore()
                await self._serve()
            except ProducerFenced:
                # ours again only when the group says so; asking sooner would fence the new owner in turn
                rest = FENCED_S
                self.metrics.fenced.inc()
                self.log.warning("fenced: another worker owns the partition now")
            except UserError as error:
                rest = REFUSED_S
                self.log.error(str(error))
            except Exception:
                self.metrics.failures.inc()
                self.log.exception("partition failed; it restores from its ledger")
            finally:
                await self._close()
            if not self._stopping:
                await self._pause(rest)

    async def _close(self) -> None:
        self.live = False
        self.networks.close()
        self.stamp = None
        self.progress = 0.0
        self.metrics.dropped()
        self.traces.dropped()
        self._inbox.take()
        ledger, self._ledger, self.shard = self._ledger, None, None
        if ledger is not None:
            self.metrics.aborts.inc(ledger.open)
            try:
                await ledger.stop()
            except Exception as error:
                self.log.info(
                    "closing the ledger failed; the next owner aborts what is open", error=str(error)
                )

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when stopping."""
        self._wake.clear()
        if not self._stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)

    async def _restore(self) -> None:
        began = self._began = time.monotonic()
        self._restored_s = None
        s = self.settings
        ledger = Ledger(s.broker, s.topic("ledger"), self.partition, f"{s.prefix}score-{self.partition}")
        self._ledger = ledger
        await ledger.start()
        cohorts = self.benchmarks.cohorts(self.partition) if self.benchmarks is not None else None
        rubrics = (self.rubric, self.shadow)
        at = await opened(s, rubrics, self.clock, self.partition, cohorts, lambda done: self._at(done / 2))
        shard, stamp = at.shard, at.stamp
        stamped = stamp.frame if stamp else -1
        self.networks.restore(shard, at.links)
        at.links = {}
        self.shard = shard
        self._stamped = stamped
        self._committed_at = self._blocks_at = self._progress_at = time.monotonic()
        replayed = await self._fetch(at.start, stamped + 1, stamped)
        self.stamp = stamp
        self.log.info(
            "restored", seconds=round(time.monotonic() - began, 2), members=shard.members, frames=replayed
        )
        if stamp and stamp.rubric != blocks.rubrics_of(shard):
            self.log.info("the rubric has changed: all members are scored again", before=stamp.rubric)
            shard.rolled = 0
        shard.settle()
        shard.turn_day(max(self.clock.today(), shard.day))
        await self._fetch(shard.frame + 1, None, stamped)
        self.live = True
        self.progress, self._restored_s = 1.0, time.monotonic() - began
        # what came between the end just seen and now was neither fetched nor taken from Faust
        await self._fetch(shard.frame + 1, None, stamped)

    async def _fetch(self, start: int, stop: int | None, stamped: int = -1) -> int:
        """Read and count frames [start, stop), those up to `stamped` as replay; stop None: all there are."""
        if stop is not None and stop <= start:
            return 0
        count = 0
        async with reader(self.settings.broker, self.settings.topic("frames"), self.partition) as r:
            first, end = await r.bounds()
            if first > start and (start > 0 or stamped >= 0):
                self.metrics.holes.inc(first - start)
                self.log.error(
                    "frames are gone that were needed; scores may miss events", start=start, first=first
                )
            async for records in r.read(max(start, first), end if stop is None else stop):
                for record in records:
                    await self._apply(record.offset, record.timestamp, record.value, record.offset <= stamped)
                    count += 1
                if not self.live:
                    self._at(0.5 + (records[-1].offset + 1 - start) / (end - start) / 2)
        return count

    def _at(self, progress: float) -> None:
        self.progress = progress

    async def _apply(self, offset: int, timestamp: int, data: bytes, replay: bool = False) -> None:
        shard = self.shard
        assert shard is not None
        self._newest = timestamp
        self._lag_s = max(0.0, self.clock.now_ms() - timestamp) / 1000
        self.load.read(self._lag_s)
        try:
            frame = decode(data)
        except ValueError as error:
            self.metrics.bad_frames.inc()
            self.log.error("a frame cannot be read and is skipped", offset=offset, error=str(error))
            shard.frame = offset
            return
        began = time.time_ns()
        self._rows += shard.apply(frame, offset, timestamp, replay)
        if not replay:
            self.metrics.counted(frame, timestamp)
            self.pace.counted()
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
            await self._take()
            await self._day()
            await self.networks.step(self._ledger)
            if not self._inbox and self._rows < BUSY_ROWS:
                await self._flush()
            interval = self._interval()
            if time.monotonic() - self._committed_at >= interval:
                await self._flush()
                await self._commit()
            waiting = self._rows > 0 or self._ledger.open
            due = self._committed_at + interval if waiting else math.inf
            now = time.monotonic()
            await asyncio.sleep(max(0.0, min(began + self.load.round(), due) - now))
            if not self._inbox:
                seconds = due - time.monotonic() if waiting else min(1.0, self._publishing_in())
                await self._pause(max(0.001, seconds))
                await self._watch()
        await self._flush()
        await self._commit()

    def _interval(self) -> float:
        """Seconds between commits; more when behind, since then more of a member's events make one score."""
        busy = BUSY_S if self._rows >= BUSY_ROWS else 0.0
        return max(self.settings.commit_ms / 1000, busy, min(BEHIND_S, self._lag_s / 2))

    def _publishing_in(self) -> float:
        """Seconds until scores are to be published for benchmarks; inf when there is nothing to publish."""
        s, shard = self.settings, self.shard
        if shard is None or not self.live or not has_news(shard):
            return math.inf
        if self._stopping:
            return 0.0
        return self.load.publishing(s.benchmark_ms / 1000, self._published_s, self.clock.now_ms() / 1000)

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
        shard = self.shard
        assert shard is not None
        today = max(self.clock.today(), shard.day)
        if today != shard.day:
            await self._flush()
            shard.turn_day(today)
            self.log.info("the day has turned", day=today, members=shard.members)
        if shard.rolled < shard.blocks and self.pace.due():
            began = time.thread_time()
            shard.roll()
            self.pace.took(2 * (time.thread_time() - began))  # the scores, at the next flush, take as long

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
        self.metrics.flushed(emission, self.clock.now_ms())
        self.traces.queued(shard.sequence)
        for data in emission.letters:
            letter = DeadLetter.unpack(data)
            target = letter.partition % s.letter_partitions
            await ledger.send(s.topic("dead-letters"), target, letter.key, letter.value, letter.out_headers())
            self.metrics.letter(letter.reason)
        overdue = shard.dirty and time.monotonic() - self._blocks_at >= s.block_cycle_s
        news = self._publishing_in() <= 0
        if shard.recorder.outdated or overdue or news or shard.frame > self._stamped:
            await ledger.begin()  # even a frame without rows has moved the watermarks

    async def _commit(self) -> None:
        shard, ledger = self.shard, self._ledger
        assert shard is not None
        assert ledger is not None
        now = time.monotonic()
        if not ledger.open:
            return
        await self.networks.save(ledger)
        due = [
            blocks.dump(shard, n)
            for n in blocks.due(shard, now - self._blocks_at, self.settings.block_cycle_s)
        ]
        if due:
            self._blocks_at = now
        for number in sorted(shard.recorder.outdated):
            await ledger.put_history(blocks.dump_history(shard, number))
        if self._publishing_in() <= 0:
            await ledger.put(self.settings.topic("distributions"), 0, published(shard))
            self._published_s = self.clock.now_ms() / 1000
        stamp = blocks.stamp_of(shard)
        self._stamped = stamp.frame
        written = await ledger.commit(stamp, due)
        # from the beginning, since what comes meanwhile waits for the next commit
        self._committed_at = now
        self.stamp = stamp
        self.metrics.committed(time.monotonic() - now, written, shard.arrivals, self.clock.now_ms())
        self.traces.committed()
