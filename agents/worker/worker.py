"""The worker: a Faust app with the roles asked for, its pages, and an orderly end.

Faust gives group membership, assignment and the agent's life cycle. What has been
counted is not its business: no tables, and its own commits are advisory.
"""

import asyncio
import gc
import os
import signal
import threading
from functools import partial

import structlog

from agents.adapters.frame_group import FaustGroup, faust_app, group_lost, left_out
from agents.adapters.kafka_log import KafkaLog
from agents.config import rubric_file
from agents.config.clock import Clock
from agents.config.clock_skew import Skew
from agents.config.errors import WorkerEnded
from agents.config.settings import Settings
from agents.connection.certificate_dates import first_end
from agents.connection.silence import OF_PROCESS
from agents.metrics import Metrics
from agents.ports import TopicPartition
from agents.topics.watch import TopicWatch
from agents.tracing import tracing
from agents.worker.background_budget import BackgroundBudget
from agents.worker.context import Context
from agents.worker.coverage import Coverage
from agents.worker.end_offsets import EndOffsets
from agents.worker.health import KINDS, Health
from agents.worker.http import Pages
from agents.worker.ingest_role import IngestRole
from agents.worker.partition_runner import PartitionRunner
from agents.worker.rank_role import RankFollower
from agents.worker.round_length import RoundLength
from agents.worker.score_census import CensusCache, CensusReader
from agents.worker.score_role import ScoreRole, live_shard
from agents.worker.watches import Watches
from pipeline.rubric.model import Rubric

log = structlog.get_logger()
CLOSE_S = 2.0
STOP_S = 9.5
"""A worker stops within ten seconds, whatever it is doing."""


