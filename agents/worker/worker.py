"""The worker: a Faust app with the roles asked for, its pages, and an orderly end.

Faust gives group membership, assignment, the agent's life cycle and the web server. What has been
counted is not its business: no tables, and its own commits are advisory.
"""

import asyncio
import gc
import os
import signal
import threading
from dataclasses import replace
from functools import partial

import faust
import structlog
from aiokafka import TopicPartition
from faust.types.enums import ProcessingGuarantee

from agents.config import rubric_file
from agents.config.clock import Clock
from agents.config.clock_skew import Skew
from agents.config.settings import Settings
from agents.kafka.client_id import client_id
from agents.kafka.end_offsets import EndOffsets
from agents.kafka.topic_watch import TopicWatch
from agents.metrics import Metrics
from agents.tracing import tracing
from agents.worker.background_share import BackgroundShare
from agents.worker.context import Context
from agents.worker.coverage import Coverage
from agents.worker.health import KINDS, Health
from agents.worker.http import add_pages
from agents.worker.ingest_role import Ingest
from agents.worker.partition_runner import PartitionRunner
from agents.worker.rank_role import RankFollower
from agents.worker.round_length import RoundLength
from agents.worker.score_census import CensusCache
from agents.worker.score_role import ScoreRole, live_shard
from pipeline.rubric.model import Rubric

log = structlog.get_logger()
CLOSE_S = 10.0
STOP_S = 25.0


def faust_app(settings: Settings) -> faust.App:
    """A Faust app with what is sound of it switched on, and nothing else."""
    return faust.App(
        f"{settings.prefix}score",
        broker=[f"kafka://{address}" for address in settings.broker.split(",")],
        broker_client_id=client_id(settings),
        store="memory://",
        datadir=settings.state_dir / "faust",
        processing_guarantee=ProcessingGuarantee.AT_LEAST_ONCE,
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_session_timeout=float(settings.session_timeout_s),
        # Faust refuses a session that outlasts a request, and requests last 90 s by default
        broker_request_timeout=max(90.0, float(settings.session_timeout_s)),
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
        self.role = role
        runners: dict[int, PartitionRunner] = {}
        context = self.context = self._context(settings, rubric, clock, runners)
        self.metrics, self.health = context.metrics, context.health
        self.app = faust_app(settings)
        self.score = ScoreRole(self.app, context, runners) if role in ("score", "all") else None
        self.ingest = Ingest(context) if role in ("ingest", "all") else None
        self._stop = asyncio.Event()
        about = f"{rubric.name} {rubric.version}"
        self.metrics.worker.watch(lambda: self.ready, settings.state_dir, about, role)
        self.metrics.worker.watch_health(KINDS, context.health.count, lambda: context.skew.seconds)
        add_pages(self.app, self)

    def _context(
        self, settings: Settings, rubric: Rubric, clock: Clock, runners: dict[int, PartitionRunner]
    ) -> Context:
        metrics, skew, pace = Metrics(), Skew(), BackgroundShare()
        load = RoundLength(settings.cycle_ms / 1000)
        return Context(
            settings=settings,
            rubric=rubric,
            shadow=rubric_file.load(settings.shadow_rubric) if settings.shadow_rubric else None,
            clock=replace(clock, skew=skew),
            metrics=metrics,
            health=Health(),
            skew=skew,
            ends=EndOffsets(settings.broker, self._partitions),
            topics=TopicWatch(settings),
            coverage=Coverage(settings, lambda: list(runners)),
            pace=pace,
            load=load,
            censuses=CensusCache(settings, pace, partial(live_shard, runners)),
            benchmarks=RankFollower(settings, metrics, load) if settings.cohort_kinds is not None else None,
            tracing=tracing(settings),
        )

    @property
    def ready(self) -> bool:
        """Assigned and restored, in every role the worker has, and nothing is wrong."""
        in_place = (self.score is None or self.score.ready) and (self.ingest is None or self.ingest.ready)
        return in_place and not self.health.problems()

    def _partitions(self) -> list[TopicPartition]:
        return [tp for role in (self.ingest, self.score) if role is not None for tp in role.partitions()]

    def restored(self) -> dict[int, bool]:
        """Of the score partitions that the worker has, whether they are restored."""
        return {} if self.score is None else {p: runner.live for p, runner in self.score.runners.items()}

    def problems(self) -> list[str]:
        """What is wrong now, a line each."""
        return [problem.text for problem in self.health.problems()]

    async def _watch_clock(self) -> None:
        """Say it while the clock of this machine is wrong."""
        while True:
            skew, where = self.context.skew, "clock"
            if skew.wrong:
                way = "ahead of" if skew.seconds > 0 else "behind"
                self.health.report(
                    "clock",
                    where,
                    f"the clock of this machine is {abs(skew.seconds):,.0f} s {way} Kafka's: set it (NTP); until "
                    "then days are counted by Kafka's clock (see the run book, ClockSkew)",
                )
            else:
                self.health.clear("clock", where)
            await asyncio.sleep(1.0)

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
        await self.context.topics.start()
        await self.app.start()
        self.context.ends.start()
        if self.score is not None:
            self.context.coverage.start()
        watching = asyncio.create_task(self._watch_clock(), name="clock")
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
            watching.cancel()
            for watch in (self.context.ends, self.context.topics, self.context.coverage):
                await watch.stop()
            if self.context.tracing is not None:
                await self.context.tracing.stop()
            try:
                await asyncio.wait_for(self.app.stop(), CLOSE_S)
            except TimeoutError:
                log.info("Faust did not stop in time; all is committed, so the worker ends without it")
            log.info("stopped")
