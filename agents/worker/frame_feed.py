"""Frames in order, each once: what the group delivers, and what it leaves out, read from the log."""

from collections.abc import Awaitable, Callable

import structlog

from agents.config.errors import UserError
from agents.kafka.outage import away
from agents.kafka.outage import report as report_outage
from agents.worker.context import Context
from agents.worker.inbox import Inbox
from agents.worker.restore import START_OVER
from pipeline.common.units import Offset
from pipeline.shard.shard import Shard

MAX_PAUSE_S = 30.0
Apply = Callable[[Offset, int, bytes | None], Awaitable[None]]
"""Takes (offset, time-stamp in ms, value) of a frame."""


class FrameFeed:
    """Of one life of a partition. apply: takes each frame.

    on_progress: takes the share of a long read that is done, 0 to 1. on_skip: is called when frames are gone, to let
    the next stamp say so.
    """

    def __init__(
        self,
        context: Context,
        partition: int,
        inbox: Inbox,
        *,
        apply: Apply,
        on_progress: Callable[[float], object],
        on_skip: Callable[[], Awaitable[object]],
    ) -> None:
        self._context = context
        self._partition = partition
        self._topic = context.settings.topic("frames")
        self._metrics = context.metrics.of(partition)
        self._inbox = inbox
        self._apply = apply
        self._on_progress = on_progress
        self._on_skip = on_skip
        self._progress_at = self._look_at = context.clock.monotonic()
        self._failures = 0  # looks in a row that Kafka has not answered
        self._applying = False
        self._log = structlog.get_logger().bind(partition=partition)

    async def fetch(self, shard: Shard, stop: int | None = None) -> int:
        """Read and count the frames up to `stop`, None: all there are; how many these were."""
        start = shard.frame + 1
        if stop is not None and stop <= start:
            return 0
        count = 0
        async with self._context.log.reader(self._topic, self._partition) as r:
            first, end = await r.bounds()
            if first > start:
                self._metrics.missing_frames(start, first)
                self._log.error("frames were removed before they were counted", start=start, first=first)
                skip(shard, start, first)
                await self._on_skip()
            if end < start:
                raise UserError(
                    f"{self._topic} partition {self._partition} ends at {end}, but frames up "
                    f"to {start - 1} were counted: Kafka has lost acknowledged records; {START_OVER}"
                )
            async for records in r.read(max(start, first), end if stop is None else stop):
                self._applying = True
                for record in records:
                    await self._apply(Offset(record.offset), record.timestamp, record.value)
                    count += 1
                self._applying = False
                self._on_progress((records[-1].offset + 1 - start) / (end - start))
        return count

    async def take(self, shard: Shard) -> None:
        """Count what is in the inbox, in order, fetching what the group has left out."""
        for offset, timestamp, data in self._inbox.take():
            if offset > shard.frame + 1:
                self._log.info("fetching frames that were not delivered", start=shard.frame + 1, stop=offset)
                self._metrics.gaps.inc(offset - shard.frame - 1)
                await self.fetch(shard, offset)
            if offset > shard.frame:
                await self._apply(offset, timestamp, data)
                self._progress_at = self._context.clock.monotonic()

    async def watch(self, shard: Shard) -> None:
        """The group may have stalled or skipped: when nothing came for a while, look at the topic itself.

        A look that Kafka does not answer changes nothing, so it is made again, later each time.
        """
        now = self._context.clock.monotonic()
        if self._inbox or now < max(self._look_at, self._progress_at + self._context.settings.watch_s):
            return
        try:
            self._metrics.gaps.inc(await self.fetch(shard))
        except Exception as error:
            if self._applying or not away(error):
                raise
            report_outage(f"partition {self._partition}", error)
            self._failures += 1
            now = self._context.clock.monotonic()
            self._look_at = now + min(MAX_PAUSE_S, float(2 ** min(self._failures - 1, 5)))
            return
        self._failures, self._progress_at = 0, now


def skip(shard: Shard, start: int, first: int) -> None:
    """Go on behind frames that are gone: what they covered is missing, and will be found to be."""
    if start == 0:  # nothing was ever counted, so what comes first of a source need not be its first
        shard.watermarks.start_at_zero()
    shard.skip_to(Offset(first - 1))
