"""Metrics of benchmarks and ranks; none of a worker that has no cohorts."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class RankMetrics(Collector):
    """age, cohorts, outside, publishes: called at the scrape; None without cohorts. outside: by kind."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.age: Callable[[], float] | None = None
        self.cohorts: Callable[[], int] | None = None
        self.outside: Callable[[], dict[str, int]] | None = None
        self.publishes: Callable[[], bool] | None = None
        self.merge_seconds = Histogram(
            "pillarscore_rank_merge_seconds",
            "CPU time of merging changes into benchmarks and ranks.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.failures = Counter(
            "pillarscore_benchmark_failures", "Failed attempts to publish benchmarks.", registry=registry
        )
        self.foreign = Counter(
            "pillarscore_foreign_distributions",
            "Records of score.distributions and score.benchmarks that can't be read; ignored.",
            registry=registry,
        )
        self.incomplete = Gauge(
            "pillarscore_incomplete_distributions",
            "Partitions whose scores in score.distributions do not add up; benchmarks and ranks stay as they were.",
            registry=registry,
        )
        registry.register(self)

    @staticmethod
    def describe() -> Iterator[GaugeMetricFamily]:
        """The families without values."""
        yield GaugeMetricFamily(
            "pillarscore_benchmark_age_seconds",
            "Time since the benchmarks in use were last known to be up to date.",
        )
        yield GaugeMetricFamily("pillarscore_cohorts", "Cohorts with members.")
        yield GaugeMetricFamily(
            "pillarscore_cohorts_other",
            "Cohorts beyond PILLARSCORE_COHORT_LIMIT, whose members are in the cohort `other`.",
            labels=["kind"],
        )
        yield GaugeMetricFamily(
            "pillarscore_benchmark_publisher",
            "1 on the worker that publishes the benchmarks, 0 on others; the sum over workers must be 1.",
        )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """How things stand now."""
        reads = (self.age, self.cohorts, self.outside, self.publishes)
        for family, read in zip(self.describe(), reads, strict=True):
            found = None if read is None else read()
            if isinstance(found, dict):
                for kind, value in found.items():
                    family.add_metric([kind], value)
            elif found is not None:
                family.add_metric([], found)
            yield family
