"""The worker: a Faust app with the roles asked for, its pages, and an orderly end.

Faust gives group membership, assignment, the agent's life cycle and the web server. What has been
counted is not its business: no tables, and its own commits are advisory.
"""

import asyncio
import gc
import os
import signal
import threading

import faust
import structlog
from aiokafka import TopicPartition
from faust.types.enums import ProcessingGuarantee

from agents.clock import Clock
from agents.ends import Ends
from agents.identity import client_id
from agents.ingest import Ingest
from agents.load import Load
from agents.metrics import Metrics
from agents.score import Score
from agents.settings import Settings
from agents.tracing import tracing
from agents.web import add_pages
from pipeline.rubric import Rubric

log = structlog.get_logger()
CLOSE_S = 10.0
STOP_S = 25.0


def faust_app(settings: Settings) -> faust.App:
    """A Faust app with what is sound of it switched on, and nothing else."""
    return faust.App(
        f"{settings.prefix}score",
        broker=[f"kafka://{settings.broker}"],
        broker_client_id=client_id(settings),
        store="memory://",
        datadir=settings.state_dir / "faust",
        processing_guarantee=ProcessingGuarantee.AT_LEAST_ONCE,
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_session_timeout=float(settings.session_timeout_s),
        broker_heartbeat_interval=settings.session_timeout_s / 4,
        broker_commit_interval=2.0,
        consumer_max_fetch_size=8 << 20,
        stream_buffer_maxsize=256,
        stream_wait_empty=False,
        web_enabled=True,
        web_bind=settings.web_host,
        web_port=settings.web_port,
        loghandlers=[],
    )


def tuned() -> None:
    """Let Python collect garbage less often: batches make and drop many objects, but no cycles."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def _give_up() -> None:
    log.error(
        "not stopped in time and ended as it is; what was not committed will be done again", seconds=STOP_S
    )
    os._exit(1)


class Worker:
    """A worker process: run() returns when told to stop by SIGTERM, SIGINT or `stop`."""

    def __init__(self, settings: Settings, rubric: Rubric, clock: Clock, role: str) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.ends = Ends(settings.broker, self._partitions)
        self.tracing = tracing(settings)
        load = Load(settings.cycle_ms / 1000)
        self.app = faust_app(settings)
        self.score = (
            Score(self.app, settings, rubric, clock, self.metrics, self.ends, load, self.tracing)
            if role in ("score", "all")
            else None
        )
        self.ingest = (
            Ingest(settings, clock, self.metrics, self.ends, load, self.tracing)
            if role in ("ingest", "all")
            else None
        )
        self.role = role
        self._stop = asyncio.Event()
        about = f"{rubric.name} {rubric.version}"
        self.metrics.worker.watch(lambda: self.ready, settings.state_dir, about, role)
        add_pages(self.app, self)

    @property
    def ready(self) -> bool:
        """Assigned and restored, in every role the worker has."""
        return (self.score is None or self.score.ready) and (self.ingest is None or self.ingest.ready)

    def _partitions(self) -> list[TopicPartition]:
        return [tp for role in (self.ingest, self.score) if role is not None for tp in role.partitions()]

    def stop(self) -> None:
        """Ask the worker to end in order."""
        self._stop.set()

    async def run(self) -> None:
        """Start everything, wait, stop everything; commits before it returns."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        self.settings.state_dir.mkdir(parents=True, exist_ok=True)
        self.app.finalize()
        tuned()
        await self.app.start()
        self.ends.start()
        if self.ingest is not None:
            self.ingest.start()
        log.info(
            "worker runs", role=self.role, pages=f"http://{self.settings.web_host}:{self.settings.web_port}"
        )
        try:
            await self._stop.wait()
        finally:
            log.info("stopping")
            # without a Kafka to talk to, clients wait far longer than anybody waits for a worker to stop
            deadline = threading.Timer(STOP_S, _give_up)
            deadline.daemon = True
            deadline.start()
            if self.ingest is not None:
                await self.ingest.stop()
            if self.score is not None:
                await self.score.stop()
            await self.ends.stop()
            if self.tracing is not None:
                await self.tracing.stop()
            try:
                await asyncio.wait_for(self.app.stop(), CLOSE_S)
            except TimeoutError:
                log.info("Faust did not stop in time; all is committed, so the worker ends without it")
            log.info("stopped")