def tuned() -> None:
    """Let Python collect garbage less often: batches make and drop many objects, but no cycles."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


class Worker:
    """A worker process: run() returns when stopped by SIGTERM, SIGINT or `stop`, or when it can't go on.

    ended: why it could not go on.
    """

    def __init__(self, settings: Settings, rubric: Rubric, clock: Clock, *, role: str) -> None:
        self.settings = settings
        self.role = role
        runners: dict[int, PartitionRunner] = {}
        self.app = faust_app(settings)
        context = self.context = self._context(settings, rubric, clock, runners=runners)
        self.metrics, self.health = context.metrics, context.health
        self.score = ScoreRole(context, runners) if role in ("score", "all") else None
        self.ingest = IngestRole(context) if role in ("ingest", "all") else None
        self._stop = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._roles_stopped = False
        self.ended: str | None = None
        about = f"{rubric.name} {rubric.version}"
        self.metrics.worker.watch(lambda: self.ready, settings.state_dir, about, role=role)
        self.metrics.worker.watch_health(KINDS, context.health.count, lambda: context.skew.seconds)
        self._watch_connections()
        self.pages = Pages(settings, self)

    def _context(
        self, settings: Settings, rubric: Rubric, clock: Clock, *, runners: dict[int, PartitionRunner]
    ) -> Context:
        metrics, health, skew, log = Metrics(), Health(), Skew(), KafkaLog(settings)
        clock.skew = skew
        budget, rounds = BackgroundBudget(clock), RoundLength(settings.cycle_ms / 1000, clock)
        return Context(
            settings=settings,
            rubric=rubric,
            shadow=rubric_file.load(settings.shadow_rubric) if settings.shadow_rubric else None,
            clock=clock,
            log=log,
            group=FaustGroup(self.app, settings),
            metrics=metrics,
            health=health,
            skew=skew,
            ends=EndOffsets(log, clock, self._partitions),
            topics=TopicWatch(settings),
            coverage=Coverage(log, clock, settings, owned=lambda: list(runners)),
            budget=budget,
            rounds=rounds,
            censuses=CensusCache(
                clock,
                partial(CensusReader, log, clock, settings, budget=budget, own=partial(live_shard, runners)),
            ),
            benchmarks=None
            if settings.cohort_kinds is None
            else RankFollower(
                log, clock, settings, metrics=metrics, health=health, budget=budget, rounds=rounds
            ),
            tracing=tracing(settings),
        )

    def _watch_connections(self) -> None:
        """What the metrics of connections are read from."""
        read = {"ingest": ("events", self.ingest), "score": ("frames", self.score)}
        roles = {name: (short, role) for name, (short, role) in read.items() if role is not None}
        topics, metrics = self.context.topics, self.metrics.connections
        metrics.expected = lambda: {
            name: topics.partitions[short] for name, (short, _) in roles.items() if short in topics.partitions
        }
        metrics.owned = lambda: {name: len(role.partitions()) for name, (_, role) in roles.items()}
        files = {
            "client": self.settings.ssl_certfile,
            "ca": self.settings.ssl_cafile,
            "pages": self.settings.web_tls_certfile,
        }
        metrics.certificates = lambda: {
            name: end
            for name, file in files.items()
            if file is not None and (end := first_end(file)) is not None
        }
        metrics.silence = OF_PROCESS.seconds

    @property
    def ready(self) -> bool:
        """Assigned and restored, in every role the worker has, and nothing is wrong."""
        roles_ready = (self.score is None or self.score.ready) and (self.ingest is None or self.ingest.ready)
        return roles_ready and not self.health.problems()

    def _partitions(self) -> list[TopicPartition]:
        return [tp for role in (self.ingest, self.score) if role is not None for tp in role.partitions()]

    def restored(self) -> dict[int, bool]:
        """Of the score partitions that the worker has, whether they are restored."""
        return {} if self.score is None else {p: runner.live for p, runner in self.score.runners.items()}

    def problems(self) -> list[str]:
        """What is wrong now, a line each."""
        return [problem.text for problem in self.health.problems()]

    def stop(self) -> None:
        """Ask the worker to end in order."""
        self._stop.set()

    def _group_lost(self) -> str | None:
        """Why Faust has left the group for good, None while it has not; the worker ends then."""
        # without the score role there is no agent, and Faust's part for them ends by itself
        why = None if self.score is None else group_lost(self.app)
        if why is not None and self.ended is None:
            self.ended = f"this worker has left its consumer group and can't join again, so it ends: {why}"
            self.stop()
        return why

    async def run(self) -> None:
        """Start everything, wait, stop everything; commits before it returns."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        self.settings.state_dir.mkdir(parents=True, exist_ok=True)
        self.app.finalize()
        tuned()
        starting = asyncio.create_task(self._start(), name="start")
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
        finally:
            log.info("stopping")
            # without a Kafka to talk to, clients wait far longer than anybody waits for a worker to stop
            last = threading.Timer(STOP_S, self._give_up)
            last.daemon = True
            last.start()
            await self._end(starting)
            log.info("stopped")

    async def _start(self) -> None:
        watches = Watches(self.context, self._group_lost)
        self._watching = asyncio.create_task(watches.run(), name="watches")
        await self.pages.start()
        await self.context.topics.start()
        await self.app.start()
        self.context.ends.start()
        if self.score is not None:
            self.context.coverage.start()
        if self.ingest is not None:
            self.ingest.start()
        if self.score is not None and (options := left_out(self.settings)):
            log.warning(
                "client options that the group client of the frames topic does not take", options=options
            )
        log.info(
            "worker started",
            role=self.role,
            pages=f"http://{self.settings.web_host}:{self.settings.web_port}",
        )

    async def _end(self, starting: "asyncio.Task[None]") -> None:
        """Stop what runs; within STOP_S, or the process ends there."""
        starting.cancel()
        await asyncio.gather(*(role.stop() for role in (self.ingest, self.score) if role is not None))
        self._roles_stopped = True
        if self._watching is not None:
            self._watching.cancel()
        context = self.context
        others = [context.ends, context.topics, context.coverage, self.app, self.pages]
        others += [] if context.tracing is None else [context.tracing]
        # not wait_for: it would wait until they have noticed that they are cancelled
        stopping = [asyncio.ensure_future(one.stop()) for one in others]
        _, slow = await asyncio.wait(stopping, timeout=CLOSE_S)
        if slow:
            log.info("some clients did not stop in time; exiting, all work is committed")

    def _give_up(self) -> None:
        """End the process: what is left are clients that wait for Kafka."""
        if self._roles_stopped:
            os._exit(0 if self.ended is None else WorkerEnded.exit_code)
        log.error("not stopped in time: exiting now; uncommitted work will be repeated", seconds=STOP_S)
        os._exit(1)
