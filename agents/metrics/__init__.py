"""The Prometheus metrics of a worker; names and units by the Prometheus conventions.

Counters and histograms show what this process has done, and stay for ten minutes when a partition moves on: else
what came after the last scrape would be lost. Gauges of partitions show their state now; they are read at the scrape
from the partitions the worker has then, so that sums over workers are right.
"""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from agents.metrics.connections import ConnectionMetrics
from agents.metrics.ingest import IngestMetrics
from agents.metrics.moved import Moved, monotonic
from agents.metrics.partition import PartitionMetrics, ScoreMetrics
from agents.metrics.ranks import RankMetrics
from agents.metrics.state import State
from agents.metrics.worker import WorkerMetrics

disable_created_metrics()


class Metrics:
    """All metrics, in a registry of their own; each part is one module. now: seconds on a clock of any origin."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.worker = WorkerMetrics(self.registry)
        self.connections = ConnectionMetrics(self.registry)
        self.ingest = IngestMetrics(self.registry)
        self.score = ScoreMetrics(self.registry)
        self.ranks = RankMetrics(self.registry)
        self.state = State(self.registry)
        self._partitions = Moved("partition", vars(self.score).values(), lambda: self.state.runners, now=now)
        self.registry.register(self._partitions)

    def of(self, partition: int) -> PartitionMetrics:
        """The metrics of one score partition."""
        self._partitions.add(str(partition))
        return PartitionMetrics(self.score, str(partition))
