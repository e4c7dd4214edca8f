"""The ingest role: `activity.events` into frames, at least once and in order.

The shards drop what comes twice, so all that is asked of ingest is that nothing is left out: offsets are
committed only behind frames that the broker has acknowledged, in every partition.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import structlog
from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from agents.config.errors import UserError
from agents.kafka.client_id import client_id
from agents.kafka.outage import report as report_outage
from agents.kafka.raw_records import as_it_is
from agents.kafka.transactions import LOG_APPEND_TIME
from agents.metrics.lag import Lag, lag
from agents.worker.context import Context
from agents.worker.newest_stamp import any_stamp
from agents.worker.restore import ANEW
from agents.worker.takeover import check_topics
from pipeline.intake.framer import Framer, runs_of
from pipeline.intake.record_intake import Intake

log = structlog.get_logger()
MOST_LETTERS = 4 << 20
MOST_IN_FLIGHT = 8
CLOSE_S = 5.0
REFUSED_S = 15.0
METADATA_S = 15
"""How long until new partitions of the topic are seen."""
WHERE = "ingest"
Batch = dict[int, list[Any]]
"""Records by source partition, in the order of their offsets."""


class Ingest:
    """Reads, validates and frames; start() and stop() as a task of the worker."""

    def __init__(self, context: Context) -> None:
        settings = self.settings = context.settings
        self.context = context
        self.clock = context.clock
        self.metrics = context.metrics.ingest
        self.load = context.load
        self.tracing = context.tracing
        self.metrics.lags.now = self._lags
        self.intake = Intake(
            settings.hash_seed,
            int(settings.ahead_s * 1000),
            settings.substantive_words,
            context.clock.horizon_ms(),
        )
        self.assigned = False
        self._session: _Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begin reading."""
        self._task = asyncio.create_task(self._run(), name="ingest")

    async def stop(self) -> None:
        """Finish what is in flight, commit, and leave the group."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    @property
    def ready(self) -> bool:
        """Member of the group, with partitions or knowingly without."""
        return self.assigned

    async def _run(self) -> None:
        while not self._stopping.is_set():
            session = self._session = _Session(self)
            rest = 0.0
            try:
                await session.run(self._stopping)
            except Exception as error:
                rest = self._after(error)
            finally:
                self.assigned = False
                self._session = None
                await session.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), rest)

    def _after(self, error: Exception) -> float:
        """Say what ended a session; the seconds to rest before the next."""
        if isinstance(error, UserError):
            self.context.health.report("topic", WHERE, str(error))
            return REFUSED_S
        self.metrics.failures.inc()
        if isinstance(error, KafkaError | OSError | TimeoutError):
            report_outage("ingest", error)
        else:
            log.error("ingest failed; restarting from the committed offsets", exc_info=error)
        return 1.0

    def partitions(self) -> list[TopicPartition]:
        """The source partitions that are ours now."""
        session = self._session
        return [] if session is None else [TopicPartition(session.topic, p) for p in session.positions]

    def _lags(self) -> dict[int, Lag]:
        """How far each source partition is behind."""
        now = self.clock.now_ms()
        return {
            tp.partition: self._session.lag(tp, self.context.ends.get(tp), now)
            for tp in self.partitions()
            if self._session is not None
        }


class _Session(ConsumerRebalanceListener):
    """One life of consumer and producer; a failed send ends it, and the next begins at what is committed."""

    def __init__(self, ingest: Ingest) -> None:
        s = self.settings = ingest.settings
        self.ingest = ingest
        self.events_id = ingest.context.topics.ids.get("events", "")
        self.metrics = ingest.metrics
        self.topic = s.topic("events")
        self.frames_topic = s.topic("frames")
        self.framer = Framer(s.frame_partitions, self.events_id)
        self.positions: dict[int, int] = {}
        self.reached: dict[int, int] = {}  # the same, beyond markers of transactions
        self.newest: dict[int, int] = {}  # timestamps
        self.flying: deque[Any] = deque()
        self.committed_at = time.monotonic()
        self.generation = 0
        self.lock = asyncio.Lock()
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=s.broker,
            group_id=f"{s.prefix}ingest",
            client_id=client_id(s),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_bytes=16 << 20,
            max_partition_fetch_bytes=4 << 20,
            value_deserializer=as_it_is,
            session_timeout_ms=s.session_timeout_s * 1000,
            heartbeat_interval_ms=s.session_timeout_s * 1000 // 4,
            metadata_max_age_ms=METADATA_S * 1000,
        )
        self.producer = AIOKafkaProducer(
            bootstrap_servers=s.broker,
            enable_idempotence=True,
            max_batch_size=1 << 20,
            max_request_size=32 << 20,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        await self._check_topic()
        await self.producer.start()
        await self.consumer.start()
        self.consumer.subscribe([self.topic], listener=self)
        while not stopping.is_set():
            began = time.monotonic()
            check_topics(self.settings, {"events": self.events_id}, self.ingest.context.topics.ids)
            generation = self.generation
            got = await self.consumer.getmany(timeout_ms=100, max_records=self.settings.batch_events)
            async with self.lock:
                if generation != self.generation:
                    # some were fetched under the old assignment; all that is ours is fetched again
                    for source, position in self.positions.items():
                        self.consumer.seek(TopicPartition(self.topic, source), position)
                    continue
                if got:
                    await self._handle({tp.partition: mine for tp, mine in got.items()})
            if time.monotonic() - self.committed_at > 1.0:
                async with self.lock:
                    await self._reach()
                    await self._commit()
            await self._land(MOST_IN_FLIGHT * self.settings.frame_partitions)
            spent, cycle = time.monotonic() - began, self.ingest.load.round()
            if sum(map(len, got.values())) < self.settings.batch_events // 2 and spent < cycle:
                await self._rest(cycle - spent)
        async with self.lock:
            await self._commit()

    async def _check_topic(self) -> None:
        """Raise UserError when the topic is not the one that the members' state is of."""
        if not self.events_id:
            raise UserError(f"There is no topic {self.topic}: create it with 'pillarscore topics'")
        stamp = await any_stamp(self.settings)
        if stamp is not None:
            check_topics(
                self.settings, {"events": stamp.topics.get("events", "")}, {"events": self.events_id}
            )
        self.ingest.context.health.clear("topic", WHERE)

    async def _rest(self, seconds: float) -> None:
        """Wait, and fetch only then: what is fetched before would be as old as the wait when it is taken."""
        with contextlib.suppress(IllegalStateError):  # no longer assigned
            self.consumer.pause(*self.consumer.assignment())
        await asyncio.sleep(seconds)
        with contextlib.suppress(IllegalStateError):
            self.consumer.resume(*self.consumer.paused())

    async def close(self) -> None:
        for closing in (self.consumer.stop, self.producer.stop):
            try:
                # aiokafka 0.14 can hang here after a rebalance (agents.kafka.range_reader says why)
                await asyncio.wait_for(closing(), CLOSE_S)
            except Exception as error:
                log.info("error while closing a client", error=str(error))

    async def _handle(self, batch: Batch) -> None:
        """Rows and frames of some records of each source partition."""
        records: list[Any] = []
        read = {}
        for source, mine in batch.items():
            if mine[0].offset > self.positions[source]:
                await self._hole(source)
            read[source] = (runs_of(np.array([r.offset for r in mine])), mine[-1].offset + 1)
            records += mine
        sources = np.repeat(list(batch), [len(mine) for mine in batch.values()])
        tracing = self.ingest.tracing
        began = 0 if tracing is None else time.time_ns()
        rows = self.ingest.intake.rows(records, sources, self.topic)
        if len(records) > 1 and sum(map(len, rows.letters.values())) > MOST_LETTERS:
            # dead letters travel whole, and a frame has to fit into a record
            for part in _halves(batch):
                await self._handle(part)
            return
        spans = [] if tracing is None else tracing.ingest.begin(records, sources, rows, began)
        for partition, data in self.framer.frames(rows, read).items():
            await self._send(partition, data)
        for span in spans:
            span.end()
        for source, (_, stop) in read.items():
            self.positions[source] = stop
            self.newest[source] = batch[source][-1].timestamp
        self.metrics.ingested(len(records), rows, self.framer.rows)
        oldest = min(mine[0].timestamp for mine in batch.values())
        self.ingest.load.read((self.ingest.clock.now_ms() - oldest) / 1000)

    async def _reach(self) -> None:
        """Note where the consumer stands: at the end when all that is left are markers of transactions."""
        with contextlib.suppress(IllegalStateError):  # no longer assigned
            for source in self.positions:
                self.reached[source] = await self.consumer.position(TopicPartition(self.topic, source))

    def lag(self, tp: TopicPartition, end: int, now_ms: int) -> Lag:
        """How far a source partition is behind `end`, or what the consumer itself knows to be the end."""
        position = max(self.positions[tp.partition], self.reached.get(tp.partition, 0))
        if tp in self.consumer.assignment():
            end = max(end, self.consumer.last_stable_offset(tp) or 0)
        return lag(end, position, self.newest[tp.partition], now_ms)

    async def _hole(self, source: int) -> None:
        """Offsets are missing: markers and compaction leave holes, did retention too?"""
        tp = TopicPartition(self.topic, source)
        first = (await self.consumer.beginning_offsets([tp]))[tp]
        position = self.positions[source]
        if first > position:
            self._gone(source, position, first)
            for partition, data in self.framer.catch_up(source, position).items():
                await self._send(partition, data)
            self.framer.begin(source, first, gone_from=position)

    def _gone(self, source: int, position: int, first: int) -> None:
        log.error("events were removed before they were read", source=source, position=position, first=first)

    async def _send(self, partition: int, data: bytes) -> None:
        now = int(time.time() * 1000)
        self.flying.append((now, await self.producer.send(self.frames_topic, data, partition=partition)))
        self.metrics.frame_bytes.observe(len(data))

    async def _land(self, most: int = 0) -> None:
        """Wait until at most so many frames are not acknowledged; raises when one failed."""
        while len(self.flying) > most:
            sent_ms, future = self.flying.popleft()
            told = await future
            if told.timestamp_type == LOG_APPEND_TIME:
                self.ingest.context.skew.observe(told.timestamp, sent_ms, int(time.time() * 1000))

    async def _commit(self) -> None:
        self.committed_at = time.monotonic()
        offsets = {}
        for source, stop in self.positions.items():
            for partition, data in self.framer.catch_up(source, stop).items():
                await self._send(partition, data)
            offsets[TopicPartition(self.topic, source)] = stop
        await self._land()
        try:
            if offsets:
                await self.consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            # a rebalance came in between; the frames are out, so reading them again does no harm
            log.info("offsets not committed", error=str(error))

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Commit what was read; whoever comes next begins there."""
        async with self.lock:
            self.generation += 1
            try:
                await self._commit()
            except Exception as error:
                log.warning(
                    "commit on revocation failed; the next owner reads these events again", error=str(error)
                )
            self.positions.clear()
            self.reached.clear()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Begin each partition at its committed offset, or at what is left of it."""
        async with self.lock:
            await self._begin(assigned)
        log.info("source partitions assigned", partitions=sorted(tp.partition for tp in assigned))
        self.ingest.assigned = True

    async def _begin(self, assigned: Sequence[TopicPartition]) -> None:
        self.generation += 1
        first = await self.consumer.beginning_offsets(assigned)
        last = await self.consumer.end_offsets(assigned)
        for tp in assigned:
            committed = await self.consumer.committed(tp)
            start = first[tp] if committed is None else committed
            if start > last[tp]:
                raise UserError(
                    f"{tp.topic} partition {tp.partition} ends at {last[tp]}, but was read up to {start}: Kafka "
                    f"has lost acknowledged events, or the topic was recreated; {ANEW}"
                )
            gone_from = start if start < first[tp] else None
            if gone_from is not None:
                self._gone(tp.partition, start, first[tp])
                start = first[tp]
            self.framer.begin(tp.partition, start, gone_from)
            self.newest[tp.partition] = self.ingest.clock.now_ms()
            self.positions[tp.partition] = start
            self.consumer.seek(tp, start)


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    """Two batches of about half the records, each source's in order."""
    if len(batch) > 1:
        sources = list(batch)
        some = sources[: len(sources) // 2]
        return {s: batch[s] for s in some}, {s: batch[s] for s in sources[len(some) :]}
    ((source, records),) = batch.items()
    half = len(records) // 2
    return {source: records[:half]}, {source: records[half:]}
