"""The ingest role: `activity.events` into frames, at least once and in order.

The shards drop what comes twice, so all that is asked of ingest is that nothing is left out: offsets are
committed only behind frames that the broker has acknowledged, in every partition.
"""

import asyncio
import math

import structlog

from agents.config.errors import UserError
from agents.config.new_intake import new_intake
from agents.kafka.outage import of_kafka
from agents.kafka.outage import report as report_outage
from agents.metrics.lag import Lag
from agents.ports import TopicPartition, wait
from agents.worker.context import Context
from agents.worker.ending import end
from agents.worker.ingest_session import WHERE, EventsTruncated, IngestSession, Reading
from agents.worker.lifecycle import INGEST, IngestState, StateMachine

log = structlog.get_logger()
REFUSED_S = 15.0
PAUSE_S = 1.0


class IngestRole:
    """One session after the other; start() and stop() as a task of the worker."""

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._context = context
        self._intake = new_intake(settings, context.clock.horizon_ms())
        self._unready_since: float | None = -math.inf
        self._life = StateMachine(INGEST, IngestState.JOINING, self._moved)
        self._session: IngestSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._left: dict[int, Reading] = {}  # where a session that failed was
        context.metrics.ingest.lags.now = self._lags

    @property
    def state(self) -> IngestState:
        """Where in its life ingest is."""
        return self._life.state

    @property
    def ready(self) -> bool:
        """Member of the group, with partitions or without; also for a while in a rebalance, or without Kafka."""
        if self._unready_since is None or self._stop.is_set():
            return self._unready_since is None
        s = self._context.settings
        grace_s = max(s.session_timeout_s, s.outage_grace_s)
        return self._context.clock.monotonic() - self._unready_since < grace_s

    def _moved(self, state: IngestState) -> None:
        if state in (IngestState.READING, IngestState.COMMITTING):
            self._unready_since = None
        elif self._unready_since is None:
            self._unready_since = self._context.clock.monotonic()

    def start(self) -> None:
        """Begin reading."""
        self._task = asyncio.create_task(self._run(), name="ingest")

    async def stop(self) -> None:
        """Finish what is in flight, commit, and leave the group."""
        if self.state != IngestState.STOPPED:
            self._life.move(IngestState.STOPPING)
        self._stop.set()
        if self._task is not None:
            await end(self._task, self._context.clock, has_work=True)

    def partitions(self) -> list[TopicPartition]:
        """The source partitions that are ours now."""
        topic = self._context.settings.topic("events")
        return [] if self._session is None else [TopicPartition(topic, p) for p in self._session.positions]

    async def _run(self) -> None:
        try:
            await self._sessions()
        finally:
            if self._stop.is_set() and self.state != IngestState.STOPPED:
                self._life.move(IngestState.STOPPING)
                self._life.move(IngestState.STOPPED)

    async def _sessions(self) -> None:
        while True:
            session = self._session = IngestSession(self._context, self._life, self._intake)
            rest = 0.0
            try:
                await session.run()
            except Exception as error:
                self._left |= session.reading()
                rest = self._after(error)
            finally:
                self._session = None
                await session.close()
            await wait(self._stop, self._context.clock, rest)
            if self._stop.is_set():
                return
            self._life.move(IngestState.JOINING)

    def _after(self, error: Exception) -> float:
        """Report what ended a session; the seconds to rest before the next."""
        if self.state != IngestState.STOPPING:
            self._life.move(IngestState.PARKED)
        if isinstance(error, EventsTruncated):
            # shown until the worker is restarted: the log may soon be longer again, with other events at the offsets
            self._context.health.report("truncated", WHERE, str(error))
            return REFUSED_S
        if isinstance(error, UserError):
            self._context.health.report("topic", WHERE, str(error))
            return REFUSED_S
        self._context.metrics.ingest.failures.inc()
        if of_kafka(error):
            report_outage(WHERE, error)
        else:
            log.error("ingest failed; restarting from the committed offsets", exc_info=error)
        return PAUSE_S

    def _lags(self) -> dict[int, Lag]:
        """How far each source partition is behind."""
        if self.state in (IngestState.READING, IngestState.COMMITTING):
            self._left = {}
        found = self._left | ({} if self._session is None else self._session.reading())
        topic, ends = self._context.settings.topic("events"), self._context.ends
        return {
            source: ends.lag(TopicPartition(topic, source), one.position, one.newest_ms, end=one.end)
            for source, one in found.items()
        }
