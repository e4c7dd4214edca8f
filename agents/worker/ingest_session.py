"""One life of ingest: a member of the group that reads events, and what appends frames.

A frame that Kafka refuses ends the session, and the next begins at what is committed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import numpy as np
import structlog

from agents.config.errors import UserError
from agents.ports import LOG_APPEND_TIME, Appended, Appender
from agents.worker.context import Context
from agents.worker.lifecycle import IngestState, StateMachine
from agents.worker.newest_stamp import any_stamp
from agents.worker.takeover import check_topics
from pipeline.intake.framer import Framer, runs_of
from pipeline.intake.record_intake import Intake

log = structlog.get_logger()
MAX_LETTER_BYTES = 4 << 20
"""Dead letters travel whole, and a frame has to fit into a record."""
MAX_IN_FLIGHT = 8
"""Frames of each member partition that need not be acknowledged yet."""
MAX_FAULTS = 100
"""Kinds of faults that are logged in a session."""
FETCH_S = 0.1
COMMIT_S = 1.0
CLOSE_S = 1.5
WHERE = "ingest"
Batch = dict[int, list[Any]]
"""Records by source partition, in the order of their offsets."""


class Reading(NamedTuple):
    """Of a source partition. position: the offset that is read next; newest_ms: time-stamp of the newest event read;
    end: where Kafka has last said that it ends.
    """

    position: int
    newest_ms: int
    end: int


class EventsTruncated(UserError):
    """Kafka has lost events that were read already."""


class IngestSession:
    """Reads, validates and frames. positions: by source partition the offset that is framed next."""

    def __init__(self, context: Context, life: StateMachine[IngestState], intake: Intake) -> None:
        s = self._settings = context.settings
        self._context = context
        self._life = life
        self._intake = intake
        self._metrics = context.metrics.ingest
        self._events_id = context.topics.ids.get("events", "")
        self._topic = s.topic("events")
        self._framer = Framer(s.frame_partitions, self._events_id)
        self._source = context.log.source()
        self._appender: Appender | None = None
        self._closing = AsyncExitStack()
        self.positions: dict[int, int] = {}
        self._reached: dict[int, int] = {}  # the same, beyond markers of transactions
        self._newest: dict[int, int] = {}  # time-stamps
        self._flying: deque[tuple[int, Awaitable[Appended]]] = deque()
        self._committed_at = context.clock.monotonic()
        self._generation = 0  # of the assignment
        self._faults: set[str] = set()  # kinds that were logged
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Until the life ends; raises what ended it, nothing when ingest is to stop."""
        clock = self._context.clock
        await self._check_topic()
        self._appender = await self._closing.enter_async_context(self._context.log.appender())
        await self._source.start(self)
        while self._life.state != IngestState.STOPPING:
            began = clock.monotonic()
            check_topics(self._settings, {"events": self._events_id}, self._context.topics.ids)
            fetched = await self._round()
            if clock.monotonic() - self._committed_at > COMMIT_S:
                async with self._lock:
                    await self._reach()
                    await self._commit()
            await self._land(MAX_IN_FLIGHT * self._settings.frame_partitions)
            spent, cycle = clock.monotonic() - began, self._context.rounds.round()
            if fetched < self._settings.batch_events // 2 and spent < cycle:
                await self._rest(cycle - spent)
        async with self._lock:
            await self._commit()

    async def close(self) -> None:
        """Leave the group and stop everything; raises nothing."""
        await self._source.stop()
        try:
            await asyncio.wait_for(self._closing.aclose(), CLOSE_S)
        except Exception as error:
            log.info("error while closing a client", error=str(error))

    async def assigned(self, partitions: set[int]) -> None:
        """Begin each partition at its committed offset, or at what is left of it."""
        async with self._lock:
            await self._begin(partitions)
        log.info("source partitions assigned", partitions=sorted(partitions))
        if self._life.can(IngestState.READING):
            self._life.move(IngestState.READING)

    async def revoked(self) -> None:
        """Commit what was read; the next owner begins there."""
        async with self._lock:
            self._generation += 1
            try:
                await self._commit()
            except Exception as error:
                log.warning(
                    "commit on revocation failed; the next owner reads these events again", error=str(error)
                )
            self.positions.clear()
            self._reached.clear()
            if self._life.can(IngestState.JOINING):
                self._life.move(IngestState.JOINING)

    def reading(self) -> dict[int, Reading]:
        """How far each source partition is read."""
        return {
            source: Reading(
                max(position, self._reached.get(source, 0)), self._newest[source], self._source.end(source)
            )
            for source, position in self.positions.items()
        }

    async def _round(self) -> int:
        """Frame what there is; how many records were fetched."""
        generation = self._generation
        got = await self._source.fetch(FETCH_S, self._settings.batch_events)
        async with self._lock:
            if generation != self._generation:
                # some were fetched under the old assignment; all that is ours is fetched again
                for source, position in self.positions.items():
                    self._source.seek(source, position)
            elif got:
                await self._handle(got)
        return sum(map(len, got.values()))

    async def _check_topic(self) -> None:
        """Raise UserError when the topic is not the one that the members' state is of."""
        if not self._events_id:
            raise UserError(f"There is no topic {self._topic}: create it with 'pillarscore topics'")
        stamp = await any_stamp(self._context.log, self._settings)
        if stamp is not None:
            check_topics(
                self._settings, {"events": stamp.topics.get("events", "")}, {"events": self._events_id}
            )
        self._context.health.clear("topic", WHERE)

    async def _rest(self, seconds: float) -> None:
        """Wait, and fetch only then: what is fetched before would be as old as the wait when it is taken."""
        self._source.pause()
        await self._context.clock.sleep(seconds)
        self._source.resume()

    async def _handle(self, batch: Batch) -> None:
        """Rows and frames of some records of each source partition."""
        records: list[Any] = []
        read = {}
        for source, mine in batch.items():
            if mine[0].offset > self.positions[source]:
                await self._hole(source)
            elif mine[0].offset < self.positions[source]:
                raise await self._truncated(source)
            read[source] = (runs_of(np.array([r.offset for r in mine])), mine[-1].offset + 1)
            records += mine
        sources = np.repeat(list(batch), [len(mine) for mine in batch.values()])
        tracing, clock = self._context.tracing, self._context.clock
        began = 0 if tracing is None else clock.now_ns()
        try:
            self._intake.horizon_ms = clock.horizon_ms()
            rows = self._intake.rows(records, sources, self._topic, read_ms=clock.now_ms())
        except Exception as error:  # a fault of ours: it must cost one record, not the others
            if len(records) > 1:
                for part in halves(batch):
                    await self._handle(part)
                return
            self._report_fault(records[0], int(sources[0]), error)
            rows = self._intake.failed(records[0], int(sources[0]), self._topic, error)
        if len(records) > 1 and sum(map(len, rows.letters.values())) > MAX_LETTER_BYTES:
            for part in halves(batch):
                await self._handle(part)
            return
        spans = [] if tracing is None else tracing.ingest.begin(records, sources, rows, began=began)
        for partition, data in self._framer.frames(rows, read).items():
            await self._send(partition, data)
        for span in spans:
            span.end()
        for source, (_, stop) in read.items():
            self.positions[source] = stop
            self._newest[source] = batch[source][-1].timestamp
        self._metrics.ingested(len(records), rows, self._framer.rows)
        oldest = min(mine[0].timestamp for mine in batch.values())
        self._context.rounds.read((clock.now_ms() - oldest) / 1000)

    def _report_fault(self, record: Any, source: int, error: Exception) -> None:
        """Log a fault of our own code, once for each kind."""
        kind = f"{type(error).__name__}: {error}"[:80]
        if kind not in self._faults and len(self._faults) < MAX_FAULTS:
            self._faults.add(kind)
            log.error(
                "an event failed in Pillarscore and becomes a dead letter",
                source=source,
                offset=record.offset,
                exc_info=error,
            )

    async def _reach(self) -> None:
        """Look up the position in the source: at the end when all that is left are markers of transactions."""
        for source in self.positions:
            if (position := await self._source.position(source)) is not None:
                if position < self.positions[source]:
                    raise await self._truncated(source)
                self._reached[source] = position

    async def _hole(self, source: int) -> None:
        """Offsets are missing: markers and compaction leave holes, did retention too?"""
        first, _ = (await self._source.bounds([source]))[source]
        position = self.positions[source]
        if first > position:
            _gone(source, position, first)
            for partition, data in self._framer.catch_up(source, position).items():
                await self._send(partition, data)
            self._framer.begin(source, first, gone_from=position)

    async def _send(self, partition: int, data: bytes) -> None:
        assert self._appender is not None
        now = self._context.clock.now_ns() // 1_000_000
        sent = await self._appender.append(self._settings.topic("frames"), partition, data)
        self._flying.append((now, sent))
        self._metrics.frame_bytes.observe(len(data))

    async def _land(self, max_flying: int = 0) -> None:
        """Wait until at most so many frames are not acknowledged; raises when one failed."""
        while len(self._flying) > max_flying:
            sent_ms, future = self._flying.popleft()
            answer = await future
            if answer.timestamp_type == LOG_APPEND_TIME:
                now = self._context.clock.now_ns() // 1_000_000
                self._context.skew.observe(answer.timestamp, sent_ms, now)

    async def _commit(self) -> None:
        """Commit the offsets behind frames that are acknowledged in every partition."""
        self._committed_at = self._context.clock.monotonic()
        if not self.positions:
            await self._land()
            return
        with self._life.during(IngestState.COMMITTING):
            for source, stop in self.positions.items():
                for partition, data in self._framer.catch_up(source, stop).items():
                    await self._send(partition, data)
            await self._land()
            # a rebalance may come in between; the frames are out, so reading them again does no harm
            await self._source.commit(dict(self.positions))

    async def _truncated(self, source: int, read: int | None = None) -> EventsTruncated:
        """Of a source partition that has no longer, or other records where it was read."""
        read = self.positions[source] if read is None else read
        _, end = (await self._source.bounds([source]))[source]
        return EventsTruncated(
            f"{self._topic} partition {source} was read up to offset {read} and has lost records before that (it "
            f"ends at {end} now): Kafka has lost acknowledged events. Events that are written to these offsets now "
            "are not counted (see the runbook, EventsTruncated)"
        )

    async def _begin(self, assigned: set[int]) -> None:
        self._generation += 1
        bounds = await self._source.bounds(assigned)
        for source in sorted(assigned):
            first, last = bounds[source]
            committed = await self._source.committed(source)
            start = first if committed is None else committed
            if start > last:
                raise await self._truncated(source, start)
            gone_from = start if start < first else None
            if gone_from is not None:
                _gone(source, start, first)
                start = first
            self._framer.begin(source, start, gone_from, first_read=committed is None)
            self._newest[source] = self._context.clock.now_ms()
            self.positions[source] = start
            self._source.seek(source, start)


def _gone(source: int, position: int, first: int) -> None:
    log.error("events were removed before they were read", source=source, position=position, first=first)


def halves(batch: Batch) -> Sequence[Batch]:
    """Two batches of about half the records, each source's in order."""
    if len(batch) > 1:
        sources = list(batch)
        some = sources[: len(sources) // 2]
        return {s: batch[s] for s in some}, {s: batch[s] for s in sources[len(some) :]}
    ((source, records),) = batch.items()
    half = len(records) // 2
    return {source: records[:half]}, {source: records[half:]}
