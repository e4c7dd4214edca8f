"""Events whose frames are gone are read again from `activity.events`, exactly the offsets that are missing.

The frames made of them go into the same log, so a replay takes the same decisions; what came anyway is dropped as
repeated. Offsets that the source no longer has are reported to the partition as lost, by a frame as well.
"""

import asyncio
import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog

from agents.config.new_intake import new_intake
from agents.kafka.outage import report as report_outage
from agents.worker.context import Context
from agents.worker.coverage import Promise
from pipeline.common.ranges import Range, Ranges
from pipeline.intake.framer import Framer, runs_of
from pipeline.intake.record_intake import Intake
from pipeline.intake.rows import Rows
from pipeline.shard.shard import Shard
from schemas.frames import Lost

log = structlog.get_logger()
PATIENCE_S = 5.0
"""An ingest that failed sends what is missing by itself; it is given so long."""
AGAIN_S = 30.0
BATCH = 1_000
MAX_LETTER_BYTES = 4 << 20


class Refill:
    """Of one partition: `look` often; `missing` is how many offsets are being waited for."""

    def __init__(self, context: Context, partition: int) -> None:
        self._settings = context.settings
        self._topics = context.log
        self._clock = context.clock
        self._partition = partition
        self._log = log.bind(partition=partition)
        self._since: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._done_at = -math.inf
        self.missing = 0
        self.read = 0  # offsets read again so far

    def close(self) -> None:
        """Stop what is under way; the next owner looks again."""
        if self._task is not None:
            self._task.cancel()
        self._task, self._since, self.missing = None, None, 0

    def look(self, shard: Shard, promise: Promise | None, events: str) -> None:
        """See whether anything is missing, and begin to read it when it has been for a while.

        events: the id of the topic, for the frames.
        """
        wanted = missing(shard, promise)
        self.missing = sum(map(len, wanted.values()))
        now = self._clock.monotonic()
        if not wanted:
            self._since = None
            return
        self._since = now if self._since is None else self._since
        if self._task is not None and self._task.done():
            with contextlib.suppress(asyncio.CancelledError):
                if (error := self._task.exception()) is not None:
                    report_outage(f"refill of partition {self._partition}", error)
            self._task, self._done_at = None, now
        if self._task is None and now - self._since >= PATIENCE_S and now - self._done_at >= AGAIN_S:
            work = self._work({source: ranges.pairs() for source, ranges in wanted.items()}, events)
            self._task = asyncio.create_task(work, name=f"refill-{self._partition}")

    async def _work(self, wanted: Mapping[int, Sequence[Range]], events: str) -> None:
        s = self._settings
        self._log.warning("frames are missing; reading their events again", offsets=dict(wanted))
        async with self._topics.appender() as appender:
            for source, ranges in wanted.items():
                for start, stop in ranges:
                    async for data in self._frames(source, start, stop, events=events):
                        sent = await appender.append(s.topic("frames"), self._partition, data)
                        await sent
                    self.read += stop - start

    async def _frames(self, source: int, start: int, stop: int, *, events: str) -> Any:
        """The frames of our partition that cover [start, stop) of a source."""
        s = self._settings
        intake = new_intake(s, self._clock.horizon_ms())
        framer = Framer(s.frame_partitions, events)
        async with self._topics.reader(s.topic("events"), source) as r:
            first, end = await r.bounds()
            stop = min(stop, end)
            if first > start:
                gone = min(first, stop)
                self._log.error("events are lost", source=source, start=start, stop=gone)
                yield framer.lost(Lost(source, start, gone, here=True))
                start = gone
            framer.begin(source, start)
            async for records in r.read(start, stop, BATCH):
                reading = Reading(intake, source, s.topic("events"), self._clock.now_ms())
                for rows, offsets in reading.rows(records):
                    made = framer.frames(rows, {source: (runs_of(offsets), int(offsets[-1]) + 1)})
                    if self._partition in made:
                        yield made[self._partition]
            caught_up = framer.catch_up(source, stop)
            if self._partition in caught_up:
                yield caught_up[self._partition]


@dataclass(frozen=True, slots=True)
class Reading:
    """How records of a source partition are made into rows: as ingest does it."""

    intake: Intake
    source: int
    topic: str
    read_ms: int

    def rows(self, records: Sequence[Any]) -> Iterator[tuple[Rows, np.ndarray]]:
        """(rows, offsets) of the records, in pieces whose dead letters fit into a frame."""
        offsets = np.array([record.offset for record in records])
        try:
            sources = np.full(len(records), self.source)
            rows = self.intake.rows(records, sources, self.topic, self.read_ms)
        except Exception as error:  # a fault of ours: it must cost one record, not the others
            if len(records) > 1:
                yield from self._halves(records)
            else:
                yield self.intake.failed(records[0], self.source, self.topic, error), offsets
            return
        if len(records) > 1 and sum(map(len, rows.letters.values())) > MAX_LETTER_BYTES:
            yield from self._halves(records)
        else:
            yield rows, offsets

    def _halves(self, records: Sequence[Any]) -> Iterator[tuple[Rows, np.ndarray]]:
        half = len(records) // 2
        yield from self.rows(records[:half])
        yield from self.rows(records[half:])


def missing(shard: Shard, promise: Promise | None) -> dict[int, Ranges]:
    """By source partition the offsets that frames of this shard should have covered and did not."""
    marks = shard.watermarks
    wanted = {source: Ranges(ranges) for source, ranges in marks.missing_ranges().items()}
    if promise is not None and shard.frame + 1 >= promise.end:
        for source, committed in promise.committed.items():
            mark = marks.next.get(source, 0)
            if committed > mark:
                wanted.setdefault(source, Ranges()).add(mark, committed)
    return wanted
